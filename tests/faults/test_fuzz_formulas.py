"""Any text is a formula or is refused with the reason, any file is a table or is refused."""

from __future__ import annotations

import csv
import itertools
import os
import re
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fuzzed_tables import FORMULAS, SUFFIXES, files
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st
from pymatgen.core import Composition
from tfmat.cli import main

from tfmat.csv_tables import text_of
from tfmat.datasets.readers.formulas import read_formulas, table_columns
from tfmat.datasets.readers.table_columns import to_numbers
from tfmat.errors import InputError
from tfmat.formulas.compositions import symbols
from tfmat.formulas.formula_text import FormulaError, parse_formula
from tfmat.formulas.parsing import parse_formulas

SECONDS = float(os.environ.get("TFMAT_FUZZ_SECONDS", "300"))
"""How long each of the long tests goes on."""
# Only what both this library and pymatgen read, and in which neither has a say of its own.
_COMMON = re.compile(r"(?:[A-Z][a-z]?|[()\[\]{}]|(?<=[A-Za-z)\]}])[1-9]\d?)+")


def check_formula(text: str) -> None:
    """One composition or one reason, the same in a list, and pymatgen's where it has one."""
    try:
        found = parse_formula(text)
    except FormulaError as error:
        assert str(error).isprintable()  # noqa: PT017
        str(error).encode()
        found = None
    else:
        assert found
        assert all(0 < count < 65_536 for count in found.values())
    parsed = parse_formulas(["Li2O", text, None])
    assert parsed.compositions.mapping(0) == {3: 2, 8: 1}
    assert len(parsed.compositions) == 1 + (found is not None)
    if found is None:
        assert [row for row, _ in parsed.rejected] == [1, 2]
    else:
        assert parsed.compositions.mapping(1) == dict(sorted(found.items()))
    if found is not None and _COMMON.fullmatch(text):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = Composition(text).get_el_amt_dict()
        unit = sum(theirs.values()) / sum(found.values())
        ours = {symbols()[number]: count * unit for number, count in found.items()}
        assert ours == pytest.approx(theirs)


def check_file(path: Path, content: bytes) -> None:
    """A table whose every row is kept or rejected, or one line that says what is wrong."""
    path.write_bytes(content)
    try:
        names = table_columns(path)
        table = read_formulas(path, columns=[name for name in names if name][:1])
    except InputError as error:
        message = str(error)
        assert message.startswith(str(path))
        assert len(message.splitlines()) == 1
        return
    assert len(table.compositions) == len(table.rows) > 0
    rejected = [row for row, _ in table.rejected]
    places = sorted([*table.rows.tolist(), *rejected])
    assert len(set(places)) == len(places)
    assert table.rows.tolist() == sorted(table.rows.tolist())
    assert rejected == sorted(rejected)
    assert len(table.rejected_texts) == len(rejected)
    assert all(reason and "\n" not in reason for _, reason in table.rejected)
    for cells in table.columns.values():
        assert len(cells) == len(table.rows)
        to_numbers(cells)


def check_command(path: Path, content: bytes, words: list[str], capsys: Any) -> None:
    """A command ends with 0 or with one line and 2, and prints nothing that commands."""
    path.write_bytes(content)
    out = path.parent / "out"
    with pytest.raises(SystemExit) as caught:
        main.main([word.format(path=path, out=out) for word in words])
    printed, said = capsys.readouterr()
    assert caught.value.code in (0, 2)
    assert all(line.strip("\r").isprintable() for line in (printed + said).split("\n"))
    assert caught.value.code == 0 or sum(line.startswith("tfmat: ") for line in said.split("\n"))
    table = out / "rejected.csv"
    if table.is_file():
        with table.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream, strict=True))
        assert all(cell.isprintable() for row in rows for cell in row)
        assert all(text_of(cell) == cell or cell[0] == "'" for row in rows for cell in row)
        assert {len(row) for row in rows} == {3}


COMMANDS = [
    ["data", "import", "{path}", "--kind", "compositions", "--out", "{out}"],
    ["data", "import", "{path}", "--kind", "compositions", "--out", "{out}", "--json"],
    ["evaluate", "compositions", "{path}", "--json"],
    ["data", "import", "{path}", "--out", "{out}"],
]


def fuzz(check: Callable[..., None], examples: int, number: int, **given_by: Any) -> None:
    """Runs a check with so many inputs of a seed."""
    quiet = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    seed(number)(quiet(given(**given_by)(check)))()


def repeat(run: Callable[[int, int], None], examples: int, what: str, capsys: Any) -> None:
    """Runs with one seed after the other until the time is over, and says how often."""
    end = time.monotonic() + SECONDS
    for number in itertools.count(1):
        run(number, examples)
        if time.monotonic() > end:
            break
    with capsys.disabled():
        sys.stdout.write(f"\n{what}: {number * examples} inputs\n")


def fuzz_formulas(number: int, examples: int) -> None:
    fuzz(check_formula, examples, number, text=FORMULAS)


def fuzz_files(folder: Path, number: int, examples: int) -> None:
    def check(content: bytes, suffix: str) -> None:
        check_file(folder / f"table{suffix}", content)

    fuzz(check, examples, number, content=files(), suffix=SUFFIXES)


def fuzz_commands(folder: Path, number: int, examples: int, capsys: Any) -> None:
    counter = itertools.count()

    def check(content: bytes, suffix: str, words: list[str]) -> None:
        place = folder / f"{number}-{next(counter)}"
        place.mkdir()
        check_command(place / f"table{suffix}", content, words, capsys)

    fuzz(
        check,
        examples,
        number,
        content=files(),
        suffix=SUFFIXES,
        words=st.sampled_from(COMMANDS),
    )


@example(b'{"\\ud800": "", "formula": ""}', ".csv")
@given(content=st.binary(max_size=60), suffix=SUFFIXES)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes(tmp_path: Path, content: bytes, suffix: str) -> None:
    check_file(tmp_path / f"table{suffix}", content)


def test_formulas() -> None:
    fuzz_formulas(0, 400)


def test_files(tmp_path: Path) -> None:
    fuzz_files(tmp_path, 0, 300)


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fuzz_commands(tmp_path, 0, 30, capsys)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_formulas_for_long(capsys: pytest.CaptureFixture[str]) -> None:
    repeat(fuzz_formulas, 1000, "formulas", capsys)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_files_for_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repeat(partial(fuzz_files, tmp_path), 500, "tables of formulas", capsys)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_commands_for_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(number: int, examples: int) -> None:
        fuzz_commands(tmp_path, number, examples, capsys)

    repeat(run, 50, "commands on tables", capsys)
