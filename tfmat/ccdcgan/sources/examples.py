"""Training crystals in the form in which the prompted writer's rows are quickly drawn of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.sources.contents import Contents
from tfmat.ccdcgan.sources.prompts import all_places, first_places, prompt_part
from tfmat.ccdcgan.sources.recipe import PromptedRecipe
from tfmat.ccdcgan.sources.store import KnownCrystals
from tfmat.ccdcgan.sources.tokens import Cells, nearest_variant, padded
from tfmat.networks.batches import BatchSampler
from tfmat.progress import Progress

# Rows are padded to a multiple of this many atoms: few lengths, so few graphs are traced.
STEP = 4
# Batches whose crystals are sorted by size together.
_SORTED = 8


@dataclass(frozen=True, eq=False)
class PromptedExamples:
    """Crystals to write, each with the prototypes that it may be written from.

    Args:
        contents: Contents of the crystals.
        cells: Their cells.
        places: All rows of places of each, shape ``(variants, atoms, 3)``.
        prompts: Rows of prototypes, the nearest first, -1 behind the last; shape ``(n, prompts)``.
        nearest: Which row of places is nearest to the first of that prototype, likewise.
        known: The prototypes.
        known_cells: Their cells.
        known_places: Their first rows of places.
    """

    contents: Contents
    cells: Cells
    places: Sequence[NDArray[np.uint8]]
    prompts: NDArray[np.intp]
    nearest: NDArray[np.intp]
    known: KnownCrystals
    known_cells: Cells
    known_places: Sequence[NDArray[np.uint8]]

    def __len__(self) -> int:
        return len(self.places)

    def draw(
        self,
        rows: NDArray[np.intp],
        random: np.random.Generator,
        recipe: PromptedRecipe,
        *,
        first: bool = False,
    ) -> NDArray[np.int32]:
        """Draws one row of tokens for each of some crystals.

        Args:
            rows: Which crystals.
            random: Chooses prototype, origin and inversion.
            recipe: How.
            first: Take the nearest prototype, and no jitter.

        Returns:
            Shape ``(len(rows), row)``, with room for as many atoms as the largest needs, rounded up
            to :data:`STEP`.
        """
        there = (self.prompts[rows] >= 0).sum(axis=1)
        rank = np.zeros(len(rows), np.intp)
        shift = np.zeros(len(rows))
        shown = there > 0
        if not first:
            drawn = random.exponential(recipe.prompt_rank, len(rows)).astype(np.intp)
            rank = np.maximum(np.minimum(drawn, there - 1), 0)
            shift = recipe.jitter * random.standard_normal(len(rows))
            shown &= random.random(len(rows)) >= recipe.unprompted
        prompt = np.where(shown, self.prompts[rows, rank], -1)
        own, theirs = [], []
        for row, place, known in zip(rows.tolist(), rank.tolist(), prompt.tolist(), strict=True):
            choices = self.places[row]
            if known >= 0:
                own.append(choices[self.nearest[row, place]])
                theirs.append(self.known_places[known])
            else:
                own.append(choices[random.integers(len(choices))])
                theirs.append(choices[:0])
        contents = self.contents[rows]
        atoms = room_for(contents)
        return np.concatenate(
            [
                contents.numbers,
                contents.counts,
                self.cells.bins(rows, shift),
                padded(own, atoms),
                prompt_part(self.known, self.known_cells, prompt),
                padded(theirs, atoms),
            ],
            axis=1,
            dtype=np.int32,
        )


def room_for(contents: Contents) -> int:
    """Returns for how many atoms rows of some contents have room."""
    return max(STEP, -(-int(contents.sizes.max(initial=1)) // STEP) * STEP)


def examples(
    known: KnownCrystals,
    wanted: KnownCrystals,
    recipe: PromptedRecipe,
    labels: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> PromptedExamples:
    """Makes examples of crystals.

    Args:
        known: The prototypes.
        wanted: The crystals to write; may be the same.
        recipe: How many prototypes each may be written from.
        labels: Of prototypes and of crystals; those of one label are no prompts of each other.
    """
    with Progress("reading prototypes", len(known.prototypes), "structure") as progress:
        firsts = []
        for row in range(len(known.prototypes)):
            firsts.append(first_places(known, row))
            progress.update()
    usable = np.array([len(place) > 0 for place in firsts], bool)
    places = [all_places(wanted, row) for row in range(len(wanted.prototypes))]
    rows = np.flatnonzero([len(own) > 0 for own in places])
    contents = wanted.prototypes.contents[rows]
    own = [places[row] for row in rows]
    of_known, of_wanted = labels
    prompts = known.prototypes.nearest(contents, recipe.prompts, of_wanted[rows], of_known)
    prompts = np.where((prompts >= 0) & usable[prompts], prompts, -1)
    prompts = np.take_along_axis(prompts, np.argsort(prompts < 0, axis=1, kind="stable"), axis=1)
    nearest = np.zeros(prompts.shape, np.intp)
    for row, choices in enumerate(own):
        if len(choices) > 1:
            for place, other in enumerate(prompts[row].tolist()):
                if other >= 0:
                    nearest[row, place] = nearest_variant(choices, firsts[other])
    all_cells = wanted.cells()
    cells = Cells(all_cells.groups[rows], all_cells.logarithms[rows], all_cells.angles[rows])
    return PromptedExamples(contents, cells, own, prompts, nearest, known, known.cells(), firsts)


@dataclass(frozen=True)
class SizedBatches:
    """The rows of each step, those of like size together.

    Args:
        sizes: Atoms of each crystal.
        batch_size: Crystals in a batch.
        seed: Seed of the order.
    """

    sizes: NDArray[np.int64]
    batch_size: int
    seed: int

    @cached_property
    def _sampler(self) -> BatchSampler:
        return BatchSampler(len(self.sizes), _SORTED * self.batch_size, self.seed)

    def __call__(self, step: int) -> NDArray[np.intp]:
        """Returns the rows of a step."""
        block, part = divmod(step, _SORTED)
        rows = self._sampler(block)
        rows = rows[np.argsort(self.sizes[rows], kind="stable")]
        order = np.random.default_rng([self.seed, 1, block]).permutation(_SORTED)
        first = int(order[part]) * self.batch_size
        return rows[first : first + self.batch_size]
