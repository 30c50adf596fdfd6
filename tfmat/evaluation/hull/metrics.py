"""What the counts of a chemical system come to: Table 1 of paper 002 as metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfmat.crystals.hull import METASTABLE, STABLE
from tfmat.evaluation.hull.stability import BELOW, LEVELS, SMALL_CHANGE
from tfmat.metric import Judge, Metric, Tolerance, share

_UNIT = "eV/atom"


def hull_judge(known: Sequence[str], scales: Mapping[str, str | None]) -> Judge:
    """Returns what says how far above the hull a structure is.

    Args:
        known: Names of the known sets that make the hull.
        scales: Energy scale of each set, where it is said.
    """
    return Judge.own("tfmat.crystals.hull", known=list(known), scales=dict(scales))


def of_system(row: Mapping[str, Any], judge: Judge) -> list[Metric]:
    """Returns the metrics of one system.

    Args:
        row: Its ``system`` and what :func:`tfmat.evaluation.hull.stability.statistics` counted.
        judge: What says how far above the hull a structure is.
    """
    subset = {"system": row["system"]}

    def average(name: str, key: str, count: int, note: str, judge: Judge | None = None) -> Metric:
        return Metric(
            name, row[key], _UNIT, subset=subset, denominator=count, judge=judge, note=note
        )

    def counted(
        name: str, whole: int, note: str, limit: float | None = None, judge: Judge | None = None
    ) -> Metric:
        tolerance = None if limit is None else Tolerance(limit, _UNIT)
        part = row[name] or 0
        return share(name, part, whole, note, subset=subset, tolerance=tolerance, judge=judge)

    structures, judged, changes = row["structures"], row["judged"], row["change_known"]
    of_judged = "of the structures whose hull rests on a known compound"
    return [
        average(
            "mean_delta_formation_energy_per_atom",
            "mean_change",
            changes,
            "mean of Ef before relaxing minus after",
        ),
        counted("small_change", changes, "share that relaxing changed by less", SMALL_CHANGE),
        average("mean_formation_energy_per_atom", "mean_formation_energy", structures, "mean Ef"),
        counted("negative", structures, "share with Ef < 0"),
        average(
            "mean_e_above_hull",
            "mean_above_hull",
            structures,
            "mean energy above the known hull",
            judge,
        ),
        counted("below_hull", judged, f"share {of_judged} that lie below it by more", BELOW, judge),
        *(
            counted(
                name, judged, f"share {of_judged} at most so far above", max(limit, BELOW), judge
            )
            for name, limit in LEVELS.items()
        ),
        counted(
            "stable",
            judged,
            f"share {of_judged} with Ef < 0, at most so far above (paper 004's word)",
            STABLE,
            judge,
        ),
        counted(
            "metastable",
            judged,
            f"share {of_judged} with Ef < 0, at most so far above (paper 004's word; stable ones "
            "count, too)",
            METASTABLE,
            judge,
        ),
    ]


def by_system(metrics: Sequence[Metric]) -> dict[str, dict[str, Metric]]:
    """Returns metrics by system and name.

    Args:
        metrics: Of any number of systems.
    """
    systems: dict[str, dict[str, Metric]] = {}
    for metric in metrics:
        systems.setdefault(str(metric.subset["system"]), {})[metric.name] = metric
    return systems
