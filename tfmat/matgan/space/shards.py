"""Shards of ``tfmat data enumerate``: blocks of the space of formulas, their tables, and the merge.

Formulas of a space differ, so that the tables of shards, one behind the other, are the whole one.
What a run prints alone, the counts, a shard writes into a summary beside its table.
"""

from __future__ import annotations

import gzip
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pyarrow.parquet

from tfmat import __version__, files
from tfmat.checksums import sealed
from tfmat.errors import InputError
from tfmat.matgan.generating.both import replacing_both, restore
from tfmat.matgan.generating.merge import check_tables
from tfmat.matgan.generating.table import TABLE_HASH, check_free, check_out, opened
from tfmat.matgan.space.enumerating import COLUMNS, columns_of, record_of
from tfmat.matgan.space.enumeration import (
    Counts,
    EnumerationOptions,
    blocks_of,
    enumerate_space,
    summarise,
)
from tfmat.matgan.validity.checker import ValiditySettings
from tfmat.progress import Progress
from tfmat.reading import reading
from tfmat.work.shards import ENTRY, Manifest, Part, Shard

COMMAND = "tfmat data enumerate"
_COUNTS = ("examined", "neutral", "balanced")


def enumerate_shard(
    options: EnumerationOptions, out: Path | None, shard: Shard, *, overwrite: bool = False
) -> dict[str, Any]:
    """Enumerates a part of the space of formulas.

    Args:
        options: What to enumerate in all.
        out: The table to write; its summary is called the same with ``.json`` behind.
        shard: Which part, whole blocks of formulas; it may come to no row.
        overwrite: Replace a table that is there.

    Returns:
        The summary.

    Raises:
        InputError: There is no table to write, ``options`` end at a limit, there are fewer blocks
            than shards, or nothing can be written there.
    """
    if out is None or not out.suffix:
        raise InputError("`shard` needs a table for `tfmat merge`: give `out` NAME.csv or .parquet")
    if options.limit is not None:
        raise InputError(
            "`limit` counts formulas that other shards find, too; leave it out with `shard`"
        )
    start = time.monotonic()
    check_out(out)
    restore(out)
    check_free(out, overwrite=overwrite)
    blocks = sum(blocks_of(options))
    part = shard.part(blocks, 1, "blocks of formulas")
    settings = {
        **options.record(),
        "validity": options.validity.describe(),
        "tfmat_version": __version__,
    }
    manifest = Manifest(COMMAND, shard, settings, part, blocks)
    with replacing_both(out) as (table, described):
        with opened(table, out.name, COLUMNS, record_of(options)) as write:
            found = enumerate_space(
                options, lambda block, verdict: write(columns_of(block, verdict)), part
            )
        summary = sealed(
            {
                "mode": "space",
                **found,
                "out": str(out),
                "seconds": round(time.monotonic() - start, 2),
                TABLE_HASH: files.sha256(table),
                ENTRY: manifest.record(),
            }
        )
        described.write_bytes(files.json_bytes(summary))
    return summary


def merge_enumerated(
    parts: Sequence[Part], out: Path, *, overwrite: bool = False
) -> dict[str, Any]:
    """Joins shards of an enumeration.

    Args:
        parts: All shards of one work, in order.
        out: The table to write.
        overwrite: Replace a table that is there.

    Returns:
        The summary that one run would have printed.

    Raises:
        InputError: ``out`` is in the way or has another form than the shards, a shard was changed
            since it was written, or there is no row in any.
    """
    check_out(out)
    with files.placing(out):
        files.settle(out)
    check_free(out, overwrite=overwrite, summarised=False)
    check_tables(parts, out)
    options = _options(parts[0].manifest)
    counts: dict[str, Counts] = {}
    for part in parts:
        for size, found in part.summary["by_elements"].items():
            whole = counts.setdefault(size, Counts(found["how"]))
            for name in _COUNTS:
                setattr(whole, name, getattr(whole, name) + int(found[name]))
    written = sum(int(part.summary["written"]) for part in parts)
    if not written:
        raise InputError(
            f"{out}: no valid formula to write in any shard; allow more `elements` or a larger "
            "`max_count`"
        )
    with files.claimed(out), files.replacing(out) as table:
        places = [part.place for part in parts]
        if out.suffix == ".parquet":
            _join_parquet(places, table, out.name, options)
        else:
            _join_csv(places, table, out.name)
    seconds = round(sum(part.summary["seconds"] for part in parts), 2)
    found = summarise(options, counts, written)
    return {"mode": "space", **found, "out": str(out), "seconds": seconds}


def _options(manifest: Manifest) -> EnumerationOptions:
    settings = manifest.settings
    validity = settings["validity"]
    names = ("max_count", "valid_only", "limit", "sample", "seed", "exhaustive")
    return EnumerationOptions(
        tuple(settings["n_elements"]),
        elements=tuple(settings["elements"]),
        validity=ValiditySettings(validity["oxidation_states"], validity["alloys"]),
        **{name: settings[name] for name in names},
    )


def _join_parquet(
    places: Sequence[Path], table: Path, name: str, options: EnumerationOptions
) -> None:
    with (
        opened(table, name, COLUMNS, record_of(options)) as write,
        Progress("merging", len(places), "shard") as progress,
    ):
        for place in places:
            with reading(place), pyarrow.parquet.ParquetFile(place) as file:
                # A group of rows for each block, as in a run.
                for group in range(file.num_row_groups):
                    write(file.read_row_group(group).cast(COLUMNS))
            progress.update()


def _join_csv(places: Sequence[Path], table: Path, name: str) -> None:
    with (
        _packed(table, "wb", name) as whole,
        Progress("merging", len(places), "shard") as progress,
    ):
        for number, place in enumerate(places):
            with _packed(place, "rb", name) as rows:
                header = rows.readline()
                if not number:
                    whole.write(header)
                shutil.copyfileobj(rows, whole)
            progress.update()


@contextmanager
def _packed(path: Path, mode: str, name: str) -> Iterator[IO[bytes]]:
    """Opens a table, packed where its name says so, as :func:`opened` does."""
    with ExitStack() as stack:
        stream = cast("IO[bytes]", stack.enter_context(path.open(mode)))
        if name.endswith(".gz"):
            packed = gzip.GzipFile("", mode, 4, stream, 0)
            stream = cast("IO[bytes]", stack.enter_context(packed))
        yield stream
