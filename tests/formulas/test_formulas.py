"""Lists of formulas: the fast form and the slow one agree, and every row keeps its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.datasets.readers.formulas import read_formulas
from tfmat.formulas import parsing as formulas
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.formulas.formula_text import FormulaError, parse_formula
from tfmat.formulas.parsing import parse_formulas

TOKENS = st.builds(
    "{}{}".format,
    st.sampled_from([*symbols()[1:], "D", "T", "Xx", "J"]),
    st.sampled_from(["", "", "1", "2", "3", "12", "100", "9999", "10000", "65536", "0", "02"]),
)
TEXTS = st.one_of(
    st.lists(TOKENS, min_size=1, max_size=5).map("".join),
    st.lists(TOKENS, min_size=1, max_size=3).map(" ".join),
    st.text(alphabet="LiOHCo012.()· ", max_size=8),
    st.none(),
)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=12))
def test_a_list_is_read_as_each_of_its_formulas(texts: list[str | None]) -> None:
    parsed = parse_formulas(texts)
    expected, rejected = {}, []
    for row, text in enumerate(texts):
        try:
            expected[row] = dict(sorted(parse_formula(text).items()))
        except FormulaError as error:
            rejected.append((row, str(error)))
    found = [parsed.compositions.mapping(i) for i in range(len(parsed.compositions))]
    assert dict(zip(parsed.rows.tolist(), found, strict=True)) == expected
    assert parsed.rows.tolist() == sorted(expected)
    assert parsed.rejected == rejected


@given(st.lists(TEXTS, max_size=12))
@settings(deadline=None)
def test_slots_ascend_without_gaps_and_counts_are_reduced(texts: list[str | None]) -> None:
    compositions = parse_formulas(texts).compositions
    numbers = compositions.numbers.astype(int)
    assert ((numbers > 0) == (compositions.counts > 0)).all()
    assert (np.diff(np.where(numbers, numbers, 200), axis=1)[numbers[:, 1:] > 0] > 0).all()
    assert (numbers[:, 0] > 0).all()
    assert compositions.formulas() == compositions.reduced().formulas()


@pytest.mark.parametrize(
    "texts",
    [
        ["Li2O", None, "(Li)2O", "Na2O"],
        np.array(["Li2O", None, "(Li)2O", "Na2O"], object),
        np.array(["Li2O", float("nan"), "(Li)2O", "Na2O"], object),
        pa.array(["Li2O", None, "(Li)2O", "Na2O"]),
        pa.array(["NaCl", "Li2O", None, "(Li)2O", "Na2O", "Fe"])[1:5],
        pa.array(["Li2O", None, "(Li)2O", "Na2O"], pa.large_string()),
        pa.array(["Li2O", None, "(Li)2O", "Na2O"], pa.string_view()),
        pa.array(["Li2O", None, "(Li)2O", "Na2O"]).dictionary_encode(),
        pa.chunked_array([["Li2O"], [], [None, "(Li)2O", "Na2O"]]),
    ],
    ids=lambda texts: type(texts).__name__,
)
def test_any_array_of_text_will_do(texts: Any) -> None:
    parsed = parse_formulas(texts)
    assert parsed.compositions.formulas() == ["Li2O", "Li2O", "Na2O"]
    assert parsed.rows.tolist() == [0, 2, 3]
    assert parsed.rejected == [(1, "no formula")]


@pytest.mark.parametrize("texts", [[], [None], ["?"], pa.array([], pa.string())])
def test_none_at_all(texts: Any) -> None:
    parsed = parse_formulas(texts)
    assert len(parsed.compositions) == len(parsed.rows) == 0
    assert len(parsed.rejected) == len(texts)


def test_the_last_symbol_of_a_block_is_not_read_on() -> None:
    for symbol in symbols()[1:]:
        assert parse_formulas([symbol]).compositions.formulas() == [symbol]


def test_formulas_of_one_width_and_of_another_share_slots() -> None:
    parsed = parse_formulas(["Li", "LiNaKRbCsFrBeMgCaSr", "Li2O"])
    assert parsed.compositions.n_elements.tolist() == [1, 10, 2]


def test_duplicates_stay() -> None:
    assert len(parse_formulas(["Li2O", "OLi2", "Li4O2"]).compositions) == 3


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["Li2O", "NaCl", "CaC2O4(H2O)", "X", "KBr", "MgH2", "H2", "U3O8", "Li+", "Fe0.5O"]
    whole = parse_formulas(texts)
    monkeypatch.setattr(formulas, "_BLOCK", 3)
    cut = parse_formulas(texts)
    assert cut.compositions.formulas() == whole.compositions.formulas()
    assert np.array_equal(cut.rows, whole.rows)
    assert cut.rejected == whole.rejected


@pytest.mark.parametrize("name", ["oqmd", "mp", "icsd_like"])
def test_every_formula_of_the_data_files_is_read(data_dir: Path, name: str) -> None:
    """Beside a plain expression for tokens; the files hold reduced formulas."""
    table = read_formulas(data_dir / f"compositions_{name}.csv.gz", columns=["formula"])
    assert not table.rejected
    number = {symbol: index for index, symbol in enumerate(symbols())}
    token = re.compile(r"([A-Z][a-z]?)(\d*)")
    expected = Compositions.from_mappings(
        {number[symbol]: int(count or 1) for symbol, count in token.findall(text)}
        for text in table.columns["formula"].to_pylist()
    )
    assert np.array_equal(table.compositions.numbers, expected.numbers)
    assert np.array_equal(table.compositions.counts, expected.counts)
