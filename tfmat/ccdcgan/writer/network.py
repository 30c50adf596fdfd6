"""The network that writes crystals of one system, and the probability of what it writes.

The composition is given. The cell's six numbers are chosen one after the other; then each atom's x,
y, z, by a transformer that reads the atoms so far. All choices are of bins
(:mod:`tfmat.ccdcgan.writer.tokens`).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfmat.ccdcgan.writer.atoms import AtomWriter, Known
from tfmat.ccdcgan.writer.layers import embedding
from tfmat.ccdcgan.writer.recipe import WriterRecipe
from tfmat.ccdcgan.writer.tokens import ANGLES, CELL, Vocabulary


@keras.saving.register_keras_serializable("tfmat.ccdcgan")
class Writer(AtomWriter):
    """Maps rows of tokens ``(batch, row)`` to logarithms of probabilities ``(batch, 2)``.

    The first is that of the cell, given the composition; the second that of the atoms' places,
    given also the cell. One atom at the origin is certain.

    Args:
        elements: Number of elements, each with a slot of its own.
        max_atoms: Most atoms of a cell.
        lengths: Number of bins of a length.
        width: Length of the vectors.
        blocks: Number of blocks of attention.
        heads: Heads of a block.
        dropout: Share of activations that training leaves out.
        **options: Of any layer.
    """

    def __init__(
        self,
        elements: int,
        max_atoms: int,
        lengths: int,
        width: int,
        blocks: int,
        heads: int,
        dropout: float,
        **options: Any,
    ) -> None:
        cell = [lengths] * 3 + [ANGLES] * (CELL - 3)
        super().__init__(elements, max_atoms, cell, width, heads, dropout, **options)
        self.elements, self.lengths = elements, lengths
        self._counts = [
            embedding(f"count_{slot}", max_atoms + 1, width) for slot in range(elements)
        ]
        self.make_choices()
        # Of the atom that is read, and of the one that is written; none stands behind the last.
        self._read = embedding("read", elements + 1, width)
        self._written = embedding("written", elements + 1, width)
        self._remaining = embedding("remaining", max_atoms + 1, width)
        self.make_blocks(blocks)

    @classmethod
    def of(cls, recipe: WriterRecipe, vocabulary: Vocabulary) -> Writer:
        """Returns the untrained layer of a recipe."""
        return cls(
            vocabulary.elements,
            vocabulary.max_atoms,
            vocabulary.lengths,
            recipe.width,
            recipe.blocks,
            recipe.heads,
            recipe.dropout,
            name="writer",
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        own = ("elements", "max_atoms", "lengths", "width", "heads", "dropout")
        values = {name: getattr(self, name) for name in own} | {"blocks": len(self.blocks)}
        return {**super().get_config(), **values}

    def build(self, shape: Any) -> None:
        """Makes all weights; inside a loop none can be made."""
        super().build(shape)
        for table in (*self._counts, self._read, self._written, self._remaining):
            table.build(None)

    def call(self, tokens: Any, training: bool | None = None) -> Any:
        """Returns the logarithms."""
        counts, cell, places = self._split(tokens)
        return self.log_probabilities(self.known(counts), cell, places, training)

    def logits(self, tokens: Any, training: bool | None = None) -> tuple[list[Any], list[Any]]:
        """Returns the logits of all choices of rows, as :meth:`score` does.

        Args:
            tokens: Shape ``(batch, row)``.
            training: Whether dropout is active.
        """
        counts, cell, places = self._split(tokens)
        return self.score(self.known(counts), cell, places, training)

    def _split(self, tokens: Any) -> tuple[Any, Any, Any]:
        """Returns counts ``(batch, elements)``, cells ``(batch, 6)``, places ``(batch, n, 3)``."""
        first, second = self.elements, self.elements + CELL
        places = ops.reshape(tokens[:, second:], (-1, self.max_atoms, 3))
        return tokens[:, :first], tokens[:, first:second], places

    def known(self, counts: Any) -> Known:
        """Returns what compositions ``(batch, elements)`` say."""
        start = sum(table(counts[:, slot]) for slot, table in enumerate(self._counts))
        slots, remaining = self.order(counts, self.max_atoms)
        steps = self._read(slots[:, :-1]) + self._written(slots[:, 1:])
        return Known(start, slots, steps + self._remaining(remaining[:, 1:]))


def build_likelihood(recipe: WriterRecipe, vocabulary: Vocabulary) -> keras.Model:
    """Builds the untrained network of probabilities.

    Args:
        recipe: Sizes and dropout.
        vocabulary: What rows of tokens can say.

    Returns:
        A model from rows ``(batch, row)``, int32, to logarithms ``(batch, 2)`` as :class:`Writer`
        gives them.
    """
    tokens = keras.Input((vocabulary.row,), dtype="int32", name="tokens")
    return keras.Model(tokens, Writer.of(recipe, vocabulary)(tokens), name="likelihood")


def log_probability(likelihood: keras.Model, tokens: Any, training: bool = False) -> Any:
    """Returns the logarithm of the probability of crystals, given their compositions.

    Args:
        likelihood: From :func:`build_likelihood`.
        tokens: Rows of tokens, shape ``(batch, row)``, int32.
        training: Whether dropout is active.

    Returns:
        Shape ``(batch,)``, in nat; it has a derivative by the weights.
    """
    return ops.sum(likelihood(tokens, training=training), axis=1)
