"""Formulas from JSON: the forms that pandas writes, a record a line, answers of servers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from tfmat.datasets.readers.formulas import read_formulas, table_columns

FRAME = pd.DataFrame(
    {
        "material_id": ["a", "b", "c", "d"],
        "pretty_formula": ["Li2O", "Xx", None, "Ca(OH)2"],
        "energy": [-1.5, 2.0, 0.0, float("nan")],
    }
)


@pytest.mark.parametrize("orient", [None, "columns", "index", "records", "split", "table"])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("labels", [None, ["mp-1", "mp-2", "mp-3", "Li2O"]])
def test_the_forms_of_pandas(
    tmp_path: Path, orient: str | None, indent: int | None, labels: list[str] | None
) -> None:
    frame = FRAME.set_index(pd.Index(labels)) if labels else FRAME
    path = tmp_path / "table.json"
    frame.to_json(path, orient=orient, indent=indent)
    table = read_formulas(path, columns=["energy", "material_id"])
    assert table.formula_column == "pretty_formula"
    assert table.compositions.formulas() == ["Li2O", "CaH2O2"]
    assert table.rows.tolist() == [0, 3]
    assert table.rejected == [(1, "unknown element: 'Xx'"), (2, "no formula")]
    assert table.rejected_texts == ["Xx", ""]
    assert table.columns["energy"].to_pylist() == ["-1.5", None]
    assert table.columns["material_id"].to_pylist() == ["a", "d"]
    assert set(FRAME.columns) <= set(table_columns(path))


def test_rows_without_names_where_one_column_holds_formulas(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    FRAME.to_json(path, orient="values")
    table = read_formulas(path)
    assert table.compositions.formulas() == ["Li2O", "CaH2O2"]
    assert table_columns(path) == ["column_0", "formula", "column_2"]


def test_a_record_a_line_and_a_broken_line(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl.gz"
    text = FRAME.to_json(orient="records", lines=True)
    path.write_bytes(gzip.compress((text + "\n[1]\n" + text[:20]).encode()))
    table = read_formulas(path)
    assert table.compositions.formulas() == ["Li2O", "CaH2O2"]
    assert [row for row, _ in table.rejected] == [1, 2, 4, 5]
    assert table.rejected[2][1] == "broken row: a list, no record"
    assert table.rejected[3][1].startswith("broken row: not JSON")


@pytest.mark.parametrize(
    ("value", "formulas", "reasons"),
    [
        (["Li2O", "NaCl", 3], ["Li2O", "NaCl"], ["broken row: a number, no record"]),
        (pd.Series(["Li2O", "NaCl"]).to_dict(), ["Li2O", "NaCl"], []),
        ({"formula": ["Li2O", "NaCl"]}, ["Li2O", "NaCl"], []),
        ({"formula": "Li2O", "x": {"y": 1}}, ["Li2O"], []),
        ([{"composition": {"Li": 2.0, "O": 1}}, {"composition": "Na1 Cl1"}], ["Li2O", "NaCl"], []),
        ([{"formula": {"Li": True}}, {"formula": "K"}], ["K"], ["unexpected character: '\"'"]),
        ([{"formula": "Li2O"}, {"e": 1}, None], ["Li2O"], ["no formula", "broken row: nothing"]),
        ([{"formula": "K"}, {"formula": "\ud800"}], ["K"], ["encoding: a character"]),
        ({"data": [{"id": "1", "attributes": {"chemical_formula_reduced": "LiO"}}]}, ["LiO"], []),
        ({"columns": ["formula"], "data": [["K"], ["K", 1], 5]}, ["K"], ["broken row"] * 2),
    ],
)
def test_other_forms(
    tmp_path: Path, value: object, formulas: list[str], reasons: list[str]
) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps(value))
    table = read_formulas(path)
    assert table.compositions.formulas() == formulas
    assert len(table.rejected) == len(reasons)
    for (_, found), reason in zip(table.rejected, reasons, strict=True):
        assert found.startswith(reason)


def test_the_column_that_was_named_is_found(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    pd.DataFrame({"name": ["Li2O", "NaCl"]}).to_json(path)
    assert read_formulas(path, "name").compositions.formulas() == ["Li2O", "NaCl"]


def test_a_list_of_bracketed_formulas_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("[Li2O]2\n{Na}Cl\n")
    assert read_formulas(path).compositions.formulas() == ["Li2O", "NaCl"]


@pytest.mark.parametrize(
    "text",
    [
        '[{"\\ud800": "x", "formula": "NaCl"}]',
        '{"\\ud800": ["x"], "formula": ["NaCl"]}',
        '{"columns": ["\\ud800", "formula"], "data": [["x", "NaCl"]]}',
        '{"\\ud800": "x", "formula": "NaCl"}\n',
    ],
)
def test_half_a_character_in_the_name_of_a_column(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert table_columns(tmp_path / "a.json") == ["<U+D800>", "formula"]
    table = read_formulas(tmp_path / "a.json", columns=["<U+D800>"])
    assert table.columns["<U+D800>"].to_pylist() == ["x"]
    assert table.compositions.formulas() == ["NaCl"]
