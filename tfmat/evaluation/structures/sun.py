"""S.U.N.: which share is stable, unique and novel at once, with all that decides about it.

The word alone says little: the share of one and the same model lies between 3% and 39% in the
literature, by the hull, the potential, the tolerance and the known set. Here stable is: at most so
far above the hull of the known structures. Single elements, with which a generator can raise the
share, never count for the part with the subset ``n_elements: 2+``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfmat.evaluation.hull.stability import BELOW
from tfmat.evaluation.novelty.count import Verdict
from tfmat.metric import Judge, Metric, Tolerance, share

ON_HULL = BELOW
"""Energy above the hull up to which a structure of S.U.N. may lie, eV/atom: counts as on it."""
NEAR_HULL = 0.1
"""The same for meta-S.U.N., eV/atom."""
COMPOUNDS = "2+"
"""Value of the subset ``n_elements``: structures of two and more elements."""


def sun(
    verdicts: Sequence[Verdict],
    above: Mapping[str, float],
    sizes: Mapping[str, int],
    *,
    known: bool,
    judge: Judge | None,
    why_not: str,
) -> list[Metric]:
    """Counts structures that are stable, unique and novel.

    Args:
        verdicts: On each structure, whether it is distinct and novel.
        above: Energy above the hull by name of the structure, eV/atom; who is not in it, is not
            stable.
        sizes: Number of elements by name of the structure.
        known: Whether there was a known set to be novel beside.
        judge: What said how far above the hull they are.
        why_not: Why there are no energies; empty where there are.

    Returns:
        ``sun`` and ``msun``, of all and of compounds alone (subset ``n_elements``), all of the
        structures that were judged; ``None`` with the reason where it cannot be said.
    """
    judged = [one for one in verdicts if not one.reason]
    reason = why_not
    if not reason and not known:
        reason = "no known set to be novel beside: give `against`"
    found = []
    for name, limit, words in (
        ("sun", ON_HULL, "on the hull or below it"),
        ("msun", NEAR_HULL, f"at most {NEAR_HULL} eV/atom above the hull, those on it among them"),
    ):
        for fewest in (1, 2):
            subset = {"n_elements": COMPOUNDS} if fewest > 1 else {}
            parts = "compounds of two and more elements, " if fewest == 2 else ""
            note = f"share of {len(judged):,} structures: {parts}{words}, distinct and novel"
            tolerance = Tolerance(limit, "eV/atom")
            if reason:
                note = f"{note}; not known: {reason}"
                found.append(Metric(name, None, subset=subset, tolerance=tolerance, note=note))
                continue
            count = sum(
                one.distinct
                and one.novel
                and sizes[one.identifier] >= fewest
                and above.get(one.identifier, float("inf")) <= limit
                for one in judged
            )
            without = sum(one.identifier not in above for one in judged)
            if without:
                note += f"; {without:,} without an energy count as not stable"
            more = {"subset": subset, "tolerance": tolerance, "judge": judge}
            found.append(share(name, count, len(judged), note, **more))
    return found
