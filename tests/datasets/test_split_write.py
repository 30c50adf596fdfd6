"""A split on disk: two datasets with everything of the one, and a check of what they share."""

import json
import math

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from tfmat.cli.main import main

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.composition_store import CompositionDataset, CompositionWriter
from tfmat.datasets.splits.check import leaks
from tfmat.datasets.splits.copies import families
from tfmat.datasets.splits.groups import formula
from tfmat.datasets.store import REPEATED, Dataset, DatasetWriter
from tfmat.formulas.compositions import Compositions


def crystal(species, edge):
    spots = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0.1], [0.1, 0.4, 0], [0.3, 0.2, 0.8]]
    return Structure(Lattice.cubic(edge), species, spots[: len(species)])


def rows():
    """Structures of four systems; every fifth is a supercell of the one before."""
    kinds = [["Bi", "Se"], ["Bi", "Se", "Se"], ["Bi", "Bi", "Se", "Se", "Se"], ["Co", "Hf"], ["Co"]]
    for number in range(30):
        base = number - 1 if number % 5 == 4 else number
        structure = crystal(kinds[base % 5], 4 + base / 10)
        yield f"s-{number}", structure * (1, 1, 2) if base < number else structure


@pytest.fixture
def dataset(tmp_path):
    extra = {"energies": {"scale": "some"}, REPEATED: 1}
    with DatasetWriter(tmp_path / "all", {"name": "x"}, extra=extra) as writer:
        for number, (name, structure) in enumerate(rows()):
            created = math.nan if number < 3 else 15000.0 + number
            values = {"created": created, "e_above_hull": number / 10, "never": math.nan}
            writer.add(Crystal.from_structure(structure), name, values)
    return Dataset.open(tmp_path / "all")


def run(capsys, *words):
    with pytest.raises(SystemExit) as error:
        main(["data", "split", *map(str, words)])
    captured = capsys.readouterr()
    return error.value.code, captured.out, captured.err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--kind", "formula", "--test-fraction", 0.3),
        ("--kind", "system", "--seed", 3),
        ("--leave-out", "Se6Bi4,Co-Hf"),
        ("--leave-out", "BiSe2", "--leave-out", "Co"),
        ("--kind", "created"),
        ("--from-date", "2011-02-10", "--undated", "test"),
    ],
)
def test_both_sides_hold_everything(words, dataset, tmp_path, capsys):
    code, out, _ = run(capsys, dataset.path, *words, "--out", tmp_path / "parts", "--json")
    assert code == 0
    found = json.loads(out)
    parts = {side: Dataset.open(tmp_path / "parts" / side) for side in ("train", "test")}
    names = [*parts["train"].ids, *parts["test"].ids]
    assert sorted(names) == sorted(dataset.ids)
    place = {name: row for row, name in enumerate(dataset.ids)}
    for side, part in parts.items():
        part.verify()
        wanted = [place[name] for name in part.ids]
        assert wanted == sorted(wanted)
        assert part.properties == dataset.properties
        for name in dataset.properties:
            np.testing.assert_array_equal(part.property(name), dataset.property(name)[wanted])
        for row, new in zip(wanted, part, strict=True):
            np.testing.assert_array_equal(new.lattice, dataset[row].lattice)
            np.testing.assert_array_equal(new.positions, dataset[row].positions)
            np.testing.assert_array_equal(new.numbers, dataset[row].numbers)
        extra = part.metadata["extra"]
        assert extra["energies"] == {"scale": "some"}
        assert extra["split"]["side"] == side
        assert extra["split"]["kind"] == found["split"]["kind"]
        assert part.metadata["source"] == {"name": "all", "sha256": dataset.sha256}
        assert found[side]["sha256"] == part.sha256
        assert found[side]["rows"] == len(part)
    record = json.loads((tmp_path / "parts" / "split.json").read_text())
    assert {key: found[key] for key in record} == record
    assert leaks(parts["train"], parts["test"])["copies"]["rows"] == 0
    # Every family of the whole is on one side.
    family = dict(zip(dataset.ids, families(dataset), strict=True))
    sides = [{family[name] for name in part.ids} for part in parts.values()]
    assert not sides[0] & sides[1]


def test_what_was_named_is_not_in_the_training_set(dataset, tmp_path, capsys):
    code, out, error = run(
        capsys, dataset.path, "--leave-out", "Se6Bi4,Hf-Co,BiO", "--out", tmp_path / "parts"
    )
    assert code == 0
    warnings = [line for line in error.splitlines() if line.startswith("warning")]
    assert warnings == [f"warning: --leave-out BiO: nothing in {dataset.path} is"]
    assert out.startswith("leave-out split: Se6Bi4 6, Hf-Co 12, BiO 0, in ")
    train = {formula(entry) for entry in Dataset.open(tmp_path / "parts" / "train")}
    assert train == {((34, 1), (83, 1)), ((34, 2), (83, 1))}
    code, out, _ = run(capsys, tmp_path / "parts" / "train", tmp_path / "parts" / "test", "--check")
    assert code == 0
    assert "of 18 rows of" in out
    assert "  0 (0.0%) are copies of structures of the training set" in out
    assert "  0 (0.0%) have a formula of the training set" in out
    assert "  6 (33.3%) have a chemical system of the training set: Bi-Se" in out


def test_leaks_are_found(dataset, tmp_path, capsys):
    with DatasetWriter(tmp_path / "test", {"name": "x"}) as writer:
        for name, structure in (
            ("s-0", crystal(["Co", "Co"], 9)),
            ("mine", crystal(["Se", "Bi"], 4.0) * (2, 1, 1)),
            ("new", crystal(["Se", "Bi"], 7.0)),
            ("other", crystal(["Se", "Bi", "Co"], 7.0)),
        ):
            writer.add(Crystal.from_structure(structure), name)
    code, out, _ = run(capsys, dataset.path, tmp_path / "test", "--check", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["identifiers"] == {"rows": 1, "examples": ["s-0"]}
    assert found["copies"] == {"rows": 1, "examples": [["mine", "s-0"]]}
    assert found["formulas"] == {"rows": 2, "distinct": 1, "examples": ["BiSe"]}
    assert found["systems"] == {"rows": 2, "distinct": 1, "examples": ["Bi-Se"]}
    assert found["test"]["rows"] == 4


def test_copies_by_identifier_are_found_across_datasets(tmp_path):
    for side, name, edge in (("train", "mp-1", 4.0), ("test", "mp-1#2", 4.5)):
        with DatasetWriter(tmp_path / side, {"name": "x"}, extra={REPEATED: 1}) as writer:
            writer.add(Crystal.from_structure(crystal(["Bi", "Se"], edge)), name)
    found = leaks(Dataset.open(tmp_path / "train"), Dataset.open(tmp_path / "test"))
    assert found["identifiers"]["rows"] == 0
    assert found["copies"] == {"rows": 1, "examples": [["mp-1#2", "mp-1"]]}


def write_compositions(folder):
    formulas = [{8: 1, 1: 2}, {8: 3, 26: 2}, {8: 4, 26: 3}, {34: 3, 83: 2}, {34: 1, 83: 1}, {26: 1}]
    with CompositionWriter(folder, {"name": "x"}, 3, ["band_gap"]) as writer:
        writer.add(Compositions.from_mappings(formulas), {"band_gap": np.arange(6.0)})
    return folder


def test_compositions(tmp_path, capsys):
    source = write_compositions(tmp_path / "all")
    words = ["--leave-out", "Fe2O3,Bi-Se", "--out", tmp_path / "parts"]
    code, out, _ = run(capsys, source, *words)
    assert code == 0
    assert "leave-out split: Fe2O3 1, Bi-Se 2" in out
    train, test = (CompositionDataset.open(tmp_path / "parts" / side) for side in ("train", "test"))
    assert test.compositions.formulas() == ["Fe2O3", "Bi2Se3", "BiSe"]
    assert test.property("band_gap").tolist() == [1.0, 3.0, 4.0]
    assert train.compositions.formulas() == ["H2O", "Fe3O4", "Fe"]
    found = leaks(train, test)
    assert "copies" not in found
    assert found["formulas"]["rows"] == 0
    assert found["systems"] == {"rows": 1, "distinct": 1, "examples": ["Fe-O"]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("{all}",), "--out says where to write"),
        (("{all}", "{all}", "--out", "{tmp}/x"), "needed is one dataset"),
        (("{all}", "--check"), "needed is two datasets"),
        (("{all}", "{all}", "--check", "--out", "{tmp}/x"), "leave --out away"),
        (("{all}", "{formulas}", "--check"), "give two of a kind"),
        (("{all}", "--out", "{tmp}"), "is not empty; give another --out"),
        (("{all}", "--out", "{tmp}", "--overwrite"), "--overwrite leaves alone"),
        (("{all}", "--out", "{tmp}/x", "--leave-out", "Bi2Xx"), "unknown element: 'Xx'"),
        (("{all}", "--out", "{tmp}/x", "--leave-out", "BiO,C"), "structures is of BiO, C"),
        (("{all}", "--out", "{tmp}/x", "--kind", "formula", "--leave-out", "C"), "belongs to"),
        (("{all}", "--out", "{tmp}/x", "--from-date", "2031-01-01"), "nothing is from 2031-01-01"),
        (("{formulas}", "--out", "{tmp}/x", "--kind", "created"), "have no dates"),
        (("{all}", "--out", "{tmp}/x", "--test-fraction", "0.999"), "all of it is held out"),
    ],
)
def test_words_that_are_refused(words, message, dataset, tmp_path, capsys):
    formulas = write_compositions(tmp_path / "formulas")
    places = {"all": dataset.path, "formulas": formulas, "tmp": tmp_path}
    code, _, err = run(capsys, *(word.format(**places) for word in words))
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_a_split_is_replaced_but_never_its_source(dataset, tmp_path, capsys):
    parts = tmp_path / "parts"
    assert run(capsys, dataset.path, "--out", parts)[0] == 0
    first = json.loads((parts / "split.json").read_text())
    assert run(capsys, dataset.path, "--out", parts, "--seed", 5)[0] == 2
    assert run(capsys, dataset.path, "--out", parts, "--seed", 5, "--overwrite")[0] == 0
    assert json.loads((parts / "split.json").read_text())["test"] != first["test"]
    code, _, err = run(capsys, parts / "train", "--out", parts, "--overwrite")
    assert code == 2
    assert "lies in it" in err
    assert len(Dataset.open(parts / "train")) == 27
