"""Encodes all structures as crystal graphs: what the constraint and the GAN learn from."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import ArrayLike, NDArray

from tfmat import files
from tfmat.ccdcgan.domain import domain_record
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.presence import Presence
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.slots import Slots, joined, new_slots, ordered
from tfmat.ccdcgan.training.data import TrainingData
from tfmat.ccdcgan.voxels.frame import element_channels
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_channels
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError
from tfmat.paths import inside
from tfmat.progress import Progress
from tfmat.reading import load_array, read_record

if TYPE_CHECKING:
    import keras

    from tfmat.training.loop import Stage
    from tfmat.training.run import Run

STAGE = "graphs"
# What tfmat wrote before there were slots.
EARLIER = "crystal_graphs.npy"
# What bounds the constraint's predictions, for the package.
DOMAIN = "domain.json"
# Structures, and channels of them, that are encoded at once: as many as have these points, since a
# call takes as long as many small voxels.
BATCH = 16
BATCH_POINTS = 2**19
# Structures after which a killed run goes on.
SAVE_EVERY = 512
# Crystal graphs whose property is predicted at once.
PREDICTED = 256


class PackedGraphs:
    """The crystal graphs of slots on disk, packed when they are asked for by their numbers.

    Args:
        layout: Layout of the crystal graphs.
        slots: The slots.
    """

    def __init__(self, layout: GraphLayout, slots: Slots) -> None:
        self.layout = layout
        self.slots = slots

    def __len__(self) -> int:
        return len(self.slots)

    def __getitem__(self, rows: ArrayLike) -> NDArray[np.float32]:
        """Returns the crystal graphs of some structures.

        Args:
            rows: Their numbers, shape ``(k,)``.

        Returns:
            Shape ``(k, height, width, 1)``.
        """
        return self.layout.pack_slots(self.slots.of(rows))


class SlotTables:
    """The slots on disk as a network reads them (:meth:`Slots.table`).

    Args:
        slots: The slots.
        most: Elements of a structure at most.
    """

    def __init__(self, slots: Slots, most: int) -> None:
        self.slots = slots
        self.most = most

    def __getitem__(self, rows: ArrayLike) -> NDArray[np.float32]:
        """Returns the slots of some structures.

        Args:
            rows: Their numbers, shape ``(k,)``.

        Returns:
            Shape ``(k, 1 + most, 2 + sites_latent)``.
        """
        return self.slots.of(rows).table(self.most)


# Made when they are asked for, or all there.
Inputs = PackedGraphs | SlotTables | NDArray[np.float32]


@dataclass(frozen=True)
class CrystalGraphs:
    """The crystal graphs of a run.

    Args:
        graphs: The crystal graphs, ``(n, height, width, 1)``.
        train: Numbers of the structures to learn from.
        test: Numbers of the structures held out.
        presence: What tells the elements of a crystal graph.
        folder: Where the arrays lie.
    """

    graphs: PackedGraphs
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    presence: Presence
    folder: Path

    @classmethod
    def open(cls, run: Run, layout: GraphLayout) -> CrystalGraphs:
        """Opens the crystal graphs of a run whose ``graphs`` stage is done.

        Args:
            run: The run.
            layout: Layout of its crystal graphs.

        Raises:
            InputError: A file was changed since it was written, or is damaged, or an earlier tfmat
                has written it.
        """
        run.check_stage(STAGE)
        folder = run.stage_folder(STAGE)
        if (folder / EARLIER).exists():
            raise InputError(
                f"{run.folder}: has encoded its structures with an earlier tfmat, in another form; "
                "train in a new folder"
            )
        slots = Slots.open(folder)
        return cls(
            PackedGraphs(layout, slots),
            load_array(folder / "train.npy"),
            load_array(folder / "test.npy"),
            Presence(load_array(folder / "presence.npy"), slots.most() or None),
            folder,
        )

    @property
    def slots(self) -> Slots:
        """The slots of the crystal graphs, memory-mapped."""
        return self.graphs.slots

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


def network_inputs(recipe: CcdcganRecipe, data: CrystalGraphs) -> Inputs:
    """Returns what the constraint of a recipe reads: crystal graphs or slots.

    Args:
        recipe: The whole recipe.
        data: The crystal graphs of a run.
    """
    if recipe.constraint.form == "slots":
        return SlotTables(data.slots, recipe.data.max_elements)
    return data.graphs


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
    slots = _encode(stage, recipe, data, layout)
    outputs = slots.save(folder)
    arrays["presence"] = Presence.calibrated(layout, slots.of(data.train)).thresholds
    arrays |= {"train": data.train, "test": data.test, "rows": data.rows}
    for name, array in arrays.items():
        with (
            files.replacing(folder / f"{name}.npy") as temporary,
            temporary.open("wb") as stream,
        ):
            np.save(stream, array, allow_pickle=False)
    files.write_json(folder / DOMAIN, domain_record(data.crystals[index] for index in data.train))
    outputs += [folder / DOMAIN, *(folder / f"{name}.npy" for name in arrays)]
    stage.run.finish(STAGE, outputs, encoded=len(data))
    for part in _parts(folder):
        shutil.rmtree(part)


def _parts(folder: Path) -> list[Path]:
    """Returns what is encoded so far, a folder of slots for every few hundred structures."""
    return sorted(folder.glob("part-*"))


def _encode(stage: Stage, recipe: CcdcganRecipe, data: TrainingData, layout: GraphLayout) -> Slots:
    folder = stage.run.stage_folder(STAGE)
    stage.run.begin(STAGE, structures=len(data), **stage.devices.shares)
    encode = _Encoder(stage.run, recipe, data, layout)
    parts: list[Slots] = []
    with Progress(stage.name, len(data), "structure") as progress:
        for start in range(0, len(data), SAVE_EVERY):
            part = folder / f"part-{start:09d}"
            if not part.exists():
                # One that a killed run has half-written is not there under this name.
                stage.check_time(0.0, f"{start} of {len(data)} structures encoded")
                with files.replacing_folder(part) as temporary:
                    encode(start, progress.update).save(temporary)
            else:
                progress.update(min(SAVE_EVERY, len(data) - start))
            parts.append(Slots.open(part))
    return joined(parts)


class _Encoder:
    """Encodes some hundred structures with the run's networks."""

    def __init__(
        self, run: Run, recipe: CcdcganRecipe, data: TrainingData, layout: GraphLayout
    ) -> None:
        self.networks = [run.network(part) for part in ("lattice_encoder", "sites_encoder")]
        bank = run.networks(f"sites_encoder-{symbol}" for symbol in data.elements)
        self.bank = {atomic_numbers[part.partition("-")[2]]: bank[part] for part in bank}
        self.recipe, self.data, self.layout = recipe, data, layout
        grid = max(recipe.voxels.sites_grid, recipe.voxels.lattice_grid)
        self.batch = max(BATCH, BATCH_POINTS // grid**3)

    def __call__(self, start: int, done: Callable[[int], None]) -> Slots:
        parts = []
        stop = min(start + SAVE_EVERY, len(self.data))
        for first in range(start, stop, self.batch):
            parts.append(self._batch(self.data.crystals[first : min(first + self.batch, stop)]))
            done(len(parts[-1]))
        return joined(parts)

    def _batch(self, crystals: Sequence[Crystal]) -> Slots:
        from tfmat.networks.backend import call  # brings Keras, not needed by those who only read

        lattice_encoder, sites_encoder = self.networks
        spec = self.recipe.voxels
        voxels = np.stack([encode_lattice(crystal.lattice, spec) for crystal in crystals])
        lattice = call(lattice_encoder, voxels[..., None], self.batch)
        owners, channels = element_channels(crystals, self.data.numbers, spec)
        slots = new_slots(owners, channels, self.data.numbers, self.layout.sites_latent)
        alone = np.where(np.isin(slots["element"], list(self.bank)), slots["element"], 0)
        for number in np.unique(alone).tolist():
            encoder = self.bank.get(number, sites_encoder)
            own = np.flatnonzero(alone == number)
            for first in range(0, len(own), self.batch):
                part = own[first : first + self.batch]
                voxels = encode_channels([channels[place] for place in part], spec)
                slots["latent"][part] = call(encoder, voxels, self.batch)
        return Slots(lattice, ordered(slots))


def predict(
    model: keras.Model, inputs: Inputs, rows: Sequence[int] | NDArray[np.intp]
) -> NDArray[np.float64]:
    """Returns a constraint's predictions for some structures.

    Args:
        model: From crystal graphs or slots to a property.
        inputs: What the constraint reads.
        rows: Which to predict.

    Returns:
        Shape ``(len(rows),)``, in the property's unit.
    """
    from tfmat.networks.backend import call

    parts = [
        call(model, inputs[rows[start : start + PREDICTED]], PREDICTED)
        for start in range(0, len(rows), PREDICTED)
    ]
    return np.concatenate(parts)[:, 0].astype(np.float64)
