"""How much noise a crystal takes."""

from __future__ import annotations

from tfmat.ccdcgan.writer.recipe import WriterRecipe
from tfmat.ccdcgan.writer.tokens import CELL


def noise_length(recipe: WriterRecipe, max_atoms: int) -> int:
    """Returns how many normal numbers write a crystal whose composition is given.

    Args:
        recipe: How many cells and places are drawn at once.
        max_atoms: Most atoms of a cell.
    """
    return CELL * recipe.cells + 3 * recipe.places * (max_atoms - 1)
