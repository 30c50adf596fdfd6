"""Hashes and seals: what was changed is noticed, what was not costs nothing twice."""

import hashlib
import json
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat import checksums
from tfmat.checksums import (
    SEAL,
    check_files,
    digest,
    read_sealed,
    sealed,
    skipped,
    skipping,
    write_sealed,
    write_sealed_line,
)
from tfmat.errors import InputError

RECORD = {"a": 1, "b": [0.1, None, "é"], "c": {"d": True}}


def test_a_hash_is_that_of_the_content_and_is_kept(tmp_path, monkeypatch):
    file = tmp_path / "a"
    file.write_bytes(b"one")
    assert digest(file) == hashlib.sha256(b"one").hexdigest()
    # A file that was written just now may change again without a trace in its times.
    file.write_bytes(b"two")
    assert digest(file) == hashlib.sha256(b"two").hexdigest()
    monkeypatch.setattr(checksums, "_YOUNG", -1e9)
    assert digest(file) == hashlib.sha256(b"two").hexdigest()
    monkeypatch.setattr(checksums.files, "sha256", lambda _: "again")
    assert digest(file) == hashlib.sha256(b"two").hexdigest()
    os.utime(file, ns=(1, 1))
    assert digest(file) == "again"


def test_every_flipped_bit_of_a_file_is_noticed(tmp_path):
    content = b"some bytes"
    hashes = {"a": hashlib.sha256(content).hexdigest()}
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        (tmp_path / "a").write_bytes(changed)
        with pytest.raises(InputError, match="was changed since"):
            check_files(tmp_path, hashes, tmp_path / "record")
    with skipped():
        check_files(tmp_path, hashes, tmp_path / "record")
    (tmp_path / "a").write_bytes(content)
    check_files(tmp_path, hashes, tmp_path / "record")
    (tmp_path / "a").unlink()
    with skipped(), pytest.raises(InputError, match="is missing"):
        check_files(tmp_path, hashes, tmp_path / "record")
    with skipped(), pytest.raises(InputError, match="leads out"):
        check_files(tmp_path, {"../a": "x"}, tmp_path / "record")


def test_skipping_ends_with_its_block():
    assert not skipping()
    with skipped(), skipped(False):
        assert skipping()
    with skipped(False):
        assert not skipping()
    assert not skipping()


def test_a_seal_holds_for_the_content_alone(tmp_path):
    file = tmp_path / "a.json"
    write_sealed(file, RECORD)
    assert read_sealed(file) == RECORD
    text = json.dumps(dict(reversed(json.loads(file.read_text()).items())))
    file.write_text(text)
    assert read_sealed(file) == RECORD
    assert sealed({1: (2, 3)}) == sealed({"1": [2, 3]}) == sealed(sealed({1: (2, 3)}))
    for old, new in (("0.1", "0.2"), ("null", "true"), ('"a"', '"e"'), ("1,", "3,")):
        assert old in text
        file.write_text(text.replace(old, new, 1))
        with pytest.raises(InputError, match="was changed since"):
            read_sealed(file)
        with skipped():
            read_sealed(file)


def test_records_of_earlier_versions_have_no_seal(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(json.dumps(RECORD))
    assert read_sealed(file) == RECORD
    assert SEAL not in read_sealed(file)


def test_no_flipped_bit_of_a_record_passes_as_another(tmp_path):
    file = tmp_path / "a.json"
    write_sealed(file, RECORD)
    content = file.read_bytes()
    for bit in random.Random(3).sample(range(8 * len(content)), 400):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        try:
            found = read_sealed(file)
        except InputError:
            continue
        # White space, or a letter of the word "seal" itself.
        assert {key: found.get(key) for key in RECORD} == RECORD


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.dictionaries(st.text(), VALUES)))
def test_a_line_holds_what_a_record_does(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("line")
    write_sealed_line(folder / "line", {"rows": rows})
    write_sealed(folder / "record", {"rows": rows})
    line, record = ((folder / name).read_text() for name in ("line", "record"))
    assert json.dumps(json.loads(line), sort_keys=True) == json.dumps(
        json.loads(record), sort_keys=True
    )
    assert "\n" not in line
    read_sealed(folder / "line")


def test_half_a_surrogate_pair_in_a_line(tmp_path):
    """As names of files have that are no UTF-8: what is written is read again."""
    record = {"rows": ["\ud800"], "Å": "\udcff"}
    write_sealed_line(tmp_path / "line", record)
    write_sealed(tmp_path / "record", record)
    for name in ("line", "record"):
        assert read_sealed(tmp_path / name) == {"rows": ["<U+D800>"], "Å": "<U+DCFF>"}
        assert json.loads((tmp_path / name).read_text("utf-8"))[SEAL] == sealed(record)[SEAL]
