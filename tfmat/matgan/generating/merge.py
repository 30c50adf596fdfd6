"""Shards of ``tfmat generate matgan`` become one table: that of one run, byte for byte.

Rows come in the order of the shards, which is that of the samples. What no shard knows alone is
worked out here, in bounded memory: which formulas come in several shards.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from tfmat.checksums import sealed
from tfmat.errors import InputError
from tfmat.files import json_bytes, sha256
from tfmat.formulas.distinct import AT_ONCE, first_and_times
from tfmat.matgan.generating.both import replacing_both, restore
from tfmat.matgan.generating.measured import measure
from tfmat.matgan.generating.results import ROWS
from tfmat.matgan.generating.table import SUFFIXES, TABLE_HASH, check_free, check_out, opened
from tfmat.matgan.validity.checker import ValiditySettings
from tfmat.metric import records
from tfmat.progress import Progress
from tfmat.reading import reading
from tfmat.work.shards import Part, check_unchanged

# What adds up over shards.
_SUMS = ("samples", "accepted", "neutral", "balanced", "kept")
_TIMES = "times_generated"
_BYTES = 4 * 2**20
# Entries of a manifest's settings that a summary does not have.
_OWN = frozenset(("known_sha256",))


def merge_formulas(
    parts: Sequence[Part], out: Path, *, overwrite: bool = False, at_once: int = AT_ONCE
) -> dict[str, Any]:
    """Joins shards of formulas.

    Args:
        parts: All shards of one work, in order.
        out: The table to write; its summary is called the same with ``.json`` behind.
        overwrite: Replace a table that is there.
        at_once: Formulas that are compared in memory at once.

    Returns:
        The summary.

    Raises:
        InputError: ``out`` is in the way or has another form than the shards, a shard was changed
            since it was written, or there is no row in any.
    """
    check_out(out)
    restore(out)
    check_free(out, overwrite=overwrite)
    check_tables(parts, out)
    settings = {
        name: value for name, value in parts[0].manifest.settings.items() if name not in _OWN
    }
    unique = bool(settings["unique_only"])
    found: dict[str, Any] = {name: sum(int(part.summary[name]) for part in parts) for name in _SUMS}
    rows = sum(int(part.summary["rows"]) for part in parts)
    filled = [part for part in parts if part.summary["rows"]]
    if not rows:
        raise InputError(
            f"none of {found['samples']:,} samples of all shards fulfils the request; draw more, "
            "or ask for less"
        )
    with replacing_both(out) as (table, described), Progress("merging", 2 * rows, "row") as bar:
        times = first_and_times(_formulas(filled, bar), rows, out.parent, at_once=at_once)
        novel = 0
        schema = _schema(filled[0].place)
        with opened(table, out.name, schema, settings) as append:
            kept = _kept(filled, times, unique, bar)
            for batch in _evenly(kept, schema):
                append(batch)
        distinct = int(np.count_nonzero(times))
        known = settings["known_formulas"] is not None
        if known:
            novel = _novel(filled, times)
        found |= {
            "unique": distinct,
            "novel": novel if known else None,
            "rows": distinct if unique else rows,
        }
        summary = sealed(
            {
                **found,
                "metrics": records(measure(found, _judge(settings))),
                "seconds": _seconds([part.summary["seconds"] for part in parts]),
                **settings,
                TABLE_HASH: sha256(table),
            }
        )
        described.write_bytes(json_bytes(summary))
    return summary


def check_tables(parts: Sequence[Part], out: Path) -> None:
    """Sees that tables of shards are whole and can become one.

    Args:
        parts: The shards.
        out: The table that they become.

    Raises:
        InputError: ``out`` has another form or is one of them, or one was changed.
    """
    for part in parts:
        suffix = next((s for s in SUFFIXES if part.place.name.endswith(s)), "")
        if not suffix or not out.name.endswith(suffix):
            raise InputError(
                f"`out` {out}: {part.place} is of another form; give a name that ends like those "
                "of the shards"
            )
        if part.place.resolve() == out.resolve():
            raise InputError(f"`out` {out}: is one of the shards; give another place")
        check_unchanged(part.place, part.summary.get(TABLE_HASH))


def _judge(settings: Mapping[str, Any]) -> Any:
    validity = settings["validity"]
    return ValiditySettings(validity["oxidation_states"], validity["alloys"]).judge()


def _seconds(every: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Adds up what shards took, one after the other."""
    names = dict.fromkeys(name for seconds in every for name in seconds["parts"])
    return {
        "total": round(sum(seconds["total"] for seconds in every), 3),
        "processor": round(sum(seconds["processor"] for seconds in every), 3),
        "parts": {
            name: round(sum(seconds["parts"].get(name, 0.0) for seconds in every), 3)
            for name in names
        },
    }


def _formulas(
    parts: Sequence[Part], bar: Progress
) -> Iterator[tuple[pa.StringArray, NDArray[np.uint32]]]:
    for part in parts:
        for batch in _batches(part.place, ["formula", _TIMES]):
            times = pc.cast(batch.column(_TIMES), pa.uint32()).to_numpy(zero_copy_only=False)
            bar.update(len(batch))
            yield batch.column("formula"), times


def _kept(
    parts: Sequence[Part], times: NDArray[np.uint32], unique: bool, bar: Progress
) -> Iterator[pa.RecordBatch]:
    """Yields the rows of the table: all, or where a formula comes first, with its times."""
    row = 0
    for part in parts:
        for batch in _batches(part.place):
            here = times[row : row + len(batch)]
            row += len(batch)
            bar.update(len(batch))
            if unique:
                place = batch.schema.get_field_index(_TIMES)
                field = batch.schema.field(place)
                batch = batch.set_column(place, field, pc.cast(pa.array(here), field.type))
                batch = batch.filter(pa.array(here > 0))
            yield batch


def _novel(parts: Sequence[Part], times: NDArray[np.uint32]) -> int:
    row = novel = 0
    for part in parts:
        for batch in _batches(part.place, ["novel"]):
            new = pc.cast(batch.column("novel"), pa.bool_()).to_numpy(zero_copy_only=False)
            novel += int(np.count_nonzero(new & (times[row : row + len(batch)] > 0)))
            row += len(batch)
    return novel


def _evenly(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yields the rows in pieces as large as those of a run, which are groups in Parquet files."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += len(batch)
        if count >= ROWS:
            table = pa.Table.from_batches(waiting, schema).combine_chunks()
            whole = count // ROWS * ROWS
            for start in range(0, whole, ROWS):
                yield table.slice(start, ROWS)
            waiting, count = table.slice(whole).to_batches(), count - whole
    if count:
        yield pa.Table.from_batches(waiting, schema).combine_chunks()


def _schema(path: Path) -> pa.Schema:
    if path.name.endswith(".parquet"):
        with reading(path):
            schema = pyarrow.parquet.read_schema(path)
        return pa.schema([(field.name, field.type) for field in schema])
    with ExitStack() as stack:
        return _csv(path, stack).schema


def _batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a table; those of CSV as the texts that stand there."""
    with reading(path), ExitStack() as stack:
        if path.name.endswith(".parquet"):
            file = stack.enter_context(pyarrow.parquet.ParquetFile(path))
            names = [name for name in file.schema_arrow.names if columns is None or name in columns]
            for batch in file.iter_batches(ROWS, columns=names):
                fields = [(field.name, field.type) for field in batch.schema]
                yield pa.RecordBatch.from_arrays(batch.columns, schema=pa.schema(fields))
            return
        for batch in _csv(path, stack):
            yield batch if columns is None else batch.select(columns)


def _csv(path: Path, stack: ExitStack) -> Any:
    stream: Any = stack.enter_context(path.open("rb"))
    if path.name.endswith(".gz"):
        stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
    header = stream.readline().decode().rstrip("\n").split(",")
    return stack.enter_context(
        pyarrow.csv.open_csv(
            stream,
            pyarrow.csv.ReadOptions(column_names=header, block_size=_BYTES),
            # As such a table is written.
            pyarrow.csv.ParseOptions(quote_char=False),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    )
