"""The index in memory and on disk, and the verdicts on sets of structures."""

import json
import shutil

import numpy as np
import pytest
from disturbed import described, disturb
from pymatgen.core import Structure

from tfmat import files
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import matchers
from tfmat.datasets.sources import Entry
from tfmat.datasets.splits.groups import formula
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.evaluation.novelty import store as novelty_store
from tfmat.evaluation.novelty.count import judge, summarise
from tfmat.evaluation.novelty.index import NoveltyIndex, index_folder
from tfmat.metric import metric_of

BI_SE = Dataset.open("bi-se")
ROWS = range(0, len(BI_SE), 110)


@pytest.fixture(scope="module")
def known(tmp_path_factory) -> Dataset:
    folder = tmp_path_factory.mktemp("data") / "known"
    with DatasetWriter(folder, {"name": "known"}) as writer:
        for row in ROWS:
            writer.add(BI_SE[row], BI_SE.ids[row])
    return Dataset.open(folder)


@pytest.fixture(scope="module")
def queries(known) -> list[Crystal]:
    rng = np.random.default_rng(5)
    disturbed = [disturb(known[row], rng, 0.1, 0.01) for row in range(0, len(known), 2)]
    others = [BI_SE[row + 30] for row in ROWS[:8]]
    salt = Structure.from_spacegroup(
        "Fm-3m", 5.6 * np.eye(3), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    return [*disturbed, *others, Crystal.from_structure(salt)]


def same(first: Crystal, second: Crystal) -> bool:
    pair = first.to_structure(), second.to_structure()
    return any(judge.fit(*pair) for judge in matchers())


def found(index: NoveltyIndex, queries):
    return [[(match.row, match.form) for match in index.matches(crystal)] for crystal in queries]


def test_matches_are_those_of_brute_force(known, queries):
    index = NoveltyIndex.open(known)
    for crystal, rows in zip(queries, found(index, queries), strict=True):
        name = formula(crystal)
        expected = [row for row in range(len(known)) if formula(known[row]) == name]
        expected = [row for row in expected if same(crystal, known[row])]
        assert sorted(row for row, _ in rows) == expected
        first = index.match(crystal)
        assert (first is None) == (not expected)
        if first is not None:
            assert (first.row, first.identifier) == (rows[0][0], known.ids[first.row])
    assert index.match(queries[-1]) is None


def test_other_formulas_never_match(known, queries):
    assert len({formula(crystal) for crystal in queries}) > 5
    rng = np.random.default_rng(0)
    for crystal in queries:
        other = known[int(rng.integers(len(known)))]
        if formula(crystal) != formula(other):
            assert not same(crystal, other)


def test_an_index_on_disk_is_one_in_memory(known, queries, tmp_path):
    expected = found(NoveltyIndex.open(known), queries)
    folder = tmp_path / "index"
    with NoveltyIndex.open(known, folder) as lazy:
        assert found(lazy, queries[:10]) == expected[:10]
    assert len(list(folder.glob("part-*"))) == 1
    # Only what was asked for was reduced; the next call goes on from there.
    with NoveltyIndex.open(known, folder) as again:
        assert found(again, queries) == expected
    assert len(list(folder.glob("part-*"))) == 2
    complete = NoveltyIndex.build(known, folder)
    assert found(complete, queries) == expected
    parts = sorted(folder.glob("part-*"))
    assert sum(len(np.unique(np.load(part / "rows.npy"))) for part in parts) == len(known)
    with NoveltyIndex.open(known, folder) as last:
        assert found(last, queries) == expected
    assert sorted(folder.glob("part-*")) == parts
    memory, disk = NoveltyIndex.open(known), NoveltyIndex.open(known, folder)
    for row in range(len(known)):
        ours, theirs = memory.reduced(row), disk.reduced(row)
        for name in ("niggli", "primitive"):
            for array in ("lattice", "fractional", "numbers"):
                first, second = (getattr(getattr(item, name), array) for item in (ours, theirs))
                assert first.tobytes() == second.tobytes()
        assert ours.shrunk == theirs.shrunk


def test_work_is_kept_when_it_is_interrupted(known, tmp_path):
    with pytest.raises(KeyboardInterrupt), NoveltyIndex.open(known, tmp_path / "index") as index:
        index.reduced(0)
        index.reduced(3)
        raise KeyboardInterrupt
    (part,) = (tmp_path / "index").glob("part-*")
    assert sorted(set(np.load(part / "rows.npy").tolist())) == [0, 3]


def test_other_data_are_refused(known, tmp_path):
    folder = tmp_path / "index"
    NoveltyIndex.open(known, folder)
    with pytest.raises(InputError, match="is the index of other data"):
        NoveltyIndex.open("bi-se", folder)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine", "utf-8")
    with pytest.raises(InputError, match="holds no novelty index"):
        NoveltyIndex.open(known, tmp_path / "notes")
    assert (tmp_path / "notes" / "a.txt").is_file()


def test_a_changed_dataset_is_refused(known, tmp_path):
    folder = tmp_path / "known"
    shutil.copytree(known.path, folder)
    lattices = np.load(folder / "lattices.npy")
    lattices[0] *= 1.01
    np.save(folder / "lattices.npy", lattices)
    with pytest.raises(InputError, match="changed since it was written"):
        NoveltyIndex.open(folder)


def test_a_damaged_part_is_refused(known, tmp_path):
    folder = tmp_path / "index"
    NoveltyIndex.build(known, folder)
    (part,) = folder.glob("part-*")
    values = np.load(part / "fractional.npy")
    values[0, 0] += 0.1
    np.save(part / "fractional.npy", values)
    with pytest.raises(InputError, match="damaged part of a novelty index; remove it"):
        NoveltyIndex.open(known, folder)
    shutil.rmtree(part)
    assert len(NoveltyIndex.build(known, folder)) == len(known)


def test_another_pymatgen_reduces_again_and_leaves_what_is_there(known, tmp_path, monkeypatch):
    folder = tmp_path / "index"
    NoveltyIndex.build(known, folder)
    parts = sorted(folder.glob("part-*"))
    with monkeypatch.context() as patch:
        patch.setattr(novelty_store, "pymatgen_version", lambda: "2025.1.9")
        with NoveltyIndex.open(known, folder) as index:
            index.reduced(0)
    (new,) = set(folder.glob("part-*")) - set(parts)
    assert set(np.load(new / "rows.npy").tolist()) == {0}
    assert json.loads((new / "metadata.json").read_text("utf-8"))["pymatgen"] == "2025.1.9"
    NoveltyIndex.build(known, folder)
    assert sorted(folder.glob("part-*")) == sorted([*parts, new])


def test_an_index_that_another_program_has_just_begun(known, tmp_path):
    folder = tmp_path / "index"
    with files.replacing(folder / "metadata.json") as begun:
        # The other one writes its record: nothing else is in the folder yet.
        with NoveltyIndex.open(known, folder) as index:
            index.reduced(0)
        begun.write_bytes((folder / "metadata.json").read_bytes())
    assert len(NoveltyIndex.open(known, folder)._store) == 1


def test_where_an_index_lies(known, tmp_path):
    assert index_folder(known) == known.path.with_name("known.novelty")
    assert index_folder(known, tmp_path) == tmp_path / "known.novelty"
    assert index_folder(BI_SE) is None
    assert index_folder(BI_SE, tmp_path) == tmp_path / "bi-se.novelty"


def test_copies_are_those_of_an_earlier_structure_that_is_none(known):
    rng = np.random.default_rng(2)
    crystals = [known[row] for row in (0, 1, 2)]
    crystals += [described(crystals[1], np.diag([1, 1, 2])), disturb(crystals[0], rng, 0.1, 0.01)]
    crystals += [known[3], described(crystals[1], [[1, 1, 0], [0, 1, 0], [0, 0, 1]])]
    entries = [Entry(f"s{row}", crystal) for row, crystal in enumerate(crystals)]
    entries.insert(2, Entry("bad", None, "no atoms: the file is empty"))
    verdicts = judge(entries, {})
    kept: list[int] = []
    expected = {}
    for row, crystal in enumerate(crystals):
        first = next((other for other in kept if same(crystal, crystals[other])), None)
        if first is None:
            kept.append(row)
        else:
            expected[f"s{row}"] = f"s{first}"
    copies = {v.identifier: v.copy_of.identifier for v in verdicts if v.copy_of is not None}
    assert copies == expected
    assert {"s3": "s1", "s4": "s0", "s6": "s1"}.items() <= copies.items()
    assert [verdict.identifier for verdict in verdicts] == [entry.identifier for entry in entries]
    summary = summarise(verdicts, {})
    assert summary["structures"] == 7
    assert summary["distinct"] == len(kept)
    assert metric_of(summary, "uniqueness").value == len(kept) / 7
    assert summary["not_judged_by_reason"] == {"no atoms": 1}
    assert "novel" not in summary


def test_verdicts_and_counts_against_two_sets(known, queries):
    half = NoveltyIndex([known[row] for row in range(0, len(known), 4)], known.ids[::4])
    whole = NoveltyIndex.open(known)
    entries = [Entry(str(row), crystal) for row, crystal in enumerate(queries)]
    verdicts = judge(entries, {"half": half, "whole": whole})
    for verdict, crystal in zip(verdicts, queries, strict=True):
        for label, index in (("half", half), ("whole", whole)):
            assert verdict.known[label] == index.match(crystal)
            assert (label in verdict.distances) == (verdict.known[label] is not None)
        assert verdict.novel == (verdict.known["whole"] is None and verdict.known["half"] is None)
    first = verdicts[0]
    pair = queries[0].to_structure(), known[first.known["whole"].row].to_structure()
    unit = (pair[0].volume / len(pair[0])) ** (1 / 3)
    expected = next(r for judge in matchers() if (r := judge.get_rms_dist(*pair)) is not None)
    assert first.distances["whole"] == pytest.approx(expected[0] * unit)
    summary = summarise(verdicts, {"half": half, "whole": whole})
    counts = summary["against"]
    assert counts["whole"]["known"] >= counts["half"]["known"] > 0
    assert counts["whole"]["novel"] == summary["novel"] == sum(v.novel for v in verdicts)
    assert counts["whole"]["structures"] == len(known)
    assert sum(counts["half"]["known_by_form"].values()) == counts["half"]["known"]
    both = metric_of(summary, "unique_and_novel")
    assert both.value == summary["novel_distinct"] / len(queries)
    settings = both.judge.settings
    assert (settings["ltol"], settings["stol"], settings["angle_tol"]) == (0.2, 0.3, 5.0)
    assert metric_of(summary, "novelty", against="half").numerator == counts["half"]["novel"]
