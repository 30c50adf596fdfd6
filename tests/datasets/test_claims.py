"""What a file says besides its atoms: space group, formula, multiplicities, volume, counts."""

import gemmi
import numpy as np
import pytest
from cif_files import COLUMNS, cif
from pymatgen.core import Lattice, Structure

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.cif.structure import crystals_of_cif
from tfmat.datasets.readers.claims import check_record, parse_formula
from tfmat.errors import InputError

CUBE = (5.64, 5.64, 5.64, 90, 90, 90)
ROCKSALT = ("Na1 Na 0 0 0", "Cl1 Cl 0.5 0.5 0.5")
NAME = "symmetry_space_group_name_H__M"


def only(text):
    ((_, found),) = crystals_of_cif(text)
    return found


def atoms(text):
    found = only(text)
    assert isinstance(found, Crystal), found
    return len(found)


def named(symbol, **items):
    return cif(ROCKSALT, CUBE, (), **{NAME: symbol}, **items)


@pytest.mark.parametrize(
    "symbol", ["Fm-3m", "F m -3 m", "F m 3 m", "F 4/m -3 2/m", "F4/m-32/m", "fm-3m", "F m -3 m "]
)
def test_a_space_group_without_operations_is_expanded(symbol):
    expected = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0] * 3, [0.5] * 3]
    )
    found = only(named(symbol))
    places = np.column_stack([found.numbers, np.round(found.positions, 3)])
    others = np.column_stack([expected.atomic_numbers, np.round(expected.cart_coords, 3)])
    assert sorted(places.tolist()) == sorted(others.tolist())
    assert atoms(named(symbol)) == 8


def test_number_or_hall_symbol_alone():
    assert atoms(cif(ROCKSALT, CUBE, (), symmetry_Int_Tables_number=225)) == 8
    assert atoms(cif(ROCKSALT, CUBE, (), space_group_name_Hall="-F 4 2 3")) == 8
    assert atoms(cif(ROCKSALT, CUBE, (), symmetry_Int_Tables_number=1)) == 2
    assert atoms(cif(ROCKSALT, CUBE, ())) == 2


@pytest.mark.parametrize("symbol", ["X m m", "F m -3 q", "P 21/m 21/m 2/n (origin choice 3)"])
def test_unknown_space_groups_are_refused(symbol):
    assert only(named(symbol)).startswith("broken CIF: unknown space group")
    assert only(cif(ROCKSALT, CUBE, (), space_group_name_Hall="-F nonsense")).startswith(
        "broken CIF"
    )


def test_names_that_contradict_each_other_are_refused():
    assert only(named("Fm-3m", space_group_IT_number=227)).startswith("contradiction: ")
    hall = {"space_group_name_Hall": "-F 4 2 3", "space_group_IT_number": 221}
    assert only(cif(ROCKSALT, CUBE, (), **hall)).startswith("contradiction: ")


SILICON = (5.431, 5.431, 5.431, 90, 90, 90)


@pytest.mark.parametrize(
    ("symbol", "place", "count"),
    [
        ("F d -3 m :2", "0.125 0.125 0.125", 8),
        ("F d -3 m:1", "0 0 0", 8),
        ("F d -3 m Z", "0.125 0.125 0.125", 8),
        ("F d -3 m S", "0.125 0.125 0.125", 16),
        ("F 41/d -3 2/m (origin choice 2)", "0.125 0.125 0.125", 8),
    ],
)
def test_origins_by_name(symbol, place, count):
    assert atoms(cif([f"Si1 Si {place}"], SILICON, (), **{NAME: symbol})) == count


def test_an_origin_that_is_not_named_is_told_by_the_number_of_atoms():
    diamond = ["Si1 Si 0.125 0.125 0.125"]
    assert only(cif(diamond, SILICON, (), **{NAME: "F d -3 m"})).startswith("unclear: ")
    known = {NAME: "F d -3 m", "chemical_formula_sum": "Si", "cell_formula_units_Z": 8}
    assert atoms(cif(diamond, SILICON, (), **known)) == 8
    known["cell_formula_units_Z"] = 16
    assert atoms(cif(diamond, SILICON, (), **known)) == 16
    text = cif(
        ["Si1 Si 0.125 0.125 0.125 8"],
        SILICON,
        (),
        (*COLUMNS, "symmetry_multiplicity"),
        **{NAME: "F d -3 m"},
    )
    assert atoms(text) == 8


def test_axes_are_told_by_the_cell():
    rhombohedral = (4.746, 4.746, 4.746, 57.23, 57.23, 57.23)
    hexagonal = (4.546, 4.546, 11.862, 90, 90, 120)
    along = ["Bi1 Bi 0.234 0.234 0.234"]
    assert atoms(cif(along, rhombohedral, (), **{NAME: "R -3 m"})) == 2
    assert atoms(cif(["Bi1 Bi 0 0 0.234"], hexagonal, (), **{NAME: "R -3 m"})) == 6
    for symbol in ("R -3 m:H", "R -3 m H", "R -3 2/m (hexagonal axes)"):
        found = only(cif(along, rhombohedral, (), **{NAME: symbol}))
        assert found.startswith("contradiction: the operations of space group 166 do not fit")


def test_calcite_in_rhombohedral_axes():
    sites = ["Ca1 Ca 0 0 0", "C1 C 0.25 0.25 0.25", "O1 O 0.507 -0.007 0.25"]
    text = cif(sites, (6.36, 6.36, 6.36, 46.1, 46.1, 46.1), (), **{NAME: "R -3 c RS"})
    assert np.bincount(only(text).numbers)[[6, 8, 20]].tolist() == [2, 6, 2]


@pytest.mark.parametrize(
    ("angles", "full"),
    [((90, 103, 90), "P 1 21/c 1"), ((90, 90, 90), "P 1 21/c 1"), ((103, 90, 90), "P 21/c 1 1")],
)
def test_unique_axes_are_told_by_the_cell(angles, full):
    place = np.array([0.1, 0.2, 0.3])
    found = only(cif(["Fe1 Fe 0.1 0.2 0.3"], (5, 6, 7, *angles), (), **{NAME: "P 21/c"}))
    group = gemmi.SpaceGroup(full).operations()
    expected = sorted(np.round(np.array(op.apply_to_xyz(place)) % 1, 6).tolist() for op in group)
    places = np.round(found.positions @ np.linalg.inv(found.lattice) % 1, 6)
    assert sorted(places.tolist()) == expected


def test_operations_that_do_not_fit_the_cell_are_refused():
    operations = ("x,y,z", "-y,x-y,z", "-x+y,-x,z")
    assert only(cif(["Bi1 Bi 0 0 0.2"], (5, 5, 5, 57, 57, 57), operations)).startswith(
        "contradiction"
    )
    assert only(cif(["Bi1 Bi 0 0 0.2"], (5, 6, 7, 90, 90, 120), operations)).startswith("contra")


@pytest.mark.parametrize(
    "operations",
    [
        ("x,y,z", "-y,x,z"),
        ("-x,-y,-z",),
        ("x,y,z", "x+1/2,y,z+1/3"),
        ("x,y", "x,y,z"),
        ("x,y,z", "x,x,z"),
        ("x,y,z", "2x,y,z"),
        ("x,y,z", "x;y;z"),
        ("x,y,z", "x,y,z+1/0"),
        ("x,y,z", "x 1 y, y, z"),
    ],
)
def test_operations_that_are_no_group_are_refused(operations):
    assert only(cif(operations=operations)).startswith("broken CIF: ")


class TestLanguageModel:
    """A model writes "x, y, z" beside any space group, and the asymmetric unit or the cell."""

    claims: dict = {  # noqa: RUF012
        NAME: "Fm-3m",
        "symmetry_Int_Tables_number": 225,
        "chemical_formula_sum": "Na4 Cl4",
        "cell_formula_units_Z": 4,
    }
    columns = (*COLUMNS, "symmetry_multiplicity")

    def test_the_asymmetric_unit_is_expanded(self):
        assert atoms(cif(ROCKSALT, CUBE, ("x, y, z",), **self.claims)) == 8
        sites = [f"{site} 4" for site in ROCKSALT]
        text = cif(sites, CUBE, ("x, y, z",), self.columns, **{NAME: "Fm-3m"})
        assert atoms(text) == 8

    def test_the_whole_cell_is_kept(self):
        shifts = ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
        sites = [
            f"{name}{i} {name} " + " ".join(str((start + part) % 1) for part in shift)
            for name, start in (("Na", 0), ("Cl", 0.5))
            for i, shift in enumerate(shifts)
        ]
        assert atoms(cif(sites, CUBE, ("x, y, z",), **self.claims)) == 8

    def test_neither_is_refused(self):
        assert only(cif(ROCKSALT, CUBE, ("x,y,z",), **{NAME: "Fm-3m"})).startswith("unclear: ")
        wrong = {**self.claims, "chemical_formula_sum": "Na3 Cl4"}
        assert only(cif(ROCKSALT, CUBE, ("x,y,z",), **wrong)).startswith("contradiction: ")
        number = {"symmetry_Int_Tables_number": 225}
        assert only(cif(ROCKSALT, CUBE, ("x,y,z",), **number)).startswith("unclear: ")


@pytest.mark.parametrize(
    ("formula", "units", "expected"),
    [
        ("Ca2 O2", 1, 4),
        ("Ca O", 2, 4),
        ("CaO", 2, 4),
        ("Ca2 O2", 2, 4),  # pymatgen: formula of the cell beside its formula units
        ("Ca O", None, 4),
        ("Ca1.00 O1.0", 2, 4),
        ("Ca O", "?", 4),
        ("not a formula", 7, "unclear formula"),
        ("Ca O", 4, "contradiction"),
        ("Ca O", 1, "contradiction"),
        ("Ca O2", 2, "contradiction"),
        ("Ca O", 3, "contradiction"),
        ("Ca4 O4", None, "contradiction"),
        ("Ca O H", None, "incomplete"),
        ("Ca O D2", 2, "incomplete"),
        ("Ca O Na0.01", 2, "contradiction"),
    ],
)
def test_formula_and_formula_units(formula, units, expected):
    items = {"chemical_formula_sum": formula}
    if units is not None:
        items["cell_formula_units_Z"] = units
    text = cif(operations=("x,y,z", "-x,-y,-z"), **items)
    if isinstance(expected, int):
        assert atoms(text) == expected
    else:
        assert only(text).startswith(f"{expected}: ")


@pytest.mark.parametrize("name", ["symmetry_multiplicity", "site_symmetry_multiplicity"])
def test_multiplicities(name):
    def with_counts(*counts):
        sites = [f"Ca1 Ca 0 0 0 {counts[0]}", f"O1 O 0.1 0.2 0.3 {counts[1]}"]
        return cif(sites, operations=("x,y,z", "-x,-y,-z"), columns=(*COLUMNS, name))

    assert atoms(with_counts(1, 2)) == 3
    assert atoms(with_counts("?", ".")) == 3
    # Older programs: how many operations keep the site.
    assert atoms(with_counts(2, 1)) == 3
    assert only(with_counts(4, 8)).startswith("contradiction: site Ca1 stands for 1 atoms")


def test_volume():
    assert atoms(cif(cell_volume="210.4(3)")) == 2
    assert only(cif(cell_volume="420.0")).startswith("contradiction: the cell has 210 Å³")
    assert atoms(cif(cell_volume="?")) == 2


def test_sites_that_lie_next_to_a_special_position():
    operations = ("x,y,z", "-x,-y,-z")
    near = cif(["Ca1 Ca 0.004 0 0"], operations=operations)
    assert atoms(near) == 1
    assert only(cif(["Ca1 Ca 0.03 0 0"], operations=operations)).startswith("unclear: images")
    known = cif(
        ["Ca1 Ca 0.03 0 0"],
        operations=operations,
        chemical_formula_sum="Ca2",
        cell_formula_units_Z=1,
    )
    assert atoms(known) == 2


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("Na Cl", {11: 1, 17: 1}),
        ("'C2 D6 O'", None),
        ("C2 D6 O", {6: 2, 1: 6, 8: 1}),
        ("Fe2.667 O4", {26: 2.667, 8: 4}),
        ("C12 H8 N2 2+", {6: 12, 1: 8, 7: 2}),
        ("Ca(OH)2", None),
        ("CuSO4.5H2O", None),
        ("Xx2", None),
        ("", None),
        ("Na0", None),
        ("Na" + "9" * 400, None),
    ],
)
def test_formulas(text, amounts):
    assert parse_formula(text) == amounts


@pytest.fixture
def salt():
    return Crystal.from_arrays(np.eye(3) * 4, [[0, 0, 0], [2, 2, 2]], [11, 17])


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"nsites": 2, "nelements": 2, "elements": ["Na", "Cl"], "formula_pretty": "NaCl"},
        {"nsites": None, "elements": [], "chemical_formula_reduced": "ClNa"},
        {"composition": {"Na": 2.0, "Cl": 2.0}, "pretty_formula": "Na(Cl)"},
        {"formula": "rock salt", "full_formula": "Na4 Cl4", "chemical_formula_sum": "Cl Na"},
    ],
)
def test_records_that_agree(salt, record):
    check_record(salt, record)


@pytest.mark.parametrize(
    "record",
    [
        {"nsites": 4},
        {"nelements": 1},
        {"elements": ["Na"]},
        {"elements": ["Na", "Cl", "O"]},
        {"chemical_formula_reduced": "Cl2Na"},
        {"formula_pretty": "KCl"},
        {"formula": "KCl"},
        {"full_formula": "Na2 Cl1"},
        {"chemical_formula_sum": "Na2 Cl"},
        {"composition": {"Na": 1, "Cl": 2}},
    ],
)
def test_records_that_contradict(salt, record):
    with pytest.raises(InputError, match="contradiction: "):
        check_record(salt, record)


@pytest.mark.parametrize(
    "record",
    [
        {"elements": ["Cl", "Na"], "elements_ratios": [0.5, 0.501], "volume": 64.2},
        {"formula_pretty": "(Na)Cl", "elements": None, "elements_ratios": ["?"]},
    ],
)
def test_a_database_that_agrees(salt, record):
    check_record(salt, record)
    check_record(salt, record, strict=True)


def test_shares_of_isotopes_are_those_of_the_element():
    water = Crystal.from_arrays(np.eye(3) * 4, [[0, 0, 0], [1, 0, 0], [0, 1, 0]], [8, 1, 1])
    shares = [1 / 3, 1 / 3, 1 / 3]
    check_record(water, {"elements": ["D", "H", "O"], "elements_ratios": shares}, strict=True)


@pytest.mark.parametrize(
    ("record", "loose"),
    [
        ({"elements": ["Na", "Cl"], "elements_ratios": [0.6, 0.4]}, False),
        ({"elements": ["Na", "Cl"], "elements_ratios": [0.5]}, False),
        ({"elements": ["Na", "Cl"], "elements_ratios": [10**400, 1]}, True),
        ({"elements": ["Na", "Cl"], "elements_ratios": "halves"}, True),
        ({"elements": [], "nsites": 2}, True),
        ({"elements": ["Na", 17]}, True),
        ({"elements": "NaCl"}, True),
        ({"nsites": "2"}, True),
        ({"nelements": True}, True),
        ({"elements": "Na, 17"}, True),
        ({"chemsys": "Na-K"}, False),
        ({"chemsys": 7, "nsites": "two"}, True),
        ({"nsites": 10**4000}, True),
        ({"formula_pretty": "salt"}, True),
        ({"chemical_formula_reduced": 12}, True),
        ({"volume": 70.0}, True),
        ({"volume": float("inf")}, True),
        ({"volume": -64.0}, True),
        ({"volume": 10**400}, True),
    ],
)
def test_a_database_whose_fields_must_be_readable(salt, record, loose):
    with pytest.raises(InputError, match="contradiction: "):
        check_record(salt, record, strict=True)
    if loose:
        check_record(salt, record)
    else:
        with pytest.raises(InputError, match="contradiction: "):
            check_record(salt, record)


@pytest.mark.parametrize(
    ("operations", "orders", "right"),
    [
        (("x,y,z",), (1, 1), True),
        # A file that has lost its operations.
        (("x,y,z",), (48, 48), False),
        (("x,y,z", "-x,-y,-z"), (2, 2), True),
        (("x,y,z", "-x,-y,-z"), (1, 2), False),
        (("x,y,z", "-x,-y,-z"), (".", "?"), True),
    ],
)
def test_the_symmetry_order_of_sites(operations, orders, right):
    sites = [f"{site} {order}" for site, order in zip(ROCKSALT, orders, strict=True)]
    found = only(cif(sites, CUBE, operations, (*COLUMNS, "site_symmetry_order")))
    if right:
        assert len(found) == 2
    else:
        assert found.startswith("contradiction: ")
        assert "symmetry order" in found
