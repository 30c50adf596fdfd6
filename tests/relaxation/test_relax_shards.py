"""Shards of tfmat relax beside the run that was not split, with ASE's effective medium theory."""

import json

import pytest
from ase.build import bulk
from ase.io import write
from click.testing import CliRunner
from tfmat.cli.main import tfmat

from tfmat import merging
from tfmat.errors import InputError
from tfmat.relaxation import relax_source, results
from tfmat.relaxation.relaxed_folder import is_relaxed
from tfmat.work.shards import LINES


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    for module in (relax_source, results):
        monkeypatch.setattr(module, "CHUNK", 2)


@pytest.fixture
def source(tmp_path):
    """Alloys, one that no potential knows, one that cannot be read, one that is lonely."""
    frames = []
    for index in range(7):
        atoms = bulk("Cu", "fcc", a=3.75, cubic=True)
        atoms.numbers[: index % 3] = 79
        if index == 6:
            atoms.numbers[:] = 47  # an element of the last shard alone
        atoms.rattle(0.05, seed=index)
        atoms.info |= {"id": f"alloy {index}", "formation_energy_per_atom": -0.1 * index}
        frames.append(atoms)
    iron, lonely = bulk("Fe", "bcc", a=2.8), bulk("Cu", "fcc", a=20.0)
    iron.info["id"], lonely.info["id"] = "iron", "lonely"
    file = tmp_path / "alloys.extxyz"
    write(file, [lonely, *frames[:4], iron, *frames[4:]], format="extxyz")
    with file.open("a") as stream:
        stream.write('1\nLattice="a"\nCu 0 0 0\n')
    return file


def relax(source, out, *options):
    words = ["relax", str(source), "--out", str(out), "--potential", "emt", "--no-figures"]
    words += ["--cache", str(source.parent / "cache"), "--steps", "30", *options]
    result = CliRunner().invoke(tfmat, words)
    assert result.exit_code == 0, result.output
    return out


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_union_is_the_whole_byte_for_byte(source, tmp_path):
    places = [
        relax(source, tmp_path / f"part {index}", "--shard", f"{index}/4", "--limit", "40")
        for index in (1, 2, 3, 4)
    ]
    assert all(map(is_relaxed, places))
    whole = relax(source, tmp_path / "whole" / "relaxed", "--limit", "40")
    merged = merging.merge(places[::-1], tmp_path / "merged" / "relaxed")
    assert content(tmp_path / "merged" / "relaxed") == content(whole)
    assert merged.summary == json.loads((whole / "summary.json").read_text("utf-8"))
    assert merged.summary["failed"] == 3
    assert set(merged.summary["references"]) == {"Cu", "Au", "Ag"}


def test_what_is_refused(source, tmp_path):
    one, two = (relax(source, tmp_path / n, "--shard", f"{n}/2") for n in "12")
    with pytest.raises(InputError, match=r"shard 2/2 is missing of tfmat relax"):
        merging.merge([one], tmp_path / "merged")
    other = relax(source, tmp_path / "other", "--shard", "2/2", "--fixed-cell")
    with pytest.raises(InputError, match=r"settings.cell is false, not true"):
        merging.merge([one, other], tmp_path / "merged")
    (two / LINES).write_text((two / LINES).read_text("utf-8") + "\n", "utf-8")
    with pytest.raises(InputError, match=r"shard.jsonl: was changed since it was written"):
        merging.merge([one, two], tmp_path / "merged")
    words = ["relax", str(source), "--out", "o", "--potential", "emt", "--shard"]
    for more, message in (
        (["1/9"], "make at most 5 shards"),
        (["1/2", "--budget-minutes", "1"], "`minutes` leaves a shard unfinished"),
    ):
        result = CliRunner().invoke(tfmat, [*words, *more])
        assert message in str(result.exception)
    assert not (tmp_path / "merged").exists()
