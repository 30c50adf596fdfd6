"""A dataset of compositions keeps what it was given, and each kind refuses the other."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tfmat.datasets.composition_info import describe, render
from tfmat.datasets.composition_store import CompositionDataset, CompositionWriter
from tfmat.datasets.folders import kind_of, resolve, shipped
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions

FORMULAS = Compositions.from_mappings([{3: 2, 8: 1}, {26: 2, 8: 3}, {3: 1, 15: 1, 8: 4}])
GAPS = np.array([5.0, np.nan, 3.7])


@pytest.fixture
def folder(tmp_path):
    with CompositionWriter(tmp_path / "set", {"name": "a.csv"}, 3, ["band_gap"]) as writer:
        writer.add(FORMULAS[:1], {"band_gap": GAPS[:1]})
        # More slots than the dataset has, but none in use.
        writer.add(FORMULAS[1:].with_slots(6), {"band_gap": GAPS[1:]})
        writer.reject(
            [(4, "Qq", "unreadable: unknown element: 'Qq'"), (5, "", "unreadable: empty")]
        )
        writer.counts["unknown_energy"] = 3
    return tmp_path / "set"


def test_what_was_written_comes_back(folder):
    dataset = CompositionDataset.open(folder)
    dataset.verify()
    assert len(dataset) == 3
    assert dataset.compositions.formulas() == FORMULAS.formulas()
    assert dataset.compositions.numbers.dtype == np.uint8
    assert dataset.compositions.counts.dtype == np.uint16
    np.testing.assert_array_equal(dataset.property("band_gap"), GAPS)
    assert dataset.metadata["kind"] == "compositions"
    assert dataset.metadata["properties"] == {"band_gap": {"unit": "eV", "known": 2}}
    assert dataset.metadata["counts"] == {
        "compositions": 3,
        "unknown_energy": 3,
        "rejected": 2,
        "rejected_by_reason": {"unreadable": 2},
    }
    rows = (folder / "rejected.csv").read_text().splitlines()
    assert rows == [
        "row,formula,reason",
        "4,Qq,unreadable: unknown element: 'Qq'",
        "5,,unreadable: empty",
    ]
    with pytest.raises(InputError, match="no property 'gap'; there are: band_gap"):
        dataset.property("gap")


def test_the_hash_is_that_of_the_contents(folder, tmp_path):
    with CompositionWriter(tmp_path / "again", {"name": "b.csv"}, 3, ["band_gap"]) as writer:
        writer.add(FORMULAS, {"band_gap": GAPS})
    again = CompositionDataset.open(tmp_path / "again")
    assert again.sha256 == CompositionDataset.open(folder).sha256
    (folder / "counts.npy").write_bytes(b"x" * 200)
    with pytest.raises(InputError, match=r"counts\.npy"):
        CompositionDataset.open(folder)


def test_columns_that_do_not_fit_together_are_noticed(folder):
    np.save(folder / "property-band_gap.npy", GAPS[:2])
    with pytest.raises(InputError, match="was changed"):
        CompositionDataset.open(folder)
    dataset = CompositionDataset.open(folder, verify=False)
    with pytest.raises(InputError, match="do not fit together"):
        dataset.property("band_gap")
    with pytest.raises(InputError, match="was changed"):
        dataset.verify()
    np.save(folder / "counts.npy", np.zeros((3, 2), np.uint16))
    with pytest.raises(InputError, match="do not fit together"):
        CompositionDataset.open(folder, verify=False)


def test_nothing_stays_of_a_failure(tmp_path):
    with (
        pytest.raises(InputError, match="a: no formulas"),
        CompositionWriter(tmp_path / "set", {"name": "a"}, 2),
    ):
        pass
    with (
        pytest.raises(ValueError, match="more than 2 elements"),
        CompositionWriter(tmp_path / "set", {}, 2) as writer,
    ):
        writer.add(FORMULAS)
    with (
        pytest.raises(InputError, match="property name 'a/b'"),
        CompositionWriter(tmp_path / "set", {}, 2, ["a/b"]),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_each_kind_of_dataset_refuses_the_other(folder):
    with pytest.raises(
        InputError, match=r"a dataset of compositions, but structures are needed.*bi-se"
    ):
        Dataset.open(folder)
    # Of a shipped one by its name, not by where it is installed.
    with pytest.raises(InputError, match=r"^formulas: a dataset of compositions"):
        Dataset.open("formulas")
    with pytest.raises(InputError, match="a dataset of structures, but compositions are needed"):
        CompositionDataset.open("bi-se")
    assert kind_of(folder) == kind_of("formulas") == "compositions"
    assert kind_of("bi-se") == "structures"


def test_shipped_names_are_offered_by_kind():
    assert shipped("compositions") == ["formulas"]
    assert shipped("structures") == ["bi-se"]
    assert shipped() == ["bi-se", "formulas"]
    with pytest.raises(InputError, match=r"name a shipped one: formulas$"):
        CompositionDataset.open("formula")
    with pytest.raises(InputError, match=r"name a shipped one: bi-se, formulas$"):
        resolve("formula")


def test_records_that_cannot_be_read(folder):
    record = json.loads((folder / "metadata.json").read_text())
    for change, message in (
        ({"format": "x"}, "not the record of a tfmat dataset"),
        ({"format_version": 9}, "format version 9"),
    ):
        (folder / "metadata.json").write_text(json.dumps(record | change))
        with pytest.raises(InputError, match=message):
            CompositionDataset.open(folder)
    (folder / "metadata.json").write_text("{")
    with pytest.raises(InputError, match="not readable"):
        CompositionDataset.open(folder)


def test_the_description(folder):
    info = describe(CompositionDataset.open(folder))
    assert info["formulas"] == 3
    assert info["formulas_by_number_of_elements"] == {"2": 2, "3": 1}
    assert info["elements"] == {"O": 3, "Li": 2, "P": 1, "Fe": 1}
    assert info["counts_of_an_element"] == {"1": 3, "2": 2, "3": 1, "4": 1}
    assert info["formulas_by_largest_count"] == {"2": 1, "3": 1, "4": 1}
    assert info["properties"]["band_gap"]["known"] == 2
    for width in (40, 120):
        text = render(info, width)
        assert "3 formulas of 4 elements" in text
        assert "left out    2\n         2  unreadable\n" in text
        assert all(len(line) <= width for line in text.splitlines() if "█" in line)
