"""Shards of formulas beside the run that was not split, with a network that needs no TensorFlow."""

import json
from itertools import permutations

import numpy as np
import pytest
from toy_formulas import sampler

from tfmat import merging
from tfmat.errors import InputError
from tfmat.matgan.generating import generate as generate_module
from tfmat.matgan.generating import merge as merge_module
from tfmat.matgan.generating import results as results_module
from tfmat.matgan.generating.masks import Masks
from tfmat.matgan.generating.results import Amount, generate_into
from tfmat.matgan.generating.unique import KeyTable
from tfmat.work.shards import Shard

SAMPLES = 5300
SHARDS = 3


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small chunks of samples and groups of rows, so that few samples have many."""
    for module in (generate_module, results_module):
        monkeypatch.setattr(module, "CHUNK", 500)
    for module in (results_module, merge_module):
        monkeypatch.setattr(module, "ROWS", 700)


def known():
    table = KeyTable()
    keys = np.concatenate([chunk.keys for chunk in sampler(seed=8).chunks(0, 60)])
    table.add(np.unique(keys))
    return table


def shards(folder, suffix, amount, of=SHARDS, **request):
    places = []
    for index in range(1, of + 1):
        place = folder / f"{index}{suffix}"
        generate_into(place, sampler(**request), amount, Shard(index, of))
        places.append(place)
    return places


def same_but_seconds(one, other):
    """Compares the summaries of two tables."""
    read = [json.loads(p.with_name(p.name + ".json").read_text("utf-8")) for p in (one, other)]
    assert list(read[0]) == list(read[1])
    for summary in read:
        del summary["seconds"], summary["seal"]
    assert read[0] == read[1]
    return read[0]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize("at_once", [10**6, 97])
def test_the_union_is_the_whole_byte_for_byte(tmp_path, suffix, unique, at_once, monkeypatch):
    amount = Amount(SAMPLES, 300, unique=unique)
    whole, merged = tmp_path / f"whole{suffix}", tmp_path / f"merged{suffix}"
    generate_into(whole, sampler(known=known()), amount)
    places = shards(tmp_path, suffix, amount, known=known())
    monkeypatch.setattr(
        merge_module.merge_formulas, "__kwdefaults__", {"overwrite": False, "at_once": at_once}
    )
    found = merging.merge(places[::-1], merged)
    assert merged.read_bytes() == whole.read_bytes()
    summary = same_but_seconds(whole, merged)
    assert (found.command, found.shards) == ("tfmat generate matgan", SHARDS)
    assert 0 < summary["novel"] < summary["unique"] < summary["kept"]
    assert summary["rows"] == summary["unique" if unique else "kept"]


def test_masks_and_critic(tmp_path):
    words = {"masks": Masks(n_elements=(2, 2), max_count=5), "critic_keep": 0.5}
    amount = Amount(SAMPLES)
    generate_into(tmp_path / "whole.csv", sampler(**words), amount)
    merging.merge(shards(tmp_path, ".csv", amount, **words), tmp_path / "merged.csv")
    assert (tmp_path / "merged.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    same_but_seconds(tmp_path / "whole.csv", tmp_path / "merged.csv")


def test_nothing_in_any_shard(tmp_path):
    places = shards(tmp_path, ".csv", Amount(SAMPLES), masks=Masks(required=("Xe",)))
    with pytest.raises(InputError, match="none of 5,300 samples of all shards"):
        merging.merge(places, tmp_path / "merged.csv")


def test_one_row_in_all_shards(tmp_path):
    every = [formula for c in sampler().chunks(0, SAMPLES) for formula in c.kept.formulas()]
    rare = min(set(every), key=every.count)
    from tfmat.matgan.generating.pattern import Pattern

    words = {"masks": Masks(pattern=Pattern.parse(rare))}
    amount = Amount(SAMPLES, unique=True)
    generate_into(tmp_path / "whole.parquet", sampler(**words), amount)
    places = shards(tmp_path, ".parquet", amount, of=11, **words)
    merging.merge(places, tmp_path / "merged.parquet")
    assert (tmp_path / "merged.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_what_is_refused(tmp_path):
    amount = Amount(SAMPLES)
    places = shards(tmp_path, ".csv", amount)
    out = tmp_path / "merged.csv"
    for some in permutations(places, 2):
        with pytest.raises(InputError, match="is missing of tfmat generate matgan"):
            merging.merge(some, out)
    generate_into(tmp_path / "other.csv", sampler(seed=9), amount, Shard(2, SHARDS))
    with pytest.raises(InputError, match=r"does not belong to .*: seed is 9, not 7"):
        merging.merge([places[0], tmp_path / "other.csv", places[2]], out)
    with pytest.raises(InputError, match="is of another form"):
        merging.merge(places, tmp_path / "merged.parquet")
    with pytest.raises(InputError, match="is there already"):
        merging.merge(places, places[1])
    with pytest.raises(InputError, match="is one of the shards"):
        merging.merge(places, places[1], overwrite=True)
    with pytest.raises(InputError, match="`rows` counts rows that other shards find"):
        generate_into(out, sampler(), Amount(SAMPLES, rows=5), Shard(1, 2))
    with pytest.raises(InputError, match="make at most 11 shards"):
        generate_into(out, sampler(), amount, Shard(1, 12))
    places[1].write_bytes(places[1].read_bytes().replace(b"true", b"false", 1))
    with pytest.raises(InputError, match=r"2.csv: was changed since it was written"):
        merging.merge(places, out)
    assert not out.exists()
