import itertools
import math
from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import pytest
from pymatgen.core import Composition, Element
from scipy import stats

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions
from tfmat.matgan.elements import ELEMENTS, NUMBERS
from tfmat.matgan.generating.baselines import independent, random_formulas, substitution
from tfmat.matgan.validity.checker import ValidityChecker

TRAINING = ["NaCl", "Na2O", "K2O", "Al2O3", "LiAlO2", "Na2SO4", "K2S", "TiO2", "CaTiO3", "XeF2"]


def compositions(formulas):
    return Compositions.from_mappings(
        {Element(symbol).Z: int(n) for symbol, n in Composition(formula).get_el_amt_dict().items()}
        for formula in formulas
    )


def frozen(mapping):
    divisor = math.gcd(*mapping.values())
    return frozenset((element, count // divisor) for element, count in mapping.items())


def drawn(sample):
    return Counter(frozen(sample.mapping(row)) for row in range(len(sample)))


def agrees(counted, expected):
    """Whether counts follow exact probabilities: the same support, and a chi-squared test."""
    assert sum(expected.values()) == 1
    assert set(counted) <= set(expected)
    total = counted.total()
    common = {key for key, chance in expected.items() if chance * total >= 5}
    observed = [counted[key] for key in common]
    wanted = [float(expected[key]) * total for key in common]
    rest = total - sum(observed)
    if rest_wanted := total - sum(wanted):
        observed.append(rest)
        wanted.append(rest_wanted)
    return stats.chisquare(observed, wanted, sum_check=False).pvalue > 1e-3


def well_formed(sample):
    used = sample.numbers > 0
    assert (used == (sample.counts > 0)).all()
    # Ascending, without repetition, unused slots last.
    following = used[:, 1:]
    assert (sample.numbers[:, 1:][following] > sample.numbers[:, :-1][following]).all()
    assert (np.gcd.reduce(sample.counts, axis=1) == 1).all()
    return True


def by_independent_marginals(training):
    """The exact distribution of independent draws, by enumeration in plain Python."""
    rows = [dict(training.mapping(row)) for row in range(len(training))]
    sizes = Counter(map(len, rows))
    having = Counter(element for row in rows for element in row)
    counts = defaultdict(Counter)
    for row in rows:
        for element, count in row.items():
            counts[element][count] += 1
    expected = Counter()
    for size, times in sizes.items():
        for chosen in itertools.permutations(having, size):
            chance, left = Fraction(times, len(rows)), having.total()
            for element in chosen:
                chance *= Fraction(having[element], left)
                left -= having[element]
            for numbers in itertools.product(*(counts[element] for element in chosen)):
                each = chance
                for element, number in zip(chosen, numbers, strict=True):
                    each *= Fraction(counts[element][number], having[element])
                expected[frozen(dict(zip(chosen, numbers, strict=True)))] += each
    return expected


def group_of(symbol):
    element = Element(symbol)
    if element.is_lanthanoid or element.is_actinoid:
        return {s for s in ELEMENTS if Element(s).is_lanthanoid == element.is_lanthanoid
                and Element(s).is_actinoid == element.is_actinoid}  # fmt: skip
    return {
        s
        for s in ELEMENTS
        if Element(s).group == element.group
        and not (Element(s).is_lanthanoid or Element(s).is_actinoid)
    }


def test_random_formulas_are_uniform():
    sample = random_formulas(60_000, seed=3)
    assert well_formed(sample)
    assert stats.chisquare(np.bincount(sample.n_elements)[2:]).pvalue > 1e-3
    elements = np.bincount(sample.numbers[sample.numbers > 0], minlength=119)
    assert set(np.flatnonzero(elements)) == set(NUMBERS.tolist())
    assert stats.chisquare(elements[NUMBERS]).pvalue > 1e-3
    # Two counts of 1 to 8, reduced: 1:1 for eight of the 64 pairs.
    pairs = sample[sample.n_elements == 2].counts[:, :2]
    expected = Counter(
        tuple(np.array(pair) // math.gcd(*pair))
        for pair in itertools.product(range(1, 9), repeat=2)
    )
    counted = Counter(map(tuple, pairs.tolist()))
    expected = {tuple(map(int, key)): Fraction(n, 64) for key, n in expected.items()}
    assert agrees(counted, expected)


def test_a_fifth_of_random_formulas_is_balanced():
    verdict = ValidityChecker().check(random_formulas(40_000, seed=0))
    assert verdict.balanced.mean() == pytest.approx(0.205, abs=0.01)
    assert verdict.neutral.mean() == pytest.approx(0.322, abs=0.01)


def test_independent_draws_follow_the_marginals():
    training = compositions(TRAINING[:7])
    sample = independent(training, 60_000, seed=5)
    assert well_formed(sample)
    assert agrees(drawn(sample), by_independent_marginals(training))


def test_independent_draws_take_any_element_and_count():
    training = compositions(["At300Rn7", "OgO"])
    expected = by_independent_marginals(training)
    assert agrees(drawn(independent(training, 20_000, seed=1)), expected)


def test_substitution_replaces_one_element_by_another_of_its_group():
    training = compositions(TRAINING)
    expected = Counter()
    for row in range(len(training)):
        formula = {Element.from_Z(z).symbol: n for z, n in training.mapping(row).items()}
        for symbol in formula:
            others = sorted(group_of(symbol) - {symbol}) or [symbol]
            for other in others:
                new = dict(formula)
                if other not in formula:
                    new[other] = new.pop(symbol)
                numbers = {Element(s).Z: n for s, n in new.items()}
                chance = Fraction(1, len(training) * len(formula) * len(others))
                expected[frozen(numbers)] += chance
    sample = substitution(training, 60_000, seed=9)
    assert well_formed(sample)
    assert agrees(drawn(sample), expected)


@pytest.mark.parametrize("symbol", ["H", "Sc", "La", "Lu", "Th", "Zn", "Tc", "Xe", "At"])
def test_groups_are_those_of_the_periodic_table(symbol):
    sample = substitution(compositions([symbol]), 2_000, seed=0)
    found = {Element.from_Z(int(number)).symbol for number in np.unique(sample.numbers)}
    others = group_of(symbol) - {symbol} if symbol in ELEMENTS else set()
    assert found == (others or {symbol})


def test_the_seed_decides():
    training = compositions(TRAINING)
    for draw in (
        random_formulas,
        lambda n, seed: independent(training, n, seed),
        lambda n, seed: substitution(training, n, seed),
    ):
        first, same, other = draw(500, 1), draw(500, 1), draw(500, 2)
        assert (first.keys() == same.keys()).all()
        assert (first.keys() != other.keys()).any()
        assert len(draw(0, 1)) == 0


def test_no_training_formulas():
    nothing = Compositions.from_mappings([])
    for draw in (independent, substitution):
        with pytest.raises(InputError, match="need training formulas"):
            draw(nothing, 10, 0)
