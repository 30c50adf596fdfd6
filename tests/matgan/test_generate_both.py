"""A table of formulas and its summary stay together, whenever their command was killed."""

import errno
import json
import os
import warnings

import pytest

from tfmat.files import sha256
from tfmat.matgan.generating.both import replacing_both, restore


def write(out, text):
    with replacing_both(out) as (table, summary):
        table.write_text(text)
        summary.write_text(json.dumps({"table_sha256": sha256(table), "of": text}))


def pair(folder):
    """What is visible, and what is hidden."""
    names = {path.name: path for path in folder.iterdir()}
    table = names.pop("t.csv").read_text()
    summary = names.pop("t.csv.json", None)
    return table, summary and json.loads(summary.read_text()).get("of"), sorted(names)


def test_both_are_replaced(tmp_path):
    for text in ("one", "two"):
        write(tmp_path / "t.csv", text)
        assert pair(tmp_path) == (text, text, [])


def test_a_failure_keeps_both(tmp_path):
    write(tmp_path / "t.csv", "one")
    with pytest.raises(RuntimeError), replacing_both(tmp_path / "t.csv") as (table, _):
        table.write_text("two")
        raise RuntimeError
    assert pair(tmp_path) == ("one", "one", [])


@pytest.mark.parametrize("failing", range(1, 7))
def test_a_disk_that_fails_in_between_leaves_a_pair(tmp_path, monkeypatch, failing):
    write(tmp_path / "t.csv", "one")
    sync, calls = os.fsync, []

    def fail(handle):
        calls.append(handle)
        if len(calls) >= failing:
            raise OSError(errno.EIO, "Input/output error")
        sync(handle)

    monkeypatch.setattr(os, "fsync", fail)
    try:
        write(tmp_path / "t.csv", "two")
        assert failing > len(calls)
    except OSError:
        pass
    table, summary, hidden = pair(tmp_path)
    assert table == summary
    assert hidden == []


@pytest.mark.parametrize("table", ["one", "two"])
@pytest.mark.parametrize("early", [False, True])
def test_a_table_gets_its_own_summary_back(tmp_path, table, early):
    """Killed after the old summary was hidden, before or after the new table had its place."""
    out = tmp_path / "t.csv"
    write(out, "two")
    new = (tmp_path / "t.csv.json").rename(tmp_path / ".t.csv.json.tfmat-abcdefgh.json")
    out.write_text("one")
    # Early versions did not name the table.
    record = {"of": "one"} | ({} if early else {"table_sha256": sha256(out)})
    (tmp_path / ".t.csv.json.tfmat-old").write_text(json.dumps(record))
    out.write_text(table)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        restore(out)
    assert len(said) == 1
    assert pair(tmp_path) == (table, table, [])
    assert not new.exists()


def test_the_summary_of_a_table_that_is_no_more_goes(tmp_path):
    out = tmp_path / "t.csv"
    write(out, "one")
    (tmp_path / "t.csv.json").rename(tmp_path / ".t.csv.json.tfmat-old")
    out.write_text("somebody's")
    restore(out)
    assert pair(tmp_path) == ("somebody's", None, [])
