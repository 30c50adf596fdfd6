"""The on-disk form: what goes in comes out, nothing half-written, damage is noticed."""

import json

import numpy as np
import pytest

from tfmat.crystals.crystal import Crystal
from tfmat.datasets import folders
from tfmat.datasets.folders import resolve
from tfmat.datasets.identifiers import Identifiers
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError

CUBE = Crystal.from_arrays(np.eye(3) * 4, [[0, 0, 0]], [3])


def some_crystals(count):
    random = np.random.default_rng(5)
    return [
        Crystal.from_arrays(
            np.eye(3) * 5 + random.uniform(-1, 1, (3, 3)),
            random.uniform(0, 5, (atoms, 3)),
            random.integers(1, 119, atoms),
        )
        for atoms in random.integers(1, 9, count)
    ]


def test_what_goes_in_comes_out_across_blocks(tmp_path):
    crystals = some_crystals(2500)
    with DatasetWriter(tmp_path / "set", {"name": "test"}) as writer:
        for index, crystal in enumerate(crystals):
            # A property that is seen late, and an identifier outside of ASCII.
            name = "late" if index > 2000 else "early"
            writer.add(crystal, f"é{index}", {name: index / 3})
    dataset = Dataset.open(tmp_path / "set")
    dataset.verify()
    assert len(dataset) == len(crystals)
    for expected, found in zip(crystals, dataset, strict=True):
        np.testing.assert_array_equal(found.lattice, expected.lattice)
        np.testing.assert_array_equal(found.positions, expected.positions)
        np.testing.assert_array_equal(found.numbers, expected.numbers)
    assert dataset.ids[2499] == dataset.ids[-1] == "é2499"
    assert dataset.ids[:2] == ["é0", "é1"]
    assert list(dataset.ids) == [f"é{index}" for index in range(2500)]
    early, late = dataset.property("early"), dataset.property("late")
    np.testing.assert_array_equal(early[:2001], np.arange(2001) / 3)
    assert np.isnan(early[2001:]).all()
    assert np.isnan(late[:2001]).all()
    assert late[-1] == 2499 / 3
    assert dataset.metadata["properties"]["late"] == {"unit": None, "known": 499}
    with pytest.raises(IndexError):
        dataset[2500]


def test_arrays_are_mapped_and_read_only(tmp_path):
    with DatasetWriter(tmp_path / "set", {"name": "test"}) as writer:
        writer.add(CUBE, "a")
    crystal = Dataset.open(tmp_path / "set")[0]
    assert not crystal.positions.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        crystal.positions[0, 0] = 1


def test_the_same_data_have_the_same_hash(tmp_path):
    hashes = []
    for name, source in (("one", "first"), ("two", "second")):
        with DatasetWriter(tmp_path / name, {"name": source}) as writer:
            for index, crystal in enumerate(some_crystals(20)):
                writer.add(crystal, str(index), {"band_gap": index})
        hashes.append(Dataset.open(tmp_path / name).sha256)
    assert hashes[0] == hashes[1]
    with DatasetWriter(tmp_path / "three", {}) as writer:
        for index, crystal in enumerate(some_crystals(20)):
            writer.add(crystal, str(index), {"band_gap": index + 1})
    assert Dataset.open(tmp_path / "three").sha256 != hashes[0]


def test_identifiers_stay_unique(tmp_path):
    with DatasetWriter(tmp_path / "set", {}) as writer:
        for name in ("a", "a", "a#2", "a", "b"):
            writer.add(CUBE, name)
    ids = list(Dataset.open(tmp_path / "set").ids)
    assert ids == ["a", "a#2", "a#2#2", "a#3", "b"]


def test_identifiers_that_come_very_often_take_no_time():
    names = Identifiers()
    hostile = ["a" + "#2" * depth for depth in range(2000)]
    given = [names.unique(name) for name in [*hostile, *["a"] * 20_000, *hostile]]
    assert len(set(given)) == len(given) == 24_000
    assert given[:2000] == hostile
    assert names.repeated == 22_000


def test_properties_whose_files_would_be_one_elsewhere(tmp_path):
    with (
        pytest.raises(InputError, match="properties 'gap' and 'Gap': give one of them another"),
        DatasetWriter(tmp_path / "set", {}) as writer,
    ):
        writer.add(CUBE, "a", {"gap": 1.0, "Gap": 2.0})
    assert list(tmp_path.iterdir()) == []


def test_a_writer_replaces_datasets_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").write_text("1")
    with (
        pytest.raises(InputError, match="has not written"),
        DatasetWriter(tmp_path / "mine", {}, overwrite=True),
    ):
        pass
    assert (tmp_path / "mine" / "precious").read_text() == "1"


def test_rejections_are_listed_and_counted_by_kind(tmp_path):
    with DatasetWriter(tmp_path / "set", {}) as writer:
        writer.add(CUBE, "a")
        writer.reject("b", "broken CIF: no\n cell", "row 2")
        writer.reject("c", "broken CIF: other")
        writer.reject("d", "disordered")
    text = (tmp_path / "set" / "rejected.csv").read_text("utf-8")
    assert text.splitlines() == [
        "where,id,reason",
        "row 2,b,broken CIF: no cell",
        ",c,broken CIF: other",
        ",d,disordered",
    ]
    counts = Dataset.open(tmp_path / "set").metadata["counts"]
    assert counts["rejected"] == 3
    assert counts["rejected_by_reason"] == {"broken CIF": 2, "disordered": 1}


def test_a_failure_leaves_nothing_behind(tmp_path):
    with (
        pytest.raises(ZeroDivisionError),
        DatasetWriter(tmp_path / "set", {}) as writer,
    ):
        writer.add(CUBE, "a")
        raise ZeroDivisionError
    with (
        pytest.raises(InputError, match="all 1 structures were rejected; the first: row 1: bad"),
        DatasetWriter(tmp_path / "set", {"name": "x"}) as writer,
    ):
        writer.reject("a", "bad", "row 1")
    with pytest.raises(InputError, match="no structures in it"), DatasetWriter(tmp_path / "s", {}):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_not_overwritten_unasked(tmp_path):
    for overwrite in (False, True):
        with DatasetWriter(tmp_path / "set", {}, overwrite=overwrite) as writer:
            writer.add(CUBE, str(overwrite))
    assert list(Dataset.open(tmp_path / "set").ids) == ["True"]
    with pytest.raises(InputError, match="not empty"), DatasetWriter(tmp_path / "set", {}):
        pass


def test_a_property_name_must_suit_a_file(tmp_path):
    with (
        pytest.raises(InputError, match="property name"),
        DatasetWriter(tmp_path / "set", {}) as writer,
    ):
        writer.add(CUBE, "a", {"../x": 1.0})


def test_damage_is_noticed(tmp_path):
    folder = tmp_path / "set"
    with DatasetWriter(folder, {}) as writer:
        writer.add(CUBE, "a", {"band_gap": 1.0})
    with pytest.raises(InputError, match="no property 'gap'; there are: band_gap"):
        Dataset.open(folder).property("gap")
    numbers = folder / "numbers.npy"
    content = numbers.read_bytes()
    numbers.write_bytes(content[:-1] + b"\x07")
    with pytest.raises(InputError, match=r"numbers\.npy"):
        Dataset.open(folder).verify()
    numbers.write_bytes(content[:-1])
    with pytest.raises(InputError, match=r"numbers\.npy"):
        Dataset.open(folder)
    record = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps(record | {"format_version": 99}))
    with pytest.raises(InputError, match="format version 99"):
        Dataset.open(folder)
    (folder / "metadata.json").write_text("{")
    with pytest.raises(InputError, match="not readable"):
        Dataset.open(folder)
    (folder / "metadata.json").write_text("{}")
    with pytest.raises(InputError, match="not the record"):
        Dataset.open(folder)


def test_pickled_columns_are_refused(tmp_path):
    folder = tmp_path / "set"
    with DatasetWriter(folder, {}) as writer:
        writer.add(CUBE, "a")
    # An array of Python objects, which NumPy would read by unpickling what follows the header.
    header = {"descr": "|O", "fortran_order": False, "shape": (1,)}
    with (folder / "numbers.npy").open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(b"N.")
    with pytest.raises(InputError, match=r"numbers\.npy"):
        Dataset.open(folder)


def test_datasets_are_found_by_name_or_folder(tmp_path, monkeypatch):
    with DatasetWriter(tmp_path / "shipped" / "tiny", {}) as writer:
        writer.add(CUBE, "a")
    monkeypatch.setattr(folders, "SHIPPED", tmp_path / "shipped")
    assert resolve("tiny") == resolve(tmp_path / "shipped" / "tiny")
    with pytest.raises(InputError, match=r"no such dataset.*tiny"):
        resolve("tinny")
    with pytest.raises(InputError, match="holds no dataset"):
        resolve(tmp_path)
