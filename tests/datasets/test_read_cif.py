"""CIF files: the same crystals as other programs read, every setting of every space group."""

import csv
import gzip
import warnings

import gemmi
import numpy as np
import pytest
import spglib
from cif_files import cif as cif_text
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifParser

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.cif.structure import crystals_of_cif


def only(text):
    """The one crystal of a CIF, or the reason why it is none."""
    ((_, found),) = crystals_of_cif(text)
    return found


def by_pymatgen(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Tolerance 0: coordinates near 1/3 stay as the file states them.
        parser = CifParser.from_str(text, frac_tolerance=0)
        return Crystal.from_structure(parser.parse_structures(primitive=False)[0])


def fractional(crystal):
    return crystal.positions @ np.linalg.inv(crystal.lattice)


def assert_same(found, expected):
    assert isinstance(found, Crystal), found
    np.testing.assert_allclose(found.lattice, expected.lattice, atol=1e-10)
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    difference = fractional(found) - fractional(expected)
    np.testing.assert_allclose(difference, np.round(difference), atol=1e-9)


def same_set(first, second, tolerance=1e-6):
    """Says whether two lists of fractional positions are the same places."""
    steps = np.asarray(first)[:, None] - np.asarray(second)[None]
    near = (np.abs(steps - np.round(steps)) < tolerance).all(axis=2)
    return len(first) == len(second) and (near.sum(axis=0) == 1).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(0, 10**6))
def test_the_same_as_pymatgen(atoms, seed):
    random = np.random.default_rng(seed)
    lattice = Lattice.from_parameters(*random.uniform(3, 9, 3), *random.uniform(65, 115, 3))
    species = random.choice(["H", "O", "Bi", "Se", "U"], atoms)
    structure = Structure(lattice, species, random.uniform(-0.5, 1.5, (atoms, 3)))
    # pymatgen's parser sorts by electronegativity; ours keeps the order of the file.
    text = structure.get_sorted_structure().to(fmt="cif")
    assert_same(only(text), by_pymatgen(text))


def test_real_files(data_dir):
    source = data_dir / "mp_20_val_binary_ternary.csv.gz"
    with gzip.open(source, "rt", newline="") as stream:
        for _, row in zip(range(100), csv.DictReader(stream), strict=False):
            assert_same(only(row["cif"]), by_pymatgen(row["cif"]))


def test_line_ends_and_comments(cif):
    expected = only(cif)
    for text in (
        cif.replace("\n", "\r\n"),
        cif.replace("\n", "\r"),
        "\n# note ü\n" + cif,
        cif.replace("\n", "\n\n"),
        "\ufeff" + cif,
        cif.upper().replace("NA ", "Na ").replace("CL ", "Cl ").replace("'NA1 CL1'", "'Na1 Cl1'"),
    ):
        assert_same(only(text), expected)


def metric_cell(number):
    """A cell that the operations of every setting of a space group keep."""
    if number <= 2:
        return 15.1, 16.2, 17.3, 81, 95, 102
    if number <= 15:
        return None
    if number <= 74:
        return 15.1, 16.2, 17.3, 90, 90, 90
    if number <= 142:
        return 15.1, 15.1, 17.3, 90, 90, 90
    if number <= 194:
        return 15.1, 15.1, 17.3, 90, 90, 120
    return 15.1, 15.1, 15.1, 90, 90, 90


def cell_of(kind):
    if kind.choice.endswith("R"):
        return 15.1, 15.1, 15.1, 72, 72, 72
    axis = kind.choice.strip("-123")
    if 3 <= kind.number <= 15:
        angles = {"a": (101, 90, 90), "b": (90, 101, 90), "c": (90, 90, 101)}[axis[:1]]
        return 15.1, 16.2, 17.3, *angles
    return metric_cell(kind.number)


GENERAL = np.array([0.028, 0.332, 0.28])


@pytest.mark.parametrize("place", range(1, 531))
def test_every_setting_by_its_names_alone(place):
    kind = spglib.get_spacegroup_type(place)
    database = spglib.get_symmetry_from_database(place)
    expected = database["rotations"] @ GENERAL + database["translations"]
    choice = kind.choice if kind.choice in ("1", "2", "H", "R") else kind.choice[:1]
    suffix = f":{choice}" if choice in ("1", "2", "H", "R") else ""
    site = ["Ca1 Ca " + " ".join(map(str, GENERAL))]
    full = kind.international_full.replace("_", "")
    for item, symbol in (
        ("symmetry_space_group_name_H__M", full + suffix),
        ("space_group_name_H__M_alt", full.replace(" ", "") + suffix),
        ("space_group_name_Hall", kind.hall_symbol),
    ):
        text = cif_text(site, cell_of(kind), (), **{item: symbol})
        if '"' in symbol:
            text = text.replace(f"'{symbol}'", f"\n;{symbol}\n;")
        found = only(text)
        if kind.number in (67, 68) and isinstance(found, str) and "Hall" not in item:
            # Two settings share one symbol with an e (C m m a and C m m b).
            assert "more than one origin or setting" in found
            continue
        assert isinstance(found, Crystal), (symbol, found)
        assert same_set(fractional(found), expected), symbol


@pytest.mark.parametrize("number", [*range(1, 231, 7), 14, 62, 166, 194, 225])
def test_operations_are_applied_as_gemmi_does(number):
    group = gemmi.find_spacegroup_by_number(number)
    cell = cell_of(spglib.get_spacegroup_type(1 if number < 3 else 3)) if number <= 15 else None
    cell = cell or metric_cell(number)
    triplets = [operation.triplet() for operation in group.operations()]
    sites = ["Na1 Na 0 0 0", "Cl1 Cl 0.028 0.332 0.28"]
    text = cif_text(sites, cell, triplets, symmetry_Int_Tables_number=number)
    found = only(text)
    small = gemmi.make_small_structure_from_block(gemmi.cif.read_string(text)[0])
    expected = small.get_all_unit_cell_sites()
    assert isinstance(found, Crystal), found
    for element in (11, 17):
        own = [site.fract.tolist() for site in expected if site.element.atomic_number == element]
        assert same_set(fractional(found)[found.numbers == element], own)


def test_a_written_structure_comes_back():
    lattice = Lattice.cubic(5.6)
    rocksalt = Structure.from_spacegroup("Fm-3m", lattice, ["Na", "Cl"], [[0, 0, 0], [0.5] * 3])
    assert len(only(rocksalt.to(fmt="cif", symprec=0.01))) == 8


def test_special_positions_that_are_rounded():
    # 0.3333 and 0.6667 are 1/3 and 2/3: two atoms of zinc, not six.
    operations = [op.triplet() for op in gemmi.find_spacegroup_by_number(186).operations()]
    cell = (3.25, 3.25, 5.2, 90, 90, 120)
    found = only(cif_text(["Zn1 Zn 0.333 0.667 0", "O1 O 0.333 0.667 0.382"], cell, operations))
    assert sorted(found.numbers.tolist()) == [8, 8, 30, 30]
    zinc = fractional(found)[found.numbers == 30]
    assert same_set(zinc, [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5]])


def test_one_site_outside_of_a_loop():
    text = cif_text(["x y 0 0 0"]).split("loop_\n_atom_site")[0]
    text += "_atom_site_label Fe1\n_atom_site_fract_x 0\n_atom_site_fract_y .5\n"
    found = only(text + "_atom_site_fract_z 0.25(3)\n")
    assert found.numbers.tolist() == [26]
    np.testing.assert_allclose(fractional(found), [[0, 0.5, 0.25]], atol=1e-12)


def test_a_magnetic_cif_is_its_nuclear_structure():
    text = (
        cif_text(["Mn1 Mn 0 0 0"], operations=())
        .replace("_cell_length", "_cell.length")
        .replace("_atom_site_", "_atom_site.")
    )
    text += "loop_\n_space_group_symop_magn_operation.xyz\nx,y,z,+1\n-x,-y,-z,-1\n"
    text += "loop_\n_space_group_symop_magn_centering.xyz\nx,y,z,+1\nx+1/2,y+1/2,z,-1\n"
    assert same_set(fractional(only(text)), [[0, 0, 0], [0.5, 0.5, 0]])
