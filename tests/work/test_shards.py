"""Parts of a work, and what they say of themselves."""

import pytest

from tfmat.checksums import write_sealed
from tfmat.errors import InputError
from tfmat.work.shards import ENTRY, Manifest, Shard, read_parts


def write(folder, index, of=3, command="tfmat toy", **settings):
    folder.mkdir(parents=True)
    shard = Shard(index, of)
    record = Manifest(command, shard, {"seed": 0, **settings}, shard.part(30, 1, "toys"), 30)
    write_sealed(folder / "summary.json", {ENTRY: record.record()})
    return folder


@pytest.mark.parametrize("total", [1, 7, 8, 9, 100, 8192, 100_001])
@pytest.mark.parametrize("block", [1, 4, 64])
def test_parts_are_all_items_in_order_and_end_with_blocks(total, block):
    for of in {1, 2, 3, -(-total // block)} - {0}:
        if of > -(-total // block):
            continue
        parts = [Shard(index, of).part(total, block, "items") for index in range(1, of + 1)]
        assert [item for part in parts for item in part] == list(range(total))
        assert all(parts)
        assert all(part.start % block == 0 for part in parts)
        blocks = [-(-len(part) // block) for part in parts]
        assert max(blocks) - min(blocks) <= 1


def test_more_shards_than_blocks_are_refused():
    with pytest.raises(InputError, match="100 samples in blocks of 64 make at most 2 shards"):
        Shard(1, 3).part(100, 64, "samples")


@pytest.mark.parametrize(
    "text", ["", "3", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "1/9999999"]
)
def test_what_is_no_shard(text):
    with pytest.raises(InputError, match="`shard` "):
        Shard.parse(text)


def test_shards_are_read_in_their_order(tmp_path):
    assert Shard.parse(" 2/3 ") == Shard(2, 3)
    places = [write(tmp_path / str(index), index) for index in (3, 1, 2)]
    assert [part.place for part in read_parts(places)] == [tmp_path / n for n in "123"]


def test_missing_shards_are_named(tmp_path):
    places = [write(tmp_path / str(index), index, of=20) for index in (2, 3)]
    with pytest.raises(InputError) as error:
        read_parts(places)
    assert str(error.value).startswith(
        "shards 1/20, 4/20, 5/20, 6/20, 7/20, 8/20, 9/20, 10/20, 11/20, 12/20 and 8 more are "
        "missing of tfmat toy"
    )
    places += [write(tmp_path / str(index), index, of=20) for index in (1, *range(5, 21))]
    with pytest.raises(InputError, match=r"^shard 4/20 is missing of tfmat toy"):
        read_parts(places)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"seed": 1}, "seed is 1, not 0"),
        ({"of": 4}, "the number of shards is 4, not 3"),
        ({"command": "tfmat other"}, "it is of tfmat other, not of tfmat toy"),
        ({"masks": {"require": ["Li"]}}, r"masks.require is \[\"Li\"\], not null"),
    ],
)
def test_what_does_not_belong_together(tmp_path, other, said):
    masks = {"masks": {"require": None}} if "masks" in other else {}
    one = write(tmp_path / "1", 1, **masks)
    two = write(tmp_path / "2", 2, **other)
    with pytest.raises(InputError, match=f"^{two}: does not belong to {one}: {said}; "):
        read_parts([two, one])


def test_what_bears_on_no_result_may_differ(tmp_path):
    places = [write(tmp_path / str(index), index, threads=index) for index in (1, 2, 3)]
    assert len(read_parts(places)) == 3


def test_what_is_there_twice_or_is_no_shard(tmp_path):
    places = [write(tmp_path / str(number), 1 + number % 3) for number in range(4)]
    with pytest.raises(InputError, match="are both the shard 1/3; leave one out"):
        read_parts(places)
    with pytest.raises(InputError, match="no such file or folder"):
        read_parts([tmp_path / "nowhere"])
    (tmp_path / "table.csv").write_text("a\n")
    with pytest.raises(InputError, match=r"table.csv: has no summary \(table.csv.json\)"):
        read_parts([tmp_path / "table.csv"])
    write_sealed(tmp_path / "table.csv.json", {"rows": 1})
    with pytest.raises(InputError, match="is no shard, it was made without `shard`"):
        read_parts([tmp_path / "table.csv", tmp_path / "table.csv.json"])


def test_a_manifest_that_was_changed(tmp_path):
    file = write(tmp_path / "1", 1, of=1) / "summary.json"
    file.write_text(file.read_text("utf-8").replace('"seed": 0', '"seed": 5'), "utf-8")
    with pytest.raises(InputError, match=r"summary.json"):
        read_parts([tmp_path / "1"])
