"""Reading files that may be damaged or hostile: one line that names the file, and no surprise."""

from __future__ import annotations

import csv
import json
import re
import struct
import tokenize
import tomllib
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from tfmat.errors import InputError, first_line, one_line
from tfmat.paths import plain_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The longest record that tfmat writes has some megabytes (a chunk of relaxed structures).
LONGEST = 64 * 2**20
# A recipe has a few kilobytes; time and memory to read TOML can grow with the square of its length.
LONGEST_TOML = 2**18
# No record of ours is half as deep; recursion ends at a thousand.
DEEPEST = 40
# Seeds have 20 digits.
_MOST_DIGITS = 20
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
# What a decoder says of bytes that no program of ours has written.
_DAMAGE = (
    ValueError,  # JSON, TOML, Unicode, NumPy
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,  # a header that claims more than there is
    EOFError,
    SyntaxError,  # headers of .npy files are Python's literals
    tokenize.TokenError,
    struct.error,
    zlib.error,
    BadZipFile,
    csv.Error,  # a cell without end
)
AGAIN = "make it again, or copy it again from where it came"


@contextmanager
def reading(path: Path | str, advice: str = AGAIN, form: str = "") -> Iterator[None]:
    """Says in one line that a file is damaged, whatever its decoder makes of it.

    Put it around what decodes a file and takes its values apart, and around nothing else: there
    these errors would be defects of ours.

    Args:
        path: The file.
        advice: What to do about it, for the end of the line.
        form: Form of the file, for the message, e.g. ``"JSON"``.

    Raises:
        InputError: The block fails as it does on missing, unreadable or damaged files.
    """
    try:
        yield
    except OSError as error:
        # The library of .keras files tells of damage by an OSError without a number.
        what = f"cannot be read ({error.strerror})" if error.errno else _damage(error, form)
        raise InputError(f"{path}: {what}; {advice}") from error
    except _DAMAGE as error:
        raise InputError(f"{path}: {_damage(error, form)}; {advice}") from error


def _damage(error: BaseException, form: str) -> str:
    if isinstance(error, RecursionError):
        why = "nested without end"
    elif isinstance(error, MemoryError):
        why = "claims to hold more than the memory does"
    elif isinstance(error, KeyError):
        why = f"no {one_line(str(error))[:120]} in it"
    else:
        why = one_line(first_line(error))[:200]
    return f"is damaged, not readable{' as ' if form else ''}{form} ({why})"


def read_bytes(path: Path, advice: str = AGAIN, longest: int = LONGEST) -> bytes:
    """Reads a short file.

    Args:
        path: The file.
        advice: What to do about a damaged one.
        longest: Most bytes.

    Raises:
        InputError: It is missing, no plain file, cannot be read or is too long.
    """
    with reading(path, advice):
        if path.exists() and not plain_file(path):
            raise InputError(f"{path}: is no plain file; {advice}")
        with path.open("rb") as stream:
            content = stream.read(longest + 1)
    if len(content) > longest:
        raise InputError(
            f"{path}: is longer than {longest:,} bytes, as none of its kind is; {advice}"
        )
    return content


def read_json(path: Path, advice: str = AGAIN, *, constants: bool = True) -> Any:
    """Reads a JSON file as tfmat writes them.

    Args:
        path: The file.
        advice: What to do about a damaged one.
        constants: Allow ``NaN`` and ``Infinity``.

    Raises:
        InputError: It is missing, unreadable, too long, no JSON in UTF-8, nested deeper than
            any of ours, or holds a number or a text that cannot be written again.
    """
    content = read_bytes(path, advice)
    with reading(path, advice, "JSON"):
        return parse_json(content, constants=constants)


def parse_json(content: bytes, *, constants: bool = True) -> Any:
    """Decodes JSON; who calls it knows where the bytes are from and is within :func:`reading`.

    Args:
        content: UTF-8.
        constants: Allow ``NaN`` and ``Infinity``.

    Raises:
        ValueError: As for :func:`read_json`.
        RecursionError: It is nested without end.
    """
    text = content.decode("utf-8")
    refuse: Callable[[str], Any] | None = None if constants else _no_number
    value = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=refuse)
    _check_depth(value)
    if _SURROGATE.search(text):
        # Halves of characters can be read, but not written.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def read_record(path: Path, advice: str = AGAIN) -> dict[str, Any]:
    """Reads a JSON file that holds a table.

    Args:
        path: The file.
        advice: What to do about a damaged one.

    Raises:
        InputError: As for :func:`read_json`, or it holds something else.
    """
    value = read_json(path, advice)
    if not isinstance(value, dict):
        raise InputError(
            f"{path}: is damaged, not readable (no table of names and values); {advice}"
        )
    return value


def read_toml(path: Path, advice: str = AGAIN) -> dict[str, Any]:
    """Reads a TOML file.

    Args:
        path: The file.
        advice: What to do about a damaged one.

    Raises:
        InputError: It is missing, unreadable, too long, no TOML in UTF-8, or nested deeper than
            any of ours.
    """
    content = read_bytes(path, advice, LONGEST_TOML)
    with reading(path, advice, "TOML"):
        tables = tomllib.loads(content.decode("utf-8"))
        _check_depth(tables)
    return tables


def load_array(path: Path, advice: str = AGAIN, *, mapped: bool = False) -> NDArray[Any]:
    """Reads an array from an ``.npy`` file.

    Args:
        path: The file.
        advice: What to do about a damaged one.
        mapped: Read its pages when they are touched, and not before.

    Returns:
        The array; one that is mapped is read-only.

    Raises:
        InputError: The file is missing, no plain file, damaged, or its header claims more than it
            holds.
    """
    import numpy as np

    with reading(path, advice):
        if path.exists() and not plain_file(path):
            raise InputError(f"{path}: is no plain file; {advice}")
        # Mapping compares the header with the length of the file before there is an array.
        array = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        if not mapped:
            array = array.copy()
    return array


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS + 1:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise ValueError(f"{text[:20]} is too large for a number")
    return value


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError(f"nested more than {DEEPEST} deep")
