"""Formulas: numbers of elements, and the periodic table against pymatgen's."""

import itertools
from collections import Counter

import numpy as np
import pytest
from pymatgen.core import Composition, Element

from tfmat.figures import element_map
from tfmat.figures.periodic_table import place
from tfmat.figures.style import save
from tfmat.formulas.parsing import parse_formulas

MADE = ["Li2O", "LiMnO2", "Bi2Se3", "NaCl", "Li3PO4"]
DATA = ["Li2O", "MgO", "LiMnO2", "Fe2O3"]


def compositions(formulas):
    return parse_formulas(formulas).compositions


def cells(axes):
    """Texts of a table's cells by symbol: those in the same column, the symbol above."""
    texts = sorted(
        ((round(t.get_position()[0], 3), t.get_position()[1], t.get_text()) for t in axes.texts),
        key=lambda item: item[:2],
    )
    found = {}
    for (column, _, symbol), (below, _, value) in itertools.pairwise(texts):
        if column == below and symbol.isalpha() and not value.isalpha():
            found[symbol] = float(value)
    return found


def test_every_element_has_the_place_that_pymatgen_gives_it():
    seen = set()
    for number in range(1, 119):
        element, (column, row) = Element.from_Z(number), place(number)
        seen.add((column, row))
        if element.is_lanthanoid or element.is_actinoid:
            assert column == number - (57 if element.is_lanthanoid else 89) + 2
            assert row > 7
        else:
            assert (column + 1, row + 1) == (element.group, element.row)
    assert len(seen) == 118


def test_frequencies_and_ratios():
    times = np.array([1, 2, 1, 4, 2])
    figure = element_map(compositions(MADE), compositions(DATA), times=times, name="known")
    sizes, table, ratios = (figure.axes[place] for place in (0, 1, 3))
    counts = Counter()
    for formula, number in zip(MADE, times.tolist(), strict=True):
        counts.update({str(element): number for element in Composition(formula)})
    expected = {symbol: 100 * number / times.sum() for symbol, number in counts.items()}
    assert cells(table) == {symbol: round(value, 1) for symbol, value in expected.items()}
    held = Counter(str(element) for formula in DATA for element in Composition(formula))
    for symbol, ratio in cells(ratios).items():
        wanted = expected.get(symbol, 0) / (100 * held[symbol] / len(DATA))
        assert ratio == pytest.approx(wanted, rel=0.05)
    assert set(cells(ratios)) == set(held)
    assert [tick.get_text() for tick in sizes.get_xticklabels()] == ["1", "2", "3"]
    known, made = ([bar.get_height() for bar in group] for group in sizes.containers)
    assert made == pytest.approx([0, 60, 40])
    assert known == pytest.approx([0, 75, 25])


def test_nothing_and_one_formula(tmp_path):
    figure = element_map(compositions([]))
    assert figure.axes[0].texts[0].get_text() == "nothing to show"
    assert cells(figure.axes[1]) == {}
    save(figure, tmp_path, "none")
    save(figure := element_map(compositions(["NaCl"]), compositions([])), tmp_path, "one")
    assert cells(figure.axes[1]) == {"Na": 100, "Cl": 100}
    assert len(figure.axes) == 3  # no ratios without data
