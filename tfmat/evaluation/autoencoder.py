"""Structures through the autoencoders of a package and back: what comes out of the latents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.codec import VOXEL_BATCH, Codec
from tfmat.ccdcgan.data import TrainingData, load_training_data
from tfmat.ccdcgan.decode import assemble, decode_channels
from tfmat.ccdcgan.errors import DecodeError, Mode
from tfmat.ccdcgan.figures import AtomCount
from tfmat.ccdcgan.lattice import decode_lattice
from tfmat.ccdcgan.sites import box_positions
from tfmat.datasets.crystal import Crystal
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError

Subset = Literal["test", "train", "all"]


def structures_of(codec: Codec, dataset: Dataset, subset: Subset) -> tuple[TrainingData, list[int]]:
    """Finds the structures of a dataset that a package can represent, or a part of its split.

    Args:
        codec: The package; its recipe selects, its seed splits.
        dataset: The structures. A part of the split is defined only for the dataset that the
            package was trained on.
        subset: ``test`` for those held out in training, ``train`` for those learned from, ``all``
            for every one.

    Returns:
        The selected structures, and the numbers of those asked for.

    Raises:
        InputError: A part of the split is asked for on another dataset, or nothing passes the
            selection.
    """
    package = codec.package
    trained_on = package.metadata.get("dataset", {})
    if subset != "all" and trained_on.get("sha256") != dataset.sha256:
        raise InputError(
            f"--split {subset}: {dataset.path} is not the dataset that {package.name} was trained "
            f"on ({trained_on.get('name', 'unknown')}), so nothing is known to be held out; give "
            "that dataset, or --split all"
        )
    seed = int(package.metadata.get("seed", 0))
    data = load_training_data(codec.recipe.data, dataset, codec.recipe.voxels.box, seed)
    parts = {"test": data.test, "train": data.train, "all": np.arange(len(data))}
    return data, [int(number) for number in parts[subset]]


def roundtrip(
    codec: Codec, crystals: Sequence[Crystal], count: AtomCount, mode: Mode = "robust"
) -> Iterator[Crystal | DecodeError]:
    """Encodes structures to latents and decodes them again, in bounded memory.

    Args:
        codec: A package with both autoencoders.
        crystals: Structures in their canonical cells.
        count: Counts the atoms that come back, channel by channel, also of structures that as a
            whole do not.
        mode: How voxels are decoded.

    Yields:
        For each structure what it was decoded to, or the error that says why there is nothing.

    Raises:
        InputError: The package lacks an encoder or decoder, or a structure does not fit in it.
    """
    codec.package.require("lattice_encoder", "lattice_decoder", "sites_encoder", "sites_decoder")
    spec = codec.recipe.voxels
    for start in range(0, len(crystals), VOXEL_BATCH):
        chunk = crystals[start : start + VOXEL_BATCH]
        lattice, sites = codec.encode(chunk)
        present: NDArray[np.bool_] = (sites != 0).any(axis=2)
        voxels = codec.voxels(lattice, sites, present)
        for crystal, (channels, lattice_voxel) in zip(chunk, voxels, strict=True):
            try:
                found = decode_channels(np.stack(list(channels.values())), spec, mode)
            except DecodeError as error:
                count.true += len(crystal)
                yield error
                continue
            atoms = dict(zip(channels, found, strict=True))
            positions = box_positions(crystal)
            for number, decoded in atoms.items():
                count.add(positions[crystal.numbers == number], decoded)
            try:
                yield assemble(decode_lattice(lattice_voxel, spec, mode), atoms, mode)
            except DecodeError as error:
                yield error
