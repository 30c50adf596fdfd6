"""How many generated structures are distinct, and how many are not among the known ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import judge as criterion
from tfmat.crystals.reduced_cells import Reduced
from tfmat.crystals.writing import reduced_formula
from tfmat.datasets.sources import Entry
from tfmat.evaluation.novelty.index import Match, NoveltyIndex
from tfmat.metric import Metric, records, share

NOT_REDUCED = "no Niggli cell found"


@dataclass
class Verdict:
    """What was found about one generated structure.

    Args:
        identifier: Its name.
        formula: Reduced formula; ``""`` if there is no structure.
        atoms: Atoms in the cell as it was given.
        reason: Why it could not be judged; ``""`` if it was.
        copy_of: An earlier structure of the generated, itself no copy, that is the same.
        known: For each set of known structures one that is the same, if there is any.
        distances: Root mean square distance of the atoms to each match, in Å, by the name of the
            known set; ``""`` for that to ``copy_of``.
    """

    identifier: str
    formula: str = ""
    atoms: int = 0
    reason: str = ""
    copy_of: Match | None = None
    known: dict[str, Match | None] = field(default_factory=dict)
    distances: dict[str, float] = field(default_factory=dict)

    @property
    def distinct(self) -> bool:
        """Whether it was judged and is the first of its kind among the generated."""
        return not self.reason and self.copy_of is None

    @property
    def novel(self) -> bool:
        """Whether it was judged and is in no set of known structures."""
        return not self.reason and not any(self.known.values())


class KnownSet(Protocol):
    """What is said of a known set: its name, hash and size."""

    @property
    def name(self) -> str:
        """Where it is from."""

    @property
    def sha256(self) -> str:
        """Hash of its data."""

    def __len__(self) -> int:
        """Its structures."""


def judge(
    generated: Sequence[Entry],
    against: Mapping[str, NoveltyIndex],
    *,
    distances: bool = True,
    on_step: Callable[[int], object] | None = None,
) -> list[Verdict]:
    """Compares generated structures with each other and with known ones.

    Two structures are the same if pymatgen's ``StructureMatcher(ltol=0.2, stol=0.3, angle_tol=5)``
    says so (``fit``), with ``primitive_cell=True`` or ``False``; its first argument is the
    generated one, or the later one of two generated. A structure is a copy if it is the same as an
    earlier one that is no copy.

    Args:
        generated: The structures to judge, with the reason where there is none.
        against: Indices of known structures by name.
        distances: Also measure how far the atoms of matching structures are apart.
        on_step: Called with 1 after every structure, for progress.

    Returns:
        A verdict on each, in the same order.
    """
    verdicts = [Verdict(entry.identifier, reason=entry.reason) for entry in generated]
    readable = [row for row, entry in enumerate(generated) if entry.crystal is not None]
    crystals = [entry.crystal for entry in generated if entry.crystal is not None]
    own = NoveltyIndex(crystals, [generated[row].identifier for row in readable])
    # By formula, so that no more than one formula's known structures are at hand at once.
    for name in own.formulas:
        rows = own.rows(name).tolist()
        first = np.zeros(len(rows), dtype=bool)
        for position, row in enumerate(rows):
            crystal, verdict = crystals[row], verdicts[readable[row]]
            verdict.formula, verdict.atoms = reduced_formula(crystal), len(crystal)
            cells = own.reduced(row)
            if cells is None:
                verdict.reason = NOT_REDUCED
            else:
                same = next(own.pool(name).matches(cells, first), None)
                first[position] = same is None
                if same is not None:
                    earlier = rows[same[0]]
                    verdict.copy_of = Match(earlier, own.ids[earlier], same[1])
                for label, index in against.items():
                    verdict.known[label] = next(index.matches(crystal, cells), None)
                if distances:
                    _measure(verdict, crystal, cells, {"": own, **against})
            if on_step is not None:
                on_step(1)
    return verdicts


def _measure(
    verdict: Verdict, crystal: Crystal, cells: Reduced, indices: Mapping[str, NoveltyIndex]
) -> None:
    for label, match in {"": verdict.copy_of, **verdict.known}.items():
        distance = None if match is None else indices[label].distance(crystal, match, cells)
        if distance is not None:
            verdict.distances[label] = distance


def summarise(verdicts: Sequence[Verdict], against: Mapping[str, KnownSet]) -> dict[str, Any]:
    """Counts the verdicts.

    Args:
        verdicts: From :func:`judge`.
        against: The known sets that it was given.

    Returns:
        ``structures``: those that were judged; ``not_judged`` and ``not_judged_by_reason``;
        ``distinct``; ``against``, for each known set ``known``, ``known_by_form``, ``novel`` and
        ``novel_distinct``; over all sets together ``novel`` (in none of them) and
        ``novel_distinct``; and ``metrics``: ``uniqueness`` and, in all and against each set,
        ``novelty`` (both of the judged) and ``novel_of_distinct``, in all ``unique_and_novel`` (the
        distinct and novel of the judged).
    """
    judged = [verdict for verdict in verdicts if not verdict.reason]
    distinct = [verdict for verdict in judged if verdict.distinct]
    sets = {}
    for label, index in against.items():
        forms = [match.form for v in judged if (match := v.known[label]) is not None]
        sets[label] = {
            "dataset": index.name,
            "sha256": index.sha256,
            "structures": len(index),
            "known": len(forms),
            "known_by_form": {form: forms.count(form) for form in sorted(set(forms))},
            "novel": len(judged) - len(forms),
            "novel_distinct": sum(verdict.known[label] is None for verdict in distinct),
        }
    summary: dict[str, Any] = {
        "structures": len(judged),
        "not_judged": len(verdicts) - len(judged),
        "not_judged_by_reason": dict(
            Counter(verdict.reason.split(": ")[0] for verdict in verdicts if verdict.reason)
        ),
        "distinct": len(distinct),
        "against": sets,
    }
    if against:
        summary |= {
            "novel": sum(verdict.novel for verdict in judged),
            "novel_distinct": sum(verdict.novel for verdict in distinct),
        }
    return {**summary, "metrics": records(_metrics(summary))}


def _metrics(summary: Mapping[str, Any]) -> list[Metric]:
    judged, distinct = summary["structures"], summary["distinct"]
    of_judged, of_distinct = f"of {judged:,} structures", f"of {distinct:,} distinct structures"
    judge = criterion()
    found = [
        share(
            "uniqueness",
            distinct,
            judged,
            f"share {of_judged} that are no copy of an earlier one",
            judge=judge,
        )
    ]
    groups: list[tuple[Mapping[str, Any], str, dict[str, str]]] = [
        (counts, f"not among the {counts['structures']:,} of {label}", {"against": label})
        for label, counts in summary["against"].items()
    ]
    if groups:
        groups.append((summary, "in no known set", {}))
    for counts, what, subset in groups:
        novel, both = counts["novel"], counts["novel_distinct"]
        for name, part, whole, of in (
            ("novelty", novel, judged, of_judged),
            ("novel_of_distinct", both, distinct, of_distinct),
        ):
            found.append(share(name, part, whole, f"share {of} {what}", subset=subset, judge=judge))
    if groups:
        note = f"share {of_judged} that are distinct and in no known set"
        found.append(share("unique_and_novel", both, judged, note, judge=judge))
    return found
