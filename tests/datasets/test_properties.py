"""Guessing columns and reading numbers."""

import math

import pytest

from tfmat.datasets.properties import (
    PropertyReader,
    guess_id,
    guess_properties,
    number,
    unit_of,
)
from tfmat.errors import InputError


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["formation_energy_per_atom", "e_above_hull", "band_gap"], None),
        (["E_Form", "Energy Above Hull", "Gap PBE"], None),
        (["delta_e", "stability", "bandgap"], None),
        (["formation_energy_peratom", "ehull", "optb88vdw_bandgap"], None),
        # The better sign wins, wherever it stands.
        (["formation_energy", "formation_energy_per_atom"], {"formation_energy_per_atom": 1}),
        (["formation_energy_per_atom", "formation_energy"], {"formation_energy_per_atom": 0}),
        (["energy", "volume", ""], {}),
    ],
)
def test_known_properties_are_found(columns, expected):
    names = ("formation_energy_per_atom", "e_above_hull", "band_gap")
    positions = dict(zip(names, range(3), strict=True)) if expected is None else expected
    assert guess_properties(columns) == {name: columns[at] for name, at in positions.items()}


def test_the_identifier_is_found():
    assert guess_id(["x", "ID", "material_id"]) == "material_id"
    assert guess_id(["x", "ID"]) == "ID"
    assert guess_id(["x"]) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        ("-1.5e-3", -1.5e-3),
        (" 2 ", 2),
        (True, 1),
        ("F", 0),
        ("true", 1),
        ("1D0", 1),
        ("-2.5d-1", -0.25),
    ],
)
def test_numbers(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize("value", [None, "", " ", "NaN", "None", "null", "N/A", math.nan])
def test_absent_numbers(value):
    assert math.isnan(number(value))


@pytest.mark.parametrize(
    "value", ["low", "inf", "-Infinity", "1,5", "1 2", [1], "1_0", "１", "٣", "0x1"]
)
def test_no_numbers(value):
    with pytest.raises(InputError):
        number(value)


def test_what_the_user_names_beats_the_guess():
    reader = PropertyReader({"band_gap": "gap (eV)"}, "label")
    fields = {"id": "a", "label": "b", "gap": "1", "gap (eV)": "2", "ef": "3"}
    assert reader.read(fields) == {"band_gap": 2, "formation_energy_per_atom": 3}
    assert reader.identifier(fields) == "b"
    assert reader.missing() == []
    assert reader.read({"gap": "1"}) == {}
    assert reader.identifier({"id": "a"}) == ""


def test_text_in_a_guessed_column_is_unknown_and_counted():
    reader = PropertyReader({"band_gap": "kind"})
    fields = {"stability": "stable", "kind": "1", "delta_e": "-inf"}
    values = reader.read(fields) | reader.read(fields | {"stability": "0.1"})
    assert values["e_above_hull"] == 0.1
    assert math.isnan(values["formation_energy_per_atom"])
    assert reader.not_numbers == {"e_above_hull": 1, "formation_energy_per_atom": 2}
    with pytest.raises(InputError, match="broken band_gap: 'direct' is no number"):
        reader.read(fields | {"kind": "direct"})


def test_units():
    assert unit_of("formation_energy_per_atom") == "eV/atom"
    assert unit_of("band_gap") == "eV"
    assert unit_of("bulk_modulus") is None
