"""The folder in which long work waits takes nobody else's place and keeps what was computed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tfmat.checksums import sealed
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.sources import Entry, crystals_sha256
from tfmat.errors import InputError
from tfmat.work.chunks import _read
from tfmat.work.folder import claimed, released


def test_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with (
        pytest.raises(InputError, match="not written by this command"),
        claimed(tmp_path, {"a": 1}),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_same_recipe_goes_on_another_does_not(tmp_path: Path) -> None:
    work = tmp_path / "work"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), claimed(work, {"a": 1}):
            raise KeyboardInterrupt
    with pytest.raises(InputError, match="other settings"), claimed(work, {"a": 2}):
        pass
    assert json.loads((work / "recipe.json").read_text()) == sealed({"a": 1})
    with claimed(work, {"a": 1}):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_kill_while_the_work_begins_is_no_foreign_folder(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / ".recipe.json.tfmat-abcdefgh.json").write_text("{")
    with claimed(work, {"a": 1}):
        assert [path.name for path in work.iterdir()] == ["recipe.json"]


def test_two_processes_do_not_share_a_work_folder(tmp_path: Path) -> None:
    work = tmp_path / "work"
    with (
        claimed(work, {"a": 1}),
        pytest.raises(
            InputError, match=f"another process is writing there .*process {os.getpid()}"
        ),
        claimed(work, {"a": 1}),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_damaged_recipe_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("{")
    with pytest.raises(InputError, match="is damaged"), claimed(tmp_path, {"a": 1}):
        pass


@pytest.mark.parametrize("finished", [False, True])
def test_wrong_input_keeps_finished_work(tmp_path: Path, finished: bool) -> None:
    work = tmp_path / "work"
    with pytest.raises(InputError), claimed(work, {"a": 1}), released(work):
        if finished:
            (work / "rows").mkdir()
            (work / "rows" / "000000.json").write_text("[]")
        raise InputError("out: exists")
    assert work.exists() == finished


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("[]", []),  # as of versions before there were hashes
        ("[{", None),
        ("", None),
        ("[1]", None),
        ("3", None),
        ('{"rows": 3}', None),
        (json.dumps(sealed({"rows": [{"energy": 1.5}]})), [{"energy": 1.5}]),
        (json.dumps(sealed({"rows": [{"energy": 1.5}]})).replace("1.5", "1.7"), None),
    ],
)
def test_damaged_chunk_is_computed_again(tmp_path: Path, text: str, rows: object) -> None:
    path = tmp_path / "000000.json"
    assert _read(path) is None
    path.write_text(text)
    assert _read(path) == rows


def test_a_file_read_otherwise_is_other_work() -> None:
    one, other = (
        Crystal(length * np.eye(3), np.zeros((1, 3)), np.array([29], dtype=np.uint8))
        for length in (3.6, 4.1)
    )
    first = crystals_sha256([Entry("a", one)])
    assert first == crystals_sha256([Entry("a", one)])
    assert first != crystals_sha256([Entry("a", other)])
    assert first != crystals_sha256([Entry("b", one)])
