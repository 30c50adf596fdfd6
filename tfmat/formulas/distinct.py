"""Equal formulas among more than fit into memory.

Texts are shared out to files by a hash of their letters, so that equal ones meet in one file; each
file is then grouped in memory by the texts themselves, which no chance can mistake for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfmat.formulas.compositions import mix

# Texts that are grouped at once, some 300 bytes each.
AT_ONCE = 2_000_000
# Files that are open at once; beyond, more texts are grouped at once.
_MOST_FILES = 256
_SCHEMA = pa.schema([("text", pa.string()), ("row", pa.uint64()), ("times", pa.uint32())])


def first_and_times(
    batches: Iterable[tuple[pa.StringArray, NDArray[np.uint32]]],
    rows: int,
    folder: Path,
    *,
    at_once: int = AT_ONCE,
) -> NDArray[np.uint32]:
    """Finds where each different text comes first, and adds up how often it came.

    Args:
        batches: Texts, none empty, and how often each came, in order.
        rows: How many texts come in all.
        folder: Where files may lie meanwhile, 20 to 50 bytes for each text; they are removed, but
            for that of what is returned, whose file has no name any more.
        at_once: Texts that are grouped in memory at once.

    Returns:
        For each row the sum of a text's times where the text comes first, else 0: an array on disk,
        shape ``(rows,)``.
    """
    files = min(_MOST_FILES, -(-rows // at_once) or 1)
    with TemporaryDirectory(dir=folder, prefix=".tfmat-distinct-") as place:
        times = np.memmap(Path(place) / "times", np.uint32, "w+", shape=(max(rows, 1),))
        paths = [Path(place) / f"{number}.arrow" for number in range(files)]
        _share_out(batches, paths)
        for path in paths:
            # Not memory-mapped: Windows removes no file that is.
            with path.open("rb") as stream, pa.ipc.open_stream(stream) as reader:
                table = reader.read_all()
            path.unlink()
            found = table.group_by("text").aggregate([("row", "min"), ("times", "sum")])
            times[found["row_min"].to_numpy()] = found["times_sum"].to_numpy().astype(np.uint32)
        return _kept(times, rows)


def _kept(times: NDArray[np.uint32], rows: int) -> NDArray[np.uint32]:
    # The pages of an unlinked file stay as long as they are mapped (not on Windows, which has to
    # take a copy).
    import sys

    return np.array(times[:rows]) if sys.platform == "win32" else times[:rows]


def _share_out(
    batches: Iterable[tuple[pa.StringArray, NDArray[np.uint32]]], paths: list[Path]
) -> None:
    with ExitStack() as stack:
        writers = [
            stack.enter_context(pa.ipc.new_stream(stack.enter_context(path.open("wb")), _SCHEMA))
            for path in paths
        ]
        row = 0
        for texts, times in batches:
            numbers = np.arange(row, row + len(texts), dtype=np.uint64)
            row += len(texts)
            table = pa.record_batch([texts, pa.array(numbers), pa.array(times)], schema=_SCHEMA)
            if len(writers) == 1:
                writers[0].write_batch(table)
                continue
            part = _hashes(texts) % np.uint64(len(writers))
            order = np.argsort(part, kind="stable")
            ends = np.searchsorted(part[order], np.arange(len(writers) + 1))
            for writer, first, end in zip(writers, ends[:-1], ends[1:], strict=True):
                if end > first:
                    writer.write_batch(table.take(pa.array(order[first:end])))


def _hashes(texts: pa.StringArray) -> NDArray[np.uint64]:
    """Returns a number of each text that depends on its letters and their places."""
    _, offsets, letters = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    starts = (ends[:-1] - ends[0]).astype(np.int64)
    data = np.frombuffer(letters, np.uint8)[ends[0] : ends[-1]]
    place = np.arange(len(data)) - np.repeat(starts, np.diff(ends))
    mixed = mix(data.astype(np.uint64) | place.astype(np.uint64) << np.uint64(8))
    return np.asarray(np.add.reduceat(mixed, starts))
