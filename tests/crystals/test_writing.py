import io

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.distances import shortest_distance
from tfmat.crystals.symmetry import space_group, symmetrise
from tfmat.crystals.writing import cell_parameters, cif_text, extxyz_text, reduced_formula
from tfmat.errors import InputError


@st.composite
def crystals(draw):
    """Random cells with any angles that make one, and atoms anywhere, also outside of them."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lattice = random.normal(size=(3, 3)) * draw(st.floats(2.0, 8.0))
    lengths = np.linalg.norm(lattice, axis=1)
    while abs(np.linalg.det(lattice)) < 0.2 * lengths.prod() or lengths.min() < 1.0:
        lattice = random.normal(size=(3, 3)) * 4
        lengths = np.linalg.norm(lattice, axis=1)
    count = draw(st.integers(1, 12))
    positions = random.normal(size=(count, 3)) * 20
    kinds = random.choice([1, 8, 22, 34, 56, 83], count)
    try:
        return Crystal.from_arrays(lattice, positions, kinds)
    except InputError:  # a sum of the vectors is shorter than any distance of atoms
        return reject()


@settings(max_examples=30, deadline=None)
@given(crystals())
def test_cif_is_read_alike_by_pymatgen_and_ase(crystal):
    from ase.io import read

    original = crystal.to_structure()
    text = cif_text(crystal, "tfmat-1-0000000", ["a comment\nwith a break"])
    distances = original.distance_matrix
    # pymatgen reads the atoms in another order than the file's, and would round 0.66668 to 2/3.
    exact = {"merge_tol": 0, "site_tolerance": 0, "frac_tolerance": 0}
    structure = Structure.from_str(text, fmt="cif", **exact)
    assert structure.composition == original.composition
    assert structure.lattice.parameters == pytest.approx(original.lattice.parameters, abs=1e-6)
    assert np.allclose(
        np.sort(structure.distance_matrix, None), np.sort(distances, None), atol=1e-5
    )
    atoms = read(io.StringIO(text), format="cif", subtrans_included=False)
    assert atoms.numbers.tolist() == crystal.numbers.tolist()
    again = Structure(atoms.cell[:], atoms.numbers, atoms.get_scaled_positions())
    assert np.allclose(again.distance_matrix, distances, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(crystals())
def test_extxyz_keeps_cell_and_positions(crystal):
    from ase.io import read

    text = extxyz_text(crystal, {"id": "one two", "energy_like": -1.5, "unknown": float("nan")})
    atoms = read(io.StringIO(text * 2), ":", format="extxyz")[1]
    assert np.allclose(atoms.cell[:], crystal.lattice, atol=1e-8)
    assert np.allclose(atoms.positions, crystal.positions, atol=1e-8)
    assert atoms.numbers.tolist() == crystal.numbers.tolist()
    assert all(atoms.pbc)
    assert atoms.info == {"id": "one two", "energy_like": -1.5}


@settings(max_examples=50, deadline=None)
@given(crystals())
def test_shortest_distance_is_that_of_all_images(crystal):
    structure = crystal.to_structure()
    expected = min(structure.lattice.get_niggli_reduced_lattice().abc)
    if len(crystal) > 1:
        distances = structure.distance_matrix[np.triu_indices(len(crystal), 1)]
        expected = min(expected, distances.min())
    assert shortest_distance(crystal) == pytest.approx(expected, abs=1e-8)


def test_shortest_distance_in_a_very_skewed_cell():
    # The cube of edge 3 described by vectors of which one is 30 long.
    lattice = 3.0 * np.array([[1.0, 0, 0], [10.0, 1, 0], [0, 0, 1]])
    crystal = Crystal.from_arrays(lattice, [[0, 0, 0], [1.5, 1.5, 0.3]], [1, 2])
    assert shortest_distance(crystal) == pytest.approx(np.sqrt(2 * 1.5**2 + 0.3**2))
    assert shortest_distance(Crystal.from_arrays(lattice, [[0, 0, 0]], [1])) == pytest.approx(3.0)


def test_formula_and_parameters():
    crystal = Crystal.from_arrays(
        Lattice.from_parameters(4, 5, 6, 80, 95, 110).matrix, np.eye(5, 3), [34, 34, 34, 83, 83]
    )
    assert reduced_formula(crystal) == "Bi2Se3"
    assert cell_parameters(crystal) == pytest.approx((4, 5, 6, 80, 95, 110))


@pytest.mark.parametrize(
    ("symbol", "lattice", "species", "positions"),
    [
        ("Fm-3m", Lattice.cubic(5.8), ["Bi", "Se"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        ("P6_3/mmc", Lattice.hexagonal(4.0, 5.5), ["Bi", "Se"], [[0, 0, 0], [1 / 3, 2 / 3, 0.25]]),
        (
            "R-3m",
            Lattice.hexagonal(4.14, 28.6),
            ["Bi", "Se", "Se"],
            [[0, 0, 0.4], [0, 0, 0], [0, 0, 0.21]],
        ),
    ],
)
def test_symmetrising_restores_a_shaken_crystal(symbol, lattice, species, positions):
    ideal = Structure.from_spacegroup(symbol, lattice, species, positions)
    shaken = ideal.copy()
    shaken.perturb(0.03, seed=1)
    crystal = Crystal.from_structure(shaken)
    assert space_group(crystal, 1e-3)[0] == "P1"
    assert space_group(crystal, 0.2)[0] == symbol
    straight = symmetrise(crystal, 0.2)
    assert space_group(straight, 1e-5)[0] == symbol
    assert len(straight) == len(ideal.get_primitive_structure())


def test_symmetry_of_a_cell_that_spglib_refuses(capfd):
    atoms_on_top = Crystal.from_arrays(3 * np.eye(3), [[0, 0, 0], [0, 0, 0]], [1, 1])
    assert space_group(atoms_on_top) == ("", 0)
    assert symmetrise(atoms_on_top) is atoms_on_top
    # Its C code writes past Python.
    assert capfd.readouterr().err == ""
