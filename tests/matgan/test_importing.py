"""Importing formulas: what is kept, what is left out with which reason, and the papers' counts."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.errors import InputError
from tfmat.matgan.importing import CompositionOptions, import_compositions

TABLE = """formula,E_Form,flag,gap
Fe2O3,-1.5,1,2.1
Fe2O3,-1.7,true,0
Fe2O3,,1.0,0
Fe4O6,-1.6,0,1
Na,0,1,0
NaCl,bad,1,5
KrF2,1,1,
Zz2O,3,1,
"Li(OH)",-2,1,
LiF
"""


@pytest.fixture
def load(tmp_path):
    def run(text=TABLE, name="a.csv", **options):
        source = tmp_path / name
        source.write_text(text)
        summary = import_compositions(source, tmp_path / "out", CompositionOptions(**options))
        with (tmp_path / "out" / "rejected.csv").open(newline="", encoding="utf-8") as stream:
            rejected = [tuple(row) for row in csv.reader(stream)][1:]
        return CompositionDataset.open(tmp_path / "out"), summary, rejected

    return run


def test_the_lowest_energy_of_each_formula_is_kept(load):
    dataset, summary, rejected = load()
    assert dataset.compositions.formulas() == ["Fe2O3", "Na", "NaCl", "KrF2", "LiHO"]
    energies = dataset.property("formation_energy_per_atom")
    np.testing.assert_array_equal(energies, [-1.7, 0, math.nan, 1, -2])
    # The other properties are those of the same row.
    np.testing.assert_array_equal(dataset.property("band_gap"), [0, 0, 5, math.nan, math.nan])
    duplicate = "another row of the same formula was kept"
    assert rejected == [
        ("1", "Fe2O3", duplicate),
        ("3", "Fe2O3", duplicate),
        ("4", "Fe2O3", duplicate),
        ("8", "Zz2O", "unreadable: unknown element: 'Zz'"),
        ("10", "", "unreadable: broken row: 1 cells, but 4 columns"),
    ]
    assert (summary["read"], summary["kept"], summary["unreadable"]) == (10, 5, 2)
    assert (summary["duplicates"], summary["unknown_energy"]) == (3, 1)
    assert summary["properties"]["formation_energy_per_atom"] == {
        "column": "E_Form",
        "known": 4,
        "not_numbers": 1,
    }
    assert dataset.metadata["source"]["name"] == "a.csv"
    assert dataset.metadata["counts"]["rejected"] == 5


def test_a_rule_with_a_condition_and_validity(load):
    dataset, summary, _ = load(rule="mp", where=["flag=1"], valid=True)
    assert dataset.compositions.formulas() == ["Fe2O3", "NaCl", "LiHO"]
    selection = dataset.metadata["selection"]
    assert selection["rule"] == "mp"
    assert selection["where"] == ["flag=1"]
    assert selection["valid"]["oxidation_states"] == "smact14"
    assert [(step["name"], step["removed"]) for step in selection["steps"]] == [
        ("not flag=1", 1),
        ("only one element", 1),
        ("more than 8 of an element", 0),
        ("an element that is not among the 85", 1),
        ("not charge-neutral", 0),
        ("electronegativities not balanced", 0),
        ("another row of the same formula was kept", 2),
    ]
    assert summary["selection"] == selection


def test_a_property_that_was_asked_for_must_be_a_number(load):
    dataset, _, rejected = load(properties={"formation_energy_per_atom": "E_Form", "flag": "flag"})
    assert dataset.properties == ["formation_energy_per_atom", "band_gap", "flag"]
    assert ("6", "NaCl", "formation_energy_per_atom is no number") in rejected


def test_a_list_without_energies(load):
    dataset, summary, rejected = load("NaCl\nMgO\n\nO2Mg2\nXx\n", "list.txt", rule="icsd-filter")
    assert dataset.compositions.formulas() == ["NaCl", "MgO"]
    assert summary["unknown_energy"] == 2
    assert dataset.properties == []
    assert [row[0] for row in rejected] == ["4", "5"]


def test_a_dataset_can_be_selected_again(load, tmp_path):
    first, *_ = load(properties={"mine": "flag"})
    options = CompositionOptions(rule="mp", where=["mine=1"])
    summary = import_compositions(first.path, tmp_path / "again", options)
    again = CompositionDataset.open(tmp_path / "again")
    assert again.compositions.formulas() == ["Fe2O3", "NaCl", "LiHO"]
    assert set(again.properties) == set(first.properties)
    assert again.metadata["source"]["sha256"] == first.sha256
    assert again.metadata["source"]["of"]["source"]["name"] == "a.csv"
    assert summary["read"] == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"where": ["flg=1"]}, r"`where`: no column 'flg' .did you mean flag"),
        ({"where": ["flag=7"]}, r"no formula is left of 10 rows .unreadable: 2, not flag=7: 8."),
        ({"properties": {"x": "e"}}, "`properties`: no column 'e'"),
        ({"properties": {"a/b": "flag"}}, "property name 'a/b'"),
        ({"formula": "f"}, "no column 'f'"),
        ({"rule": "mpp"}, "no such rule"),
    ],
)
def test_mistakes_leave_nothing_behind(load, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        load(**options)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("name", "options", "kept", "unknown"),
    [
        ("oqmd", {"rule": "oqmd"}, 335_818, 109_901),
        ("oqmd", {"rule": "icsd"}, 335_891, 109_901),
        ("mp", {"rule": "mp", "where": ["in_mp2020=1"]}, 66_245, 3),
        ("mp", {"rule": "mp"}, 71_174, 4_932),
        ("icsd_like", {"rule": "icsd", "where": ["icsd_flag=1"]}, 30_219, 2),
        ("icsd_like", {"rule": "icsd-filter", "where": ["icsd_flag=1"]}, 22_177, 2),
    ],
)
def test_the_papers_selections(data_dir, tmp_path, name, options, kept, unknown):
    source = data_dir / f"compositions_{name}.csv.gz"
    summary = import_compositions(source, tmp_path / "out", CompositionOptions(**options))
    assert summary["kept"] == kept == len(CompositionDataset.open(tmp_path / "out"))
    assert summary["unknown_energy"] == unknown
    rejected = (tmp_path / "out" / "rejected.csv").read_bytes().count(b"\n") - 1
    assert rejected == summary["read"] - kept
