"""How many structures come back: what ``tfmat evaluate reconstruction`` does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from tfmat.arguments import one_of, real, whole
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.held_out import Subset, rows_of
from tfmat.ccdcgan.model import CrystalModel
from tfmat.ccdcgan.recipe import DataRecipe
from tfmat.ccdcgan.reconstruction import measure, through_autoencoders, through_voxels
from tfmat.ccdcgan.reconstruction_failures import failures_into, is_failures
from tfmat.ccdcgan.voxels.reasons import Mode
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.named import place_of
from tfmat.datasets.select import select
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.files import check_place
from tfmat.inference.package import load
from tfmat.progress import Progress

Stage = Literal["voxels", "autoencoder"]


def evaluate_reconstruction(
    data: str | Path | Dataset,
    *,
    stage: Stage = "voxels",
    mode: Mode = "robust",
    model: str | Path | CrystalModel | None = None,
    models_dir: str | Path | None = None,
    split: Subset = "all",
    counts: bool = False,
    limit: int | None = None,
    max_atoms: int | None = None,
    max_length: float | None = None,
    precision: str | None = None,
    failures: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Draws structures, reads them back and counts those that are the same.

    Args:
        data: A dataset of structures, its folder, or the name of one that ships.
        stage: ``voxels``: a round trip through voxels alone; ``autoencoder``: also through the
            autoencoders of the model.
        mode: How voxels are decoded, ``robust`` or ``faithful``.
        model: A model, or its name or folder.
        models_dir: Folder that is searched first for a name.
        split: With ``autoencoder``: only the structures held out in training (``test``), or
            learned from (``train``).
        counts: With ``autoencoder``: tell the decoder how many atoms of each element there are, as
            slots do; a crystal graph does not.
        limit: Only the first so many structures.
        max_atoms: Only cells of at most so many atoms; the model's limit by default, or 20.
        max_length: Only Niggli cells with edges up to so many Å; the model's limit by default, or
            10 Å.
        precision: ``float32``, ``float16`` or ``int8``, if the model is not loaded yet.
        failures: Folder for the structures that do not come back, with what came in their place
            (:class:`tfmat.ccdcgan.reconstruction_failures.Failures`).
        overwrite: Replace an earlier folder of that kind.

    Returns:
        The summary that ``tfmat evaluate reconstruction --json`` prints: ``structures``,
        ``reproduced``, the identifiers of those ``not_reproduced``, and ``metrics`` as
        :func:`tfmat.ccdcgan.reconstruction.measure` describes them.

    Raises:
        InputError: An argument is wrong, something cannot be read, or no structure is left.
    """
    one_of("stage", stage, get_args(Stage))
    one_of("mode", mode, get_args(Mode))
    one_of("split", split, get_args(Subset))
    if limit is not None:
        whole("limit", limit, 1)
    if max_atoms is not None:
        whole("max_atoms", max_atoms, 1)
    if max_length is not None:
        real("max_length", max_length, above=0)
    if stage == "autoencoder" and model is None:
        raise InputError("`stage` autoencoder needs `model` RUN, a package or its name")
    if stage == "voxels" and split != "all":
        raise InputError(f"`split` {split} is for `stage` autoencoder: voxels learn nothing")
    if stage == "voxels" and counts:
        raise InputError("`counts` is for `stage` autoencoder: voxels show all their atoms")
    if mode == "faithful" and counts:
        raise InputError("`counts` is for `mode` robust: the original's decoder knows no counts")
    if failures is not None:
        check_place(Path(failures), overwrite=overwrite, own=is_failures)
    codec = None
    if isinstance(model, CrystalModel):
        codec = model.codec
    elif model is not None:
        codec = Codec.from_package(load(model, models_dir=models_dir, precision=precision))
    dataset = Dataset.open(place_of(data))
    rules = codec.recipe.data if codec is not None else DataRecipe()
    max_atoms, max_length = max_atoms or rules.max_atoms, max_length or rules.max_length
    chosen = np.flatnonzero(select(dataset, max_atoms, max_length))
    summary: dict[str, Any] = {
        "data": str(dataset.path),
        "stage": stage,
        "mode": mode,
        "max_atoms": max_atoms,
        "max_length_angstrom": max_length,
    }
    if stage == "autoencoder" and codec is not None:
        rows, left_out = rows_of(codec, dataset, split, max_atoms=max_atoms, max_length=max_length)
        chosen = np.intersect1d(chosen, rows)
        summary |= {"split": split, "counts": counts, "left_out": left_out}
    chosen = chosen[:limit]
    if not len(chosen):
        raise InputError(
            f"{place_of(data)}: none of {len(dataset)} structures has at most {max_atoms} atoms "
            f"and edges up to {max_length:g} Å; raise `max_atoms` or `max_length`"
        )

    def crystals(progress: Progress) -> Iterator[Crystal]:
        for index in chosen:
            yield dataset[int(index)]
            progress.update()

    with ExitStack() as stack:
        lost = None
        if failures is not None:
            kept = stack.enter_context(failures_into(Path(failures), overwrite=overwrite))
            lost = lambda index, item: kept.add(dataset.ids[int(chosen[index])], item)  # noqa: E731
        progress = stack.enter_context(Progress("reconstructing", len(chosen), "structure"))
        if stage == "autoencoder" and codec is not None:
            results = through_autoencoders(crystals(progress), codec, mode, counts)
        else:
            spec = codec.recipe.voxels if codec is not None else VoxelSpec()
            results = through_voxels(crystals(progress), spec, mode)
        summary |= measure(results, mode, lost)
    summary["not_reproduced"] = [
        dataset.ids[int(chosen[index])] for index in summary["not_reproduced"]
    ]
    return summary
