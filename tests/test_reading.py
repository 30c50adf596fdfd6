"""Files that are damaged or hostile end in one line; errors of our own do not."""

import io
import json
import os
import struct
import zipfile
import zlib

import numpy as np
import pytest

from tfmat.errors import InputError
from tfmat.reading import (
    DEEPEST,
    LONGEST_TOML,
    load_array,
    parse_json,
    read_bytes,
    read_json,
    read_record,
    read_toml,
    reading,
)

BROKEN = {
    "Unicode": lambda: b"\xff".decode(),
    "JSON": lambda: json.loads("{"),
    "recursion": lambda: json.loads("[" * 100_000),
    "key": lambda: {}["a"],
    "type": lambda: int("1", base="a"),
    "attribute": lambda: [].get("a"),
    "struct": lambda: struct.unpack("<d", b"1"),
    "zlib": lambda: zlib.decompress(b"1"),
    "zip": lambda: zipfile.ZipFile(io.BytesIO(b"1")),
    "end": lambda: np.lib.format.read_magic(io.BytesIO(b"")),
    "memory": lambda: np.zeros(2**62),
    "missing": lambda: open("/nowhere/at/all"),  # noqa: SIM115, PTH123
    "no number": lambda: (_ for _ in ()).throw(OSError("truncated file")),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_damage_is_one_line_with_the_file(broken):
    with (
        pytest.raises(InputError, match=r"^a/b\.json: .*; do this$") as caught,
        reading("a/b.json", "do this"),
    ):
        broken()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", [AssertionError, NotImplementedError, KeyboardInterrupt])
def test_what_no_file_causes_goes_through(error):
    with pytest.raises(error), reading("a"):
        raise error
    with pytest.raises(InputError, match=r"^mine$"), reading("a"):
        raise InputError("mine")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
        '{"a":' * (DEEPEST + 1) + "1" + "}" * (DEEPEST + 1),
        "1" * 10_000,
        "1" * 30,
        "1e400",
        '"\\ud800"',
        '{"\\udfff": 1}',
        b"\xff\xfe\x00",
        "",
        "{} {}",
    ],
)
def test_json_that_is_none_of_ours(text, tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match="not readable as JSON") as caught:
        read_json(file)
    assert len(str(caught.value)) < 500


def test_json_of_ours_comes_back(tmp_path):
    value = {"seed": 2**64 - 1, "x": [0.1, -1e300, 5e-324], "name": "Bi₂Se₃ 😀", "no": None}
    file = tmp_path / "a.json"
    for ascii_only in (True, False):
        file.write_text(json.dumps(value, ensure_ascii=ascii_only), "utf-8")
        assert read_record(file) == value
    deep = json.loads("[" * (DEEPEST - 1) + "]" * (DEEPEST - 1))
    assert parse_json(json.dumps(deep).encode()) == deep
    file.write_text("[1]")
    with pytest.raises(InputError, match="no table"):
        read_record(file)
    file.write_text("NaN")
    with pytest.raises(InputError, match="NaN is no number"):
        read_json(file, constants=False)


@pytest.mark.parametrize(
    "text",
    [b"\xff", b"a = ", b"a = " + b"[" * 5000 + b"]" * 5000, b"a = " + b"1" * 5000, b"a.a.a"],
)
def test_toml_that_is_none(text, tmp_path):
    file = tmp_path / "a.toml"
    file.write_bytes(text)
    with pytest.raises(InputError, match="not readable as TOML"):
        read_toml(file)


def test_a_recipe_has_few_kilobytes(tmp_path):
    file = tmp_path / "a.toml"
    file.write_bytes(b"#" * (LONGEST_TOML + 1))
    with pytest.raises(InputError, match="is longer than"):
        read_toml(file)


def test_only_plain_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder", "missing", "a" * 300):
        for read in (read_json, read_toml, load_array):
            with pytest.raises(InputError):
                read(tmp_path / name)
    with pytest.raises(InputError, match="no plain file"):
        read_bytes(tmp_path.joinpath("/dev/zero"))


def header(text):
    """Returns an .npy file of a header and eight bytes."""
    data = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(data)) + data + bytes(8)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00\x10\x00",
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"),
        header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**30},)}}"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"),
        header("{'descr': 'x', 'fortran_order': False, 'shape': (1,)}"),
        header("{'descr': '<f8', 'shape': (1,)}"),
        header("[" * 3000),
        header("__import__('os')"),
        header("1 +"),
        b"PK\x03\x04" + bytes(40),
        b"\x80\x04]\x94.",
    ],
)
def test_arrays_with_damaged_headers(content, tmp_path):
    file = tmp_path / "a.npy"
    file.write_bytes(content)
    for mapped in (False, True):
        with pytest.raises(InputError, match=r"a\.npy: ") as caught:
            load_array(file, mapped=mapped)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3), np.zeros((0, 3)), np.float64(4)])
def test_arrays_come_back(array, tmp_path):
    np.save(tmp_path / "a.npy", array)
    for mapped in (False, True):
        found = load_array(tmp_path / "a.npy", mapped=mapped)
        assert found.dtype == np.float64
        assert np.array_equal(found, array)
