"""The fast CIF reader agrees with pymatgen's, and steps back from everything unusual."""

import csv
import gzip
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifParser
from tfmat.datasets.readers.cif_p1 import read_plain_cif

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.structure_text import crystals_from_cif
from tfmat.errors import InputError


def by_pymatgen(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Tolerance 0: coordinates near 1/3 stay as the file states them.
        parser = CifParser.from_str(text, frac_tolerance=0)
        return Crystal.from_structure(parser.parse_structures(primitive=False)[0])


def assert_same(found, expected):
    np.testing.assert_allclose(found.lattice, expected.lattice, atol=1e-10)
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    difference = (found.positions - expected.positions) @ np.linalg.inv(expected.lattice)
    np.testing.assert_allclose(difference, np.round(difference), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(0, 10**6))
def test_the_same_as_pymatgen(atoms, seed):
    random = np.random.default_rng(seed)
    lattice = Lattice.from_parameters(*random.uniform(3, 9, 3), *random.uniform(65, 115, 3))
    species = random.choice(["H", "O", "Bi", "Se", "U"], atoms)
    structure = Structure(lattice, species, random.uniform(-0.5, 1.5, (atoms, 3)))
    # pymatgen's parser sorts by electronegativity; the fast one keeps the order of the file.
    text = structure.get_sorted_structure().to(fmt="cif")
    assert_same(read_plain_cif(text), by_pymatgen(text))


def test_real_files(data_dir):
    source = data_dir / "mp_20_val_binary_ternary.csv.gz"
    with gzip.open(source, "rt", newline="") as stream:
        for _, row in zip(range(100), csv.DictReader(stream), strict=False):
            assert_same(read_plain_cif(row["cif"]), by_pymatgen(row["cif"]))


def test_line_ends_and_comments(cif):
    expected = read_plain_cif(cif)
    for text in (cif.replace("\n", "\r\n"), "\n# note\n" + cif, cif.replace("\n", "\n\n")):
        assert_same(read_plain_cif(text), expected)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'x, y, z'", "'x, y, z'\n  2  '-x, -y, -z'"),
        ("'x, y, z'", "'-x, y, z'"),
        ("  Na  Na0", "  Na+  Na0"),
        ("  Na  Na0", "  X  Na0"),
        ("0.50000000  1", "0.50000000  0.5"),
        ("0.50000000  1", "0.50000000(3)  1"),
        ("0.50000000  1", "0.50000000"),
        ("0.50000000  1", "?  1"),
        ("0.50000000  1", "nan  1"),
        ("_cell_length_a", "_cell_length_x"),
        ("_atom_site_type_symbol", "_atom_site_other"),
        ("_atom_site_occupancy", "_atom_site_disorder_group"),
        ("0.50000000  0.50000000  0.50000000", "0.00000000  1.00000000  -0.00000001"),
        ("_chemical_formula_sum", "_note\n;\nloop_\n;\n_chemical_formula_sum"),
    ],
)
def test_what_is_unusual_is_left_to_pymatgen(cif, old, new):
    assert old in cif
    assert read_plain_cif(cif.replace(old, new, 1)) is None


def test_other_texts_are_left_to_pymatgen(cif):
    assert read_plain_cif(cif + cif) is None
    assert read_plain_cif(cif[:400]) is None
    assert read_plain_cif("") is None


def test_symmetry_is_expanded():
    lattice = Lattice.cubic(5.6)
    rocksalt = Structure.from_spacegroup("Fm-3m", lattice, ["Na", "Cl"], [[0, 0, 0], [0.5] * 3])
    (found,) = crystals_from_cif(rocksalt.to(fmt="cif", symprec=0.01))
    assert len(found) == 8


def test_two_atoms_in_one_place_are_no_crystal(cif):
    text = cif.replace("0.50000000  0.50000000  0.50000000", "0.0 0.0 0.0", 1)
    with pytest.raises(InputError, match=r"broken CIF|disordered"):
        crystals_from_cif(text)
