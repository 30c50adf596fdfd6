"""Why a voxel or a crystal graph gave no structure."""

from __future__ import annotations

from typing import Literal

from tfmat.errors import TfmatError

Mode = Literal["robust", "faithful"]

NO_ATOMS = "no atoms"
NO_LATTICE = "lattice not decodable"
TOO_CLOSE = "atoms closer than 0.5 Å"
NOT_FINITE = "values are not finite"
# And why a crystal cannot be drawn.
TOO_LARGE = "larger than the box of the sites voxels"
NOT_REDUCED = "a cell that cannot be reduced"


class DecodeError(TfmatError):
    """A voxel shows no crystal.

    Args:
        reason: One of the reasons of this module; results are counted by it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
