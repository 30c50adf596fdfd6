import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tfmat.evaluation.formulas.sets import Distinct, inclusion
from tfmat.formulas.compositions import Compositions

# Few elements and counts, so that formulas repeat.
mappings = st.dictionaries(st.sampled_from([3, 8, 16, 26]), st.integers(1, 2), min_size=1)
samples = st.lists(mappings, min_size=1, max_size=40)


def frozen(compositions):
    return [frozenset(compositions.mapping(row).items()) for row in range(len(compositions))]


@given(samples)
def test_distinct_formulas_with_times_and_first(rows):
    compositions = Compositions.from_mappings(rows)
    distinct = Distinct.of(compositions)
    order = frozen(compositions)
    found = frozen(distinct.compositions)
    assert dict(zip(found, distinct.times.tolist(), strict=True)) == Counter(order)
    assert [order.index(formula) for formula in found] == distinct.first.tolist()
    assert distinct.samples == len(rows)
    for draws in range(len(rows) + 1):
        seen = {f for f, here in zip(found, distinct.seen_after(draws), strict=True) if here}
        assert seen == set(order[:draws])


@given(samples, st.data())
def test_times_add_up(rows, data):
    times = data.draw(st.lists(st.integers(1, 9), min_size=len(rows), max_size=len(rows)))
    compositions = Compositions.from_mappings(rows)
    distinct = Distinct.of(compositions, np.array(times))
    expected = Counter()
    for formula, number in zip(frozen(compositions), times, strict=True):
        expected[formula] += number
    found = dict(zip(frozen(distinct.compositions), distinct.times.tolist(), strict=True))
    assert found == expected
    assert distinct.first is None
    assert (distinct.seen_after(distinct.samples) == 1).all()
    assert (distinct.seen_after(0) == 0).all()


@given(samples, samples)
def test_find_and_without(rows, others):
    first, second = (Distinct.of(Compositions.from_mappings(part)) for part in (rows, others))
    names, known = frozen(first.compositions), frozen(second.compositions)
    places = second.find(first.keys)
    assert [known[place] if place >= 0 else None for place in places] == [
        name if name in known else None for name in names
    ]
    left = first.without(second)
    assert set(frozen(left.compositions)) == set(names) - set(known)
    assert (second.find(left.keys) < 0).all()


def test_nothing():
    nothing = Distinct.of(Compositions.from_mappings([]))
    assert (len(nothing), nothing.samples) == (0, 0)
    assert nothing.find(np.array([1, 2], np.uint64)).tolist() == [-1, -1]


@pytest.mark.parametrize("draws", range(8))
def test_rarefaction_of_all_parts(draws):
    """Every way to choose, in plain Python."""
    times = [1, 1, 2, 3]
    order = [formula for formula, number in enumerate(times) for _ in range(number)]
    parts = list(itertools.combinations(order, draws))
    expected = [sum(formula in part for part in parts) / len(parts) for formula in range(4)]
    assert inclusion(np.array(times), 7, draws) == pytest.approx(expected, abs=1e-14)


@given(st.integers(1, 400), st.data())
def test_rarefaction_is_hypergeometric(total, data):
    times = data.draw(st.integers(1, total))
    draws = data.draw(st.integers(0, total))
    expected = stats.hypergeom.sf(0, total, times, draws)
    assert inclusion(np.array([times]), total, draws)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("times", [1, 2, 17, 3000])
@pytest.mark.parametrize("draws", [1, 340_000, 1_999_999])
def test_rarefaction_is_exact_for_millions(times, draws):
    total = 2_000_000
    missed = Fraction(1)
    for step in range(times):
        missed *= Fraction(max(total - draws - step, 0), total - step)
    expected = float(1 - missed)
    found = inclusion(np.array([times]), total, draws)[0]
    assert found == pytest.approx(expected, rel=1e-12)
    assert math.isfinite(found)
