import numpy as np
import pytest
from pymatgen.core import Lattice

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

CELL = np.array([[4.0, 0.1, 0.0], [0.0, 4.5, 0.2], [0.3, 0.0, 5.0]])
CRYSTAL = Crystal.from_arrays(CELL, [[0.1, 0.2, 0.3], [2.0, 2.2, 2.4]], [83, 34])


def test_pymatgen_gets_the_same_cell_and_positions():
    structure = CRYSTAL.to_structure()
    np.testing.assert_allclose(structure.lattice.matrix, CELL)
    np.testing.assert_allclose(structure.cart_coords, CRYSTAL.positions)
    assert structure.reduced_formula == "BiSe"


def test_ase_gets_the_same_cell_and_positions():
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = CRYSTAL.to_atoms()
    assert atoms.pbc.all()
    assert atoms.get_chemical_symbols() == ["Bi", "Se"]
    # Another program's way from ASE to pymatgen meets ours.
    structure = AseAtomsAdaptor.get_structure(atoms)
    assert structure.matches(CRYSTAL.to_structure())
    np.testing.assert_allclose(structure.cart_coords, CRYSTAL.positions, atol=1e-12)


def test_a_cell_in_which_atoms_meet_their_images_is_refused():
    radians = Lattice.from_parameters(5, 5, 5, 1.5708, 1.5708, 1.5708).matrix
    for cell in (radians, [[5, 0, 0], [5, 0.3, 0], [0, 0, 5]]):
        with pytest.raises(InputError, match=r"beyond sense: an atom is 0\.\d+ Å from its own"):
            Crystal.from_arrays(cell, [[0, 0, 0]], [11])


def test_long_vectors_of_a_sound_lattice_are_kept():
    cell = [[3, 0, 0], [0, 3, 0], [30, 30, 3]]
    assert len(Crystal.from_arrays(cell, [[0, 0, 0]], [11])) == 1
