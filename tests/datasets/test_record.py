"""Whatever stands in a dataset's record, a command ends in order and says one line."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from damages import GONE, INSTEAD, damaged, paths, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tfmat.cli.main import main

from tfmat.checksums import write_sealed
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.folders import content_hash
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.files import sha256

# Other commands read the same entries.
COMMANDS = {
    "structures": (
        ("data", "info", "{}"),
        ("data", "info", "{}", "--json"),
        ("data", "merge", "{}", "bi-se", "--out", "new"),
        ("data", "split", "{}", "--out", "parts", "--test-fraction", "0.5"),
        ("evaluate", "hull", "{}", "--against", "{}", "--out", "hull", "--pictures", "0"),
    ),
    "formulas": (
        ("data", "info", "{}"),
        ("data", "import", "{}", "--kind", "compositions", "--out", "new"),
        ("evaluate", "compositions", "{}", "--train", "{}"),
    ),
}
REFUSED = (
    (("counts", "rejected_by_reason"), 2.5),
    (("counts", "rejected_by_reason", "broken CIF"), "many"),
    (("counts", "rejected"), {}),
    (("counts",), None),
    (("extra", "energies"), "../../escaped"),
    (("extra", "energies", "scale"), 3),
    (("extra", "energies", "references"), []),
    (("extra", "augment"), {}),
    (("extra",), []),
    (("files",), None),
    (("files", "ids.npy"), 3),
    (("properties", "formation_energy_per_atom"), 3),
    (("properties", "formation_energy_per_atom", "unit"), 3),
    (("selection", "max_atoms"), "20"),
    (("selection",), "x"),
    (("source", "name"), None),
    (("sha256",), GONE),
)


def energy(row):
    return {"formation_energy_per_atom": -0.1 * row}


def structures(folder):
    random = np.random.default_rng(3)
    selection = {"max_atoms": 20, "max_length": 10.0}
    energies = {"method": "m", "scale": "s", "references": {"Bi": {"energy_per_atom": -3.0}}}
    source = {"name": "here", "license": "CC-BY-4.0", "attribution": ["One (2001)"]}
    extra = {"energies": energies, "augment": [{"system": "Bi-Se"}], "columns": {"a": "b"}}
    with DatasetWriter(folder, source, selection=selection, extra=extra) as writer:
        for row in range(4):
            cell = np.diag(random.uniform(3, 5, 3))
            crystal = Crystal.from_arrays(cell, [[0, 0, 0], [1.5, 1.5, 1.5]], [83, 34])
            writer.add(crystal, f"row-{row}", {**energy(row), "created": 17_000.0 + row})
        writer.reject("no", "broken CIF: a")
    return folder


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    place = tmp_path_factory.mktemp("records")
    (place / "f.csv").write_text("formula,e_form\nLi2O,-1\nNaCl,-2\nKBr,-1\nbad,1\n")
    formulas = ["data", "import", place / "f.csv", "--kind", "compositions", "--out", place / "f"]
    with pytest.raises(SystemExit) as end:
        main([*map(str, formulas), "--rule", "none"])
    assert not end.value.code
    found = {}
    for kind, folder in (("structures", structures(place / "s")), ("formulas", place / "f")):
        record = json.loads((folder / "metadata.json").read_text("utf-8"))
        # Whoever damages it on purpose computes the hash anew, or leaves it out.
        del record["seal"]
        found[kind] = SimpleNamespace(folder=folder, record=record)
    return found


@pytest.mark.parametrize(
    ("path", "instead"), REFUSED, ids=lambda value: "gone" if value is GONE else str(value)[:40]
)
def test_what_programs_rely_on_is_checked_when_it_is_read(sets, tmp_path, path, instead):
    one = sets["structures"]
    folder = shutil.copytree(one.folder, tmp_path / "set")
    write(folder, one.record)
    assert len(Dataset.open(folder)) == 4
    write(folder, damaged(one.record, path, instead))
    with pytest.raises(InputError, match=r"set/metadata\.json: ") as caught:
        Dataset.open(folder)
    assert "; import the data again" in str(caught.value)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_not_refused_breaks_no_command(sets, tmp_path_factory, monkeypatch, capsys, data):
    kind = data.draw(st.sampled_from(sorted(sets)))
    keys = sorted(paths(sets[kind].record), key=str)
    record = damaged(
        sets[kind].record, data.draw(st.sampled_from(keys)), data.draw(st.sampled_from(INSTEAD))
    )
    work = tmp_path_factory.mktemp("work")
    monkeypatch.chdir(work)
    write(shutil.copytree(sets[kind].folder, work / "set"), record)
    for words in COMMANDS[kind]:
        with pytest.raises(SystemExit) as end:
            main([word.format("set") for word in words])
        captured = capsys.readouterr()
        assert "\x1b" not in captured.out + captured.err
        assert (end.value.code or 0) in (0, 2)
        if end.value.code == 2:
            lines = captured.err.splitlines()
            assert sum(line.startswith("tfmat: ") for line in lines) >= 1


def test_a_record_of_before_there_was_more(sets, tmp_path):
    """Entries that early versions did not write are not missed."""
    for kind, open_ in (("structures", Dataset.open), ("formulas", CompositionDataset.open)):
        folder = shutil.copytree(sets[kind].folder, tmp_path / kind)
        record = dict(sets[kind].record)
        del record["selection"], record["extra"]
        write(folder, record)
        dataset = open_(folder)
        assert dataset.metadata["extra"] == {}
        assert dataset.metadata["selection"] is None


def rewritten(folder, name, change):
    """Changes a column as whoever computes the hashes anew."""
    column = folder / f"{name}.npy"
    np.save(column, change(np.load(column)))
    record = json.loads((folder / "metadata.json").read_text("utf-8"))
    record["files"][column.name] = sha256(column)
    record["sha256"] = content_hash(record["files"])
    write_sealed(folder / "metadata.json", record)


def first(value):
    def change(column):
        column.flat[0] = value
        return column

    return change


def second(value):
    def change(column):
        column.flat[1] = value
        return column

    return change


COLUMNS = (
    ("structures", "offsets", second(0), "a structure has no atoms"),
    ("structures", "offsets", second(-5), "does not fit"),
    ("structures", "lattices", first(np.nan), "numbers without end"),
    ("structures", "positions", first(np.inf), "numbers without end"),
    ("structures", "numbers", first(0), "no atomic numbers"),
    ("structures", "property-formation_energy_per_atom", first(-np.inf), "values that nothing has"),
    ("structures", "property-created", first(1e300), "values that nothing has"),
    ("formulas", "numbers", first(200), "no atomic numbers"),
    ("formulas", "counts", first(0), "is no formula"),
    ("formulas", "counts", lambda counts: counts * 0, "is no formula"),
    ("formulas", "numbers", lambda numbers: np.full_like(numbers, 8), "is no formula"),
    ("formulas", "property-formation_energy_per_atom", first(np.inf), "values that nothing has"),
)


@pytest.mark.parametrize(("kind", "name", "change", "message"), COLUMNS)
def test_columns_that_no_reader_would_make(sets, tmp_path, capsys, kind, name, change, message):
    folder = shutil.copytree(sets[kind].folder, tmp_path / "set")
    write_sealed(folder / "metadata.json", sets[kind].record)
    with pytest.raises(SystemExit) as end:
        main(["data", "info", str(folder)])
    assert not end.value.code
    rewritten(folder, name, change)
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["data", "info", str(folder)])
    # Behind what a progress has said.
    error = capsys.readouterr().err.splitlines()[-1]
    assert end.value.code == 2
    assert error.startswith("tfmat: ")
    assert message in error


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("lattices", lambda cells: cells * [[[1e-5]], [[1]], [[1]], [[1]]]),
        ("positions", first(1e15)),
    ],
)
def test_a_cell_that_would_be_searched_for_ever(sets, tmp_path, monkeypatch, capsys, name, change):
    """It is one that failed, and the others are worked on."""
    monkeypatch.chdir(tmp_path)
    folder = shutil.copytree(sets["structures"].folder, tmp_path / "set")
    write_sealed(folder / "metadata.json", sets["structures"].record)
    rewritten(folder, name, change)
    structures(tmp_path / "other")
    for words in (["set", "--against", "other"], ["other", "--against", "set"]):
        with pytest.raises(SystemExit) as end:
            main(["evaluate", "structures", *words, "--no-index", "--json", "--no-distances"])
        assert not end.value.code
        summary = json.loads(capsys.readouterr().out)
        if words[0] == "set":
            assert summary["structures"] == 3
            assert summary["not_judged_by_reason"] == {"beyond sense": 1}


def test_a_writer_takes_what_is_infinite_for_unknown(tmp_path):
    crystal = Crystal.from_arrays(np.eye(3) * 4, [[0, 0, 0]], [3])
    with DatasetWriter(tmp_path / "set", {}) as writer:
        writer.add(crystal, "a", {"force": np.inf})
        writer.add(crystal, "b", {"force": 1.0})
    dataset = Dataset.open(tmp_path / "set")
    np.testing.assert_array_equal(dataset.property("force"), [np.nan, 1.0])
    assert dataset.metadata["properties"]["force"]["known"] == 1
