"""Tables of formulas: their columns as text, written as CSV or Parquet part by part."""

from __future__ import annotations

import functools
import gzip
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from tfmat.errors import InputError
from tfmat.files import json_bytes
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.paths import plain_file
from tfmat.reading import read_record

SUFFIXES = (".csv", ".csv.gz", ".parquet")
TABLE_HASH = "table_sha256"
"""Entry of a summary by which it belongs to its table."""
# Columns of every table.
_ALWAYS = frozenset(("formula", "charge_neutral", "balanced"))
_LONGEST_HEADER = 2**16

Write = Callable[[pa.Table], None]


def summary_of(out: Path) -> Path:
    """Returns the file of the summary that goes with a table."""
    return out.with_name(out.name + ".json")


def check_out(out: Path) -> None:
    """Refuses, before any work, a file that could not be written at its end.

    Args:
        out: The file.

    Raises:
        InputError: Its name ends in none of :data:`SUFFIXES`, or it is a folder.
    """
    if out.is_dir():
        raise InputError(f"`out` {out}: is a folder; give a file")
    if not out.name.endswith(SUFFIXES):
        raise InputError(
            f"`out` {out}: the name must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        )


def check_free(out: Path, *, overwrite: bool, summarised: bool = True) -> None:
    """Refuses a table that would replace what it must not, or whose summary would.

    Args:
        out: The file of the table.
        overwrite: Replace a table that tfmat has written, and its summary.
        summarised: Whether a summary is written, too; else one that is there would be of another
            table.

    Raises:
        InputError: One of the two is there, and is none of ours or not to be replaced.
    """
    for path, ours in ((out, _is_table), (summary_of(out), _is_summary)):
        if not os.path.lexists(path):
            continue
        if not overwrite:
            raise InputError(
                f"{path}: is there already; give another place with `out`, or `overwrite`"
            )
        if not ours(path) or (path != out and not summarised):
            raise InputError(
                f"{path}: is nothing that this command has written, and `overwrite` leaves it "
                "alone; give another `out`"
            )


def _is_table(path: Path) -> bool:
    """Tells a table of ours by its columns; Parquet also says it."""
    if not plain_file(path):
        return False
    with suppress(OSError, EOFError, zlib.error, pa.ArrowException):
        if path.name.endswith(".parquet"):
            return b"tfmat" in (pyarrow.parquet.read_schema(path).metadata or {})
        with (gzip.open if path.name.endswith(".gz") else open)(path, "rb") as stream:
            names = stream.readline(_LONGEST_HEADER).decode("utf-8", "replace").strip().split(",")
        return _ALWAYS.issubset(names)
    return False


def _is_summary(path: Path) -> bool:
    try:
        return TABLE_HASH in read_record(path)
    except InputError:
        return False


@contextmanager
def opened(
    path: Path, name: str, schema: pa.Schema, settings: Mapping[str, Any]
) -> Iterator[Write]:
    """Opens a table to write.

    Args:
        path: File to write.
        name: Name that it will have, whose ending says how it is written.
        schema: Its columns.
        settings: What it was made with; kept inside a Parquet file, where CSV has no place.

    Yields:
        A function that appends rows.
    """
    if name.endswith(".parquet"):
        described = schema.with_metadata({"tfmat": json_bytes(settings, indent=None)})
        # Of a name that is no UTF-8 Arrow opens no file.
        with (
            path.open("wb") as file,
            pyarrow.parquet.ParquetWriter(file, described, compression="zstd") as parquet,
        ):
            yield lambda table: parquet.write_table(table.cast(described))
        return
    # No text of these columns holds a comma or a quote.
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    with ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(path.open("wb"))
        if name.endswith(".gz"):
            # Arrow's own stream has level 9, eleven times as slow as this. No time and no name in
            # the file: the same formulas are the same bytes.
            packed = gzip.GzipFile("", "wb", 4, stream, 0)
            stream = cast("IO[bytes]", stack.enter_context(packed))
        stream.write((",".join(schema.names) + "\n").encode())
        yield lambda table: pyarrow.csv.write_csv(table, stream, options)


def count_texts(compositions: Compositions) -> pa.StringArray:
    """Writes atom counts, e.g. ``Li:2 O:1``, elements in the order of the formula.

    Args:
        compositions: Counts below 256.
    """
    return _texts(compositions, compositions.counts.astype(np.int64), _count_tokens())


def state_texts(compositions: Compositions, states: NDArray[np.int8]) -> pa.StringArray:
    """Writes oxidation states, e.g. ``Li:+1 O:-2``, elements in the order of the formula.

    Args:
        compositions: The compositions.
        states: State of the element in each slot, shape ``(n, slots)``.
    """
    return _texts(compositions, states.astype(np.int64) + 128, _state_tokens())


def _texts(
    compositions: Compositions, values: NDArray[np.int64], tokens: pa.StringArray
) -> pa.StringArray:
    """Joins the token of each (element, value), one of 256 values."""
    order = compositions.formula_order()[:, : max(compositions.n_elements.max(initial=1), 1)]
    codes = np.take_along_axis(compositions.numbers.astype(np.int64) << 8 | values, order, axis=1)
    parts = [tokens.take(pa.array(column)) for column in codes.T]
    return pc.binary_join_element_wise(*parts, " ", null_handling="skip")


@functools.cache
def _count_tokens() -> pa.StringArray:
    return _tokens(str)


@functools.cache
def _state_tokens() -> pa.StringArray:
    return _tokens(lambda value: f"{value - 128:+d}" if value != 128 else "0")


def _tokens(text: Callable[[int], str]) -> pa.StringArray:
    # An unused slot, element 0, is skipped when tokens are joined.
    return pa.array(
        [
            f"{symbol}:{text(value)}" if symbol else None
            for symbol in symbols()
            for value in range(256)
        ],
        pa.string(),
    )
