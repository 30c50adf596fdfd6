"""The oracle is pymatgen's PhaseDiagram, which finds the facet of each structure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition

from tfmat.crystals.hull import Hull, energy_above_hull, metastable, stable

SYMBOLS = ["Bi", "Se", "O", "Li", "Co"]


def diagram(counts, energies):
    entries = [
        PDEntry(
            Composition({s: int(n) for s, n in zip(SYMBOLS, row, strict=False) if n}),
            float(energy) * int(row.sum()),
        )
        for row, energy in zip(counts, energies, strict=True)
    ]
    elements = [PDEntry(Composition(s), 0.0) for s in SYMBOLS[: counts.shape[1]]]
    return PhaseDiagram([*entries, *elements]), entries


def shares(counts):
    return counts / counts.sum(axis=1, keepdims=True)


@st.composite
def systems(draw):
    elements = draw(st.integers(1, 5))
    row = st.lists(st.integers(0, 6), min_size=elements, max_size=elements).filter(any)
    counts = draw(st.lists(row, min_size=1, max_size=25))
    # Energies of two digits put many points on one line or plane.
    rounded = st.integers(-200, 100).map(lambda value: value / 100)
    exact = st.floats(-3, 1, allow_subnormal=False)
    one = st.one_of(rounded, exact)
    energies = draw(st.lists(one, min_size=len(counts), max_size=len(counts)))
    return np.array(counts), np.array(energies)


@settings(max_examples=200, deadline=None)
@given(systems())
def test_as_far_above_as_in_pymatgen(system):
    counts, energies = system
    judge, entries = diagram(counts, energies)
    expected = [judge.get_e_above_hull(entry) for entry in entries]
    found = energy_above_hull(shares(counts), energies)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(systems(), st.integers(0, 2**32 - 1))
def test_the_hull_itself_as_in_pymatgen(system, seed):
    counts, energies = system
    judge, _ = diagram(counts, energies)
    points = np.random.default_rng(seed).integers(0, 9, (5, counts.shape[1]))
    points = points[points.any(axis=1)]
    expected = [
        judge.get_hull_energy_per_atom(
            Composition({s: int(n) for s, n in zip(SYMBOLS, row, strict=False) if n})
        )
        for row in points
    ]
    hull = Hull.of(shares(counts), energies)
    np.testing.assert_allclose(hull.energy(shares(points)), expected, rtol=0, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(systems())
def test_corners_are_structures_and_facets_lie_on_the_hull(system):
    counts, energies = system
    x = shares(counts)
    hull = Hull.of(x, energies)
    elements = counts.shape[1]
    np.testing.assert_array_equal(hull.fractions[:elements], np.eye(elements))
    own = hull.rows >= 0
    np.testing.assert_array_equal(hull.fractions[own], x[hull.rows[own]])
    np.testing.assert_array_equal(hull.energies[own], energies[hull.rows[own]])
    assert (hull.energies[~own] == 0).all()
    np.testing.assert_array_equal(hull.above(hull.fractions, hull.energies), 0)
    assert hull.above(x, energies).min() >= 0
    middle = hull.fractions[hull.facets].mean(axis=1)
    values = hull.energies[hull.facets].mean(axis=1)
    np.testing.assert_allclose(hull.energy(middle), values, atol=1e-9)


def test_thousands_of_structures_of_one_binary_system():
    random = np.random.default_rng(0)
    counts = random.integers(1, 20, (9000, 2))
    energies = random.normal(0.1, 0.2, 9000) - 0.4 * shares(counts).prod(axis=1)
    judge, entries = diagram(counts, energies)
    expected = [judge.get_e_above_hull(entry) for entry in entries]
    both = energy_above_hull(shares(counts), energies)
    np.testing.assert_allclose(both, expected, rtol=0, atol=1e-9)
    one = energy_above_hull(shares(counts)[:, 1], energies)
    np.testing.assert_allclose(one, both, rtol=0, atol=1e-12)


def test_a_structure_can_lie_below_a_hull_that_it_was_no_part_of():
    hull = Hull.of(np.array([[0.5, 0.5]]), np.array([-0.3]))
    above = hull.above(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([-0.4, -0.1]))
    np.testing.assert_allclose(above, [-0.1, 0.05], atol=1e-12)


def test_without_anything_bound_the_elements_are_the_hull():
    hull = Hull.of(np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]]), np.array([0.1, 0.0]))
    assert hull.rows.tolist() == [-1, -1, -1]
    np.testing.assert_array_equal(hull.energy(np.array([[0.2, 0.3, 0.5]])), [0])
    empty = Hull.of(np.zeros((0, 2)), np.zeros(0))
    np.testing.assert_array_equal(empty.energy(np.array([[0.5, 0.5]])), [0])


def test_an_element_below_its_reference_moves_the_hull():
    hull = Hull.of(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([-0.2, -0.05]))
    assert hull.rows.tolist() == [0, -1]
    np.testing.assert_allclose(hull.energy(np.array([[0.5, 0.5]])), [-0.1])


@pytest.mark.parametrize(
    ("fractions", "energies"),
    [
        ([[0.5, 0.4]], [0.0]),
        ([[0.5, 0.5]], [np.nan]),
        ([[-0.5, 1.5]], [0.0]),
        ([[0.5, 0.5]], [0.0, 1.0]),
        ([[np.inf, 0.5]], [0.0]),
    ],
)
def test_what_is_no_composition_is_refused(fractions, energies):
    with pytest.raises(ValueError, match=r"must|finite"):
        Hull.of(np.array(fractions), np.array(energies))


@pytest.mark.parametrize("depth", [1e-9, 1e-8, 1e-7, 1e-3])
@pytest.mark.parametrize("elements", [2, 3, 4, 5])
def test_energies_of_almost_zero_have_a_hull_as_well(depth, elements):
    random = np.random.default_rng(elements)
    for _ in range(20):
        counts = random.integers(0, 7, (30, elements))
        x = shares(counts[counts.any(axis=1)])
        energies = random.normal(-0.5, 1, len(x))
        hull = Hull.of(x, depth * energies)
        # No structure lies below the hull that it belongs to.
        assert hull.above(x, depth * energies).min() >= 0
        expected = Hull.of(x, energies).energy(x)
        np.testing.assert_allclose(hull.energy(x) / depth, expected, rtol=0, atol=0.02)


def test_stable_and_metastable_as_paper_004_says():
    energies = np.array([-0.2, -0.2, -0.2, 0.0, 0.1, -0.2])
    above = np.array([0.1, 0.101, 0.151, 0.0, 0.0, -0.1])
    assert stable(energies, above).tolist() == [True, False, False, False, False, True]
    assert metastable(energies, above).tolist() == [True, True, False, False, False, True]
