"""Every way to hold structures out, as one rule with a record of what it did."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets import dates
from tfmat.datasets.splits.groups import Formula, joined, split, system
from tfmat.errors import InputError
from tfmat.formulas.elements import atomic_numbers
from tfmat.formulas.formula_text import FormulaError, parse_formula

SplitKind = Literal["random", "formula", "system", "leave-out", "created"]
KINDS: tuple[str, ...] = get_args(SplitKind)
Side = Literal["train", "test"]

_DASHES = str.maketrans("–−‐", "---")


@dataclass(frozen=True)
class SplitRule:
    """How structures are held out.

    Args:
        kind: ``random`` (copies of one structure stay together), ``formula`` (whole reduced
            formulas), ``system`` (whole chemical systems), ``leave-out`` (the formulas and systems
            of ``leave_out``) or ``created`` (what is newest); with each of them, the copies of
            what is held out are held out too.
        test_fraction: Share to hold out; not used by ``leave-out``, nor with ``from_date``.
        leave_out: Formulas in any multiple and order (``Bi2Se3``, ``Se6Bi4``) and systems
            (``Co-Hf``: Co and Hf together and nothing else).
        from_date: First day that is held out (``2018-07-13``); empty for the newest share.
        undated: Side of what has no date: ``train`` or ``test``.

    Raises:
        InputError: The parts do not belong together, or a formula or the date cannot be read.
    """

    kind: SplitKind = "random"
    test_fraction: float = 0.1
    leave_out: tuple[str, ...] = ()
    from_date: str = ""
    undated: Side = "train"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"split {self.kind!r}: give one of {', '.join(KINDS)}")
        if self.kind == "leave-out" and not self.leave_out:
            raise InputError(
                "split leave-out: nothing to leave out; name formulas such as Bi2Se3 or systems "
                "such as Co-Hf in leave_out"
            )
        if self.kind != "leave-out" and self.leave_out:
            raise InputError(
                f"split {self.kind}: leave_out belongs to split leave-out; give that, or leave "
                "leave_out away"
            )
        if self.kind != "created" and (self.from_date or self.undated != "train"):
            raise InputError(
                f"split {self.kind}: from_date and undated belong to split created; give that, or "
                "leave them away"
            )
        if self.undated not in ("train", "test"):
            raise InputError(f"undated {self.undated!r}: give train or test")
        if self.from_date:
            try:
                dates.days(self.from_date)
            except InputError as error:
                raise InputError(f"from_date: {error}") from error
        elif self.kind != "leave-out" and not 0 < self.test_fraction < 1:
            raise InputError(f"test fraction {self.test_fraction}: give a number between 0 and 1")
        for name in self.leave_out:
            read_name(name)


@dataclass(frozen=True, eq=False)
class Split:
    """What is learned from and what is held out.

    Args:
        train: Numbers of the structures to learn from, ascending.
        test: Numbers of those held out, ascending.
        record: The rule and what it did, for JSON.
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    record: dict[str, Any]


def read_name(name: str) -> Formula | tuple[int, ...]:
    """Reads what to leave out.

    Args:
        name: A formula, or the symbols of a system with dashes between them.

    Returns:
        The reduced formula, or the system's atomic numbers, ascending.

    Raises:
        InputError: It is neither.
    """
    text = "".join(name.split()).translate(_DASHES)
    try:
        if "-" in text:
            symbols = text.split("-")
            unknown = [symbol for symbol in symbols if symbol not in atomic_numbers()]
            if unknown:
                raise FormulaError(f"unknown element: {unknown[0]!r}")
            return tuple(sorted({atomic_numbers()[symbol] for symbol in symbols}))
        return tuple(sorted(parse_formula(text).items()))
    except FormulaError as error:
        raise InputError(
            f"leave out {name!r}: {error}; write a formula such as Bi2Se3 or a system such as Co-Hf"
        ) from error


def hold_out(
    rule: SplitRule,
    formulas: Sequence[Formula],
    seed: int,
    families: Sequence[Hashable] | None = None,
    created: NDArray[np.float64] | None = None,
) -> Split:
    """Splits structures by a rule.

    Args:
        rule: The rule.
        formulas: Reduced formula of every structure.
        seed: Seed; of no meaning for ``leave-out`` and ``created``.
        families: Family of every structure (:func:`tfmat.datasets.splits.copies.families`).
        created: Date of every structure in days since 1970-01-01, NaN where unknown; needed by
            ``created``.

    Returns:
        The split; no family is on both sides.

    Raises:
        InputError: Nothing would be held out, or nothing left to learn from; the dates are needed
            and missing.
    """
    record: dict[str, Any] = {"kind": rule.kind}
    if rule.kind == "leave-out":
        test, more = _named(rule.leave_out, formulas, families)
    elif rule.kind == "created":
        test, more = _newest(rule, len(formulas), families, created)
    else:
        _, chosen = split(formulas, rule.test_fraction, seed, rule.kind, families)
        test = np.isin(np.arange(len(formulas)), chosen)
        more = {"test_fraction": rule.test_fraction, "seed": seed}
    held_out = np.flatnonzero(test)
    names = {formulas[int(index)] for index in held_out}
    record |= {
        **more,
        "structures": len(held_out),
        "formulas": len(names),
        "systems": len({system(name) for name in names}),
    }
    return Split(np.flatnonzero(~test), held_out, record)


def rows_hash(rows: NDArray[np.intp]) -> str:
    """Returns the SHA-256 of row numbers, so that a split made again can be compared.

    Args:
        rows: Rows of a dataset, ascending.
    """
    return hashlib.sha256(np.asarray(rows, dtype="<i8").tobytes()).hexdigest()


def sentence(record: Mapping[str, Any]) -> str:
    """Says in a few words how structures were held out.

    Args:
        record: Record of a :class:`Split`.
    """
    words = f"{record['kind']} split"
    if "leave_out" in record:
        words += ": " + ", ".join(f"{name} {count}" for name, count in record["leave_out"].items())
    if record.get("copies_besides"):
        words += f", {record['copies_besides']} copies of these besides"
    if "from_date" in record:
        words += f": from {record['from_date']} on"
    if record.get("older_copies"):
        words += f", with {record['older_copies']} older copies"
    if "undated" in record and record["undated"]["structures"]:
        where = "learned from" if record["undated"]["side"] == "train" else "held out"
        words += f"; {record['undated']['structures']} without a date are {where}"
    return words


def _named(
    names: Sequence[str], formulas: Sequence[Formula], families: Sequence[Hashable] | None
) -> tuple[NDArray[np.bool_], dict[str, Any]]:
    found: dict[str, int] = {}
    named = np.zeros(len(formulas), dtype=bool)
    for name in names:
        wanted = read_name(name)
        here = np.array([wanted in (entry, system(entry)) for entry in formulas], dtype=bool)
        found[name] = int(here.sum())
        named |= here
    if not named.any():
        raise InputError(
            f"split leave-out: none of {len(formulas)} structures is of {', '.join(names)}; "
            "`tfmat data info` shows the systems, ``as_json`` all of them"
        )
    test = _with_families(named, families)
    if test.all():
        raise InputError(
            f"split leave-out: all {len(formulas)} structures are of {', '.join(names)}, or copies "
            "of such; nothing is left to learn from"
        )
    return test, {"leave_out": found, "copies_besides": int((test & ~named).sum())}


def _newest(
    rule: SplitRule,
    count: int,
    families: Sequence[Hashable] | None,
    created: NDArray[np.float64] | None,
) -> tuple[NDArray[np.bool_], dict[str, Any]]:
    dated = np.zeros(count, dtype=bool) if created is None else np.isfinite(created)
    if created is None or not dated.any():
        raise InputError(
            "split created: the structures have no dates (property created); import them again "
            "from a source that has, or choose another split"
        )
    groups = joined(count, families)
    # A copy is as new as the newest of its family: nothing from the day on is learned from.
    newest = np.full(count, -np.inf)
    np.maximum.at(newest, groups[dated], created[dated])
    newest = newest[groups]
    known = np.isfinite(newest)
    if rule.from_date:
        first = dates.days(rule.from_date)
    else:
        days, most = np.floor(newest[known]), round(rule.test_fraction * int(dated.sum()))
        if known.all() or rule.undated == "test":
            # Something must be left to learn from, however large the share.
            most = min(most, len(days) - 1)
        first = _first_day(days, most)
    test = newest >= first
    if not test.any():
        raise InputError(
            f"split created: nothing is from {rule.from_date} on; the dates reach from "
            f"{dates.iso(created[dated].min())} to {dates.iso(created[dated].max())}"
        )
    older = int((test & dated & (np.nan_to_num(created) < first)).sum())
    if rule.undated == "test":
        test = test | ~known
    if test.all():
        raise InputError(
            f"split created: all {count} structures are from {dates.iso(first)} on, copies of "
            "such, or undated; nothing is left to learn from"
        )
    return test, {
        "from_date": rule.from_date or dates.iso(first),
        "older_copies": older,
        "undated": {"side": rule.undated, "structures": int((~known).sum())},
    }


def _first_day(days: NDArray[np.float64], most: int) -> float:
    """Returns the earliest day from which on at most so many are, else the last day."""
    distinct, counts = np.unique(days, return_counts=True)
    from_then_on = counts[::-1].cumsum()[::-1]
    allowed = distinct[from_then_on <= most]
    return float(allowed[0] if len(allowed) else distinct[-1])


def _with_families(
    chosen: NDArray[np.bool_], families: Sequence[Hashable] | None
) -> NDArray[np.bool_]:
    groups = joined(len(chosen), families)
    return np.isin(groups, groups[chosen])
