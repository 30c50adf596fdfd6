"""Shards of generated structures beside the run that was not split."""

import json

import numpy as np
import pytest

from tfmat import merging
from tfmat.ccdcgan import rejecting, shards
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import PARTS
from tfmat.ccdcgan.request import request_for
from tfmat.ccdcgan.results import TALLY, generate_into, is_results
from tfmat.errors import InputError
from tfmat.inference.package import load
from tfmat.work.shards import Shard


def codec_of(name):
    return Codec.from_package(load(name, threads=1, parts=PARTS))


def make(folder, codec, count, batch_size, shard=None, **request):
    folder.mkdir()
    return generate_into(
        folder, codec, count, 5, first=3, request=request_for(codec, **request),
        batch_size=batch_size, shard=shard,
    )  # fmt: skip


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("package", "count", "batch", "request_words", "of"),
    [
        ("ccdcgan-bi-se-compact", 20, 4, {}, 3),
        ("ccdcgan-bi-se", 44, 4, {}, 3),
        ("ccdcgan-bi-se", 45, 4, {"keep": 0.5, "keep_by": "both"}, 3),
        ("ccdcgan-mp", 40, 8, {"system": ("Na", "Cl"), "source": "prototype"}, 3),
    ],
    ids=["graphs", "writer", "keep", "sources"],
)
def test_the_union_is_the_whole_byte_for_byte(
    tmp_path, monkeypatch, package, count, batch, request_words, of
):
    for module in (rejecting, shards):
        monkeypatch.setattr(module, "RANKED", 20)
    monkeypatch.setattr("tfmat.ccdcgan.shards.TOGETHER", 8)
    monkeypatch.setattr("tfmat.ccdcgan.sources.generating.TOGETHER", 8)
    monkeypatch.setattr(rejecting, "PREDICTED", 16)
    codec = codec_of(package)
    summary = make(tmp_path / "whole", codec, count, batch, **request_words)
    places = []
    for index in range(1, of + 1):
        places.append(tmp_path / f"part-{index}")
        make(places[-1], codec, count, batch, Shard(index, of), **request_words)
        assert is_results(places[-1])
    assert summary["structures"]
    merged = merging.merge(places, tmp_path / "merged")
    assert content(tmp_path / "merged") == content(tmp_path / "whole")
    assert merged.summary == json.loads((tmp_path / "whole" / "summary.json").read_text("utf-8"))


def test_what_is_refused(tmp_path, monkeypatch):
    codec = codec_of("ccdcgan-bi-se-compact")
    for index in (1, 2):
        make(tmp_path / f"{index}", codec, 8, 4, Shard(index, 2))
    places = [tmp_path / "1", tmp_path / "2"]
    with pytest.raises(InputError, match="make at most 2 shards"):
        make(tmp_path / "3", codec, 8, 4, Shard(1, 3))
    with pytest.raises(InputError, match="shard 2/2 is missing of tfmat generate ccdcgan"):
        merging.merge(places[:1], tmp_path / "merged")
    with pytest.raises(InputError, match="is read and would be replaced"):
        merging.merge(places, places[0], overwrite=True)
    with np.load(places[1] / TALLY) as tally:
        changed = {**tally, "volumes": tally["volumes"] + 1}
    np.savez_compressed(places[1] / TALLY, **changed)
    with pytest.raises(InputError, match=r"tally.npz: was changed since it was written"):
        merging.merge(places, tmp_path / "merged")
    cif = next((places[0] / "cif").iterdir())
    cif.write_text("", "utf-8")
    with pytest.raises(InputError, match="a file in it was changed"):
        merging.merge(places, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
