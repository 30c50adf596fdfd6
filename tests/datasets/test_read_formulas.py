"""Formulas from tables, lists and datasets, and one line for whatever is none of them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfmat.datasets.composition_store import CompositionWriter
from tfmat.datasets.readers.formulas import read_formulas, table_columns
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions

TABLE = "id,Pretty Formula,energy\na,Li2O,-1.5\nb,Xx,2\nc,NaCl,\nd,Ca(OH)2,0.25\n"


def write(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("table.csv", TABLE),
        ("table.csv.gz", TABLE),
        ("table.tsv", TABLE.replace(",", "\t")),
        ("table.csv", TABLE.replace(",", ";")),
        ("table.csv", TABLE.replace("\n", "\r\n")),
        ("table.csv", "\ufeff" + TABLE),
        ("table.csv", TABLE.encode("utf-16")),
        ("table.csv", ("\ufeff" + TABLE.replace("\na,", '\n"a",')).encode("utf-16-be")),
        ("table.csv", "sep=;\n" + TABLE.replace(",", ";")),
        ("table.csv", '"sep=|"\r\n\r\n' + TABLE.replace(",", "|")),
        ("table.csv", "\n\n" + TABLE.replace("b,", "\nb,")),
        (
            "table.csv",
            TABLE.replace("Li2O", '"Li2O"').replace("Pretty", '"Pretty').replace("la,", 'la",'),
        ),
        ("table.csv", TABLE.removesuffix("\n")),
        ("table", TABLE),
        ("table.txt", TABLE),
    ],
)
def test_a_table(tmp_path: Path, name: str, content: str | bytes) -> None:
    path = write(tmp_path / name, content)
    table = read_formulas(path, columns=["energy", "id"])
    assert table.compositions.formulas() == ["Li2O", "NaCl", "CaH2O2"]
    assert table.rows.tolist() == [0, 2, 3]
    assert table.rejected == [(1, "unknown element: 'Xx'")]
    assert table.rejected_texts == ["Xx"]
    assert table.formula_column == "Pretty Formula"
    assert table.columns["energy"].to_pylist() == ["-1.5", "", "0.25"]
    assert table.columns["id"].to_pylist() == ["a", "c", "d"]
    assert table_columns(path) == ["id", "Pretty Formula", "energy"]


def test_a_gzip_file_without_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(gzip.compress(TABLE.encode()))
    assert len(read_formulas(path).compositions) == 3


@pytest.mark.parametrize("name", ["list.txt", "list.txt.gz", "list.csv", "list"])
def test_a_list(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, "Li2O\n\nNaCl\n(Fe,Mg)O\nK 'x\n\"NaF\nCa0.5O\n\n")
    table = read_formulas(path)
    assert table.compositions.formulas() == ["Li2O", "NaCl", "CaO2"]
    assert table.rows.tolist() == [0, 2, 6]
    assert [row for row, _ in table.rejected] == [3, 4, 5]
    assert table.rejected_texts == ["(Fe,Mg)O", "K 'x", '"NaF']
    assert table.formula_column == "formula"


def test_a_list_may_begin_with_anything_where_the_ending_says_text(tmp_path: Path) -> None:
    table = read_formulas(write(tmp_path / "list.txt", "mine\nLi2O\n"))
    assert table.rows.tolist() == [1]
    assert table.rejected == [(0, "unexpected character: 'm'")]


def test_a_list_with_a_header(tmp_path: Path) -> None:
    table = read_formulas(write(tmp_path / "list.txt", "Formula\nLi2O\nNaF\n"))
    assert table.compositions.formulas() == ["Li2O", "NaF"]
    assert table.formula_column == "Formula"


def test_broken_rows_keep_the_numbers_of_the_others(tmp_path: Path) -> None:
    rows = ["formula,x", "Li2O,1", "NaCl,1,2", '"K\nCl",3', "MgO", "Q,1", "", "CaO,4"]
    table = read_formulas(write(tmp_path / "table.csv", "\n".join(rows)), columns=["x"])
    assert table.compositions.formulas() == ["Li2O", "KCl", "CaO"]
    assert table.rows.tolist() == [0, 2, 5]
    assert table.rejected == [
        (1, "broken row: 3 cells, but 2 columns"),
        (3, "broken row: 1 cells, but 2 columns"),
        (4, "unknown element: 'Q'"),
    ]
    assert table.rejected_texts == ["", "", "Q"]
    assert table.columns["x"].to_pylist() == ["1", "3", "4"]


def test_a_long_table_with_broken_rows(tmp_path: Path) -> None:
    """Longer than a block of the CSV reader."""
    n = 150_000
    lines = [f'Li{row % 7 + 1}O,"row\n{row}"' + ("" if row % 1000 else ",") for row in range(n)]
    table = read_formulas(
        write(tmp_path / "table.csv", "\n".join(["formula,name", *lines])), columns=["name"]
    )
    assert [row for row, _ in table.rejected] == list(range(0, n, 1000))
    assert table.columns["name"].to_pylist() == [f"row\n{row}" for row in table.rows]
    assert np.array_equal(table.compositions.counts[:, 0], table.rows % 7 + 1)


@pytest.mark.parametrize(
    ("content", "formulas", "rows", "reasons"),
    [
        # Another encoding costs the row that it stands in.
        (b"formula,x\nCuSO4\xb75H2O,1\nNaCl,2\n", ["NaCl"], [1], {0: "encoding"}),
        (b"formula,x\nLi2O,caf\xe9\nNaCl,2\n", ["Li2O", "NaCl"], [0, 1], {}),
        (b"formula,\xc9nergie,x\nLi2O,1,2\n", ["Li2O"], [0], {}),
        (b"formula,x\nLi2O,1\nNa\x00Cl,2\n", ["Li2O"], [0], {1: "unexpected character"}),
        # So does a quote that is not closed.
        (
            b'formula,x\nLi2O,1\nNaCl,"2\nMgO,3\nCaO,4\n',
            ["Li2O", "MgO", "CaO"],
            [0, 2, 3],
            {1: "broken row: its quotes"},
        ),
        (
            b'formula,x\nLi2O,1\n"NaCl,2\nMgO,3\n\nCaO,"4"\n',
            ["Li2O", "MgO", "CaO"],
            [0, 2, 3],
            {1: "broken row: its quotes"},
        ),
        (
            b'formula,x\nLi2O,1\nNaCl,"2\nMgO,3\nCaO,4"\nKCl,5\n',
            ["Li2O", "MgO", "CaO", "KCl"],
            [0, 2, 3, 4],
            {1: "broken row: its quotes"},
        ),
        (
            b'formula\nLi2O\n"NaCl\nMgO\nCaO"\nKCl\n',
            ["Li2O", "MgO", "KCl"],
            [0, 2, 4],
            {1: "broken row: its quotes", 3: "unexpected character"},
        ),
        # A quote within a cell, and a cell of several lines, are none.
        (b'formula,x\nLi2O,5" disk\nNaCl,2\n', ["Li2O", "NaCl"], [0, 1], {}),
        (b'formula,x\nLi2O,"a\n\nb ""c"" d"\nNaCl,2\n', ["Li2O", "NaCl"], [0, 1], {}),
        # A cell of some megabytes.
        (b"formula,x\nLi2O," + b"y" * 3_000_000 + b"\nNaCl,2\n", ["Li2O", "NaCl"], [0, 1], {}),
        (b"formula," + b"y" * 300_000 + b",x\nLi2O,1,2\n", ["Li2O"], [0], {}),
        # Delimiters that differ.
        (b"formula;x\nLi2O,1\nNaCl;2\n", ["NaCl"], [1], {0: "broken row: 1 cells"}),
    ],
)
def test_a_bad_row_costs_no_other(
    tmp_path: Path, content: bytes, formulas: list[str], rows: list[int], reasons: dict[int, str]
) -> None:
    table = read_formulas(write(tmp_path / "table.csv", content), columns=["x"] * (b"x" in content))
    assert table.compositions.formulas() == formulas
    assert table.rows.tolist() == rows
    assert [row for row, _ in table.rejected] == list(reasons)
    for row, reason in table.rejected:
        assert reason.startswith(reasons[row])


def test_a_list_in_another_encoding(tmp_path: Path) -> None:
    table = read_formulas(write(tmp_path / "list.txt", b"Li2O\nCuSO4\xb75H2O\nNaCl\n"))
    assert table.compositions.formulas() == ["Li2O", "NaCl"]
    assert table.rows.tolist() == [0, 2]
    assert table.rejected_texts == ["CuSO4\ufffd5H2O"]


@pytest.mark.parametrize(
    ("limit", "rows", "rejected"), [(1, [0], 0), (2, [0], 1), (4, [0, 2, 3], 1), (9, [0, 2, 3], 2)]
)
def test_only_the_first_rows(tmp_path: Path, limit: int, rows: list[int], rejected: int) -> None:
    path = write(tmp_path / "table.csv", TABLE + "e,MgO\n")
    table = read_formulas(path, columns=["id"], limit=limit)
    assert table.rows.tolist() == rows
    assert len(table.columns["id"]) == len(rows)
    assert len(table.rejected) == rejected


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("composition,formula", "formula"),
        ("full_formula,Reduced Formula", "Reduced Formula"),
        ("formula_pretty,formula_anonymous", "formula_pretty"),
        ("name,COMPOSITION", "COMPOSITION"),
        ("id,formulas", "formulas"),
        ("id,pretty_formula", "pretty_formula"),
        ("id,formulaPretty", "formulaPretty"),
        ("id,Chemical Formula (reduced)", "Chemical Formula (reduced)"),
        ("id,_chemical_formula_sum", "_chemical_formula_sum"),
        ("id,Compositions", "Compositions"),
        ("chemical_formula_anonymous,compound", "compound"),
        ("Formula,formula", "Formula"),
    ],
)
def test_usual_names(tmp_path: Path, header: str, found: str) -> None:
    table = read_formulas(write(tmp_path / "table.csv", header + "\nLi2O,Li2O\n"))
    assert table.formula_column == found


def test_a_named_column_wins(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", "formula,other\nLi2O,NaCl\n")
    assert read_formulas(path, "other").compositions.formulas() == ["NaCl"]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    formulas = pa.array(["Li2O", None, "NaCl", "Q"]).dictionary_encode()
    energies, pairs = [1.5, 2.5, None, 1.0], [[1, 2]] * 4
    pq.write_table(pa.table({"energy": energies, "formula": formulas, "pairs": pairs}), path)
    table = read_formulas(path, columns=["energy"])
    assert table.compositions.formulas() == ["Li2O", "NaCl"]
    assert table.columns["energy"].to_pylist() == [1.5, None]
    assert table.rejected == [(1, "no formula"), (3, "unknown element: 'Q'")]
    assert table_columns(path) == ["energy", "formula", "pairs"]
    with pytest.raises(InputError, match=r"'pairs' holds list<.*, not formulas"):
        read_formulas(path, "pairs")
    with pytest.raises(InputError, match="no readable formula in the column 'energy'"):
        read_formulas(path, "energy")


def test_a_dataset(tmp_path: Path) -> None:
    compositions = Compositions.from_mappings([{3: 2, 8: 1}, {11: 1, 17: 1}])
    with CompositionWriter(tmp_path / "set", {"name": "here"}, 2, ["energy"]) as writer:
        writer.add(compositions, {"energy": np.array([1.0, np.nan])})
    table = read_formulas(tmp_path / "set", columns=["energy"])
    assert table.compositions.formulas() == ["Li2O", "NaCl"]
    assert table.rows.tolist() == [0, 1]
    assert np.array_equal(table.columns["energy"].to_numpy(), [1.0, np.nan], equal_nan=True)
    assert table_columns(tmp_path / "set") == ["energy"]
    assert len(read_formulas(tmp_path / "set", limit=1).compositions) == 1
    with pytest.raises(InputError, match="no column 'formula'"):
        read_formulas(tmp_path / "set", "formula")


@pytest.mark.parametrize(
    ("name", "content", "options", "reason"),
    [
        ("a.csv", "", {}, "the file is empty"),
        ("a.csv", "\n \n", {}, "the file is empty"),
        (
            "a.csv",
            "name,energy\nLi2O,1\n",
            {},
            "no column of formulas: call it 'formula', or name it with `formula`",
        ),
        ("a.csv", "Li2O,1\nNaCl,2\n", {}, "the first line must name the columns"),
        (
            "a.csv",
            "formula,e\nLi2O,1\n",
            {"column": "formulas"},
            r"no column 'formulas' \(did you mean formula\?\); there are: formula, e",
        ),
        (
            "a.csv",
            "formula,e\nLi2O,1\n",
            {"columns": ["E"]},
            "no column 'E'.*; there are: formula, e",
        ),
        ("a.csv", "formula,formula\nLi2O,1\n", {}, "two columns are called 'formula'"),
        ("a.csv", "formula,e\n", {}, "no rows below the header"),
        (
            "a.csv",
            "formula,e\n12,1\nnan,2\n",
            {},
            "no readable formula in the column 'formula'; row 1: no element",
        ),
        ("a.txt", "hello\nworld\n", {}, "no readable formula"),
        (
            "a.csv",
            "formula\nCaf\u00e9\n".encode("latin-1"),
            {},
            "no readable formula in the column 'formula'; row 1: encoding: .*UTF-8",
        ),
        ("a.csv", "formula\nLi2O\n".encode("utf-16-le"), {}, "not a table"),
        ("a.xlsx", b"PK\x03\x04\x14\x00\x06\x00\x08", {}, "not a table"),
        ("a.json", '[{"formula": "Li2O"}', {}, "not JSON, or cut off"),
        ("a.json", "[" * 100_000, {}, "nested too deeply"),
        ("a.json", '[{"x": ' + "9" * 5000 + "}]", {}, "not JSON that can be read"),
        ("a.json", '[{"formula": "Li2O", "formula": "K"}]', {}, "'formula' comes twice"),
        ("a.json", '{"name": {"0": "Li2O"}}', {}, "nothing in it is called 'formula'|no column"),
        ("a.json", '{"Li2O": -1.5}', {}, "nothing in it is called 'formula'"),
        ("a.json", '{"formula": {"formula": "Li2O"}}', {}, "both its keys and those within"),
        ("a.json", '{"formula": ["Li2O"], "e": [1, 2]}', {}, "columns have different lengths"),
        ("a.json", '{"formula": ["Li2O"], "e": {"0": 1}}', {}, "some of its columns are lists"),
        ("a.json", '[["Li2O", "NaCl"]]', {}, "not just one column holds formulas"),
        ("a.json", '{"columns": ["e", "e"], "data": []}', {}, "two columns are called 'e'"),
        ("a.json", "[]", {}, "no column of formulas|no rows"),
        ("a.json", "{}", {}, "nothing in it is called 'formula'"),
        ("a.json", '[{"formula": 12}]', {}, "no readable formula"),
        ("a.csv", "\ud800".encode("utf-8", "surrogatepass"), {}, "no column of formulas"),
        ("a.parquet", b"PAR1 and no more", {}, "not a readable table"),
        ("a.csv.gz", None, {}, "the gzip file is cut off or damaged"),
        ("a.cif", "data_Li2O\n_cell_length_a 3\n", {}, "no column of formulas"),
    ],
)
def test_one_line_says_what_is_wrong(
    tmp_path: Path, name: str, content: str | bytes | None, options: dict[str, Any], reason: str
) -> None:
    path = tmp_path / name
    if content is None:
        path.write_bytes(gzip.compress(TABLE.encode() * 50)[:-20])
    else:
        write(path, content)
    with pytest.raises(InputError, match=reason) as error:
        read_formulas(path, **options)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_formulas(tmp_path / "none.csv")
    with pytest.raises(InputError):
        read_formulas("no-such-dataset")
