"""Shards of judged structures beside the run that was not split."""

import json

import numpy as np
import pytest
from tfmat.cli.main import main

import tfmat
from tfmat import merging
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.evaluation.novelty.evaluate import evaluate_structures
from tfmat.evaluation.novelty.output import is_output
from tfmat.work.shards import LINES, Shard

BI_SE = Dataset.open("bi-se")


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Structures of many formulas, with copies, known ones and a cell that cannot be reduced."""
    folder = tmp_path_factory.mktemp("structures")
    random = np.random.default_rng(3)
    with DatasetWriter(folder / "made", {"name": "made"}) as writer:
        for place in range(36):
            crystal = BI_SE[int(random.integers(0, 400, 1)[0])]
            if place % 3 == 0:
                crystal = BI_SE[place]
            if place % 4 == 1:  # unknown: other elements at other places
                moved = crystal.positions + random.normal(0, 0.3, crystal.positions.shape)
                numbers = np.where(crystal.numbers == 34, 16, 51).astype(np.uint8)
                crystal = Crystal(crystal.lattice * 1.02, moved, numbers)
            writer.add(crystal, f"made {place}", {"e_above_hull": 0.01 * place})
            if place % 5 == 0:
                writer.add(crystal, f"copy {place}", {"e_above_hull": 0.2})
    for name, rows in (("one", range(0, 40, 2)), ("two", range(1, 40, 4))):
        with DatasetWriter(folder / name, {"name": name}) as writer:
            for row in rows:
                writer.add(BI_SE[row], f"{name} {row}")
    return folder


def evaluate(places, out, shard=None, **words):
    against = {"one": places / "one", "two": places / "two"}
    return evaluate_structures(places / "made", against, out=out, shard=shard, **words)


def content(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "summary.json"}


@pytest.mark.parametrize("of", [1, 3, 40])
def test_the_union_is_the_whole_byte_for_byte(places, tmp_path, of):
    whole = evaluate(places, tmp_path / "whole")
    parts = [tmp_path / f"part {index}" for index in range(1, of + 1)]
    for index, part in enumerate(parts, start=1):
        evaluate(places, part, Shard(index, of))
        assert is_output(part)
    merged = merging.merge(parts[::-1], tmp_path / "merged").summary
    assert content(tmp_path / "merged") == content(tmp_path / "whole")
    assert json.loads((tmp_path / "merged" / "summary.json").read_text("utf-8")) == merged
    for summary in (whole, merged):
        del summary["seconds"], summary["cpu_seconds"]
    assert json.dumps(merged) == json.dumps(whole)
    assert 0 < merged["novel_distinct"] < merged["distinct"] < merged["structures"]


def test_what_is_refused(places, tmp_path):
    one, two = tmp_path / "1", tmp_path / "2"
    evaluate(places, one, Shard(1, 2))
    evaluate(places, two, Shard(2, 2), distances=False)
    with pytest.raises(InputError, match=r"distances is false, not true"):
        merging.merge([one, two], tmp_path / "merged")
    with pytest.raises(InputError, match=r"shard 2/2 is missing of tfmat evaluate structures"):
        merging.merge([one], tmp_path / "merged")
    evaluate(places, two, Shard(2, 2), overwrite=True)
    (two / LINES).write_bytes((two / LINES).read_bytes() + b"\n")
    with pytest.raises(InputError, match=r"shard.jsonl: was changed since it was written"):
        merging.merge([one, two], tmp_path / "merged")
    with pytest.raises(InputError, match="`shard` needs a folder"):
        evaluate(places, None, Shard(1, 2))
    for words in ({"coverage": 3}, {"novel": tmp_path / "n"}, {"baselines": tmp_path / "b"}):
        with pytest.raises(InputError, match=f"^`{next(iter(words))}` is of all structures"):
            evaluate(places, tmp_path / "3", Shard(1, 2), **words)


def test_on_the_command_line(places, tmp_path, capsys):
    words = ["evaluate", "structures", str(places / "made"), "--against", str(places / "one")]
    for index in (1, 2):
        with pytest.raises(SystemExit) as end:
            main([*words, "--out", str(tmp_path / f"{index}"), "--shard", f"{index}/2"])
        assert end.value.code == 0
    with pytest.raises(SystemExit) as end:
        main(["merge", str(tmp_path / "1"), str(tmp_path / "2"), "--out", str(tmp_path / "all")])
    assert end.value.code == 0
    assert "2 shards of tfmat evaluate structures in" in capsys.readouterr().out
    assert tfmat.__version__ in (tmp_path / "1" / "summary.json").read_text("utf-8")
