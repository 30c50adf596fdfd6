"""Atomic writing: a reader sees the old file or the whole new one, never a part."""

import errno
import hashlib
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tfmat import disk
from tfmat.errors import InputError
from tfmat.files import (
    check_apart,
    check_place,
    claimed,
    replacing,
    replacing_folder,
    settle,
    sha256,
    write_json,
)
from tfmat.locks import held


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
    with pytest.raises(InputError, match=r"another `out`$"), replacing_folder(target, own=is_ours):
        pass
    with (
        pytest.raises(InputError, match="has not written"),
        replacing_folder(target, overwrite=True, own=is_ours),
    ):
        pass
    assert (target / "precious").read_text() == "1"
    (target / "ours").write_text("")
    with (
        pytest.raises(InputError, match="or `overwrite` to replace it"),
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


def test_two_folders_are_exchanged_in_one_step(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        path.mkdir()
        (path / path.name).write_text("")
    if not disk.exchange(one, other):
        pytest.skip("this file system cannot")
    assert [path.name for path in one.iterdir()] == ["other"]
    assert [path.name for path in other.iterdir()] == ["one"]
    assert not disk.exchange(one, tmp_path / "missing")


@pytest.mark.parametrize("stands", [False, True])
def test_what_a_kill_took_from_its_place_is_put_back_and_said(tmp_path, stands):
    """As on a file system that cannot exchange: killed before or after the second rename."""
    target, old = tmp_path / "out", tmp_path / ".out.tfmat-old"
    old.mkdir()
    (old / "old").write_text("1")
    half = tmp_path / ".out.tfmat-abcdefgh"
    half.mkdir()
    (half / "new").write_text("half")
    if stands:
        target.mkdir()
        (target / "new").write_text("2")
    with warnings.catch_warnings(record=True) as said, pytest.raises(InputError, match="not empty"):
        warnings.simplefilter("always")
        check_place(target)
    assert [str(warning.message) for warning in said] == (
        []
        if stands
        else [f"{target}: was put back, for a command that was to replace it was killed"]
    )
    assert [path.name for path in target.iterdir()] == ["new" if stands else "old"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_only_what_no_process_writes_any_more_is_removed(tmp_path):
    target = tmp_path / "out.txt"
    dead, others = tmp_path / ".out.txt.tfmat-dead.txt", tmp_path / ".out.txt.backup"
    for path in (dead, others):
        path.write_text("")
    with replacing(target) as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".txt"
        settle(target)
        assert temporary.exists()
        assert not dead.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [others.name, "out.txt"]


def test_where_the_file_system_has_no_locks_nothing_is_removed(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def no_locks(handle, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    maybe_alive = tmp_path / ".out.tfmat-abcdefgh"
    maybe_alive.mkdir()
    with replacing_folder(tmp_path / "out") as temporary:
        (temporary / "a").write_text("1")
    assert {path.name for path in tmp_path.iterdir()} == {"out", maybe_alive.name}


def test_the_second_process_is_told_of_the_first(tmp_path):
    script = (
        "import sys, time; sys.argv = ['/bin/tfmat', 'data', 'import', '--api-key', 'secret']\n"
        "from pathlib import Path; from tfmat.files import claimed\n"
        "with claimed(Path(sys.stdin.readline().strip())):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        first.stdin.write(f"{tmp_path / 'out'}\n")
        first.stdin.flush()
        assert first.stdout.readline() == "held\n"
        with pytest.raises(InputError) as caught, replacing_folder(tmp_path / "out"):
            raise AssertionError
        first.kill()
    words = f"out: another process is writing there (tfmat data import, process {first.pid} on "
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "secret" not in (tmp_path / ".out.tfmat-lock").read_text()
    # The lock of a dead process is none.
    with replacing_folder(tmp_path / "out") as temporary:
        (temporary / "a").write_text("1")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_lock_that_is_none_is_refused(tmp_path, kind):
    lock, precious = tmp_path / ".lock", tmp_path / "precious"
    precious.write_text("mine")
    make = {"link": lambda: lock.symlink_to(precious), "folder": lock.mkdir}
    make.get(kind, lambda: os.mkfifo(lock))()
    with pytest.raises(InputError, match="is no lock of tfmat"), held(lock, tmp_path):
        raise AssertionError
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("words", ["", "{", "[]", '{"pid": 1}', '{"command": "a\\nb\\u001b[2J"}'])
def test_a_record_of_a_lock_that_says_nothing(tmp_path, words):
    with claimed(tmp_path / "out"):
        (tmp_path / ".out.tfmat-lock").write_text(words)
        with pytest.raises(InputError, match="which one is not known"), claimed(tmp_path / "out"):
            raise AssertionError


FULL = {
    "system": OSError(errno.ENOSPC, "No space left on device"),
    "quota": OSError(errno.EDQUOT, "Disk quota exceeded"),
    "NumPy": OSError("4096 requested and 12 written"),
    "HDF5": RuntimeError("Can't write: errno = 28, error message = 'No space left on device'"),
}


@pytest.mark.parametrize("error", FULL.values(), ids=FULL)
def test_a_full_disk_names_the_output(tmp_path, error):
    target = tmp_path / "out"
    with (
        pytest.raises(OSError, match="out'") as caught,
        replacing_folder(target) as temporary,
        replacing(temporary / "part.json"),
    ):
        raise error
    assert caught.value.errno in disk.FULL
    assert caught.value.filename == str(target)
    assert list(tmp_path.iterdir()) == []


def test_all_that_is_placed_is_on_disk_before(tmp_path, monkeypatch):
    """Each file and folder is synced under its temporary name, and then the folder it lies in."""
    synced = []
    sync = os.fsync

    def noting(handle):
        synced.append(Path(f"/proc/self/fd/{handle}").readlink())
        sync(handle)

    monkeypatch.setattr(os, "fsync", noting)
    with replacing_folder(tmp_path / "out") as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "a").write_text("1")
    assert set(synced[:-1]) == {temporary, temporary / "sub", temporary / "sub" / "a"}
    assert synced[-1] == tmp_path
    synced.clear()
    with replacing(tmp_path / "b") as temporary:
        temporary.write_text("1")
    assert synced == [temporary, tmp_path]


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


def test_an_output_is_none_of_its_inputs(tmp_path):
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("data")
    for out in (data, tmp_path / "link", tmp_path, data / "." / ".." / "data"):
        with pytest.raises(InputError, match="is read and would be replaced; give another `out`"):
            check_apart(out, None, "no-such-name", data)
    for out in (data / "new", tmp_path / "data2", data / "deep"):
        check_apart(out, None, data, 3)


def test_sha256_and_json(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"b": 1, "a": "Å"})
    assert sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "Å" in path.read_text("utf-8")


@pytest.mark.parametrize("place", ["file/below", "file/deep/below", "x" * 300])
@pytest.mark.parametrize("make", [replacing, replacing_folder])
def test_an_impossible_place_is_one_line(tmp_path, make, place):
    (tmp_path / "file").write_text("mine")
    words = "give another place with `out`"
    with pytest.raises(InputError, match=words) as caught, make(tmp_path / place):
        pass
    assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"
