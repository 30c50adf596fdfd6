import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from tfmat.formulas.compositions import Compositions
from tfmat.formulas.statistics import (
    correlation_error,
    correlations,
    element_frequencies,
    pair_frequencies,
    pearson,
    size_histogram,
    total_variation,
)

mappings = st.dictionaries(st.integers(1, 8), st.integers(1, 3), min_size=1)
weighted = st.lists(st.tuples(mappings, st.integers(1, 5)), min_size=2, max_size=30)


def arrays(rows):
    return Compositions.from_mappings([row for row, _ in rows]), np.array([w for _, w in rows])


@given(weighted)
def test_frequencies_are_shares_of_weighted_formulas(rows):
    compositions, weights = arrays(rows)
    total = weights.sum()
    elements, pairs, sizes = Counter(), Counter(), Counter()
    for row, weight in rows:
        sizes[len(row)] += weight
        for element in row:
            elements[element] += weight
        for pair in itertools.combinations(sorted(row), 2):
            pairs[pair] += weight
    found = element_frequencies(compositions, weights)
    assert {z: found[z] * total for z in np.flatnonzero(found)} == pytest.approx(elements)
    found = pair_frequencies(compositions, weights)
    places = map(tuple, np.argwhere(found).tolist())
    assert {pair: found[pair] * total for pair in places} == pytest.approx(pairs)
    found = size_histogram(compositions, weights)
    assert {n: found[n] * total for n in np.flatnonzero(found)} == pytest.approx(sizes)


@given(weighted, weighted)
def test_correlations_are_pearsons_over_all_pairs_of_present_elements(first, second):
    sets = [arrays(rows) for rows in (first, second)]
    elements = tuple(element_frequencies(*part) for part in sets)
    pairs = tuple(pair_frequencies(*part) for part in sets)
    present = sorted({z for rows in (first, second) for row, _ in rows for z in row})

    def shares(rows, wanted):
        total = sum(weight for _, weight in rows)
        return [sum(w for row, w in rows if set(key) <= set(row)) / total for key in wanted]

    found = correlations(elements, pairs)
    for r, wanted in zip(
        found,
        ([(z,) for z in present], list(itertools.combinations(present, 2))),
        strict=True,
    ):
        values = [shares(rows, wanted) for rows in (first, second)]
        if len(wanted) < 2 or min(map(np.ptp, values)) < 1e-12:
            assert r is None
        else:
            assert r == pytest.approx(stats.pearsonr(*values).statistic, abs=1e-9)


@given(st.lists(st.integers(0, 9), min_size=1).filter(any), st.lists(st.integers(0, 9)).filter(any))
def test_total_variation(first, second):
    shares = [np.array(part) / sum(part) for part in (first, second)]
    length = max(map(len, shares))
    padded = [np.pad(part, (0, length - len(part))) for part in shares]
    expected = distance.cityblock(*padded) / 2
    assert total_variation(*shares) == pytest.approx(expected)


def test_what_does_not_vary_has_no_correlation():
    flat = np.array([0.1, 0.1, 0.1])
    assert pearson(flat, np.array([1.0, 2.0, 3.0])) is None
    assert pearson(np.array([1.0]), np.array([1.0])) is None
    assert pearson(np.array([1.0, 2.0]), np.array([2.0, 1.0])) == pytest.approx(-1)


def test_the_error_of_a_correlation_is_that_of_formulas_drawn_again():
    random = np.random.default_rng(3)
    numbers = random.choice(np.arange(1, 9), size=(200, 2), p=np.arange(8, 0, -1) / 36)
    numbers[:, 1] = np.where(numbers[:, 0] == numbers[:, 1], 0, numbers[:, 1])
    made = Compositions(numbers.astype(np.uint8), (numbers > 0).astype(np.uint16))
    known = np.zeros(256)
    known[[1, 2, 3, 4, 5, 9]] = [0.5, 0.3, 0.3, 0.1, 0.2, 0.1]
    elements = np.arange(1, 10)
    found = []
    for _ in range(1000):
        rows = numbers[random.integers(200, size=200)]
        shares = [(rows == element).any(1).mean() for element in elements]
        found.append(stats.pearsonr(shares, known[elements]).statistic)
    assert correlation_error(made, known) == pytest.approx(np.std(found), rel=0.15)
    assert correlation_error(made, known) == correlation_error(made, known)
    assert correlation_error(made[:1], known) is None
    assert correlation_error(made, np.zeros(256)) is None
