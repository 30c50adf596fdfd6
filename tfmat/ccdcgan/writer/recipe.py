"""The table of a CCDCGAN recipe for the generator that writes crystals."""

from dataclasses import dataclass, fields

from tfmat.recipes.table import Count, NotNegative, Positive, Share, Table

# How a trained writer draws; the other values decide what it learns.
DRAWING = frozenset({"cells", "places", "attempts", "same_cell", "temperature"})


@dataclass(frozen=True)
class WriterRecipe(Table):
    """The writer of crystals, its training by likelihood, and how it draws.

    Args:
        width: Length of the vectors of cell and atoms.
        blocks: Blocks of attention over the atoms so far.
        heads: Heads of each block; they share out the width.
        dropout: Share of activations that a step leaves out.
        jitter: Standard deviation of the logarithm of a factor that scales each training cell.
        learning_rate: Largest learning rate of AdamW; it falls to zero by a cosine.
        weight_decay: Of AdamW, in shares of the learning rate.
        batch_size: Crystals in a batch.
        steps: Optimiser steps.
        cells: Cells that are drawn at once for each crystal; the first possible one is taken.
        places: Places that are drawn at once for each atom; the first that is far enough from all
            other atoms is taken.
        attempts: How often a crystal of one composition is begun at most, where no place was found
            for an atom.
        same_cell: How many of these attempts in a row have the same cell. With a new one each time
            the loose cells would be those that are left.
        temperature: What logits are divided by where cells and places are drawn; below 1 the
            writer keeps to what is likely, and to what it has seen.

    Raises:
        InputError: The heads cannot share out the width.
    """

    width: Count = 96
    blocks: Count = 3
    heads: Count = 4
    dropout: Share = 0.1
    jitter: NotNegative = 0.008
    learning_rate: Positive = 2e-3
    weight_decay: NotNegative = 0.05
    batch_size: Count = 64
    steps: Count = 3000
    cells: Count = 8
    places: Count = 16
    attempts: Count = 16
    same_cell: Count = 8
    temperature: Positive = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            from tfmat.errors import InputError

            raise InputError(
                f"writer.width {self.width} is no multiple of writer.heads {self.heads}"
            )


# Keys of the whole recipe that decide what a writer learns.
LEARNING = tuple(
    f"writer.{field.name}" for field in fields(WriterRecipe) if field.name not in DRAWING
)
