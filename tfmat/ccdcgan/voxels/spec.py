"""The numbers that define voxels: grids, box, widths and cut-off."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from tfmat.errors import InputError
from tfmat.recipes.table import Positive, Table

# Both grids are halved by the first convolution of their networks.
EvenGrid = Annotated[
    int, Meta(ge=8, multiple_of=2, extra={"wanted": "an even number of at least 8"})
]


@dataclass(frozen=True)
class VoxelSpec(Table):
    """How a structure is drawn on grids.

    The defaults are the released code's values. Paper 004 (Methods) prints a width of 0.15, which
    in the code is the ``gaussian_filter`` of the decoder, in voxels.

    Args:
        frame: What the sites voxel covers: ``box``, a cube of space (papers), or ``cell``, the
            periodic cell itself, in fractions of its edges counted from an atom.
        sites_grid: Points along each edge of the sites voxel.
        box: Edge of the cube that the sites voxel covers, in Å; in the frame ``cell``, whose unit
            is the voxel, always ``sites_grid``.
        lattice_grid: Points along each edge of the lattice voxel (a grid of the unit cell).
        sites_sigma: Width of the Gaussian drawn for an atom, in Å; in the frame ``cell`` in voxels.
        lattice_sigma: Width of the Gaussian at the cell centre, in Å.
        cutoff: Values below it are set to zero (peak height is 1).

    Raises:
        InputError: A peak is too wide for the box.
    """

    frame: Literal["box", "cell"] = "box"
    sites_grid: EvenGrid = 64
    box: Positive = 15.0
    lattice_grid: EvenGrid = 32
    sites_sigma: Positive = 0.26
    lattice_sigma: Positive = 0.26
    cutoff: Annotated[float, Meta(gt=0, lt=1)] = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frame == "cell":
            object.__setattr__(self, "box", float(self.sites_grid))
        # A wider peak would leave nothing between it and the faces.
        if self.sites_sigma > self.box / 8:
            raise InputError(
                f"sites_sigma must be at most an eighth of the box ({self.box:g}), not "
                f"{self.sites_sigma:g}"
            )
        # Such a peak is flat over every cell that fits in the box; its square may be no number.
        if self.lattice_sigma > self.box:
            raise InputError(
                f"lattice_sigma must be at most the box ({self.box:g}), not {self.lattice_sigma:g}"
            )

    @property
    def room(self) -> float:
        """Edge of the cube around the middle of the cell in which all atoms must lie, in Å."""
        return math.inf if self.frame == "cell" else self.box

    @property
    def step(self) -> float:
        """Distance of neighbouring points of the sites voxel, in Å; 1 in the frame ``cell``."""
        return self.box / self.sites_grid
