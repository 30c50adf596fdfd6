"""What all networks that write atoms have in common, whatever decides on elements and cell.

Cell and places are choices of bins, one after the other. A vector, which starts with all that is
given, gathers what was chosen of the cell; each atom's x, y, z come from it and from a transformer
that reads the atoms so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import layers, ops

from tfmat.ccdcgan.writer.layers import Block, Head, embedding, log_probability_of
from tfmat.ccdcgan.writer.tokens import BINS

# Periods of the waves by which a coordinate is read: those that symmetry knows.
_PERIODS = np.array([1, 2, 3, 4, 6, 8, 12])
_PHASES = 2 * np.pi / BINS * np.arange(BINS)[:, None] * _PERIODS
WAVES = np.concatenate([np.cos(_PHASES), np.sin(_PHASES)], axis=1).astype(np.float32)


class Known(NamedTuple):
    """What is known of crystals before anything of them is chosen.

    Attributes:
        start: Vectors of the compositions, shape ``(batch, width)``.
        slots: For each atom the slot of its element, the number of slots behind the last atom;
            shape ``(batch, atoms)``, int32.
        steps: Of each atom behind the first what is known without any place: which element it has
            and the one before; shape ``(batch, atoms - 1, width)``.
        cell_hints: Bins that the cell is compared with, shape ``(batch, numbers)``, or ``None``.
        place_hints: Bins that each place behind the first is compared with, shape ``(batch, atoms
            - 1, 3)``, or ``None``.
        hinted: Whether there is anything to compare with, 1 or 0, shape ``(batch, 1)``, or
            ``None``.
    """

    start: Any
    slots: Any
    steps: Any
    cell_hints: Any = None
    place_hints: Any = None
    hinted: Any = None


class AtomWriter(layers.Layer):
    """The layers that choose cell and places.

    Args:
        slots: Most elements of a cell.
        max_atoms: Most atoms of a cell.
        cell: Number of bins of each number of the cell.
        width: Length of the vectors.
        heads: Heads of a block; they share out the width.
        dropout: Share of activations that training leaves out.
        **options: Of any layer.
    """

    def __init__(
        self,
        slots: int,
        max_atoms: int,
        cell: Sequence[int],
        width: int,
        heads: int,
        dropout: float,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.slots, self.max_atoms, self.cell = slots, max_atoms, tuple(cell)
        self.width, self.heads, self.dropout = width, heads, dropout

    # Layers draw the seeds of their weights as they are made, so each writer says in which order
    # these are made among its own: a seed gives the weights that it always gave.

    def make_choices(self) -> None:
        """Makes what chooses cell and places, and the vectors of what was chosen."""
        width, dropout = self.width, self.dropout
        self._cell = [embedding(f"cell_{i}", bins, width) for i, bins in enumerate(self.cell)]
        self._cell_heads = [
            Head(f"cell_head_{i}", width, bins, dropout) for i, bins in enumerate(self.cell)
        ]
        self._axes = [embedding(f"axis_{axis}", BINS, width) for axis in range(3)]
        self._waves = [
            layers.Dense(width, use_bias=False, name=f"waves_{axis}") for axis in range(3)
        ]
        self._place_heads = [Head(f"place_head_{axis}", width, BINS, dropout) for axis in range(3)]

    def make_blocks(self, count: int) -> None:
        """Makes the blocks of attention."""
        self.blocks = [
            Block(f"block_{i}", self.width, self.heads, self.dropout) for i in range(count)
        ]

    def build(self, shape: Any) -> None:
        """Makes all weights; inside a loop none can be made."""
        del shape
        for table in (*self._cell, *self._axes):
            table.build(None)
        parts: list[layers.Layer] = [*self._cell_heads, *self._place_heads, *self.blocks]
        for part in parts:
            part.build((None, self.width))
        for wave in self._waves:
            wave.build((None, WAVES.shape[1]))

    def score(
        self, known: Known, cell: Any, places: Any, training: bool | None = None
    ) -> tuple[list[Any], list[Any]]:
        """Returns the logits of all choices, each given the choices before it.

        Args:
            known: What is known of the crystals.
            cell: Bins of the cell, shape ``(batch, numbers)``.
            places: Bins of the atoms' coordinates, shape ``(batch, atoms, 3)``.
            training: Whether dropout is active.

        Returns:
            Logits of the numbers of the cell, each ``(batch, bins)``; and of x, y, z of all atoms
            behind the first, each ``(batch, atoms - 1, bins)``.
        """
        of_cell, of_places = [], []
        start = known.start
        for place in range(len(self.cell)):
            of_cell.append(self.cell_logits(place, start, known, training))
            start = start + self.cell_vector(place, cell[:, place])
        x = self.read(places[:, :-1], known.steps)
        x = ops.concatenate([ops.zeros_like(start)[:, None], x], axis=1) + start[:, None]
        atoms = x.shape[1]
        causal = np.tril(np.ones((atoms, atoms), bool))
        for block in self.blocks:
            x = block(x, seen=causal, training=training)
        x = x[:, 1:]
        hints = known.place_hints
        for axis in range(3):
            hint = None if hints is None else hints[..., axis]
            of_places.append(self.place_logits(axis, x, hint, known.hinted, training))
            x = x + self.place_vector(axis, places[:, 1:, axis])
        return of_cell, of_places

    def log_probabilities(
        self, known: Known, cell: Any, places: Any, training: bool | None = None
    ) -> Any:
        """Returns logarithms of probabilities, shape ``(batch, 2)``: of the cell and of the places.

        Args:
            known: What is known of the crystals.
            cell: Bins of the cell, shape ``(batch, numbers)``.
            places: Bins of the atoms' coordinates, shape ``(batch, atoms, 3)``.
            training: Whether dropout is active.
        """
        of_cell, of_places = self.score(known, cell, places, training)
        chosen = [log_probability_of(each, cell[:, i]) for i, each in enumerate(of_cell)]
        placed = [log_probability_of(each, places[:, 1:, i]) for i, each in enumerate(of_places)]
        written = ops.cast(known.slots[:, 1:] < self.slots, placed[0].dtype)
        return ops.stack([sum(chosen), ops.sum(sum(placed) * written, axis=1)], axis=1)

    def cell_logits(self, place: int, x: Any, known: Known, training: bool | None = None) -> Any:
        """Returns logits of the ``place``-th number of the cell, given the vector so far."""
        del known
        return self._cell_heads[place](x, training=training)

    def cell_vector(self, place: int, chosen: Any) -> Any:
        """Returns the vectors of bins of the ``place``-th number of the cell."""
        return self._cell[place](chosen)

    def order(self, counts: Any, atoms: int) -> tuple[Any, Any]:
        """Returns which atoms there are.

        Args:
            counts: Atoms of each slot, shape ``(batch, slots)``, int32.
            atoms: How many atoms to speak of.

        Returns:
            For each atom the slot of its element (``slots`` behind the last one), and how many of
            that slot are to come, itself included; each ``(batch, atoms)``, int32.
        """
        places = np.arange(atoms, dtype=np.int32)
        ends = ops.cumsum(counts, axis=1)
        behind = ops.cast(places[:, None] >= ends[:, None, :], "int32")
        slots = ops.sum(behind, axis=2)
        here = ops.equal(ops.expand_dims(slots, -1), np.arange(self.slots, dtype=np.int32))
        end = ops.sum(ops.cast(here, "int32") * ends[:, None, :], axis=2)
        return slots, ops.clip(end - places, 0, atoms)

    def read(self, place: Any, step: Any) -> Any:
        """Returns vectors ``(..., width)`` from which the next atom is written.

        Args:
            place: Bins of the last atom's coordinates, shape ``(..., 3)``.
            step: What is known of that atom and the next one, shape ``(..., width)``.
        """
        for axis in range(3):
            step = step + self.place_vector(axis, place[..., axis])
        return step

    def place_logits(
        self, axis: int, x: Any, hint: Any, hinted: Any, training: bool | None = None
    ) -> Any:
        """Returns logits of a coordinate, given the vector so far.

        Args:
            axis: Which coordinate.
            x: Vectors, shape ``(batch, n, width)``.
            hint: Bins that it is compared with, shape ``(batch, n)``, or ``None``.
            hinted: Whether there is anything to compare with, or ``None``.
            training: Whether dropout is active.
        """
        del hint, hinted
        return self._place_heads[axis](x, training=training)

    def place_vector(self, axis: int, chosen: Any) -> Any:
        """Returns the vectors of bins of a coordinate."""
        table = self._axes[axis].embeddings + self._waves[axis](WAVES)
        return ops.take(table, chosen, axis=0)
