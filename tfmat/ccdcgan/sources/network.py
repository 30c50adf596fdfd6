"""The network that writes crystals of any elements, shown a prototype.

It sees an element by its descriptors and a vector of its own. Of the prototype it sees the cell,
the elements against those wanted, and at each step the atom in the same place of its row. To the
logits of every choice a term is added that depends on the distance to the prototype's own choice: a
learned kernel, weighted by gates that the vector so far decides on.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tfmat.ccdcgan.element_descriptors import descriptors
from tfmat.ccdcgan.sources.contents import SLOTS
from tfmat.ccdcgan.sources.recipe import PromptedRecipe
from tfmat.ccdcgan.sources.tokens import BEFORE, BETWEEN, CELL_BINS, NUMBERS
from tfmat.ccdcgan.writer.atoms import WAVES, AtomWriter, Known
from tfmat.ccdcgan.writer.layers import embedding, flatly
from tfmat.ccdcgan.writer.tokens import BINS

# Kernels of a gate each, and how far those of the cell reach on either side, in bins.
_KERNELS, _REACH = 8, 16
_MIXED = 512
_COUNT_WIDTH = 16


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class PromptedWriter(AtomWriter):
    """Maps rows of tokens ``(batch, row)`` to logarithms of probabilities ``(batch, 2)``.

    Rows are those of :mod:`tfmat.ccdcgan.sources.tokens`, of any number of atoms up to
    ``max_atoms``; the logarithms are those of the cell and of the places.

    Args:
        max_atoms: Most atoms of a cell.
        width: Length of the vectors.
        blocks: Number of blocks of attention.
        heads: Heads of a block.
        element_width: Length of the vectors of elements.
        dropout: Share of activations that training leaves out.
        **options: Of any layer.
    """

    def __init__(
        self,
        max_atoms: int,
        width: int,
        blocks: int,
        heads: int,
        element_width: int,
        dropout: float,
        **options: Any,
    ) -> None:
        super().__init__(SLOTS, max_atoms, CELL_BINS, width, heads, dropout, **options)
        self.element_width = element_width
        self.make_choices()
        self.make_blocks(blocks)
        self._descriptors = layers.Dense(element_width, "silu", name="descriptors")
        self._element = embedding("element", len(descriptors()), element_width)
        self._count = embedding("count", max_atoms + 1, _COUNT_WIDTH)
        self._mixed = layers.Dense(_MIXED, "silu", name="mixed")
        self._composition = layers.Dense(width, name="composition")
        self._read = layers.Dense(width, name="read")
        self._written = layers.Dense(width, name="written")
        self._slot = embedding("slot", SLOTS + 1, width)
        self._remaining = embedding("remaining", max_atoms + 1, width)
        # What is seen of the prototype.
        self._unlike = layers.Dense(_MIXED // 2, "silu", name="unlike")
        self._unlike_to = layers.Dense(width, name="unlike_to")
        self._prompt_cell = [
            embedding(f"prompt_cell_{i}", n, width) for i, n in enumerate(CELL_BINS)
        ]
        self._prompt_axes = [embedding(f"prompt_axis_{axis}", BINS, width) for axis in range(3)]
        self._atom = layers.Dense(width, "silu", name="atom")
        self._atoms = layers.Dense(width, name="atoms")
        self._cell_gates = [_gate(f"cell_gate_{i}") for i in range(NUMBERS)]
        self._gates = [_gate(f"gate_{axis}") for axis in range(3)]

    @classmethod
    def of(cls, recipe: PromptedRecipe, max_atoms: int) -> PromptedWriter:
        """Returns the untrained layer of a recipe."""
        return cls(
            max_atoms,
            recipe.width,
            recipe.blocks,
            recipe.heads,
            recipe.element_width,
            recipe.dropout,
            name="prompted_writer",
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        own = ("max_atoms", "width", "heads", "element_width", "dropout")
        values = {name: getattr(self, name) for name in own} | {"blocks": len(self.blocks)}
        return {**super().get_config(), **values}

    def build(self, shape: Any) -> None:
        """Makes all weights; inside a loop none can be made."""
        super().build(shape)
        rows, of_element = (None, self.width), (None, self.element_width)
        tables = [self._element, self._count, self._slot, self._remaining]
        for table in (*tables, *self._prompt_cell, *self._prompt_axes):
            table.build(None)
        self._descriptors.build((None, descriptors().shape[1]))
        self._mixed.build((None, SLOTS * (self.element_width + _COUNT_WIDTH)))
        self._composition.build((None, _MIXED))
        self._unlike.build((None, 2 * SLOTS * self.element_width))
        self._unlike_to.build((None, _MIXED // 2))
        for layer in (self._read, self._written):
            layer.build(of_element)
        for layer in (self._atom, self._atoms, *self._cell_gates, *self._gates):
            layer.build(rows)
        self._cell_kernels = [
            self.add_weight((_KERNELS, 2 * _REACH + 1), _peak(_REACH, 3.0), name=f"cell_kernel_{i}")
            for i in range(NUMBERS)
        ]
        self._kernels = [
            self.add_weight((_KERNELS, BINS), _peak(0, 3.0), name=f"kernel_{axis}")
            for axis in range(3)
        ]

    def call(self, tokens: Any, training: bool | None = None) -> Any:
        """Returns the logarithms."""
        known, cell, places = self.split(tokens)
        return self.log_probabilities(known, cell, places, training)

    def split(self, tokens: Any) -> tuple[Known, Any, Any]:
        """Returns what rows say: what is known, the cell ``(batch, 7)``, the places."""
        atoms = (tokens.shape[1] - BEFORE - BETWEEN) // 6
        behind = BEFORE + 3 * atoms
        places = ops.reshape(tokens[:, BEFORE:behind], (-1, atoms, 3))
        prompt = tokens[:, behind : behind + SLOTS]
        hints = tokens[:, behind + SLOTS : behind + BETWEEN]
        near = ops.reshape(tokens[:, behind + BETWEEN :], (-1, atoms, 3))
        known = self.known(tokens[:, :SLOTS], tokens[:, SLOTS : 2 * SLOTS], prompt, hints, near)
        return known, tokens[:, 2 * SLOTS : BEFORE], places

    def known(self, numbers: Any, counts: Any, prompt: Any, cell: Any, places: Any) -> Known:
        """Returns what contents and prototypes say.

        Args:
            numbers: Atomic numbers of the elements, shape ``(batch, 5)``, int32.
            counts: Atoms of each, likewise.
            prompt: Atomic numbers of the prototype's elements, zeros where there is none.
            cell: Bins of the prototype's cell, shape ``(batch, 7)``.
            places: Bins of its atoms, shape ``(batch, atoms, 3)``.
        """
        slots, remaining = self.order(counts, places.shape[1])
        there = ops.expand_dims(ops.cast(counts > 0, "float32"), -1)
        wanted = self._elements(numbers) * there
        hinted = ops.cast(prompt[:, :1] > 0, "float32")
        shown = self._elements(prompt) * there * ops.expand_dims(hinted, -1)
        flat = ops.concatenate([wanted, self._count(counts)], axis=-1)
        start = self._composition(self._mixed(_flat(flat)))
        unlike = _flat(ops.concatenate([wanted, (wanted - shown)], axis=-1))
        seen = self._unlike_to(self._unlike(unlike))
        for place, table in enumerate(self._prompt_cell):
            seen = seen + table(cell[:, place])
        # Of each atom the vectors of its element, zeros behind the last; a product is much faster
        # than gathering in an exported graph.
        here = ops.equal(ops.expand_dims(slots, -1), np.arange(SLOTS, dtype=np.int32))
        here = ops.cast(here, "float32")
        own, theirs = ops.matmul(here, wanted), ops.matmul(here, shown)
        slot = self._slot(slots)
        hints = self._hints(places)
        atom = self._atom(hints + self._read(theirs) + slot)
        mask = ops.sum(here, axis=-1, keepdims=True)
        seen = seen + self._atoms(ops.sum(atom * mask, axis=1) / 4)
        steps = self._read(own[:, :-1]) + self._written(own[:, 1:]) + slot[:, 1:]
        steps = steps + self._remaining(remaining[:, 1:])
        steps = steps + hints[:, 1:] * ops.expand_dims(hinted, -1)
        return Known(start + seen * hinted, slots, steps, cell, places[:, 1:], hinted)

    def cell_logits(self, place: int, x: Any, known: Known, training: bool | None = None) -> Any:
        """Returns logits of the ``place``-th number of the cell, given the vector so far."""
        logits = super().cell_logits(place, x, known, training)
        hint = known.cell_hints[:, place]
        apart = np.arange(CELL_BINS[place], dtype=np.int32) - ops.expand_dims(hint, -1)
        near = ops.clip(apart, -_REACH, _REACH) + _REACH
        shifted = ops.take(ops.transpose(self._cell_kernels[place]), near, axis=0)
        gates, hinted = flatly(x, self._cell_gates[place]), known.hinted
        if len(x.shape) == 2:
            return logits + ops.sum(ops.expand_dims(gates, 1) * shifted, axis=-1) * hinted
        term = ops.matmul(gates, ops.transpose(shifted, (0, 2, 1)))
        return logits + term * ops.expand_dims(hinted, 1)

    def place_logits(
        self, axis: int, x: Any, hint: Any, hinted: Any, training: bool | None = None
    ) -> Any:
        """Returns logits of a coordinate, given the vectors ``(batch, n, width)`` so far."""
        logits = super().place_logits(axis, x, hint, hinted, training)
        apart = np.arange(BINS, dtype=np.int32) - ops.expand_dims(hint, -1)
        near = ops.where(apart < 0, apart + BINS, apart)
        gates, kernels = flatly(x, self._gates[axis]), self._kernels[axis]
        if near.shape[1] == 1:  # one atom of the prototype for all vectors, as in writing
            shifted = ops.take(ops.transpose(kernels), near[:, 0], axis=0)
            term = ops.matmul(gates, ops.transpose(shifted, (0, 2, 1)))
        else:
            term = ops.take_along_axis(ops.matmul(gates, kernels), near, axis=-1)
        return logits + term * ops.expand_dims(hinted, 1)

    def _elements(self, numbers: Any) -> Any:
        """Returns vectors of elements ``(..., element_width)``."""
        table = self._descriptors(descriptors()) + self._element.embeddings
        return ops.take(table, numbers, axis=0)

    def _hints(self, places: Any) -> Any:
        """Returns vectors of a prototype's atoms ``(batch, atoms, width)``."""
        total: Any = 0.0
        for axis in range(3):
            table = self._prompt_axes[axis].embeddings + self._waves[axis](WAVES)
            total = total + ops.take(table, places[..., axis], axis=0)
        return total


def build_likelihood(recipe: PromptedRecipe, max_atoms: int) -> keras.Model:
    """Builds the untrained network of probabilities.

    Args:
        recipe: Sizes and dropout.
        max_atoms: Most atoms of a cell.

    Returns:
        A model from rows ``(batch, row)`` of :mod:`tfmat.ccdcgan.sources.tokens`, int32, to
        logarithms ``(batch, 2)``.
    """
    tokens = keras.Input((BEFORE + BETWEEN + 6 * max_atoms,), dtype="int32", name="tokens")
    return keras.Model(tokens, PromptedWriter.of(recipe, max_atoms)(tokens), name="likelihood")


def _flat(x: Any) -> Any:
    return ops.reshape(x, (-1, x.shape[1] * x.shape[2]))


def _gate(name: str) -> layers.Dense:
    small = keras.initializers.RandomNormal(stddev=0.02)
    return layers.Dense(_KERNELS, kernel_initializer=small, bias_initializer=_open, name=name)


def _open(shape: Any, dtype: Any = None) -> Any:
    """Returns biases by which only the first kernel counts at the start."""
    return ops.convert_to_tensor(np.eye(1, shape[0])[0], dtype)


def _peak(middle: int, height: float) -> Any:
    """Returns what starts kernels: the first has its highest value where the bins agree."""
    small = keras.initializers.RandomNormal(stddev=0.05)

    def start(shape: Any, dtype: Any = None) -> Any:
        first = np.zeros(shape, np.float32)
        first[0, middle] = height
        first[0, middle - 1] = first[0, (middle + 1) % shape[1]] = height / 2
        return ops.convert_to_tensor(first, dtype) + small(shape, dtype)

    return start
