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

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError

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
            writer.add(crystal, f"row-{row}", {"formation_energy_per_atom": -0.1 * row})
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


@pytest.mark.parametrize(("path", "instead"), REFUSED, ids=lambda value: str(value)[:40])
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
