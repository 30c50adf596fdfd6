"""Imports a table of formulas into a dataset of compositions, by a rule."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat import files
from tfmat.datasets import folders
from tfmat.datasets.composition_store import (
    CompositionDataset,
    CompositionWriter,
)
from tfmat.datasets.credit import Credit, given
from tfmat.datasets.properties import CREATED, guess_properties
from tfmat.datasets.readers.formulas import (
    FormulaTable,
    is_dataset,
    read_formulas,
    table_columns,
)
from tfmat.datasets.readers.table_columns import Where, to_numbers
from tfmat.datasets.stored import check_property_name
from tfmat.errors import InputError, did_you_mean
from tfmat.matgan.selection import (
    ENERGY,
    GAP,
    Selection,
    apply_rule,
    check_rule,
    keep_lowest,
    keep_valid,
)
from tfmat.matgan.validity.checker import ValiditySettings

# The rule that keeps only valid formulas, as `valid` does with any.
_FILTERED = "icsd-filter"


@dataclass(frozen=True)
class CompositionOptions:
    """How to read and select formulas.

    Args:
        rule: One of :data:`tfmat.matgan.selection.RULES`.
        where: Conditions ``COLUMN=VALUE`` that a row must meet.
        valid: Keep only charge-neutral formulas with balanced electronegativities, whatever the
            rule.
        validity: How that is judged.
        formula: Column with the formulas; found by its usual names by default.
        properties: Property name to column; known properties are found besides.
        limit: Read only this many rows.
        licence: Of the data, as SPDX writes it; empty for that of the dataset that is read.
        attribution: Whom to cite for the data; none for those of the dataset that is read.
        overwrite: Replace a dataset that is there.
    """

    rule: str = "none"
    where: Sequence[str] = ()
    valid: bool = False
    validity: ValiditySettings = field(default_factory=ValiditySettings)
    formula: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    licence: str = ""
    attribution: Sequence[str] = ()
    overwrite: bool = False


def import_compositions(
    source: Path, out: Path, options: CompositionOptions | None = None
) -> dict[str, Any]:
    """Imports formulas into a dataset of compositions: read, select, one row a formula.

    Rows that cannot be read or that the selection removes go to ``rejected.csv`` with the reason.

    Args:
        source: A table of formulas (CSV, TSV, text, Parquet), or another dataset of compositions.
        out: The dataset folder to make.
        options: How to read and select.

    Returns:
        A summary: rows read, what each step removed, formulas with unknown energy, properties.

    Raises:
        InputError: The source cannot be read, a named column is missing, the licence is none,
            nothing is left, or ``out`` exists.
    """
    options = options or CompositionOptions()
    start = time.monotonic()
    check_rule(options.rule)
    credit = given(options.licence, options.attribution)
    files.check_place(out, overwrite=options.overwrite, own=folders.is_dataset)
    files.check_apart(out, source)
    conditions = [Where.parse(text) for text in options.where]
    for name in options.properties:
        check_property_name(name)
    names = table_columns(source)
    sources = _property_columns(source, names, conditions, options)
    wanted = {*sources.values(), *(condition.column for condition in conditions)}
    table = read_formulas(source, options.formula, sorted(wanted), limit=options.limit)
    selection = Selection(len(table.compositions))
    properties, not_numbers = _properties(table, sources, options, selection)
    for condition in conditions:
        met = condition.holds(table.columns[condition.column])
        selection.remove(f"not {condition}", ~met)
    numbers = apply_rule(
        selection, options.rule, table.compositions, properties.get(ENERGY), properties.get(GAP)
    )
    valid = options.valid or options.rule == _FILTERED
    if valid:
        keep_valid(selection, table.compositions, options.validity)
    keep_lowest(selection, table.compositions, properties.get(ENERGY))
    selection.require_rows(source, len(table.rejected))
    kept = table.compositions[selection.kept]
    unknown = _unknown(properties.get(ENERGY), selection)
    with CompositionWriter(
        out,
        _record(source, table, options, credit),
        int(kept.n_elements.max()),
        list(properties),
        overwrite=options.overwrite,
    ) as writer:
        writer.selection = {
            "rule": options.rule,
            "where": [str(condition) for condition in conditions],
            "valid": options.validity.describe() if valid else None,
            "steps": [vars(step) for step in selection.steps],
            **numbers,
        }
        writer.counts["unknown_energy"] = unknown
        writer.extra["columns"] = sources
        writer.add(kept, {name: values[selection.kept] for name, values in properties.items()})
        writer.reject(_rejections(table, selection))
    return {
        "dataset": str(out),
        "source": str(source),
        "formula_column": table.formula_column,
        "read": len(table.compositions) + len(table.rejected),
        "unreadable": len(table.rejected),
        "unreadable_by_reason": dict(
            Counter(reason.split(": ")[0] for _, reason in table.rejected).most_common()
        ),
        "kept": len(kept),
        "duplicates": selection.steps[-1].removed,
        "unknown_energy": unknown,
        "rejected_by_reason": dict(writer.rejected.most_common()),
        "properties": {
            name: {
                "column": column,
                "known": writer.known[name],
                "not_numbers": not_numbers[name],
            }
            for name, column in sources.items()
        },
        "selection": writer.selection,
        "seconds": round(time.monotonic() - start, 2),
    }


def _property_columns(
    source: Path, columns: Sequence[str], conditions: Sequence[Where], options: CompositionOptions
) -> dict[str, str]:
    """Returns property name to column: those that were asked for, and those with usual names."""
    for option, column in (
        *(("`properties`", column) for column in options.properties.values()),
        *(("`where`", condition.column) for condition in conditions),
    ):
        if column not in columns:
            raise InputError(
                f"{source}: {option}: no column {column!r}{did_you_mean(column, list(columns))}; "
                f"there are: {', '.join(columns)[:200] or 'none'}"
            )
    # Another dataset's columns are properties all of them, whatever their names.
    found = dict(zip(columns, columns, strict=True)) if is_dataset(source) else None
    guessed = guess_properties(columns)
    # A date is a structure's: the structures of one formula have several.
    guessed.pop(CREATED, None)
    return {**(found or guessed), **options.properties}


def _properties(
    table: FormulaTable,
    sources: Mapping[str, str],
    options: CompositionOptions,
    selection: Selection,
) -> tuple[dict[str, NDArray[np.float64]], dict[str, int]]:
    """Reads the properties, and counts the cells of each that are no number and so unknown.

    Where a property that was asked for is no number, the row is removed.
    """
    properties, not_numbers = {}, {}
    for name, column in sources.items():
        properties[name], reasons = to_numbers(table.columns[column])
        not_numbers[name] = len(reasons)
        if reasons and name in options.properties:
            broken = np.zeros(len(selection.kept), bool)
            broken[list(reasons)] = True
            selection.remove(f"{name} is no number", broken)
    return properties, not_numbers


def _unknown(energies: NDArray[np.float64] | None, selection: Selection) -> int:
    if energies is None:
        return int(np.count_nonzero(selection.kept))
    return int(np.count_nonzero(np.isnan(energies) & selection.kept))


def _record(
    source: Path, table: FormulaTable, options: CompositionOptions, credit: Credit
) -> dict[str, Any]:
    dataset = CompositionDataset.open(source) if is_dataset(source) else None
    return {
        "name": source.name if dataset else source.resolve().name,
        "sha256": dataset.sha256 if dataset else files.sha256(source),
        **(
            {"of": {key: dataset.metadata[key] for key in ("source", "selection")}}
            if dataset
            else {}
        ),
        "formula_column": table.formula_column,
        **({"limit": options.limit} if options.limit is not None else {}),
        **(credit.or_else(dataset.credit) if dataset else credit).record(),
    }


def _rejections(table: FormulaTable, selection: Selection) -> Iterator[tuple[int, str, str]]:
    """Yields what is left out in the order of the rows: number (from 1), formula, reason."""
    removed = np.flatnonzero(~selection.kept)
    reasons = [selection.steps[step].name for step in selection.removed_by[removed]]
    formulas = table.compositions[removed].formulas()
    rows = (table.rows[removed] + 1).tolist()
    unreadable = [
        (row + 1, text, f"unreadable: {reason}")
        for (row, reason), text in zip(table.rejected, table.rejected_texts, strict=True)
    ]
    yield from sorted([*zip(rows, formulas, reasons, strict=True), *unreadable])
