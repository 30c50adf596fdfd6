"""Encodes all structures as crystal graphs: what the constraint and the GAN learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from tfmat import disk, files
from tfmat.ccdcgan.domain import domain_record
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.training.data import TrainingData
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import element_channels, encode_channels
from tfmat.paths import inside
from tfmat.progress import Progress
from tfmat.reading import load_array, read_record

if TYPE_CHECKING:
    import keras

    from tfmat.training.loop import Stage
    from tfmat.training.run import Run

STAGE = "graphs"
# What bounds the constraint's predictions, for the package.
DOMAIN = "domain.json"
# Structures that are encoded at once.
BATCH = 16
# Structures after which a killed run goes on; a multiple of the batch.
SAVE_EVERY = 512
# Crystal graphs whose property is predicted at once.
PREDICTED = 256


@dataclass(frozen=True)
class CrystalGraphs:
    """The crystal graphs of a run.

    Args:
        graphs: Shape ``(n, height, width, 1)``, memory-mapped.
        train: Numbers of the structures to learn from.
        test: Numbers of the structures held out.
        presence: Threshold of each element (:meth:`GraphLayout.calibrate_presence`).
        folder: Where the arrays lie.
    """

    graphs: NDArray[np.float32]
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    presence: NDArray[np.float64]
    folder: Path

    @classmethod
    def open(cls, run: Run) -> CrystalGraphs:
        """Opens the crystal graphs of a run whose ``graphs`` stage is done.

        Raises:
            InputError: A file was changed since it was written, or is damaged.
        """
        run.check_stage(STAGE)
        folder = run.stage_folder(STAGE)
        return cls(
            load_array(folder / "crystal_graphs.npy", mapped=True),
            load_array(folder / "train.npy"),
            load_array(folder / "test.npy"),
            load_array(folder / "presence.npy"),
            folder,
        )

    def domain(self) -> dict[str, Any] | None:
        """Returns how the training structures are made; ``None`` of a run that did not note it."""
        file = inside(self.folder, DOMAIN, self.folder)
        return read_record(file) if file.exists() else None

    def property(self, name: str) -> NDArray[np.float64]:
        """Returns a property of the structures, NaN where unknown, shape ``(n,)``."""
        values: NDArray[np.float64] = load_array(
            inside(self.folder, f"property-{name}.npy", self.folder)
        )
        return values


def properties(recipe: CcdcganRecipe) -> list[str]:
    """Returns the properties that a recipe's constraints predict, each once, the main one first."""
    return list(
        dict.fromkeys([recipe.data.property, *(term.property for term in recipe.gan.terms)])
    )


def constraint_part(name: str, recipe: CcdcganRecipe) -> str:
    """Returns the name of the network that predicts a property: the main one has a plain name.

    Args:
        name: Name of the property.
        recipe: The whole recipe.
    """
    return "constraint" if name == recipe.data.property else f"constraint-{name}"


def encode_graphs(stage: Stage, recipe: CcdcganRecipe, data: TrainingData) -> None:
    """Encodes all structures with the trained autoencoders of the run.

    Args:
        stage: Where to write and log.
        recipe: The whole recipe.
        data: The structures.
    """
    layout = GraphLayout.from_recipe(recipe, data.elements)
    folder = stage.run.stage_folder(STAGE)
    arrays: dict[str, NDArray[Any]] = {
        f"property-{name}": data.property(name) for name in data.dataset.properties
    }
    target = folder / "crystal_graphs.npy"
    shape = (len(data), layout.height, layout.width, 1)
    partial = folder / "crystal_graphs.partial.npy"
    encoded = int(stage.run.stage(STAGE).get("encoded", 0)) if partial.exists() else 0
    mode: Literal["r+", "w+"] = "r+" if encoded else "w+"
    with disk.room_for(partial):
        graphs = open_memmap(partial, mode=mode, dtype=np.float32, shape=shape)
        disk.allocate(partial)
    _encode(stage, recipe, data, layout, graphs, encoded)
    graphs.flush()
    arrays["presence"] = layout.calibrate_presence(graphs[data.train])
    del graphs
    files.place(partial, target)
    arrays |= {"train": data.train, "test": data.test, "rows": data.rows}
    for name, array in arrays.items():
        with (
            files.replacing(folder / f"{name}.npy") as temporary,
            temporary.open("wb") as stream,
        ):
            np.save(stream, array, allow_pickle=False)
    files.write_json(folder / DOMAIN, domain_record(data.crystals[index] for index in data.train))
    outputs = [target, folder / DOMAIN, *(folder / f"{name}.npy" for name in arrays)]
    stage.run.finish(STAGE, outputs, encoded=len(data))


def _encode(
    stage: Stage,
    recipe: CcdcganRecipe,
    data: TrainingData,
    layout: GraphLayout,
    graphs: np.memmap[Any, np.dtype[np.float32]],
    encoded: int,
) -> None:
    from tfmat.networks.backend import call  # brings Keras, which those who only read need not have

    spec = recipe.voxels
    lattice_encoder, sites_encoder = (
        stage.run.network(part) for part in ("lattice_encoder", "sites_encoder")
    )
    stage.run.begin(STAGE, structures=len(data), encoded=encoded, **stage.devices.shares)
    with Progress(stage.name, len(data), "structure", initial=encoded) as progress:
        for start in range(encoded, len(data), BATCH):
            if start % SAVE_EVERY == 0 and start > encoded:
                graphs.flush()
                stage.run.begin(STAGE, encoded=start)
                stage.check_time(0.0, f"{start} of {len(data)} structures encoded")
            crystals = data.crystals[start : start + BATCH]
            voxels = np.stack([encode_lattice(crystal.lattice, spec) for crystal in crystals])
            lattice = call(lattice_encoder, voxels[..., None], BATCH)
            sites = np.zeros((len(crystals), len(data.elements), layout.sites_latent), np.float32)
            owners, channels = element_channels(crystals, data.numbers)
            for first in range(0, len(channels), BATCH):
                part = slice(first, first + BATCH)
                rows, slots = np.transpose(owners[part])
                voxels = encode_channels(channels[part], spec)
                sites[rows, slots] = call(sites_encoder, voxels, BATCH)
            graphs[start : start + BATCH] = layout.pack(lattice, sites)
            progress.update(len(crystals))


def predict(
    model: keras.Model, graphs: NDArray[np.float32], rows: Sequence[int] | NDArray[np.intp]
) -> NDArray[np.float64]:
    """Returns a constraint's predictions for some crystal graphs.

    Args:
        model: From crystal graphs to a property.
        graphs: Shape ``(n, height, width, 1)``.
        rows: Which to predict.

    Returns:
        Shape ``(len(rows),)``, in the property's unit.
    """
    from tfmat.networks.backend import call

    parts = [
        call(model, np.asarray(graphs[rows[start : start + PREDICTED]]), PREDICTED)
        for start in range(0, len(rows), PREDICTED)
    ]
    return np.concatenate(parts)[:, 0].astype(np.float64)
