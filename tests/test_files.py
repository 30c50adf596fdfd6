"""Atomic writing: a reader sees the old file or the whole new one, never a part."""

import hashlib
from pathlib import Path

import pytest

from tfmat import disk
from tfmat.errors import InputError
from tfmat.files import replacing, replacing_folder, sha256, write_json


def test_replacing_keeps_the_old_file_when_the_block_fails(tmp_path):
    target = tmp_path / "result.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_replacing_writes_with_ordinary_permissions(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    with replacing(tmp_path / "sub" / "new") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "sub" / "new").stat().st_mode == plain.stat().st_mode


def test_replacing_folder_refuses_a_folder_that_holds_something(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "precious").write_text("1")
    with pytest.raises(InputError, match="not empty"), replacing_folder(target):
        pass
    assert (target / "precious").read_text() == "1"


def is_ours(folder):
    return (folder / "ours").exists()


def test_overwriting_spares_what_others_have_written(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "precious").write_text("1")
    with pytest.raises(InputError, match=r"another --out$"), replacing_folder(target, own=is_ours):
        pass
    with (
        pytest.raises(InputError, match="has not written"),
        replacing_folder(target, overwrite=True, own=is_ours),
    ):
        pass
    assert (target / "precious").read_text() == "1"
    (target / "ours").write_text("")
    with (
        pytest.raises(InputError, match="or --overwrite to replace it"),
        replacing_folder(target, own=is_ours),
    ):
        pass
    with replacing_folder(target, overwrite=True, own=is_ours) as temporary:
        (temporary / "new").write_text("2")
    assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_old_folder_is_whole_until_the_new_one_has_its_place(tmp_path, monkeypatch):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("1")

    def full(path, place):
        if place == target and (path / "new").exists():
            raise OSError("no space left")
        return rename(path, place)

    rename = Path.rename
    monkeypatch.setattr(Path, "rename", full)
    monkeypatch.setattr(disk, "exchange", lambda one, other: False)  # as on some file systems
    with (
        pytest.raises(OSError, match="no space left"),
        replacing_folder(target, overwrite=True) as temporary,
    ):
        (temporary / "new").write_text("2")
        assert (target / "old").read_text() == "1"
    assert (target / "old").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_appears_while_a_folder_is_filled_is_not_replaced(tmp_path):
    target = tmp_path / "out"
    with pytest.raises(InputError, match="not empty"), replacing_folder(target) as temporary:
        (temporary / "a").write_text("1")
        target.mkdir()
        (target / "precious").write_text("1")
    assert [path.name for path in target.iterdir()] == ["precious"]


def test_replacing_folder_fills_an_empty_folder_and_leaves_nothing_on_failure(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    with replacing_folder(target) as temporary:
        (temporary / "a").write_text("1")
    assert (target / "a").read_text() == "1"
    with pytest.raises(RuntimeError), replacing_folder(tmp_path / "other") as temporary:
        (temporary / "a").write_text("1")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_replacing_folder_refuses_the_working_folder_before_any_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in (".", str(tmp_path)):
        with pytest.raises(InputError, match="give a new folder in it"), replacing_folder(place):
            raise AssertionError
    assert list(tmp_path.iterdir()) == []


def test_replacing_folder_fills_the_folder_behind_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with replacing_folder(tmp_path / "link") as temporary:
        (temporary / "a").write_text("1")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_text() == "1"


def test_sha256_and_json(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"b": 1, "a": "Å"})
    assert sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "Å" in path.read_text("utf-8")


@pytest.mark.parametrize("place", ["file/below", "file/deep/below", "x" * 300])
@pytest.mark.parametrize("make", [replacing, replacing_folder])
def test_an_impossible_place_is_one_line(tmp_path, make, place):
    (tmp_path / "file").write_text("mine")
    words = "give another place with --out"
    with pytest.raises(InputError, match=words) as caught, make(tmp_path / place):
        pass
    assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"
