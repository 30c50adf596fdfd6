"""POSCAR files of VASP 4 to 6, with pymatgen and ASE as judges where they know the form."""

import io

import ase.io
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp import Poscar

from tfmat.datasets.readers.poscar import crystal_from_poscar, looks_like_poscar
from tfmat.errors import InputError

BODY = """{comment}
{scale}
1 0 0
0 1.5 0
0 0 2
{symbols}
1 1
{mode}
0 0 0
0.5 0.25 0.5
"""


def poscar(comment="NaCl", scale="4.0", symbols="Na Cl", mode="Direct", end=""):
    text = BODY.format(comment=comment, scale=scale, symbols=symbols, mode=mode)
    return (text.replace("\n\n", "\n") if not symbols else text) + end


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(0, 10**6), st.booleans())
def test_the_same_as_pymatgen_and_ase(atoms, seed, cartesian):
    random = np.random.default_rng(seed)
    lattice = Lattice(np.eye(3) * 6 + random.uniform(-1, 1, (3, 3)))
    species = random.choice(["H", "O", "Bi"], atoms)
    structure = Structure(lattice, species, random.uniform(-1, 2, (atoms, 3)))
    text = Poscar(structure.get_sorted_structure()).get_str(direct=not cartesian)
    found = crystal_from_poscar(text)
    expected = Poscar.from_str(text).structure
    np.testing.assert_allclose(found.lattice, expected.lattice.matrix, atol=1e-9)
    np.testing.assert_allclose(found.positions, expected.cart_coords, atol=1e-6)
    assert [site.specie.Z for site in expected] == found.numbers.tolist()
    frame = ase.io.read(io.StringIO(text), format="vasp")
    np.testing.assert_allclose(found.positions, frame.positions, atol=1e-6)


@pytest.mark.parametrize(
    ("scale", "factors"),
    [
        ("4.0", (4, 4, 4)),
        ("  4.0D+00  ! factor", (4, 4, 4)),
        # A negative number is the volume in Å³: 3 f³ = 81.
        ("-81.0", (3, 3, 3)),
        ("4.0 5.0 6.0", (4, 5, 6)),
    ],
)
@pytest.mark.parametrize(
    "mode", ["Direct", "Cartesian", "K", "direct configuration", "Fractional", ""]
)
def test_every_form_of_the_scale(scale, factors, mode):
    found = crystal_from_poscar(poscar(scale=scale, mode=mode))
    cell = np.diag([1, 1.5, 2]) * factors
    np.testing.assert_allclose(found.lattice, cell)
    place = np.array([0.5, 0.25, 0.5])
    np.testing.assert_allclose(
        found.positions[1], place * factors if mode in ("Cartesian", "K") else place @ cell
    )
    # pymatgen does not know a blank line, which VASP takes for fractional as any other word.
    if mode:
        text = poscar(mode=mode)
        judge = Poscar.from_str(text).structure
        np.testing.assert_allclose(crystal_from_poscar(text).positions, judge.cart_coords)


@pytest.mark.parametrize("scale", ["0", "1 2", "-1 2 3", "1 0 1", "x", "nan", "inf", "-0.0"])
def test_other_scales_are_refused(scale):
    with pytest.raises(InputError, match="broken POSCAR: the scale"):
        crystal_from_poscar(poscar(scale=scale))


@pytest.mark.parametrize(
    "symbols",
    ["Na Cl", "Na_pv Cl", "Na_sv_GW/0a1b2c Cl/9d8e7f", "Na Cl ! as in POTCAR", "Na\nCl"],
)
def test_symbols(symbols):
    assert crystal_from_poscar(poscar(symbols=symbols)).numbers.tolist() == [11, 17]


@pytest.mark.parametrize("symbols", ["Vac Cl", "NA CL", "Na X", "NaCl"])
def test_symbols_that_are_no_element(symbols):
    with pytest.raises(InputError, match="unknown element"):
        crystal_from_poscar(poscar(symbols=symbols))


def test_the_form_of_vasp_4():
    with pytest.raises(InputError, match="it names no elements"):
        crystal_from_poscar(poscar("some salt", symbols=""))
    for comment in ("NaCl", "Na", "Na Cl O", "na cl", "Salt Na"):
        with pytest.raises(InputError, match="it names no elements"):
            crystal_from_poscar(poscar(comment, symbols=""))
    assert crystal_from_poscar(poscar("Na_pv Cl", symbols="")).numbers.tolist() == [11, 17]
    labelled = poscar("?", symbols="").replace("0 0 0\n0.5 0.25 0.5", "0 0 0 Na\n0.5 0.25 0.5 Cl")
    assert crystal_from_poscar(labelled).numbers.tolist() == [11, 17]
    mixed = labelled.replace("\n1 1\n", "\n2\n")
    with pytest.raises(InputError, match="several elements"):
        crystal_from_poscar(mixed)


def test_selective_dynamics_and_velocities():
    text = poscar(mode="Selective dynamics\nDirect").replace("0.5 0.25 0.5", "0.5 0.25 0.5 T F F")
    text = text.replace("\n0 0 0\n0.5", "\n0 0 0 F F F\n0.5")
    found = crystal_from_poscar(text + "\nCartesian\n 1.0 1.0 1.0\n 2 2 2\n")
    np.testing.assert_allclose(found.positions[1], [2, 1.5, 4])
    assert found.numbers.tolist() == [11, 17]


def test_elements_behind_the_positions():
    text = poscar().replace("0 0 0\n0.5 0.25 0.5", "0 0 0 Na\n0.5 0.25 0.5 Cl")
    assert crystal_from_poscar(text).numbers.tolist() == [11, 17]
    with pytest.raises(InputError, match="contradiction"):
        crystal_from_poscar(text.replace("0.5 Cl", "0.5 Br"))


def test_words_behind_the_values():
    text = """cubic diamond    comment line
 3.7             universal scaling factor
 0.5 0.5 0.0     first  Bravais lattice vector
 0.0 0.5 0.5     second Bravais lattice vector
 0.5 0.0 0.5     third  Bravais lattice vector
 C               species new format
 2               number of atoms per species
direct           direct or cart (only first letter is significant)
 0.0 0.0 0.0     positions
 0.25 0.25 0.25
"""
    found = crystal_from_poscar(text)
    assert found.numbers.tolist() == [6, 6]
    np.testing.assert_allclose(found.positions[1], [0.925, 0.925, 0.925])
    for old, new in (("species", "O species"), (" 2  ", " 2 3 "), (" C   ", " Xx   ")):
        with pytest.raises(InputError):
            crystal_from_poscar(text.replace(old, new, 1))


def test_line_ends():
    expected = crystal_from_poscar(poscar())
    for end in ("\r\n", "\r"):
        found = crystal_from_poscar(poscar().replace("\n", end))
        np.testing.assert_array_equal(found.positions, expected.positions)


def test_many_species_in_several_lines():
    names = ["H", "He", "Li", "Be", "B", "C"]
    text = "many\n1\n9 0 0\n0 9 0\n0 0 9\nH He Li\nBe B C\n1 1 1\n1 1 1\nDirect\n"
    text += "".join(f"0 0 0.{place}\n" for place in range(6))
    assert crystal_from_poscar(text).numbers.tolist() == [1, 2, 3, 4, 5, 6]
    assert len(names) == 6


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("0.5 0.25 0.5\n", "", "1 positions where 2 are announced"),
        ("0.5 0.25 0.5\n", "0.5 0.25\n", "is no position"),
        ("0.5 0.25 0.5\n", "0.5 0.25 nan\n", "not a finite number"),
        ("0.5 0.25 0.5\n", "0.5 0.25 x\n", "'x' is no number"),
        ("0.5 0.25 0.5\n", "0.5 0.25 0.5\n0.1 0.1 0.1\n", "more positions than"),
        ("Direct\n", "", "where Direct or Cartesian belongs"),
        ("Direct\n", "Relative\n", "'Relative' where Direct or Cartesian belongs"),
        ("\n1 1\n", "\n1\n", "2 elements, but 1 numbers of atoms"),
        ("\n1 1\n", "\n1 0\n", "numbers of atoms above 0"),
        ("\n1 1\n", "\n1 -1\n", "numbers of atoms above 0"),
        ("\n1 1\n", "\n1 999999999\n", "positions where 1000000000 are announced"),
        ("1 0 0\n", "1 0\n", "is no cell vector"),
        ("0 1.5 0\n", "1 0 0\n", "no volume"),
        ("4.0", "1e300", "beyond sense"),
        ("4.0", "0.01", "beyond sense"),
        ("0.5 0.25 0.5", "1 0.001 -1", r"two atoms in one place \(Na1 and Cl2\)"),
        (
            "0.5 0.25 0.5\n",
            "0.5 0.25 0.5\nDirect configuration=     2\n0 0 0\n0.5 0.25 0.6\n",
            "further frames follow",
        ),
        ("0.5 0.25 0.5\n", f"0.5 0.25 0.5\n{poscar()}", "another one follows"),
        (
            "0.5 0.25 0.5\n",
            f"0.5 0.25 0.5\n\n\n{poscar(symbols='', scale='1 2 3', mode='Selective')}",
            "another one follows",
        ),
    ],
)
def test_broken_files(old, new, reason):
    text = poscar()
    assert old in text
    with pytest.raises(InputError, match=reason):
        crystal_from_poscar(text.replace(old, new, 1))


def test_a_file_that_is_cut_off_is_refused_or_whole():
    text = poscar()
    for end in range(len(text) - 5):
        with pytest.raises(InputError):
            crystal_from_poscar(text[:end])


def test_content_says_what_a_poscar_is():
    assert looks_like_poscar(poscar())
    for text in ("", "data_a\n_b 1\n", "1\n2\n3\n4\n5\n6\n", "a,b\n1,2\n" * 9):
        assert not looks_like_poscar(text)


@pytest.mark.parametrize(
    "end",
    [
        "\n0 0 0\n0.1 0 0\n",
        "Cartesian\n0 0 0\n0.1 0 0\n",
        "Lattice velocities and vectors\n1\n0 0 0\n0 0 1\n0 1 0\n4 0 0\n0 6 0\n0 0 8\n",
        "\n0 0 0\n0 0 0\n\n1\n1.0\n1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n",
        "\n 2 2 2\n 1.5 2.5 3.5 4.5 5.5\n 6.5 7.5 8.5 1.5 2.5\n 1.5 2.5 3.5 4.5 5.5\n 1.5 2.5\n",
    ],
    ids=["velocities", "titled", "lattice", "predictor", "charges"],
)
def test_what_vasp_writes_behind_the_positions_is_no_other_structure(end):
    assert len(crystal_from_poscar(poscar(end=end))) == 2


def test_many_files_in_one_take_no_stack():
    with pytest.raises(InputError, match="another one follows"):
        crystal_from_poscar(poscar() * 5000)
