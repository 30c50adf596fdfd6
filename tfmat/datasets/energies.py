"""Which energies of a dataset are on which scale."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

ENERGY = "formation_energy_per_atom"
SCREENING = f"screening_{ENERGY}"
"""What the first potential of a refined database says, of all its structures."""


def scale_of(metadata: Mapping[str, Any], entry: str = "energies") -> str | None:
    """Returns the energy scale that a dataset's record names.

    Args:
        metadata: The dataset's metadata.
        entry: ``"screening_energies"`` for those of the first potential of a refined database.
    """
    scale = (metadata.get("extra", {}).get(entry) or {}).get("scale")
    return str(scale) if scale else None


def energies_on(
    metadata: Mapping[str, Any], scales: Collection[str | None]
) -> tuple[str, str | None]:
    """Chooses the formation energies of a dataset that compare with others.

    Of a database with the energies of two potentials (``tfmat data build`` with ``--refine``) those
    of the first count if theirs is one of the scales, and that of the second is not.

    Args:
        metadata: The dataset's metadata.
        scales: Energy scales of the others.

    Returns:
        The property, and its scale.
    """
    scale, first = scale_of(metadata), scale_of(metadata, "screening_energies")
    if first is not None and first in scales and scale not in scales:
        return SCREENING, first
    return ENERGY, scale
