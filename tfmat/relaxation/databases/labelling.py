"""The work of building a dataset: from candidates to labelled structures, chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfmat.crystals.contacts import touching
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.select import MAX_ATOMS, MAX_LENGTH, obstacle
from tfmat.relaxation.databases.perturb import generator, perturbed
from tfmat.relaxation.databases.substitute import Candidate
from tfmat.relaxation.potentials.calculator import Calculator
from tfmat.relaxation.relax import Relaxed, relax
from tfmat.relaxation.soundness import apart, clash
from tfmat.relaxation.volume import NO_ENERGY, scan_volumes
from tfmat.work.chunks import Row

# Atoms closer than this share of the sum of their covalent radii overlap.
_SHORTEST_CONTACT = 0.75
# How often a copy is drawn anew when it does not pass the selection.
_DRAWS = 20


@dataclass(frozen=True)
class LabellingSettings:
    """How structures are made; see ``tfmat data build --help``.

    Attributes:
        relax: Relax cell and positions after the volume scan.
        steps: Most steps of a relaxation.
        fmax: Largest force of a relaxed structure, eV/Å.
        symmetry: Keep the space group of each prototype while relaxing.
        copies: Strained and perturbed copies of each structure.
        strain: Largest component of a copy's strain.
        displacement: Largest displacement of a copy's atoms, Å.
        seed: Seed of the copies.
        max_atoms: Largest number of atoms in a cell.
        max_length: Largest a, b and c of the Niggli cell, Å.
        unconverged: ``"drop"`` or ``"keep"`` structures that do not come to rest.
        duplicates: ``"drop"`` or ``"keep"`` what becomes the same as another in the end.
        limit: Label only so many candidates, drawn with the seed; ``None`` for all.
    """

    relax: bool = True
    steps: int = 500
    fmax: float = 0.05
    symmetry: bool = True
    copies: int = 0
    strain: float = 0.03
    displacement: float = 0.1
    seed: int = 0
    max_atoms: int = MAX_ATOMS
    max_length: float = MAX_LENGTH
    unconverged: str = "drop"
    duplicates: str = "drop"
    limit: int | None = None

    def record(self) -> dict[str, Any]:
        """Returns what metadata keeps."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Base:
    """A structure that copies are made of.

    Attributes:
        identifier: Name without the number of the copy.
        prototype: Name of its prototype.
        crystal: The structure.
    """

    identifier: str
    prototype: str
    crystal: Crystal


def label_candidates(
    calculator: Calculator, candidates: Sequence[Candidate], *, settings: LabellingSettings
) -> list[Row]:
    """Scans the volume of candidates, relaxes them if asked, and applies the selection.

    Args:
        calculator: The potential.
        candidates: Filled prototypes.
        settings: How.

    Returns:
        One row for each candidate: a structure with its energy, or the reason why there is none.
    """
    scans = scan_volumes([touching(item.crystal) for item in candidates], calculator)
    rows: list[Row] = []
    for item, scan in zip(candidates, scans, strict=True):
        # A relaxation moves atoms apart that overlap at first.
        reason = scan.reason or _unfit(scan.crystal, settings, contacts=not settings.relax)
        if reason or scan.crystal is None:
            rows.append(_rejected(item.identifier, reason))
        else:
            rows.append(_row(item.identifier, item.prototype, scan.crystal, scan.energy))
    if settings.relax:
        sound = [number for number, row in enumerate(rows) if "reason" not in row]
        starts = [rows[number] for number in sound]
        ends = relax_again(calculator, starts, settings=settings)
        for number, end in zip(sound, ends, strict=True):
            rows[number] = end
    return rows


def relax_again(
    calculator: Calculator, rows: Sequence[Row], *, settings: LabellingSettings
) -> list[Row]:
    """Relaxes labelled structures and applies the selection.

    Args:
        calculator: The potential.
        rows: Structures, as :func:`label_candidates` returns them.
        settings: How.

    Returns:
        One row for each: the structure where it came to rest, or the reason why there is none.
    """
    ends = relax(
        [crystal_of(row) for row in rows],
        calculator,
        steps=settings.steps,
        fmax=settings.fmax,
        symmetry=settings.symmetry,
    )
    return [_relaxed(row, end, settings) for row, end in zip(rows, ends, strict=True)]


def label_again(
    calculator: Calculator,
    tasks: Sequence[tuple[Row, Candidate]],
    *,
    settings: LabellingSettings,
    starts: int = 2,
) -> list[Row]:
    """Labels structures that another potential has relaxed, from one or two starts.

    Potentials differ in volume and in the ways that lead down, so that each start finds minima
    that the other misses: the other potential's end, and the filled prototype itself.

    Args:
        calculator: The potential.
        tasks: Structures, and the candidates that they were made of.
        settings: How.
        starts: 1 for the other potential's end alone, which costs a quarter.

    Returns:
        One row for each: the lower of the ends, or the reason why there is none.
    """
    again = relax_again(calculator, [row for row, _ in tasks], settings=settings)
    if starts == 1:
        return again
    anew = label_candidates(calculator, [item for _, item in tasks], settings=settings)
    return [min(pair, key=_rank) for pair in zip(again, anew, strict=True)]


def _rank(row: Row) -> tuple[bool, bool, float]:
    return "reason" in row, not row.get("converged", False), row.get("energy", math.inf)


def _relaxed(start: Row, end: Relaxed, settings: LabellingSettings) -> Row:
    reason = end.reason or _unfit(end.crystal, settings)
    known = {"converged": end.converged, "max_force": end.max_force, "steps": end.steps}
    if reason:
        return _rejected(start["id"], reason) | known
    return _row(start["id"], start["prototype"], end.crystal, end.energy) | known


def label_copies(
    calculator: Calculator, bases: Sequence[Base], *, settings: LabellingSettings
) -> list[Row]:
    """Makes strained and perturbed copies and computes their energies.

    A copy's randomness comes from the seed and its own name, so neither chunks nor processes
    change it.

    Args:
        calculator: The potential.
        bases: The structures to copy.
        settings: How.

    Returns:
        ``settings.copies`` rows for each base.
    """
    drawn: list[tuple[str, Base, Crystal | None]] = []
    for base in bases:
        for number in range(1, settings.copies + 1):
            name = f"{base.identifier}:{number}"
            drawn.append((name, base, _copy(base.crystal, name, settings)))
    energies = iter(calculator.energies([copy for _, _, copy in drawn if copy is not None]))
    rows = []
    for name, base, copy in drawn:
        if copy is None:
            rows.append(_rejected(name, "selection: no copy stayed within it"))
            continue
        energy = float(next(energies))
        if np.isfinite(energy):
            rows.append(_row(name, base.prototype, copy, energy))
        else:
            rows.append(_rejected(name, NO_ENERGY))
    return rows


def _copy(crystal: Crystal, name: str, settings: LabellingSettings) -> Crystal | None:
    random = generator(settings.seed, name)
    for _ in range(_DRAWS):
        copy = perturbed(
            crystal, random, strain=settings.strain, displacement=settings.displacement
        )
        if not _unfit(copy, settings):
            return copy
    return None


def _unfit(crystal: Crystal | None, settings: LabellingSettings, *, contacts: bool = True) -> str:
    if crystal is None:
        return ""
    if contacts and (reason := clash(crystal, _SHORTEST_CONTACT) or apart(crystal)):
        return reason
    too_large = obstacle(crystal, settings.max_atoms, settings.max_length)
    return f"selection: {too_large}" if too_large else ""


def _row(identifier: str, prototype: str, crystal: Crystal, energy: float) -> Row:
    return {
        "id": identifier,
        "prototype": prototype,
        "lattice": crystal.lattice.tolist(),
        "positions": crystal.positions.tolist(),
        "numbers": crystal.numbers.tolist(),
        "energy": energy,
    }


def _rejected(identifier: str, reason: str) -> Row:
    return {"id": identifier, "reason": reason}


def crystal_of(row: Row) -> Crystal:
    """Returns the structure of a row."""
    return Crystal(
        np.array(row["lattice"], dtype=np.float64),
        np.array(row["positions"], dtype=np.float64),
        np.array(row["numbers"], dtype=np.uint8),
    )
