"""What the exported prompted writer is given, as one row of numbers; needs no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfmat.ccdcgan.sources.contents import SLOTS
from tfmat.ccdcgan.sources.recipe import PromptedRecipe
from tfmat.ccdcgan.sources.tokens import NUMBERS

PART = "prompted_writer"


@dataclass(frozen=True)
class Choices:
    """Where everything lies in a row.

    Args:
        max_atoms: Most atoms of a cell.
        noise: Length of the noise.
    """

    max_atoms: int
    noise: int

    @property
    def widths(self) -> dict[str, int]:
        """Length of each part, in order.

        ``numbers`` and ``counts`` of the slots; ``volume`` that is predicted of the cell, in Å³;
        ``temperature`` of the first of several draws, and of the others; the prototype's elements
        (``prompt``, zeros where there is none), ``cell`` and ``places`` in bins; the ``noise``.
        """
        return {
            "numbers": SLOTS,
            "counts": SLOTS,
            "volume": 1,
            "temperature": 2,
            "prompt": SLOTS,
            "cell": NUMBERS,
            "places": 3 * self.max_atoms,
            "noise": self.noise,
        }

    @property
    def length(self) -> int:
        """Length of a row."""
        return sum(self.widths.values())

    def split(self, choices: Any) -> dict[str, Any]:
        """Splits rows ``(batch, length)`` into their parts."""
        found, start = {}, 0
        for name, width in self.widths.items():
            found[name] = choices[:, start : start + width]
            start += width
        return found


def noise_length(recipe: PromptedRecipe, max_atoms: int) -> int:
    """Returns how many normal numbers write a crystal.

    Args:
        recipe: How many cells and places are drawn at once.
        max_atoms: Most atoms of a cell.
    """
    return NUMBERS * recipe.cells + 3 * recipe.places * (max_atoms - 1)
