"""How much two datasets have in common: what leaks from a training set into a test set."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, NotRequired, TypedDict

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.splits.copies import base_name, has_copies_by_name, linked
from tfmat.datasets.splits.groups import Formula, system
from tfmat.datasets.splits.write import AnyDataset, formulas_of
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions
from tfmat.formulas.elements import atomic_numbers

EXAMPLES = 10


class Shared(TypedDict):
    """Rows of one dataset of which another knows something, and some of what it is."""

    rows: int
    distinct: NotRequired[int]
    examples: list[Any]


def leaks(train: AnyDataset, test: AnyDataset) -> dict[str, Any]:
    """Counts the rows of one dataset of which another knows something.

    Args:
        train: What is learned from.
        test: What is held out; both structures or both compositions.

    Returns:
        Rows of each, and for ``identifiers``, ``copies`` (as
        :func:`tfmat.datasets.splits.copies.families` finds them), ``formulas`` and ``systems`` how
        many rows of ``test`` share theirs with ``train``, with up to 10 examples. Compositions have
        neither identifiers nor copies.

    Raises:
        InputError: One holds structures and the other compositions.
    """
    if isinstance(train, Dataset) != isinstance(test, Dataset):
        raise InputError(
            f"{train.path} and {test.path}: one holds structures and the other compositions; give "
            "two of a kind"
        )
    found: dict[str, Any] = {
        side: {"dataset": str(data.path), "rows": len(data), "sha256": data.sha256}
        for side, data in (("train", train), ("test", test))
    }
    if isinstance(train, Dataset) and isinstance(test, Dataset):
        known = set(train.ids)
        shared = [name for name in test.ids if name in known]
        found["identifiers"] = {"rows": len(shared), "examples": shared[:EXAMPLES]}
        found["copies"] = _copies(train, test)
    formulas, others = formulas_of(train), formulas_of(test)
    found["formulas"] = _shared(formulas, others, _formula_text)
    found["systems"] = _shared(
        [system(entry) for entry in formulas], [system(entry) for entry in others], _system_text
    )
    return found


def _shared(
    known: Sequence[Hashable], labels: Sequence[Hashable], write: Callable[[Any], str]
) -> Shared:
    """Counts labels that are known, and names some of the most frequent of them."""
    distinct = set(known)
    counts: dict[Hashable, int] = {}
    for label in labels:
        if label in distinct:
            counts[label] = counts.get(label, 0) + 1
    first = sorted(counts, key=lambda label: -counts[label])[:EXAMPLES]
    return {
        "rows": sum(counts.values()),
        "distinct": len(counts),
        "examples": [write(label) for label in first],
    }


def _copies(train: Dataset, test: Dataset) -> Shared:
    crystals: list[Callable[[], Crystal]] = []
    names: list[Hashable] = []
    for data in (train, test):
        # Elsewhere the same identifier may be another structure's: those are counted apart.
        named = has_copies_by_name(data)
        for row in range(len(data)):
            crystals.append(partial(data.__getitem__, row))
            names.append(base_name(data, row) if named else len(names))
    groups = linked(crystals, names)
    first: dict[int, int] = {}
    for row in range(len(train)):
        first.setdefault(groups[row], row)
    pairs = [
        (test.ids[row], train.ids[first[group]])
        for row, group in enumerate(groups[len(train) :])
        if group in first
    ]
    return {"rows": len(pairs), "examples": [list(pair) for pair in pairs[:EXAMPLES]]}


def _formula_text(entry: Formula) -> str:
    return Compositions.from_mappings([dict(entry)]).formulas()[0]


def _system_text(numbers: tuple[int, ...]) -> str:
    symbols = {number: symbol for symbol, number in atomic_numbers().items() if symbol not in "DT"}
    return "-".join(sorted(symbols[number] for number in numbers))
