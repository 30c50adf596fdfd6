"""Sizes beyond sense end in one line: bombs, lines and cells without end, nesting."""

import gzip
import json
from contextlib import suppress

import pytest
from cif_files import cif

from tfmat.datasets.readers import json_stream, records
from tfmat.datasets.readers.extxyz_header import pairs
from tfmat.errors import InputError

CSV_HEAD = b"cif,id\n"


def test_a_bomb_of_gzip(tmp_path, load, monkeypatch):
    monkeypatch.setattr(records, "_HARMLESS", 2**20)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(CSV_HEAD + b"x,1\n" * 2 * 2**20, 9))
    with pytest.raises(InputError, match="unpacks to more than 400 times its size"):
        load(tmp_path / "a.csv.gz")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "good.cif").write_text(cif())
    (folder / "bomb.cif.gz").write_bytes(gzip.compress(b"\n" * 8 * 2**20, 9))
    dataset, _, rejected = load(folder)
    assert list(dataset.ids) == ["good"]
    assert [row["id"] for row in rejected] == ["bomb"]


def test_repetitive_data_is_no_bomb(tmp_path, load):
    frame = '1\nLattice="4 0 0 0 4 0 0 0 4" id={}\nNa 0 0 0\n'
    text = "".join(frame.format(place) for place in range(200))
    (tmp_path / "a.xyz.gz").write_bytes(gzip.compress(text.encode()))
    assert load(tmp_path / "a.xyz.gz")[1]["kept"] == 200


def test_a_line_without_end(tmp_path, load, monkeypatch):
    for name in ("a.csv", "a.extxyz"):
        (tmp_path / name).write_bytes(CSV_HEAD + b"x" * 17 * 2**20)
        with pytest.raises(InputError, match="line 2 has more than 16 million characters"):
            load(tmp_path / name, form=name.partition(".")[2])


def test_a_file_of_one_structure_without_end(tmp_path, load, monkeypatch):
    import tfmat.datasets.readers.folder as reader

    monkeypatch.setattr(records, "LARGEST_TEXT", 10_000)
    assert reader.whole_text is records.whole_text
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "good.cif").write_text(cif())
    (tmp_path / "a" / "large.cif").write_text(cif() + "#" * 20_000)
    dataset, _, rejected = load(tmp_path / "a")
    assert list(dataset.ids) == ["good"]
    assert rejected[0]["reason"].startswith("too large")


def test_an_element_of_json_without_end(tmp_path, load, monkeypatch):
    monkeypatch.setattr(json_stream, "_LARGEST", 2**20)
    (tmp_path / "a.json").write_text('[{"id": "' + "x" * 2**23)
    with pytest.raises(InputError, match="more than 1048576 characters in one element"):
        load(tmp_path / "a.json")


def test_a_cell_that_is_nested_too_deeply(tmp_path, load):
    rows = [
        '"' + '{""a"":' * 100_000 + '",deep',
        f'"{cif()}",good',
        '"{""a"": 1' + "0" * 5000 + '}",long',
    ]
    (tmp_path / "a.csv").write_text("cif,id\n" + "\n".join(rows) + "\n")
    dataset, _, rejected = load(tmp_path / "a.csv")
    assert list(dataset.ids) == ["good"]
    assert {row["id"] for row in rejected} == {"deep", "long"}
    assert all(row["reason"].startswith("broken structure: ") for row in rejected)


def test_huge_integers(tmp_path, load, rocksalt):
    value = rocksalt.as_dict()
    value["sites"][0]["abc"] = [10**400, 0, 0]
    text = json.dumps([value, {"structure": rocksalt.as_dict(), "e_form": 10**400, "id": "m"}])
    (tmp_path / "a.json").write_text(text)
    dataset, _, rejected = load(tmp_path / "a.json")
    assert list(dataset.ids) == ["m"]
    assert rejected[0]["reason"].startswith("contradiction: abc and xyz")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "character", ['"', "\\", "'", "=", " ", '="', "a=", "[", "{", "a={", 'a="\\']
)
def test_the_header_of_a_frame_takes_linear_time(character):
    # Seconds; quadratic time would be hours.
    with suppress(InputError):
        list(pairs(character * (1_000_000 // len(character))))


def test_frames_that_announce_more_than_there_is(tmp_path, load):
    good = '1\nLattice="4 0 0 0 4 0 0 0 4" id=good\nNa 0 0 0\n'
    (tmp_path / "a.xyz").write_text(good + "999999999\nLattice=\nNa 0 0 0\n" + good)
    dataset, _, rejected = load(tmp_path / "a.xyz")
    assert len(dataset) == 2
    assert len(rejected) == 1


@pytest.mark.timeout(60)
@pytest.mark.parametrize("tail", ["", "x", ".", "/", "e", "("])
def test_a_number_without_end_takes_linear_time(tail):
    from tfmat.datasets.readers.cif.structure import crystals_of_cif

    # Quadratic time would be hours.
    long = "9" * 1_000_000 + tail
    texts = [
        cif([f"Na1 Na {long} 0 0"]),
        cif([f"Na1 Na{long} 0 0 0"]),
        cif(["Na1 Na 0 0 0"], operations=("x,y,z", f"x,y,z+{long}")),
        cif(["Na1 Na 0 0 0"], chemical_formula_sum=f"Na{long}"),
        cif([f"Na{long} 0 0 0"], columns=("label", "fract_x", "fract_y", "fract_z")),
    ]
    for text in texts:
        list(crystals_of_cif(text))


def test_too_many_atoms():
    from tfmat.datasets.readers.cif.structure import crystals_of_cif

    sites = [f"Na{i} Na 0.{i:06} 0.1 0.2" for i in range(1, 2000)]
    operations = [f"x,y,z+{i}/128" for i in range(128)]
    ((_, found),) = crystals_of_cif(cif(sites, operations=operations))
    assert found.startswith("too large")
