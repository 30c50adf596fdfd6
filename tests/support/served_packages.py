"""Two small packages and a server of their SavedModels.

The networks of the crystals are Keras networks with the answers of :mod:`oracle` as weights, so
that they decode to real structures.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import oracle
from random_matgan import make_run
from serving_server import ServingServer, served

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.parts import package_tensors, presence_record
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_sites

CRYSTALS, FORMULAS = "oracle", "random"


def make_crystals(folder: Path) -> Path:
    """Writes the package of crystals, with SavedModels."""
    from tfmat.export.package import Formats, Provenance, write_package

    count = len(oracle.CRYSTALS)
    recipe = oracle._recipe(count, True)
    layout = GraphLayout.from_recipe(recipe, oracle.ELEMENTS)
    numbers = (oracle.BI, oracle.SE)
    lattices = np.stack(
        [encode_lattice(crystal.lattice, oracle.SPEC) for crystal in oracle.CRYSTALS]
    )
    voxels = np.concatenate(
        [encode_sites(crystal, numbers, oracle.SPEC) for crystal in oracle.CRYSTALS]
    )
    sites = np.zeros((count, 2, 2 * count), np.float32)
    for k, crystal in enumerate(oracle.CRYSTALS):
        for slot, number in enumerate(numbers):
            sites[k, slot, 2 * k + slot] = (crystal.numbers == number).any()
    graphs = layout.pack(np.eye(count, dtype=np.float32), sites)
    energies = np.zeros((layout.height * layout.width, 1))
    energies[:count, 0] = oracle.ENERGIES
    networks = {
        "generator": _linear(graphs.reshape(count, -1), graphs.shape[1:], pick=True),
        "constraint": _linear(energies, (1,), given=graphs.shape[1:]),
        "lattice_decoder": _linear(lattices.reshape(count, -1), (*lattices.shape[1:], 1)),
        "sites_decoder": _linear(voxels.reshape(2 * count, -1), (*voxels.shape[1:], 1)),
    }
    return write_package(
        folder,
        networks,
        package_tensors(networks, recipe),
        Provenance(
            CRYSTALS,
            recipe,
            oracle.ELEMENTS,
            details={"presence_threshold": presence_record([0.05, 0.05])},
        ),
        Formats(saved_model=True),
    )


def _linear(
    weights: Any, result: tuple[int, ...], given: tuple[int, ...] | None = None, pick: bool = False
) -> Any:
    """A network that multiplies with a matrix; with ``pick`` only the largest input counts."""
    import keras

    entry = keras.Input(given or (len(weights),))
    x = keras.layers.Flatten()(entry)
    if pick:
        x = keras.layers.Softmax()(keras.layers.Rescaling(1e4)(x))
    dense = keras.layers.Dense(weights.shape[1], use_bias=False)
    network = keras.Model(entry, keras.layers.Reshape(result)(dense(x)))
    dense.set_weights([np.asarray(weights, np.float32)])
    return network


@contextmanager
def serve(folder: Path) -> Iterator[Any]:
    """Serves both packages; the parts of the formulas also in a version 2 that is labelled."""
    from tfmat.export.package import Formats

    crystals = make_crystals(folder / "crystals")
    formulas = make_run(folder / "run", formats=Formats(saved_model=True)) / "package"
    for part in (formulas / "serving").iterdir():
        shutil.copytree(part / "1", part / "2")
    core = served(crystals, CRYSTALS)
    core.models |= served(formulas, FORMULAS, latest_only=False).models
    core.labels = {name: {"stable": 1, "new": 2} for name in core.models}
    with ServingServer(core) as server:
        server.crystals, server.formulas = crystals, formulas
        yield server
