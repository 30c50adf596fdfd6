"""8×85 matrices: exact both ways, and decoding beside a literal decoder."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfmat.datasets.readers.formulas import read_formulas
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.matgan import matrix
from tfmat.matgan.elements import ELEMENTS, NUMBERS
from tfmat.matgan.matrix import accept, decode, encode, fits, from_counts, matrix_counts, to_counts

FILES = ("compositions_oqmd.csv.gz", "compositions_mp.csv.gz", "compositions_icsd_like.csv.gz")
FITTING = st.lists(
    st.dictionaries(st.sampled_from(NUMBERS.tolist()), st.integers(1, 8), min_size=1, max_size=8),
    max_size=12,
)
# Few values, so that equal cells and cells at a threshold are common.
CELLS = st.sampled_from([0.0, 0.1, 0.19999, 0.2, 0.20001, 0.49999, 0.5, 0.7, 1.0, 1.0, math.nan])


def literal_counts(cells: np.ndarray, rule: str) -> list[int]:
    """One matrix (8, 85) read cell by cell, as the rules say it."""
    counts = []
    for column in range(85):
        found = 0
        if rule == "original":
            for row in range(8):
                if cells[row, column] >= np.float32(0.2):
                    found = row + 1
        else:
            values = [float(cells[row, column]) for row in range(8)]
            if not any(math.isnan(value) for value in values):
                highest = max(values)
                if highest >= 0.5:
                    found = values.index(highest) + 1
        counts.append(found)
    return counts


def literal_formula(counts: list[int]) -> dict[int, int] | None:
    there = {int(NUMBERS[i]): count for i, count in enumerate(counts) if count}
    if not 2 <= len(there) <= 8:
        return None
    divisor = math.gcd(*there.values())
    return {number: count // divisor for number, count in there.items()}


@settings(deadline=None)
@given(FITTING)
def test_matrices_are_those_of_the_definition(rows: list[dict[int, int]]) -> None:
    matrices = encode(Compositions.from_mappings(rows))
    expected = np.zeros((len(rows), 8, 85), np.float32)
    for index, row in enumerate(rows):
        for number, count in row.items():
            expected[index, count - 1, ELEMENTS.index(symbols()[number])] = 1
    assert matrices.dtype == np.float32
    assert np.array_equal(matrices, expected)


@settings(deadline=None)
@given(FITTING, st.sampled_from(["original", "argmax"]), st.sampled_from([np.float32, np.uint8]))
def test_decoding_gives_back_what_was_encoded(
    rows: list[dict[int, int]], rule: matrix.Rule, dtype: type
) -> None:
    compositions = Compositions.from_mappings(rows)
    decoded = decode(encode(compositions, dtype), rule)
    expected = compositions[compositions.n_elements > 1].reduced()
    assert np.array_equal(decoded.accepted, compositions.n_elements > 1)
    assert decoded.compositions.formulas() == expected.formulas()
    counts = matrix_counts(encode(compositions, dtype), rule)
    assert np.array_equal(counts, to_counts(compositions))


@settings(deadline=None)
@given(FITTING)
def test_counts_come_back_unreduced(rows: list[dict[int, int]]) -> None:
    back = from_counts(to_counts(Compositions.from_mappings(rows)))
    assert [back.mapping(i) for i in range(len(rows))] == [dict(sorted(r.items())) for r in rows]
    assert (np.diff(np.where(back.numbers, back.numbers, 255).astype(int), axis=1) >= 0).all()


@settings(max_examples=25, deadline=None)
@given(
    arrays.arrays(
        np.float32, st.tuples(st.integers(0, 3), st.just(8), st.just(85)), elements=CELLS
    ),
    st.sampled_from(["original", "argmax"]),
)
def test_any_matrix_is_read_as_by_the_literal_decoder(
    matrices: np.ndarray, rule: matrix.Rule
) -> None:
    expect_literal(matrices, rule)


@pytest.mark.parametrize("rule", ["original", "argmax"])
@pytest.mark.parametrize("empty", [0.9, 0.97])
def test_matrices_of_a_network_are_read_as_by_the_literal_decoder(
    rule: matrix.Rule, empty: float
) -> None:
    """About as many cells as a generator's, of all values; more than one block of them."""
    rng = np.random.default_rng(3)
    matrices = rng.uniform(0, 0.3, (700, 8, 85)).astype(np.float32) ** 2
    high = rng.random(matrices.shape) > 1 - (1 - empty) / 8
    matrices[high] = rng.choice([0.2, 0.45, 0.5, 0.8, 1.0, 1.0], np.count_nonzero(high))
    assert 50 < np.count_nonzero(expect_literal(matrices, rule)) < 700


def expect_literal(matrices: np.ndarray, rule: matrix.Rule) -> np.ndarray:
    decoded = decode(matrices, rule)
    expected = [literal_formula(literal_counts(cells, rule)) for cells in matrices]
    assert decoded.accepted.tolist() == [formula is not None for formula in expected]
    found = [decoded.compositions.mapping(i) for i in range(len(decoded.compositions))]
    assert found == [formula for formula in expected if formula is not None]
    return decoded.accepted


def test_of_equal_cells_the_rules_take_the_largest_and_the_lowest_count() -> None:
    matrices = np.zeros((1, 8, 85), np.float32)
    matrices[0, [1, 2, 6], ELEMENTS.index("O")] = 1.0
    matrices[0, 0, ELEMENTS.index("Li")] = 1.0
    assert decode(matrices, "original").compositions.formulas() == ["LiO7"]
    assert decode(matrices, "argmax").compositions.formulas() == ["LiO2"]


def test_of_several_cells_the_original_takes_the_largest_count_and_argmax_the_highest() -> None:
    matrices = np.zeros((1, 8, 85), np.float32)
    matrices[0, [1, 2, 6], ELEMENTS.index("O")] = 0.6, 0.9, 0.25
    matrices[0, 0, ELEMENTS.index("Li")] = 0.5
    assert decode(matrices, "original").compositions.formulas() == ["LiO7"]
    assert decode(matrices, "argmax").compositions.formulas() == ["LiO3"]


@pytest.mark.parametrize(("rule", "at"), matrix.THRESHOLDS.items())
def test_a_cell_at_the_threshold_is_there_and_one_below_is_not(
    rule: matrix.Rule, at: float
) -> None:
    matrices = np.zeros((2, 8, 85), np.float32)
    matrices[0, 0, :2] = at
    matrices[1, 0, :2] = at, np.nextafter(np.float32(at), np.float32(0))
    assert decode(matrices, rule).accepted.tolist() == [True, False]
    assert decode(matrices, rule, threshold=0.1).accepted.tolist() == [True, True]


def test_two_to_eight_elements_are_accepted() -> None:
    counts = np.tri(11, 85, -1, np.uint8)
    assert accept(counts).accepted.tolist() == [2 <= n <= 8 for n in range(11)]
    assert accept(counts).compositions.n_elements.tolist() == list(range(2, 9))
    assert from_counts(counts).n_elements.tolist() == list(range(11))


def test_trailing_channel_and_reused_memory() -> None:
    first = Compositions.from_mappings([{3: 2, 8: 1}, {11: 1, 17: 1}])
    second = Compositions.from_mappings([{12: 1, 8: 1}, {3: 1, 9: 1}])
    out, counts = np.empty((2, 8, 85), np.float32), np.empty((2, 85), np.uint8)
    for compositions in (first, second):
        assert encode(compositions, out=out) is out
        assert np.array_equal(out, encode(compositions))
        assert to_counts(compositions, out=counts) is counts
        assert np.array_equal(counts, to_counts(compositions))
        decoded = decode(out[..., None])
        assert decoded.compositions.formulas() == compositions.formulas()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({36: 1, 9: 2}, "KrF2 (place 1): Kr is not among the 85 elements"),
        ({3: 9, 8: 1}, "Li9O (place 1): 9 atoms of Li; a matrix takes 8"),
        (dict.fromkeys(range(20, 29), 1), "9 elements; a matrix takes 1 to 8"),
        ({}, "no element (place 1): 0 elements"),
    ],
)
def test_what_does_not_fit_is_refused(row: dict[int, int], reason: str) -> None:
    compositions = Compositions.from_mappings([{3: 8, 8: 1}, row])
    assert fits(compositions).tolist() == [True, False]
    for function in (encode, to_counts):
        with pytest.raises(InputError, match=re.escape(reason)):
            function(compositions)


def test_impossible_arguments_are_refused() -> None:
    compositions = Compositions.from_mappings([{3: 2, 8: 1}])
    matrices = encode(compositions)
    with pytest.raises(ValueError, match="shape"):
        encode(compositions, out=np.zeros((2, 8, 85)))
    with pytest.raises(ValueError, match="contiguous"):
        encode(compositions, out=np.zeros((1, 85, 8)).transpose(0, 2, 1))
    with pytest.raises(ValueError, match="shape"):
        decode(matrices.transpose(0, 2, 1))
    with pytest.raises(ValueError, match="rule"):
        decode(matrices, "largest")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="threshold"):
        decode(matrices, threshold=0.0)
    with pytest.raises(ValueError, match="counts"):
        from_counts(np.zeros((1, 86), np.uint8))


@pytest.mark.parametrize("name", FILES)
def test_every_formula_of_the_data_files_comes_back(data_dir: Path, name: str) -> None:
    table = read_formulas(data_dir / name)
    assert not table.rejected
    fitting = table.compositions[fits(table.compositions)]
    assert len(fitting) > len(table.compositions) / 2
    for start in range(0, len(fitting), 8192):
        block = fitting[start : start + 8192]
        matrices = encode(block, np.uint8)
        more = block[block.n_elements > 1]
        for rule in ("original", "argmax"):
            decoded = decode(matrices, rule)
            assert np.array_equal(decoded.accepted, block.n_elements > 1)
            assert np.array_equal(decoded.compositions.keys(), more.keys())
        assert np.array_equal(from_counts(to_counts(block)).keys(), block.keys())


def test_elements_are_those_of_the_original(data_dir: Path) -> None:
    assert list(ELEMENTS) == json.loads((data_dir / "elements85.json").read_text())["E85"]
