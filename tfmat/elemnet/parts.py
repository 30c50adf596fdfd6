"""What an ElemNet model package holds: its one part, and its own entries of the metadata."""

from __future__ import annotations

from tfmat.inference.described import Metadata
from tfmat.inference.fields import Symbol
from tfmat.inference.tensors import Tensors

ENERGY = "formation_energy_per_atom"
NETWORK = "elemnet"
TEST = "test.csv"
"""Table of the held-out formulas in the stage's folder: formula, true and predicted energy."""
PARTS = {NETWORK: Tensors("element_fractions", {ENERGY: "eV/atom"}, property=ENERGY)}


class ElemnetMetadata(Metadata, frozen=True, kw_only=True):
    """What an ElemNet model package holds, where it comes from and what was measured of it.

    Args:
        unseen: Elements that no training formula has: nothing is predicted of formulas with them.
    """

    unseen: list[Symbol]
