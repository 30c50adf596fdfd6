"""Pieces of a crystal beside pymatgen's dimensionality of the same bond graph."""

import numpy as np
import pytest
from ase.build import bulk, graphene, molecule
from ase.data.vdw_alvarez import vdw_radii
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.dimensionality import get_structure_components
from pymatgen.analysis.graphs import StructureGraph
from pymatgen.core import Lattice, Structure

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.fragments import TOUCHING, gaps, pieces


def by_pymatgen(crystal):
    """Dimensionality of each component (Larsen et al., Phys. Rev. Materials 3, 034003 (2019))."""
    structure = crystal.to_structure()
    graph = StructureGraph.from_empty_graph(structure)
    radii = vdw_radii[crystal.numbers]
    centres, others, images, distances = structure.get_neighbor_list(2 * TOUCHING * radii.max())
    for one, other, image, distance in zip(centres, others, images, distances, strict=True):
        if distance <= TOUCHING * (radii[one] + radii[other]):
            graph.add_edge(
                int(one), int(other), (0, 0, 0), tuple(image.astype(int)), warn_duplicates=False
            )
    return sorted(part["dimensionality"] for part in get_structure_components(graph))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_random_crystals_against_pymatgen(seed):
    random = np.random.default_rng(seed)
    atoms = int(random.integers(1, 6))
    # Long edges beside short ones: sheets, chains and clusters all come up.
    lattice = np.diag(random.choice([4.0, 8.0, 12.0], 3)) + random.uniform(-1.5, 1.5, (3, 3))
    positions = random.uniform(0, 1, (atoms, 3)) @ lattice
    crystal = Crystal(lattice, positions, random.choice([8, 34, 83], atoms).astype(np.uint8))
    assert sorted(pieces(crystal)) == by_pymatgen(crystal)


def crystal(atoms):
    return Crystal.from_arrays(atoms.cell[:], atoms.positions, atoms.numbers)


def test_known_crystals_hang_together():
    layered = Structure.from_spacegroup(  # Bi2Se3: layers, van der Waals gaps between them
        "R-3m", Lattice.hexagonal(4.14, 28.64), ["Bi", "Se", "Se"],
        [[0, 0, 0.400], [0, 0, 0], [0, 0, 0.2117]],
    ).get_primitive_structure()  # fmt: skip
    graphite = Structure.from_spacegroup(
        "P6_3/mmc", Lattice.hexagonal(2.46, 6.71), ["C", "C"], [[0, 0, 0.25], [1 / 3, 2 / 3, 0.25]]
    )
    for known in (
        crystal(bulk("Cu")),
        crystal(bulk("Ar", "fcc", a=5.31)),  # held by nothing else
        Crystal.from_structure(layered),
        Crystal.from_structure(graphite),
    ):
        assert pieces(known) == [3]
        assert gaps(known) == ""


@pytest.mark.parametrize("vacuum", [8.0, 20.0])
def test_vacuum_is_seen(vacuum):
    sheet = graphene(vacuum=vacuum)
    sheet.cell[2] = [0, 0, 2 * vacuum]
    assert gaps(crystal(sheet)) == "1 sheet"
    water = molecule("H2O", vacuum=vacuum)
    assert gaps(crystal(water)) == "1 cluster"
    pair = Crystal(
        np.diag([4.0, vacuum * 2, vacuum * 2]),
        np.array([[0, 0, 0], [0, vacuum, vacuum]]),
        np.array([34, 34], np.uint8),
    )
    assert gaps(pair) == "2 chains"


def test_bonds_through_an_edge_are_no_gap():
    """The same crystal with its atoms far outside of the cell, and in a skewed cell."""
    copper = crystal(bulk("Cu", cubic=True))
    moved = Crystal(copper.lattice, copper.positions + 7 * copper.lattice[0], copper.numbers)
    skewed = np.array([[1, 0, 0], [3, 1, 0], [-2, 4, 1]]) @ copper.lattice
    assert pieces(moved) == pieces(Crystal(skewed, copper.positions, copper.numbers)) == [3]
