"""Values of a CIF as the standard means them: absent, unknown, dummies, elements, blocks."""

import numpy as np
import pytest
from cif_files import COLUMNS, SITES, cif

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.cif.structure import crystals_of_cif

INVERSION = ("x,y,z", "-x,-y,-z")


def only(text):
    ((_, found),) = crystals_of_cif(text)
    return found


def numbers(text):
    found = only(text)
    assert isinstance(found, Crystal), found
    return sorted(found.numbers.tolist())


def with_column(column, *values, sites=SITES, **options):
    rows = [f"{site} {value}" for site, value in zip(sites, values, strict=True)]
    return cif(rows, columns=(*COLUMNS, column), **options)


@pytest.mark.parametrize("value", [".", "1", "1.0", "1.000(2)", "1.0D+00", "0.9999", "'.'"])
def test_a_whole_occupancy(value):
    if value == "'.'":
        # A quoted dot is a text, and no number.
        assert "occupancy" in only(with_column("occupancy", "1", value))
    else:
        assert numbers(with_column("occupancy", "1", value)) == [8, 20]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("0.5", "disordered: site O1 has the occupancy 0.5"),
        ("0.99", "disordered"),
        ("2.5", "broken CIF: site O1 has the occupancy 2.5"),
        ("-1", "broken CIF"),
        ("full", "broken CIF"),
        ("?", "unclear: occupancies are unknown"),
    ],
)
def test_other_occupancies_are_refused(value, reason):
    assert only(with_column("occupancy", "1", value)).startswith(reason)


def test_an_unknown_occupancy_that_the_formula_confirms():
    text = with_column("occupancy", "1", "?", chemical_formula_sum="Ca O")
    assert numbers(text) == [8, 20]


def test_nobody_is_at_home_where_the_occupancy_is_zero():
    assert numbers(with_column("occupancy", "1", "0")) == [20]


@pytest.mark.parametrize(
    "place", [". . .", "? ? ?", "0.1 . 0.2", "0.1 0,2 0.3", "nan 0 0", "1/3 0 0"]
)
def test_a_place_that_is_none_is_refused(place):
    assert only(cif([SITES[0], f"H1 H {place}"])).startswith("broken CIF: site H1 lies at ")


@pytest.mark.parametrize("digits", ["-0.1", "\u22120.1", "-1.0D-01", "-1.0e-1", "-.1(2)"])
def test_numbers_as_programs_write_them(digits):
    found = only(cif([f"Ca1 Ca {digits} 0.1 0.1", SITES[1]]))
    np.testing.assert_allclose(
        (found.positions @ np.linalg.inv(found.lattice))[0], [-0.1, 0.1, 0.1]
    )


@pytest.mark.parametrize(
    "digits", ["\u20130.1", "0.1\u00a0", "\uff10.1", "1_0", "0x1", "\ufffd0.1"]
)
def test_characters_of_no_number_are_refused(digits):
    assert only(cif([f"Ca1 Ca {digits} 0.1 0.1"])).startswith("broken CIF")


@pytest.mark.parametrize("digits", ["5.64(abc", "5.64(1)(2)", "5.64(1", "5.64(1)2", "5.64(-1)"])
def test_what_follows_a_number_is_its_uncertainty_alone(digits):
    found = only(cif(cell=(digits, 6, 7, 90, 90, 90)))
    assert found == f"broken CIF: _cell_length_a is {digits!r}"


def test_dummies_are_left_out():
    sites = (*SITES, "C99 C . . .")
    assert numbers(with_column("calc_flag", "d", "calc", "dum", sites=sites)) == [8, 20]
    assert only(with_column("calc_flag", "dum", "dum")) == "no structure: no atom sites"


@pytest.mark.parametrize(
    ("symbol", "number"),
    [("Na", 11), ("Na1+", 11), ("Na+", 11), ("O2-", 8), ("Fe3+", 26), ("D", 1), ("Si4", 14)],
)
def test_symbols_with_charges(symbol, number):
    assert numbers(cif([f"A1 {symbol} 0 0 0"])) == [number]


@pytest.mark.parametrize(
    "symbol", ["NH3", "OH", "Vac", "Wat", "H2O", "CN", "X", "M1", "Lp", "Zz", "CH3", "Ow", "13C"]
)
def test_symbols_that_are_no_element_are_refused(symbol):
    assert only(cif([SITES[0], f"A1 {symbol} 0.2 0.3 0.4"])) == f"unknown element: {symbol!r}"


@pytest.mark.parametrize("symbol", ["CO", "NA", "SI", "na", "T"])
def test_symbols_that_may_be_another_are_read_if_the_formula_says_so(symbol):
    element = "H" if symbol == "T" else symbol.capitalize()
    assert only(cif([f"A1 {symbol} 0 0 0"])).startswith("unclear: ")
    assert only(cif([f"A1 {symbol} 0 0 0"], chemical_formula_sum=element)).numbers.size == 1
    assert isinstance(only(cif([f"A1 {symbol} 0 0 0"], chemical_formula_sum="C O")), str)


LABELS = ("label", "fract_x", "fract_y", "fract_z")


@pytest.mark.parametrize(
    ("label", "number"),
    [("Ca", 20), ("Ca1", 20), ("C1A", 6), ("O(1)", 8), ("H1'", 1), ("D2", 1), ("Fe2+", 26)],
)
def test_labels_that_begin_with_an_element(label, number):
    assert numbers(cif([f"{label} 0 0 0"], columns=LABELS)) == [number]


@pytest.mark.parametrize("label", ["Wat", "Vac", "X1", "M2", "Q", "DUM", "?", "."])
def test_labels_of_no_element_are_refused(label):
    text = cif(["Ca 0.1 0.1 0.1", f"{label} 0.2 0.3 0.4"], columns=LABELS)
    assert only(text).startswith("unknown element: ")


@pytest.mark.parametrize(
    ("label", "formula"),
    [("CA1", "Ca"), ("CA1", None), ("OW1", "O"), ("FeM1", "Fe"), ("Oh", "O"), ("NH3", "N")],
)
def test_labels_that_may_be_another_need_the_formula(label, formula):
    rows, extra = [f"{label} 0 0 0"], {"chemical_formula_sum": formula} if formula else {}
    found = only(cif(rows, columns=LABELS, **extra))
    assert isinstance(found, Crystal) if formula else found.startswith("unclear: label")


def test_water_without_hydrogens_is_incomplete():
    rows = ["Ca 0.1 0.1 0.1", "O 0.2 0.3 0.4"]
    text = cif(rows, columns=LABELS, operations=INVERSION, chemical_formula_sum="Ca2 O2 H4")
    assert only(text).startswith("incomplete: O2 Ca2 in the cell")
    assert only(text.replace("\nO ", "\nOW ")).startswith("incomplete: ")
    assert isinstance(only(text.replace("\nO ", "\nWat ")), str)


def test_attached_hydrogens_are_incomplete():
    for count in ("2", "2(1)", "x"):
        assert only(with_column("attached_hydrogens", "0", count)).startswith("incomplete: ")
    assert numbers(with_column("attached_hydrogens", "0", ".")) == [8, 20]


def test_groups_of_disorder():
    assert numbers(with_column("disorder_group", ".", "1")) == [8, 20]
    assert only(with_column("disorder_group", "1", "2")).startswith("disordered: ")
    assert only(with_column("disorder_group", ".", "-1")).startswith("disordered: ")


def test_two_atoms_in_one_place_are_refused():
    text = cif(["Ca1 Ca 0 0.5 0.25", "Sr1 Sr 1.0 -0.5 0.2500001"])
    assert only(text) == "broken CIF: two atoms in one place (Ca1 and Sr1)"


def test_every_block_is_judged_on_its_own():
    texts = [
        cif(name="good"),
        with_column("occupancy", "2.5", "1", name="bad"),
        cif(name="good"),
        "data_journal\n_journal_year 1999\n",
    ]
    names, found = zip(*crystals_of_cif("".join(texts)), strict=True)
    assert names == ("good", "bad", "good")
    assert [isinstance(one, Crystal) for one in found] == [True, False, True]


@pytest.mark.parametrize(
    "damage", ["_note 'never closed", "loop_\n_a\n_b\n1 2 3", "_note \u0080 a b"]
)
def test_one_damaged_block_does_not_take_the_others_along(damage):
    text = cif(name="first") + cif(name="second") + damage + "\n" + cif(name="third")
    names, found = zip(*crystals_of_cif(text), strict=True)
    assert names == ("first", "second", "third")
    assert isinstance(found[0], Crystal)
    assert isinstance(found[2], Crystal)
    assert found[1].startswith("broken CIF: line ")


def test_a_text_field_is_no_block():
    inner = cif(["Au1 Au 0 0 0"], name="inner")
    text = f"data_outer\n_publ_text\n;\n{inner};\n" + cif(name="x").split("\n", 1)[1]
    ((name, found),) = crystals_of_cif(text)
    assert name == "outer"
    assert sorted(found.numbers.tolist()) == [8, 20]


def test_words_of_the_syntax_in_any_case():
    text = cif(SITES).replace("loop_", "LOOP_").replace("data_", "Data_")
    assert numbers(text.replace("_atom_site_fract", "_ATOM_SITE_Fract")) == [8, 20]


@pytest.mark.parametrize(
    "items",
    [
        {"cell_modulation_dimension": 1},
        {"space_group_ssg_name": "Pmna(0b0)"},
        {"cell_wave_vector_x": "0.3"},
        {"cell_subsystems_number": 2},
        {"atom_site_Fourier_wave_vector_seq_id": 1},
    ],
)
def test_modulated_structures_are_refused(items):
    assert only(cif(**items)).startswith("modulated: ")


def test_what_comes_twice_is_refused():
    assert only(cif() + "_cell_length_a 5.1\n") == "broken CIF: _cell_length_a comes twice"
    assert numbers(cif() + "_cell_length_a 5.0\n") == [8, 20]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ((5, 6, "?", 90, 90, 90), "no _cell_length_c"),
        ((5, 6, "x", 90, 90, 90), "broken CIF: _cell_length_c is 'x'"),
        ((5, 6, -7, 90, 90, 90), "broken CIF: _cell_length_c is '-7'"),
        ((5, 6, 7, 40, 40, 170), "broken CIF: no cell has the angles"),
        ((5, 6, 7, 90, 180, 90), "broken CIF: no cell has the angles"),
        ((0.01, 6, 7, 90, 90, 90), "beyond sense"),
        ((1e9, 6, 7, 90, 90, 90), "beyond sense"),
        (("1e400", 6, 7, 90, 90, 90), "broken CIF"),
    ],
)
def test_cells_that_are_none(cell, reason):
    assert only(cif(cell=cell)).startswith(reason)


def test_angles_that_do_not_apply_are_right():
    found = only(cif(cell=(5, 6, 7, ".", ".", ".")))
    np.testing.assert_allclose(found.lattice, np.diag([5, 6, 7]), atol=1e-12)


@pytest.mark.parametrize(
    "text", ["", "rubbish", "_cell_length_a 5\n", "data_a\n", "data_a\n_b 1\n"]
)
def test_texts_that_are_no_cif(text):
    assert only(text).startswith("broken CIF: ")
    assert only("data_a\n_atom_site_Cartn_x 1\n_cell_length_a 5\n").startswith("no ")


@pytest.mark.parametrize(
    "names",
    ["_cell_length_a", "_cell_volume", "_chemical_formula_sum", "_cell_formula_units_Z"],
)
def test_two_values_where_one_belongs(names):
    """A loop is another way to write one value, but not several."""
    value = {"_chemical_formula_sum": "'Ca O'", "_cell_volume": "210"}.get(names, "5")
    value = "1" if names.endswith("Z") else value
    other = "'Ca2 O'" if "formula_sum" in names else "9"
    items = {} if "formula_sum" in names else {"chemical_formula_sum": "Ca O"}
    lines = [line for line in cif(**items).splitlines() if not line.startswith(f"{names} ")]
    for values, right in (((value,), True), ((value, value), True), ((value, other), False)):
        text = "\n".join([lines[0], f"loop_\n{names}", *values, *lines[1:]]) + "\n"
        found = only(text)
        assert (
            isinstance(found, Crystal)
            if right
            else found == (f"broken CIF: {names.lower()} has 2 values")
        )
