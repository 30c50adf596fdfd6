"""Several folders about the same structures on one page: candidates joined by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfmat.report.columns import COLUMNS, PREDICTED, RANK, Column
from tfmat.report.contents import Candidate, Part


def joined(parts: Sequence[Part]) -> list[Candidate]:
    """Joins the candidates of several folders, the best first.

    Candidates of one name are one; what two folders say of it differently, the later one says, and
    its is the structure that is shown.

    Args:
        parts: What the folders hold, in the order in which they were given.
    """
    found: dict[str, Candidate] = {}
    for part in parts:
        for one in part.candidates:
            earlier = found.get(one.identifier)
            if earlier is None:
                found[one.identifier] = replace(one, values=dict(one.values))
            else:
                earlier.formula = one.formula
                earlier.values |= one.values
                earlier.load = one.load or earlier.load
    candidates = list(found.values())
    order = order_of(candidates)
    if order is not None:
        # Those without the number come last, all others in their order.
        candidates.sort(
            key=lambda one: (
                order.believed_first and not _believed(one),
                float(one.values.get(order.column.key, float("inf"))),
            )
        )
    return candidates


@dataclass(frozen=True)
class Order:
    """How candidates are ordered.

    Args:
        column: The lowest numbers of this column come first.
        believed_first: Those whose prediction is to be believed come before all others.
    """

    column: Column
    believed_first: bool


def order_of(candidates: Sequence[Candidate]) -> Order | None:
    """Returns how candidates are ordered; ``None`` leaves them as they are.

    By what says most of their stability, the first of :data:`tfmat.report.columns.RANK` that one of
    them has.

    Args:
        candidates: All of them.
    """
    for key in RANK:
        if any(key in one.values for one in candidates):
            column = next(column for column in COLUMNS if column.key == key)
            predicted = key == PREDICTED and any("domain" in one.values for one in candidates)
            return Order(column, predicted)
    return None


def _believed(candidate: Candidate) -> bool:
    return not str(candidate.values.get("domain", "")).startswith("outside")


def columns_of(candidates: Sequence[Candidate]) -> list[Column]:
    """Returns the columns in which a candidate has a value.

    Args:
        candidates: Those on the page.
    """
    there = {key for one in candidates for key in one.values}
    return [column for column in COLUMNS if column.key in there]
