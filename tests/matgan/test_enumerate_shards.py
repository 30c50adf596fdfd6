"""Shards of an enumeration beside the one that was not split."""

import json

import pytest
from tfmat.cli.main import main

from tfmat import merging
from tfmat.errors import InputError
from tfmat.matgan.space import enumeration, formulas
from tfmat.matgan.space.enumerating import enumerate_to
from tfmat.matgan.space.enumeration import EnumerationOptions
from tfmat.matgan.space.shards import enumerate_shard
from tfmat.work.shards import Shard

ELEMENTS = ("H", "Li", "O", "S", "Fe", "Cu")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    for module in (enumeration, formulas):
        monkeypatch.setattr(module, "BLOCK", 128)


def shards(folder, options, suffix, of):
    places = [folder / f"{index}{suffix}" for index in range(1, of + 1)]
    for index, place in enumerate(places, start=1):
        enumerate_shard(options, place, Shard(index, of))
    return places


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize(
    ("words", "of"),
    [({}, 5), ({"valid_only": True}, 11), ({"sample": 300, "seed": 4}, 5), ({"max_count": 1}, 1)],
    ids=["all", "valid", "sample", "one"],
)
def test_the_union_is_the_whole_byte_for_byte(tmp_path, suffix, words, of):
    options = EnumerationOptions((2, 3), elements=ELEMENTS, **{"max_count": 4, **words})
    whole = enumerate_to(options, tmp_path / f"whole{suffix}")
    merged = merging.merge(shards(tmp_path, options, suffix, of), tmp_path / f"merged{suffix}")
    table = (tmp_path / f"merged{suffix}").read_bytes()
    assert table == (tmp_path / f"whole{suffix}").read_bytes()
    for summary in (whole, merged.summary):
        del summary["out"], summary["seconds"]
    assert json.dumps(merged.summary) == json.dumps(whole)


def test_what_is_refused(tmp_path):
    options = EnumerationOptions((2, 2), elements=ELEMENTS)
    places = shards(tmp_path, options, ".csv", 2)
    with pytest.raises(InputError, match=r"make at most \d+ shards"):
        enumerate_shard(options, tmp_path / "a.csv", Shard(1, 100))
    with pytest.raises(InputError, match="`limit` counts formulas that other shards find"):
        enumerate_shard(EnumerationOptions(limit=3), tmp_path / "a.csv", Shard(1, 2))
    for out in (None, tmp_path / "dataset"):
        with pytest.raises(InputError, match="needs a table for `tfmat merge`"):
            enumerate_shard(options, out, Shard(1, 2))
    with pytest.raises(InputError, match=r"shard 1/2 is missing of tfmat data enumerate"):
        merging.merge(places[1:], tmp_path / "merged.csv")
    with pytest.raises(InputError, match="is of another form"):
        merging.merge(places, tmp_path / "merged.csv.gz")
    other = EnumerationOptions((2, 2), elements=ELEMENTS[:-1])
    enumerate_shard(other, tmp_path / "other.csv", Shard(2, 2))
    with pytest.raises(InputError, match="does not belong to"):
        merging.merge([places[0], tmp_path / "other.csv"], tmp_path / "merged.csv")


def test_on_the_command_line(tmp_path, capsys):
    words = ["data", "enumerate", "--elements", "Li,Mn,O", "--out"]
    for index in (1, 2):
        with pytest.raises(SystemExit) as end:
            main([*words, str(tmp_path / f"{index}.csv"), "--shard", f"{index}/2"])
        assert end.value.code == 0
    with pytest.raises(SystemExit) as end:
        main(["merge", *map(str, sorted(tmp_path.iterdir())), "--out", str(tmp_path / "all.csv")])
    assert end.value.code == 0
    assert f"2 shards of tfmat data enumerate in {tmp_path / 'all.csv'}" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main([*words, str(tmp_path / "s.csv"), "--shard", "1/2", "--simplest"])
    assert end.value.code == 2
    assert "leave --simplest and --against out" in capsys.readouterr().err
