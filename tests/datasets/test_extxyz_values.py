"""Extended XYZ: numbers, periodicity, disorder and comment lines as the specification has them."""

import io

import ase
import ase.io
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.datasets.readers.extxyz import read_extxyz
from tfmat.datasets.readers.extxyz_header import pairs

LATTICE = 'Lattice="4.0 0 0 0 5.0 0 0 0 6"'


@pytest.fixture
def row(tmp_path):
    """Reads a frame of two atoms with a comment line; the crystal or the reason."""

    def read(comment=LATTICE, atoms=("Na 0 0 0", "Cl 2.0 2.5 3")):
        text = "\n".join([str(len(atoms)), comment, *atoms]) + "\n"
        (tmp_path / "a.extxyz").write_text(text)
        (found,) = read_extxyz(tmp_path / "a.extxyz")
        return found.crystal if found.crystal is not None else found.reason

    return read


def test_exponents_of_fortran(row):
    found = row('Lattice="4.0D0 0 0 0 5.0d0 0 0 0 6"', ("Na 0 0 0", "Cl 2.0D+00 2.5 3"))
    np.testing.assert_array_equal(found.lattice, np.diag([4, 5, 6]))
    np.testing.assert_array_equal(found.positions, [[0, 0, 0], [2, 2.5, 3]])


@pytest.mark.parametrize("digits", ["2_0", "0x2", "２", "2,0", "1D", "two", "−2"])
def test_what_is_no_number(row, digits):
    assert row(atoms=(f"Na {digits} 0 0",)).startswith("broken coordinates: ")
    assert row(f'Lattice="{digits} 0 0 0 5 0 0 0 6"').startswith("broken lattice: ")


@pytest.mark.parametrize(
    "text", ['"T T T"', "[T, T, T]", "T", '"1 1 1"', '"True True True"', "{T T T}"]
)
def test_periodic_frames(row, text):
    assert len(row(f"{LATTICE} pbc={text}")) == 2


@pytest.mark.parametrize("text", ['"T T F"', '"F F F"', "[T, F, T]", "F", '"0 0 0"', '"False T T"'])
def test_frames_that_are_not_periodic(row, text):
    assert row(f"{LATTICE} pbc={text}").startswith("not periodic: pbc is ")


def test_what_ase_writes_of_partly_occupied_sites(tmp_path, row):
    atoms = ase.Atoms("NaCl", [[0, 0, 0], [2, 2, 2]], cell=[4, 4, 4], pbc=True)
    for shares, expected in (
        ({"0": {"Na": 0.5, "K": 0.5}, "1": {"Cl": 1.0}}, "disordered: "),
        ({"0": {"Na": 0.5}, "1": {"Cl": 1.0}}, "disordered: "),
        ({"0": {"Na": 1.0}, "1": {"Cl": 1.0}}, None),
    ):
        atoms.info["occupancy"] = shares
        ase.io.write(tmp_path / "ase.extxyz", atoms, format="extxyz")
        (found,) = read_extxyz(tmp_path / "ase.extxyz")
        if expected:
            assert found.reason.startswith(expected)
        else:
            assert found.crystal is not None


def test_occupancies_in_a_column(row):
    layout = f"{LATTICE} Properties=species:S:1:pos:R:3:occupancy:R:1"
    assert row(layout, ("Na 0 0 0 0.5", "Cl 2 2 2 1")).startswith("disordered: ")
    assert len(row(layout, ("Na 0 0 0 1.0", "Cl 2 2 2 1"))) == 2
    assert row(f"{LATTICE} occupancy=half").startswith("broken frame: occupancy 'half'")


def test_comment_lines_that_are_broken(row):
    assert row(f'{LATTICE} note="never closed').startswith("broken frame: a quote")
    assert row(f"{LATTICE} note={{never closed").startswith("broken frame: a {")
    twice = row(f'{LATTICE} Lattice="5 0 0 0 5 0 0 0 5"')
    assert twice == "broken frame: Lattice comes twice"


KEYS = st.from_regex(r"[A-Za-z_][A-Za-z_0-9]*", fullmatch=True)
VALUES = st.text(
    st.characters(blacklist_categories=["C", "Z"], blacklist_characters="\\")
) | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_comment_lines_as_ase_writes_them(info):
    special = ("lattice", "properties", "pbc", "occupancy", "cell")
    info = {key: value for key, value in info.items() if key.lower() not in special and value != ""}
    stream = io.StringIO()
    atoms = ase.Atoms("H", cell=[4, 4, 4], pbc=True, info=info)
    ase.io.write(stream, atoms, format="extxyz")
    found = dict(pairs(stream.getvalue().split("\n")[1]))
    for key, value in info.items():
        expected = f"{value}" if isinstance(value, str) else value
        assert found[key] == expected or float(found[key]) == expected


def test_escapes_and_nested_brackets():
    line = r'a="x \"y\" z" b={1 {2} 3} c=[[1, 2], [3, 4]] d = 5 flag e="" f=a"b'
    assert dict(pairs(line)) == {
        "a": 'x "y" z',
        "b": "1 {2} 3",
        "c": "[1, 2], [3, 4]",
        "d": "5",
        "e": "",
        "f": "a",
    }


@pytest.mark.parametrize("after", ["K 1 1 1", "\nK 1 1 1", "K 1 1 1\nK 3 3 3", "19 1.0 1 1D0"])
def test_more_atoms_than_announced(tmp_path, after):
    frame = f"2\n{LATTICE}\nNa 0 0 0\nCl 2 2 2\n"
    (tmp_path / "a.extxyz").write_text(f"{frame}{frame}{after}\n{frame}")
    first, long, _, last = read_extxyz(tmp_path / "a.extxyz")
    assert first.crystal is not None
    assert last.crystal is not None
    assert long.crystal is None
    assert long.reason == "broken frame: more atoms than the 2 that are announced"


def test_a_remark_between_frames_is_no_atom(tmp_path):
    frame = f"2\n{LATTICE}\nNa 0 0 0\nCl 2 2 2\n"
    (tmp_path / "a.extxyz").write_text(f"{frame}the end of part 1\n{frame}")
    first, remark, last = read_extxyz(tmp_path / "a.extxyz")
    assert first.crystal is not None
    assert last.crystal is not None
    assert remark.reason.startswith("broken frame: expected a number")


def test_an_occupancy_that_is_nan(row):
    layout = f"{LATTICE} Properties=species:S:1:pos:R:3:occupancy:R:1"
    assert row(layout, ("Na 0 0 0 nan", "Cl 2 2 2 1")).startswith("disordered: ")


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ("species:S:1:pos:R:3:Z:I:1", "{0} {2} {1}"),
        ("numbers:I:1:species:S:1:pos:R:3", "{1} {0} {2}"),
    ],
)
def test_elements_named_twice(row, columns, line):
    layout = f"{LATTICE} Properties={columns}"
    sodium = line.format("Na", 11, "0 0 0")
    assert row(layout, (sodium, line.format("Cl", 17, "2 2 2"))).numbers.tolist() == [11, 17]
    found = row(layout, (sodium, line.format("Cl", 11, "2 2 2")))
    assert found.startswith("contradiction: an atom's line names two elements")


@pytest.mark.parametrize("place", ["0 0 0", "4 0 0", "0.005 5 -6.005", "-0.004 0 12"])
@pytest.mark.parametrize("others", [0, 60])
def test_two_atoms_in_one_place(row, place, others):
    more = [
        f"Cl {1 + k % 4 * 0.5} {1 + k // 4 % 4 * 0.5} {1 + k // 16 * 0.5}" for k in range(others)
    ]
    found = row(atoms=("Na 0 0 0", *more, f"K {place}"))
    assert found == f"broken frame: two atoms in one place (Na1 and K{others + 2})"
    assert len(row(atoms=("Na 0 0 0", *more, "K 0.06 0 0"))) == others + 2


def test_a_cell_as_a_list_of_vectors(row):
    vectors = "[[4, 0.5, 0], [1, 5, 0], [0, 2.5, 6]]"
    flat = 'Lattice="4 0.5 0 1 5 0 0 2.5 6"'
    for text in (vectors, vectors.replace(", ", ","), f"[{vectors[1:-1]} ]"):
        found = row(f"Lattice={text}")
        np.testing.assert_array_equal(found.lattice, [[4, 0.5, 0], [1, 5, 0], [0, 2.5, 6]])
        np.testing.assert_array_equal(found.lattice, row(flat).lattice)
    for text in ("[[4, 0], [0, 5]]", "[[4, 0, 0, 0], [5, 0], [0, 0, 6]]", "[[4], 0, 0, 0, 5]"):
        assert row(f"Lattice={text}").endswith("is no list of three vectors")
    assert row("Lattice=[[4, 0, 0], [0, x, 0], [0, 0, 6]]").startswith("broken lattice: ")


@pytest.mark.parametrize(
    "comment",
    [
        f"{LATTICE} e=1 e=2",
        f"{LATTICE} id=a pbc=T id=b",
        f"{LATTICE} pbc=T pbc=F",
        f"{LATTICE} Lattice=[[4,0,0],[0,5,0],[0,0,7]]",
    ],
)
def test_a_key_that_comes_twice(row, comment):
    assert row(comment).endswith(" comes twice")
    assert len(row(f"{LATTICE} e=1 e=1 pbc=T PBC=T")) == 2


def test_columns_that_are_not_announced(row):
    layout = f"{LATTICE} Properties=species:S:1:pos:R:3"
    # "Na 1" is a label of someone's, and no coordinate.
    atoms = ("Na 1 0 0 0", "Cl 2 2 2.5 3")
    assert row(layout, atoms) == "broken frame: an atom's line has more than 4 columns"
    # Without Properties the first four are meant, as in any XYZ file.
    assert len(row(LATTICE, ("Na 0 0 0 0.1", "Cl 2 2.5 3 0.2"))) == 2


@pytest.mark.parametrize(
    "columns",
    ["species:S:1:pos:R:3:pos:R:3", "species:S:1:species:S:1:pos:R:3", "species:S:2:pos:R:3"],
)
def test_properties_that_name_a_column_twice(row, columns):
    layout = f"{LATTICE} Properties={columns}"
    atoms = ("Na Na 0 0 0 0 0", "Cl Cl 2 2 2 2 2")
    assert row(layout, atoms).startswith("broken Properties: ")


@pytest.mark.parametrize("claim", ["formula=KCl", "nsites=3", 'chemsys="K-Cl"', "elements=[K,Cl]"])
def test_what_the_comment_line_claims(row, claim):
    assert row(f"{LATTICE} {claim}").startswith("contradiction: ")
    right = 'formula=NaCl nsites=2 chemsys="Cl-Na" elements=[Na,Cl]'
    assert len(row(f"{LATTICE} {right}")) == 2


def test_a_number_of_atoms_in_other_digits(tmp_path):
    (tmp_path / "a.extxyz").write_text(f"٢\n{LATTICE}\nNa 0 0 0\nCl 2 2 2\n")
    (found,) = read_extxyz(tmp_path / "a.extxyz")
    assert found.reason.startswith("broken frame: expected a number of atoms")
