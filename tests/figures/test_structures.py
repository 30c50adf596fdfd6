"""Distributions of structures against numbers counted here."""

import numpy as np
import pytest
from ase.data import covalent_radii
from perovskite import perovskite
from pymatgen.core import Lattice, Structure

from tfmat.errors import InputError
from tfmat.figures import distributions
from tfmat.figures.style import save


def cell(edge, *symbols):
    """A cubic cell with atoms along its diagonal."""
    places = [[place / len(symbols)] * 3 for place in range(len(symbols))]
    return Structure(Lattice.cubic(edge), list(symbols), places)


MADE = [cell(4.0, "Bi", "Se"), cell(5.0, "Bi", "Se"), cell(6.0, "Bi", "Se", "Se")]
DATA = [cell(4.2, "Bi", "Se"), cell(4.4, "Bi", "Bi"), cell(4.6, "Se"), cell(7.0, *["Bi", "Se"])]


def steps(axes):
    """Percentages of each histogram of a panel, with the edges of its bins."""
    return [patch.get_data() for patch in axes.patches]


def heights(axes):
    return [[round(bar.get_height(), 6) for bar in group] for group in axes.containers]


def test_histograms_hold_the_values():
    figure = distributions(MADE, DATA, name="known")
    contacts, volumes, atoms, composition = figure.axes
    by_hand = []
    for structure in MADE:
        # Along the diagonal: the next atom, or the own image along an edge.
        gap = structure.lattice.a * np.sqrt(3) / len(structure)
        pair = covalent_radii[83] + covalent_radii[34]
        by_hand.append(min(gap / pair, structure.lattice.a / (2 * covalent_radii[83])))
        if len(structure) == 3:
            by_hand[-1] = min(by_hand[-1], gap / (2 * covalent_radii[34]))
    for axes, values in (
        (contacts, by_hand),
        (volumes, [one.volume / len(one) for one in MADE]),
    ):
        _, made = steps(axes)
        assert made.values.sum() == pytest.approx(100)
        for value in values:
            bin_ = np.searchsorted(made.edges, value, side="right") - 1
            assert made.values[bin_] >= 100 / 3 - 1e-9
    assert [tick.get_text() for tick in atoms.get_xticklabels()] == ["1", "2", "3"]
    assert heights(atoms) == [[25, 75, 0], [0, 66.666667, 33.333333]]
    assert composition.get_xlabel() == "share of Bi atoms"
    drawn = dict(zip(np.arange(13) / 12, heights(composition)[1], strict=True))
    assert {k: v for k, v in drawn.items() if v} == {4 / 12: 33.333333, 0.5: 66.666667}
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["generated (3)", "known (4)"]


def test_more_elements_are_named_the_most_frequent_first():
    *_, axes = distributions([perovskite(), perovskite(), cell(4.0, "Bi", "O")]).axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["O", "Ti", "Sr", "Bi"]
    assert heights(axes) == [[100, 66.666667, 66.666667, 33.333333]]


def test_what_is_far_off_is_counted_not_shown():
    many = [cell(4.0 + 0.01 * place, "Bi", "Se") for place in range(40)]
    _, volumes, *_ = distributions([*many, cell(30.0, "Bi", "Se")]).axes
    assert [text.get_text() for text in volumes.texts] == ["not shown: 1 generated above"]
    (made,) = steps(volumes)
    assert made.values.sum() == pytest.approx(100 * 40 / 41)


def test_none_and_one_and_ranges_without_data(tmp_path):
    for place, figure in enumerate((distributions([]), distributions([MADE[0]], []))):
        save(figure, tmp_path, f"picture-{place}")
    empty = distributions([]).axes
    assert [text.get_text() for axes in empty for text in axes.texts] == ["nothing to show"] * 4
    figure = distributions([MADE[0]], name="mp", ranges={"volume_per_atom": (20.0, 40.0)})
    span, stairs = figure.axes[1].patches[::-1]
    assert span.get_x(), span.get_width() == (20.0, 20.0)
    assert stairs.get_data().values.max() == pytest.approx(100)
    assert figure.legends[0].get_texts()[1].get_text() == "most of mp"
    with pytest.raises(InputError, match=r"data\[0\]: is a str"):
        distributions([MADE[0]], ["Bi"])
