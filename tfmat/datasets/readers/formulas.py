"""Reads formulas and other columns from a table, a plain list or a dataset of compositions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfmat.datasets.readers.csv import first_line, header
from tfmat.datasets.readers.formula_json import JsonTable, read_json_table
from tfmat.datasets.readers.records import open_binary, open_text
from tfmat.datasets.readers.text_tables import (
    TextLayout,
    arrow_errors,
    is_formula,
    read_text_table,
)
from tfmat.errors import InputError, did_you_mean
from tfmat.formulas.compositions import Compositions
from tfmat.formulas.parsing import parse_formulas

# Most particular first: a table may hold both the reduced and the full formula. Of names only
# letters and digits are compared, in lower case.
_FORMULA_COLUMNS = (
    "formula",
    "formulas",
    "reducedformula",
    "prettyformula",
    "formulapretty",
    "formulareduced",
    "chemicalformulareduced",
    "reducedcomposition",
    "compositionreduced",
    "composition",
    "compositions",
    "chemicalformula",
    "chemicalformulas",
    "chemformula",
    "fullformula",
    "formulafull",
    "unitcellformula",
    "formulasum",
    "sumformula",
    "chemicalformulasum",
    "formulahill",
    "hillformula",
    "chemicalformulahill",
    "chemicalformuladescriptive",
    "chemicalcomposition",
    "materialformula",
    "formulaunit",
    "stoichiometry",
    "compound",
    "compounds",
)
_ENDINGS = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".parquet", ".pq", ".gz"}
_LONGEST_HEADER = 2**20
# [Li2O]2 is a formula, ["Li2O"] and [[1 are not.
_JSON = re.compile(r"\s*(?:\[\s*(?:[\[{\"\]]|$)|\{\s*(?:[\"}]|$))")


@dataclass(frozen=True, eq=False)
class FormulaTable:
    """Formulas of a source, with what else was asked for.

    Args:
        compositions: The readable formulas, reduced, in the order of the source ``(m, slots)``.
        rows: Place of each among the rows of the source, from 0, below a header ``(m,)``.
        rejected: Place and reason of each row without a readable formula.
        rejected_texts: What stood there.
        columns: The columns that were asked for, ``m`` cells each in a ``pyarrow`` array: text, or
            in Parquet and datasets whatever they hold.
        formula_column: The column that the formulas are from.
    """

    compositions: Compositions
    rows: NDArray[np.int64]
    rejected: list[tuple[int, str]]
    rejected_texts: list[str]
    columns: dict[str, Any]
    formula_column: str

    @property
    def left_out(self) -> str:
        """How many rows are no formula, and why the first is none; empty if all are."""
        if not self.rejected:
            return ""
        why = self.rejected[0][1]
        return f"{len(self.rejected):,} rows are no formula and are left out, the first: {why}"


@dataclass(frozen=True)
class _FileLayout(TextLayout):
    """Form of any file."""

    form: Literal["parquet", "text", "json"] = "text"
    json: JsonTable | None = None


def table_columns(source: str | Path) -> list[str]:
    """Returns the names of the columns of a source; of a dataset, its properties.

    Args:
        source: As for :func:`read_formulas`.

    Raises:
        InputError: It cannot be read.
    """
    source = Path(source)
    if is_dataset(source):
        from tfmat.datasets.composition_store import CompositionDataset

        return CompositionDataset.open(source).properties
    return _layout(source).names


def read_formulas(
    source: str | Path,
    column: str | None = None,
    columns: Sequence[str] = (),
    limit: int | None = None,
) -> FormulaTable:
    """Reads formulas from a table, a list or a dataset.

    Args:
        source: CSV or TSV (comma, semicolon or tab), JSON (the forms of pandas, a record a line),
            a text file with one formula a line (all of these also gzipped), Parquet, or a dataset
            of compositions by folder or name.
        column: Column with the formulas; by default the first with a usual name, such as
            ``formula``, ``pretty_formula`` or ``composition``, whatever its case.
        columns: Other columns to read.
        limit: Read only this many rows.

    Returns:
        The formulas. A row that cannot be read is among the rejected.

    Raises:
        InputError: The source is missing, empty or no table; a column is missing; no row holds a
            readable formula.
    """
    source = Path(source)
    if is_dataset(source):
        return _read_dataset(source, column, columns, limit)
    layout = _layout(source, column)
    for name in columns:
        _require(source, layout.names, name)
    formula = _formula_column(source, layout, column)
    wanted = list(dict.fromkeys([formula, *columns]))
    read = {"parquet": _read_parquet, "json": _read_json}.get(layout.form, read_text_table)
    table, broken = read(source, layout, wanted)
    places = np.arange(len(table) + len(broken))
    places = np.delete(places, list(broken))
    if limit is not None:
        table = table.slice(0, int(np.count_nonzero(places < limit)))
        broken = {place: reason for place, reason in broken.items() if place < limit}
    if not len(table) + len(broken):
        raise InputError(f"{source}: no rows below the header")
    return _parsed(source, layout, table, formula, columns, places, broken)


def _parsed(
    source: Path,
    layout: _FileLayout,
    table: Any,
    formula: str,
    columns: Sequence[str],
    places: NDArray[np.int64],
    broken: dict[int, str],
) -> FormulaTable:
    """Parses the formulas of a table whose rows stand at ``places`` among broken ones."""
    texts = table.column(formula)
    parsed = parse_formulas(texts)
    rejected = [(int(places[row]), texts[row].as_py() or "", why) for row, why in parsed.rejected]
    if layout.form == "text" and layout.is_list:  # an empty line of a list is no row
        rejected = [row for row in rejected if row[1].strip()]
    rejected = sorted([*rejected, *((place, "", why) for place, why in broken.items())])
    if not len(parsed.rows):
        first = f"; row {rejected[0][0] + 1}: {rejected[0][2]}" if rejected else ""
        raise InputError(
            f"{source}: no readable formula in the column {formula!r}{first}; "
            "mend them, or call the right column 'formula'"
        )
    return FormulaTable(
        parsed.compositions,
        places[parsed.rows],
        [(place, why) for place, _, why in rejected],
        [text for _, text, _ in rejected],
        {name: table.column(name).take(pa.array(parsed.rows)) for name in columns},
        formula,
    )


def is_dataset(source: Path) -> bool:
    """Tells a dataset, by folder or name, from a file.

    Args:
        source: As for :func:`read_formulas`.

    Raises:
        InputError: It looks like the name of a file, and there is none.
    """
    if source.is_file():
        return False
    if not source.exists() and source.suffix.lower() in _ENDINGS:
        raise InputError(f"{source}: no such file")
    return True


def _read_dataset(
    source: Path, column: str | None, columns: Sequence[str], limit: int | None
) -> FormulaTable:
    from tfmat.datasets.composition_store import CompositionDataset

    dataset = CompositionDataset.open(source)
    if column is not None:
        raise InputError(f"{source}: a dataset of compositions has no column {column!r}")
    compositions = dataset.compositions[: len(dataset) if limit is None else limit]
    return FormulaTable(
        compositions,
        np.arange(len(compositions)),
        [],
        [],
        {name: pa.array(dataset.property(name)[: len(compositions)]) for name in columns},
        "formula",
    )


def _layout(path: Path, wanted: str | None = None) -> _FileLayout:
    """Finds out how a file is written, from its content.

    ``wanted`` is the column with the formulas, if the user named one.
    """
    with open_binary(path) as raw:
        magic = raw.read(4)
    if magic == b"PAR1":
        import pyarrow.parquet as pq

        with open_binary(path) as stream, arrow_errors(path):
            return _FileLayout(pq.read_schema(stream).names, form="parquet")
    with open_text(path) as stream:
        line, named, skip = first_line(iter(lambda: stream.readline(_LONGEST_HEADER), ""))
    if not line:
        raise InputError(f"{path}: the file is empty")
    if "\0" in line:
        raise InputError(
            f"{path}: not a table; give CSV, TSV, JSON, Parquet or a formula a line, in UTF-8"
        )
    if _JSON.match(line):
        table = read_json_table(path, lambda name: name == wanted or _key(name) in _FORMULA_COLUMNS)
        return _FileLayout(table.names, form="json", json=table)
    names, delimiter = header(line, named)
    headless = ".txt" in path.suffixes or is_formula(names[0])
    if len(names) == 1 and _key(names[0]) not in _FORMULA_COLUMNS and headless:
        return _FileLayout(["formula"])
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"{path}: two columns are called {doubled[0]!r}; rename one")
    return _FileLayout(names, delimiter, skip)


def _formula_column(path: Path, layout: _FileLayout, wanted: str | None) -> str:
    """Returns the column that holds the formulas."""
    if wanted is not None:
        _require(path, layout.names, wanted)
        return wanted
    by_key = {_key(name): name for name in reversed(layout.names)}
    for name in _FORMULA_COLUMNS:
        if name in by_key:
            return by_key[name]
    if any(map(is_formula, layout.names)):
        raise InputError(f"{path}: the first line must name the columns, one of them 'formula'")
    raise InputError(
        f"{path}: no column of formulas: call it 'formula', or name it with `formula` where the "
        f"command has that; there are: {', '.join(layout.names)[:200]}"
    )


def _require(path: Path, names: Sequence[str], wanted: str) -> None:
    if wanted not in names:
        raise InputError(
            f"{path}: no column {wanted!r}{did_you_mean(wanted, names)}; there are: "
            f"{', '.join(names)[:200]}"
        )


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _read_parquet(path: Path, _: _FileLayout, names: list[str]) -> tuple[Any, dict[int, str]]:
    import pyarrow.parquet as pq

    with open_binary(path) as stream, arrow_errors(path):
        table = pq.read_table(stream, columns=names)
        kind = table.schema.field(names[0]).type
        try:
            return table.set_column(0, names[0], table.column(0).cast(pa.large_string())), {}
        except pa.ArrowNotImplementedError:
            raise InputError(f"{path}: column {names[0]!r} holds {kind}, not formulas") from None


def _read_json(_: Path, layout: _FileLayout, names: list[str]) -> tuple[Any, dict[int, str]]:
    table = layout.json
    assert table is not None  # noqa: S101
    columns = {name: pa.array(table.column(name), pa.large_string()) for name in names}
    return pa.table(columns), table.broken
