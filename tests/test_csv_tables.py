"""Tables that no spreadsheet runs, and that give back what was written."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmat.csv_tables import TableWriter, cell, read_table, text_of
from tfmat.errors import InputError, printable

# Every code point, halves of surrogate pairs too, and often what has a meaning to somebody.
TEXTS = st.text(st.one_of(st.characters(), st.characters(categories=["Cs"]))) | st.text(
    st.sampled_from("=+-@'\"`,;\t\r\n\0\x1b\u202e\u2028\ud800\uff1d \\<U+>19.eABx"), max_size=12
)


@given(TEXTS)
def test_a_cell_is_printable_and_runs_nowhere(text: str) -> None:
    found = str(cell(text))
    assert found.isprintable()
    found.encode()
    try:
        float(found.strip("'"))
    except ValueError:
        assert not found.lstrip(" ").startswith(("=", "+", "-", "@", "\uff1d", "\uff0b"))


@given(TEXTS)
def test_a_text_comes_back_from_its_cell(text: str) -> None:
    assert text_of(str(cell(text))) == printable(text)
    assert printable(printable(text)) == printable(text)


@given(TEXTS, TEXTS)
def test_texts_that_can_be_printed_stay_apart(one: str, other: str) -> None:
    one, other = printable(one), printable(other)
    assert (cell(one) == cell(other)) == (one == other)


@given(st.floats(allow_nan=False) | st.integers() | st.booleans() | st.none())
def test_numbers_stay_numbers(value: float | bool | None) -> None:
    assert cell(value) is value
    if value is not None:
        text = str(float(value))
        assert text_of(str(cell(text))) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-0.5", "-0.5"),
        ("+1e-05", "+1e-05"),
        ("mp-149", "mp-149"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@SUM(1)", "'@SUM(1)"),
        ("-1+1", "'-1+1"),
        ("-", "'-"),
        ("\t=1", "' =1"),
        ("\r=1", "' =1"),
        (" =1", "' =1"),
        ("'=1", "''=1"),
        ("'tis", "'tis"),
        ("\uff1d1", "'\uff1d1"),
        ("\u0661", "\u0661"),
        ("-\u0661", "'-\u0661"),
        ("a\x1b[31mb", "a<U+001B>[31mb"),
        ("a\u202eb", "a<U+202E>b"),
        ("\ud800", "<U+D800>"),
        ("a\nb", "a b"),
    ],
)
def test_examples(text: str, expected: str) -> None:
    assert cell(text) == expected


@given(st.lists(st.tuples(TEXTS, st.floats(allow_nan=False, allow_infinity=False)), min_size=1))
def test_a_table_is_read_as_it_was_written(rows: list[tuple[str, float]]) -> None:
    stream = io.StringIO(newline="")
    writer = TableWriter(stream, ["id", "=energy"])
    for row in rows:
        writer.row(row)
    parsed = list(csv.reader(io.StringIO(stream.getvalue(), newline=""), strict=True))
    assert [float(number) for _, number in parsed[1:]] == [number for _, number in rows]
    assert [text_of(name) for name, _ in parsed[1:]] == [printable(name) for name, _ in rows]
    assert parsed[0] == ["id", "'=energy"]


def test_read_table(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = TableWriter(stream, ["id", "-x"])
        writer.record({"id": "=1", "-x": -1.5})
        writer.record({"id": 'a"b,c'})
    columns, rows = read_table(path)
    assert columns == ["id", "-x"]
    assert list(rows) == [{"id": "=1", "-x": "-1.5"}, {"id": 'a"b,c', "-x": ""}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("id,a\nM\u00e9,1\n".encode("latin-1"), "not a table in UTF-8"),
        ("id,a\n1,2\n".encode("utf-16"), "not a table in UTF-8"),
        (b"id,a\n1\n", "row 1: 1 cells, but 2 columns"),
        (b"id,a\n1,2\n\n1,2,3\n", "row 3: 3 cells, but 2 columns"),
        (b'id,a\n"' + b"x" * 17 * 2**20, "not a table"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as error:
        list(read_table(path)[1])
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_no_other_file_writes_csv() -> None:
    """Who needs a table takes it from here."""
    house = Path(__file__).parents[1]
    writers = [
        path.relative_to(house).as_posix()
        for folder in ("tfmat", "cli")
        for path in (house / folder).rglob("*.py")
        if any(word in path.read_text("utf-8") for word in ("csv.writer(", "csv.DictWriter("))
    ]
    assert writers == ["tfmat/csv_tables.py"]
