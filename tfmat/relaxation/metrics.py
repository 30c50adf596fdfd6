"""Metrics of structures and their energies: of ``tfmat relax``, ``data build`` and ``augment``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmat.crystals.hull import METASTABLE, STABLE, metastable, stable
from tfmat.metric import Judge, Metric, Tolerance, share

ENERGY_UNIT = "eV/atom"
STATISTICS = ("mean", "median", "minimum", "maximum")


def statistics(name: str, values: ArrayLike, unit: str, note: str, **more: Any) -> list[Metric]:
    """Returns mean, median, minimum and maximum of something as metrics ``mean_NAME`` and so on.

    Args:
        name: What the values are.
        values: One for each structure, shape ``(n,)``.
        unit: Their unit.
        note: What they are of.
        **more: As for :class:`tfmat.metric.Metric`.
    """
    array = np.asarray(values, dtype=np.float64)
    found: list[float | None] = [None] * len(STATISTICS)
    if len(array):
        found = [float(f(array)) for f in (np.mean, np.median, np.min, np.max)]
    return [
        Metric(f"{kind}_{name}", value, unit, denominator=len(array), note=f"{kind} {note}", **more)
        for kind, value in zip(STATISTICS, found, strict=True)
    ]


def formation_energies(energies: NDArray[np.float64], of: str, **more: Any) -> list[Metric]:
    """Returns the statistics of formation energies, and the share below zero.

    Args:
        energies: eV/atom, NaN where unknown, shape ``(n,)``; only the known ones count.
        of: What they are of, for the notes.
        **more: As for :class:`tfmat.metric.Metric`.
    """
    energies = energies[np.isfinite(energies)]
    return [
        *statistics("formation_energy_per_atom", energies, ENERGY_UNIT, of, **more),
        share("negative", int((energies < 0).sum()), len(energies), f"share {of}, Ef < 0", **more),
    ]


def stability(
    energies: NDArray[np.float64], above: NDArray[np.float64], of: str, judge: Judge, **more: Any
) -> list[Metric]:
    """Counts structures as paper 004 does for its database.

    Args:
        energies: Formation energies, eV/atom, NaN where unknown, shape ``(n,)``.
        above: Energies above the hull, eV/atom, likewise, shape ``(n,)``.
        of: What they are of, for the notes.
        judge: The potential.
        **more: As for :class:`tfmat.metric.Metric`.

    Returns:
        As shares of all: ``negative`` (formation energy below zero), and among these ``stable`` (at
        most 0.1 eV/atom above the hull) and ``metastable`` (at most 0.15, so the stable ones count,
        too). Where energies are unknown (of structures far above the hull), so is the number of
        negative ones, and it is left out.
    """
    hull = Judge.own("tfmat.crystals.hull", energies=f"{judge.name} {judge.version}")
    found = []
    if np.isfinite(energies).all():
        count, note = int((energies < 0).sum()), f"share {of}, Ef < 0"
        found.append(share("negative", count, len(energies), note, judge=judge, **more))
    for name, chosen, limit in (
        ("stable", stable(energies, above), STABLE),
        ("metastable", metastable(energies, above), METASTABLE),
    ):
        found.append(
            share(
                name,
                int(chosen.sum()),
                len(energies),
                f"share {of}, Ef < 0 and at most so far above the hull",
                tolerance=Tolerance(limit, ENERGY_UNIT),
                judge=hull,
                **more,
            )
        )
    return found
