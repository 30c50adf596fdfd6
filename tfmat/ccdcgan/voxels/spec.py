"""The numbers that define voxels: grids, box, widths and cut-off."""

from __future__ import annotations

from dataclasses import dataclass

from tfmat.errors import InputError


@dataclass(frozen=True)
class VoxelSpec:
    """How a structure is drawn on grids.

    The defaults are the released code's values. Paper 004 (Methods) prints a width of 0.15, which
    in the code is the ``gaussian_filter`` of the decoder, in voxels.

    Args:
        sites_grid: Points along each edge of the sites voxel.
        box: Edge of the cube that the sites voxel covers, in Å.
        lattice_grid: Points along each edge of the lattice voxel (a grid of the unit cell).
        sites_sigma: Width of the Gaussian drawn for an atom, in Å.
        lattice_sigma: Width of the Gaussian at the cell centre, in Å.
        cutoff: Values below it are set to zero (peak height is 1).

    Raises:
        InputError: A value is out of range.
    """

    sites_grid: int = 64
    box: float = 15.0
    lattice_grid: int = 32
    sites_sigma: float = 0.26
    lattice_sigma: float = 0.26
    cutoff: float = 0.02

    def __post_init__(self) -> None:
        for name in ("sites_grid", "lattice_grid"):
            value = getattr(self, name)
            if value < 8 or value % 2:
                raise InputError(f"voxels.{name} must be an even number of at least 8, not {value}")
        for name in ("box", "sites_sigma", "lattice_sigma"):
            if not getattr(self, name) > 0:
                raise InputError(f"voxels.{name} must be positive, not {getattr(self, name)}")
        # A wider peak would leave nothing between it and the faces.
        if self.sites_sigma > self.box / 8:
            raise InputError(
                f"voxels.sites_sigma must be at most an eighth of voxels.box ({self.box:g}), not "
                f"{self.sites_sigma:g}"
            )
        # Such a peak is flat over every cell that fits in the box; its square may be no number.
        if self.lattice_sigma > self.box:
            raise InputError(
                f"voxels.lattice_sigma must be at most voxels.box ({self.box:g}), not "
                f"{self.lattice_sigma:g}"
            )
        if not 0 < self.cutoff < 1:
            raise InputError(f"voxels.cutoff must lie between 0 and 1, not {self.cutoff}")

    @property
    def step(self) -> float:
        """Distance of neighbouring points of the sites voxel, in Å."""
        return self.box / self.sites_grid
