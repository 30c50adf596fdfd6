"""The sources of crystals for compositions, behind one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.sources.choices import Choices, noise_length
from tfmat.ccdcgan.sources.contents import Contents
from tfmat.ccdcgan.sources.prompts import first_places, prompt_part
from tfmat.ccdcgan.sources.recipe import PromptedRecipe
from tfmat.ccdcgan.sources.store import KnownCrystals
from tfmat.ccdcgan.sources.tokens import padded
from tfmat.ccdcgan.writer.sampling import ARRAYS, crystal_of
from tfmat.crystals.crystal import Crystal

Name = Literal["pool", "prototype", "writer", "slot-gan"]
NAMES: tuple[Name, ...] = get_args(Name)
# After a first draw that found no place, others are drawn at this temperature at least.
WARMER = 0.5


@dataclass(frozen=True, eq=False)
class Wanted:
    """Compositions that crystals are wanted for.

    Args:
        contents: Contents of the cells.
        volumes: Volume per atom that is predicted of each, in Å³, shape ``(n,)``.
        nearest: Prototypes, the nearest first, -1 behind the last, shape ``(n, prototypes)``.
        noise: Standard normal numbers of each, shape ``(n, length)``.
    """

    contents: Contents
    volumes: NDArray[np.float64]
    nearest: NDArray[np.intp]
    noise: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A crystal that a source made.

    Args:
        source: Name of the source.
        crystal: The crystal.
        prototype: Identifier of the known crystal that it was made from; empty without one.
    """

    source: str
    crystal: Crystal
    prototype: str = ""


class Source(ABC):
    """Makes crystals of given compositions."""

    name: ClassVar[str]

    @abstractmethod
    def make(self, wanted: Wanted, count: int) -> list[list[Candidate]]:
        """Makes crystals.

        Args:
            wanted: The compositions.
            count: How many crystals of each, at most.

        Returns:
            For each composition its crystals, the source's first choice first; there may be fewer,
            or none.
        """


class PrototypeSource(Source):
    """The nearest prototypes with the wanted elements, their cells scaled.

    Args:
        known: The prototypes.
    """

    name = "prototype"

    def __init__(self, known: KnownCrystals) -> None:
        self.known = known

    def make(self, wanted: Wanted, count: int) -> list[list[Candidate]]:
        """Makes crystals; see :meth:`Source.make`."""
        made: list[list[Candidate]] = []
        nearest = wanted.nearest[:, :count]
        repeated = np.repeat(wanted.volumes[:, None], nearest.shape[1], axis=1)
        volumes = self.known.scaled(nearest.reshape(-1), repeated.reshape(-1))
        volumes = volumes.reshape(nearest.shape)
        prototypes = self.known.prototypes
        for row, known in enumerate(nearest.tolist()):
            atoms = wanted.contents.atoms(row)
            made.append(
                [
                    Candidate(
                        self.name,
                        prototypes.crystal(number, atoms, float(volumes[row, place])),
                        prototypes.ids[number],
                    )
                    for place, number in enumerate(known)
                    if number >= 0
                ]
            )
        return made


class WriterSource(Source):
    """The prompted writer, shown one of the nearest prototypes for each crystal.

    Args:
        known: The prototypes.
        write: Runs the exported network: from batches of ``choices`` to the outputs of each, by
            name, in their order.
        recipe: How it draws.
        max_atoms: Most atoms of a cell.
        temperature: What its logits are divided by.
        batch_size: Crystals in one call of the network.
    """

    name = "writer"

    def __init__(
        self,
        known: KnownCrystals,
        write: Callable[[Iterator[NDArray[np.float32]]], Iterator[dict[str, NDArray[Any]]]],
        recipe: PromptedRecipe,
        max_atoms: int,
        temperature: float,
        batch_size: int = 64,
    ) -> None:
        self.known, self.write, self.recipe = known, write, recipe
        self.max_atoms, self.temperature, self.batch_size = max_atoms, temperature, batch_size
        self._layout = Choices(max_atoms, noise_length(recipe, max_atoms))
        self._cells = known.cells()
        self._places: dict[int, NDArray[np.uint8]] = {}

    @property
    def noise(self) -> int:
        """Normal numbers that one crystal takes, all its attempts together."""
        return self.recipe.attempts * self._layout.noise

    def make(self, wanted: Wanted, count: int) -> list[list[Candidate]]:
        """Makes crystals; see :meth:`Source.make`."""
        total = len(wanted.contents)
        rows, tries = np.repeat(np.arange(total), count), np.tile(np.arange(count), total)
        there = (wanted.nearest >= 0).sum(axis=1)
        rank = np.where(there[rows] > 0, tries % np.maximum(there[rows], 1), 0)
        prompt = np.where(there[rows] > 0, wanted.nearest[rows, rank], -1)
        noise = wanted.noise.reshape(total, -1, self.recipe.attempts, self._layout.noise)
        given = self._given(wanted, rows, prompt)
        made: dict[int, Crystal] = {}
        sizes = wanted.contents.sizes
        waiting = np.argsort(sizes[rows], kind="stable")
        for attempt in range(self.recipe.attempts):
            missing = []
            starts = range(0, len(waiting), self.batch_size)
            batches = [waiting[start : start + self.batch_size] for start in starts]
            inputs = (
                np.concatenate(
                    [given[some], noise[rows[some], tries[some], attempt]], axis=1, dtype="f4"
                )
                for some in batches
            )
            for some, found in zip(batches, self.write(inputs), strict=True):
                good = np.asarray(found["written"])
                for place in np.flatnonzero(good):
                    arrays = (found[name][place] for name in ARRAYS)
                    made[int(some[place])] = crystal_of(*arrays)
                missing.append(some[~good])
            waiting = np.concatenate(missing) if missing else waiting
            if not len(waiting):
                break
        ids = self.known.prototypes.ids
        result: list[list[Candidate]] = [[] for _ in range(total)]
        for number, (row, known) in enumerate(zip(rows.tolist(), prompt.tolist(), strict=True)):
            if (crystal := made.get(number)) is not None:
                label = ids[known] if known >= 0 else ""
                result[row].append(Candidate(self.name, crystal, label))
        return result

    def _given(
        self, wanted: Wanted, rows: NDArray[np.intp], prompt: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Returns all but the noise of the network's input, shape ``(len(rows), ...)``."""
        contents = wanted.contents[rows]
        volume = wanted.volumes[rows] * contents.sizes
        heat = np.array([self.temperature, max(self.temperature, WARMER)])
        places = padded([self._places_of(known) for known in prompt.tolist()], self.max_atoms)
        parts: list[NDArray[Any]] = [
            contents.numbers,
            contents.counts,
            volume[:, None],
            np.broadcast_to(heat, (len(rows), 2)),
            prompt_part(self.known, self._cells, prompt),
            places,
        ]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def _places_of(self, known: int) -> NDArray[np.uint8]:
        """Returns the first row of places of a prototype, none for -1; each is found once."""
        if known < 0:
            return np.zeros((0, 3), np.uint8)
        if known not in self._places:
            self._places[known] = first_places(self.known, known)
        return self._places[known]
