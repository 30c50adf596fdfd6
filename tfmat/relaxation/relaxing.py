"""The work of ``tfmat relax``: relaxed structures and what changed in them, chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.relaxation.comparison import (
    label,
    rms_displacement,
    same_arrangement,
    volume_change,
)
from tfmat.relaxation.potentials.calculator import Calculator
from tfmat.relaxation.potentials.registry import Potential
from tfmat.relaxation.relax import Relaxed, relax
from tfmat.relaxation.soundness import apart, clash, obstacle
from tfmat.work.chunks import Row

# One eV/Å³ in GPa.
_GPA = 160.21766


@dataclass(frozen=True)
class RelaxationSettings:
    """How structures are relaxed; see ``tfmat relax --help``.

    Attributes:
        steps: Most steps; 0 computes the energy of the structure as it is.
        fmax: Largest force of a relaxed structure, eV/Å (cell gradients alike).
        cell: Relax the cell as well as the positions.
        symmetry: Keep the space group of the start.
    """

    steps: int = 500
    fmax: float = 0.05
    cell: bool = True
    symmetry: bool = False

    def record(self) -> dict[str, Any]:
        """Returns what metadata keeps."""
        return asdict(self)


def relax_rows(
    calculator: Calculator,
    crystals: Sequence[Crystal],
    *,
    settings: RelaxationSettings,
    potential: Potential,
) -> list[Row]:
    """Relaxes structures and compares each with what it was.

    Args:
        calculator: The potential.
        crystals: The structures.
        settings: How.
        potential: What is known of the potential.

    Returns:
        A row for each structure. ``reason`` says why there is no relaxed structure, or is empty.
        ``initial`` (where the potential gives an energy) and ``final`` (without a reason) hold
        ``energy`` in eV/atom, ``force`` in eV/Å, space group and prototype. A structure that was
        relaxed also has ``converged`` and what changed.
    """
    reasons = [obstacle(crystal, potential.elements, potential.reach) for crystal in crystals]
    sound = [crystal for crystal, reason in zip(crystals, reasons, strict=True) if not reason]
    ends = iter(relax(sound, calculator, **settings.record()))
    return [
        {"reason": reason} if reason else _row(crystal, next(ends), settings, potential)
        for crystal, reason in zip(crystals, reasons, strict=True)
    ]


def _row(start: Crystal, end: Relaxed, settings: RelaxationSettings, potential: Potential) -> Row:
    reason = end.reason
    if not reason and settings.steps:
        found = (
            obstacle(end.crystal, potential.elements, potential.reach)
            or clash(end.crystal)
            or apart(end.crystal)
        )
        reason = f"{found} (after relaxation)" if found else ""
    row: Row = {"reason": reason, "steps": end.steps}
    if np.isfinite(end.initial_energy):
        row["initial"] = _state(start, end.initial_energy, end.initial_max_force)
    if reason:
        return row
    row["final"] = _state(end.crystal, end.energy, end.max_force)
    row["max_stress"] = float(np.abs(end.stress).max()) * _GPA
    if settings.steps:
        row |= {
            "converged": end.converged,
            "kept_prototype": same_arrangement(start, end.crystal),
            "volume_change": volume_change(start, end.crystal),
            "rms_displacement": rms_displacement(start, end.crystal),
        }
    return row | {
        "lattice": end.crystal.lattice.tolist(),
        "positions": end.crystal.positions.tolist(),
    }


def _state(crystal: Crystal, energy: float, force: float) -> Row:
    return {"energy": energy, "force": force, **asdict(label(crystal))}
