"""The contacts of many crystals against pymatgen's neighbour lists, also in skewed cells."""

import numpy as np
from ase.data import covalent_radii
from hypothesis import given, settings
from hypothesis import strategies as st
from perovskite import perovskite

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.many_contacts import shortest_contacts


def literal(crystal):
    """All neighbours up to a distance that surely holds the closest pair, from pymatgen."""
    radii = covalent_radii[crystal.numbers]
    shortest = np.linalg.norm(crystal.lattice, axis=1).min()
    reach = float(shortest * radii.max() / radii.min()) + 1e-6
    first, second, _, distance = crystal.to_structure().get_neighbor_list(reach)
    return float((distance / (radii[first] + radii[second])).min())


def skewed(seed, atoms):
    rng = np.random.default_rng(seed)
    lattice = rng.normal(size=(3, 3)) * 4
    while abs(np.linalg.det(lattice)) < 10:
        lattice = rng.normal(size=(3, 3)) * 4
    numbers = rng.integers(1, 90, atoms).astype(np.uint8)
    return Crystal(lattice, rng.normal(size=(atoms, 3)) * 6, numbers)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 7)), min_size=1, max_size=6))
def test_the_same_as_from_a_list_of_neighbours(cells):
    crystals = [skewed(seed, atoms) for seed, atoms in cells]
    expected = [literal(crystal) for crystal in crystals]
    np.testing.assert_allclose(shortest_contacts(crystals), expected, rtol=1e-9)


def test_a_known_crystal_and_nothing():
    # Ti-O, half the edge of 3.95 Å.
    titanium, oxygen = covalent_radii[22], covalent_radii[8]
    (found,) = shortest_contacts([Crystal.from_structure(perovskite())])
    assert np.isclose(found, 1.975 / (titanium + oxygen))
    assert shortest_contacts([]).shape == (0,)
