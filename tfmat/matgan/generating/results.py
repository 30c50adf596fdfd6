"""The table that ``tfmat generate matgan`` writes, and its summary."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfmat import __version__
from tfmat.checksums import sealed
from tfmat.errors import InputError
from tfmat.files import json_bytes, sha256
from tfmat.matgan.generating.both import replacing_both
from tfmat.matgan.generating.generate import (
    BALANCED,
    CHUNK,
    NEUTRAL,
    NOVEL,
    Chunk,
    FormulaSampler,
)
from tfmat.matgan.generating.measured import measure
from tfmat.matgan.generating.table import TABLE_HASH, count_texts, opened, state_texts
from tfmat.matgan.generating.unique import UniqueFormulas
from tfmat.metric import records
from tfmat.progress import Progress
from tfmat.work.shards import ENTRY, Manifest, Shard

COMMAND = "tfmat generate matgan"
# Rows that are written at once.
ROWS = 65_536


@dataclass(frozen=True)
class Amount:
    """How much to generate.

    Args:
        samples: Most samples to draw.
        first: Index of the first sample.
        rows: Stop when so many rows are there; ``None`` draws all samples.
        unique: One row for each different formula, instead of one for each sample that is kept.
    """

    samples: int
    first: int = 0
    rows: int | None = None
    unique: bool = False


class Collection:
    """What is kept of the chunks: each different formula once, and the rows of the table.

    Args:
        unique: One row for each different formula, instead of one for each sample that is kept.
        spool: File for the formulas of the rows, if there may be several rows of a formula.
    """

    def __init__(self, unique: bool, spool: IO[bytes]) -> None:
        self.formulas = UniqueFormulas()
        self.unique = unique
        self._spool = spool
        self.samples = self.kept = 0
        self.tally: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @property
    def rows(self) -> int:
        """Rows of the table so far."""
        return len(self.formulas) if self.unique else self.kept

    def add(self, chunk: Chunk) -> None:
        """Adds what a chunk keeps."""
        before = time.thread_time()
        numbers = self.formulas.add(chunk.kept, chunk.keys, chunk.flags)
        if not self.unique:
            self._spool.write(numbers.astype(np.uint32).tobytes())
        self.samples += chunk.samples
        self.kept += len(chunk.kept)
        self.tally.update(chunk.tally)
        for part, value in chunk.seconds.items():
            self.seconds[part] += value
        self.seconds["unique"] += time.thread_time() - before

    def samples_until(self, chunk: Chunk, rows: int) -> int:
        """Returns how many samples of a chunk it takes to reach a number of rows.

        Args:
            chunk: The next chunk.
            rows: Rows wanted in all, more than there are.

        Returns:
            All samples of the chunk if it does not have so many new rows.
        """
        new = self.formulas.new(chunk.keys) if self.unique else np.arange(len(chunk.keys))
        missing = rows - self.rows
        return chunk.samples if len(new) < missing else int(chunk.places[new[missing - 1]]) + 1

    def parts(self, size: int) -> Iterator[NDArray[np.int64]]:
        """Yields the formulas of the rows, in the order of the samples."""
        if self.unique:
            for start in range(0, self.rows, size):
                yield np.arange(start, min(start + size, self.rows))
            return
        self._spool.seek(0)
        while len(numbers := np.fromfile(self._spool, np.uint32, size)):
            yield numbers.astype(np.int64)


def collect(sampler: FormulaSampler, amount: Amount, collection: Collection) -> Collection:
    """Draws samples into a collection until there are enough.

    Args:
        sampler: Draws and judges.
        amount: How much.
        collection: An empty one.

    Returns:
        The collection.
    """
    with (
        Progress("generating", amount.samples, "sample") as progress,
        closing(sampler.chunks(amount.first, amount.samples)) as chunks,
    ):
        for chunk in chunks:
            if amount.rows is not None:
                samples = collection.samples_until(chunk, amount.rows)
                if samples < chunk.samples:
                    chunk = sampler.chunk(chunk.first, samples)
            collection.add(chunk)
            progress.update(chunk.samples)
            if collection.rows == amount.rows:
                break
    return collection


def generate_into(
    out: Path, sampler: FormulaSampler, amount: Amount, shard: Shard | None = None
) -> dict[str, Any]:
    """Generates formulas and writes them, with a summary beside them, complete or not at all.

    Args:
        out: File to write, ``.csv``, ``.csv.gz`` or ``.parquet``; the summary is called the same
            with ``.json`` behind.
        sampler: Draws and judges.
        amount: How much.
        shard: Do only this part of it, whole chunks of samples; it may come to no row.

    Returns:
        The summary.

    Raises:
        InputError: No sample fulfils the request, nothing can be written there, or there are fewer
            chunks than shards.
    """
    manifest = None if shard is None else _manifest(shard, sampler, amount)
    if manifest is not None and (part := manifest.items):
        amount = replace(amount, first=amount.first + part.start, samples=len(part))
    started, cpu = time.perf_counter(), time.process_time()
    with replacing_both(out) as (table, described):
        with TemporaryFile(dir=out.parent) as spool:
            collection = _collected(sampler, amount, spool, empty=shard is not None)
            settings = describe(sampler, amount)
            before = time.thread_time()
            write(table, out.name, collection, sampler, settings)
            collection.seconds["writing"] = time.thread_time() - before
        seconds = {part: round(value, 3) for part, value in collection.seconds.items()}
        found = counts(collection, sampler)
        summary = {
            **found,
            "metrics": records(measure(found, sampler.checker.settings.judge())),
            "seconds": {
                "total": round(time.perf_counter() - started, 3),
                "processor": round(time.process_time() - cpu, 3),
                "parts": seconds,
            },
            **settings,
            TABLE_HASH: sha256(table),
            **({} if manifest is None else {ENTRY: manifest.record()}),
        }
        summary = sealed(summary)
        described.write_bytes(json_bytes(summary))
    return summary


def _manifest(shard: Shard, sampler: FormulaSampler, amount: Amount) -> Manifest:
    if amount.rows is not None:
        raise InputError(
            "`rows` counts rows that other shards find, too; leave it out with `shard`, and give "
            "`number`"
        )
    part = shard.part(amount.samples, CHUNK, "samples")
    known = sampler.request.known
    settings = describe(sampler, amount) | {"known_sha256": known and known.sha256()}
    return Manifest(COMMAND, shard, settings, part, amount.samples)


def generate_table(sampler: FormulaSampler, amount: Amount) -> tuple[pa.Table, dict[str, Any]]:
    """Generates formulas in memory.

    Args:
        sampler: Draws and judges.
        amount: How much.

    Returns:
        The rows that :func:`generate_into` writes, and its summary but for the seconds.

    Raises:
        InputError: No sample fulfils the request.
    """
    with TemporaryFile() as spool:
        collection = _collected(sampler, amount, spool)
        parts = list(_tables(collection, sampler))
    found = counts(collection, sampler)
    summary = {
        **found,
        "metrics": records(measure(found, sampler.checker.settings.judge())),
        **describe(sampler, amount),
    }
    return pa.concat_tables(parts), summary


def _collected(
    sampler: FormulaSampler, amount: Amount, spool: IO[bytes], *, empty: bool = False
) -> Collection:
    collection = collect(sampler, amount, Collection(amount.unique, spool))
    if not collection.rows and not empty:
        raise InputError(_why_nothing(collection, sampler))
    return collection


def write(
    path: Path, name: str, collection: Collection, sampler: FormulaSampler, settings: dict[str, Any]
) -> None:
    """Writes the rows of a collection.

    Args:
        path: File to write.
        name: The name that it will have.
        collection: What to write.
        sampler: Its checker assigns oxidation states.
        settings: What it was made with.
    """
    nothing = np.zeros(0, np.int64)
    schema = _table(collection, nothing, sampler).schema
    with opened(path, name, schema, settings) as append:
        for part in _tables(collection, sampler):
            append(part)


def _tables(collection: Collection, sampler: FormulaSampler) -> Iterator[pa.Table]:
    for numbers in collection.parts(ROWS):
        yield _table(collection, numbers, sampler)


def _table(collection: Collection, numbers: NDArray[np.int64], sampler: FormulaSampler) -> pa.Table:
    formulas = collection.formulas
    # How many samples a row stands for: in both kinds of table the sum is that of the kept ones.
    times = formulas.times(numbers) if collection.unique else np.ones(len(numbers), np.uint32)
    compositions, flags = formulas.compositions(numbers), formulas.flags(numbers)
    states, likelihood = sampler.checker.assign(compositions)
    found = np.isfinite(likelihood)
    assigned = np.flatnonzero(found)
    places = np.zeros(len(numbers), np.int64)
    places[assigned] = np.arange(len(assigned))
    texts = state_texts(compositions[assigned], states[assigned])
    columns = {
        "formula": compositions.formula_array(),
        "n_elements": pa.array(compositions.n_elements.astype(np.int8)),
        "counts": count_texts(compositions),
        "charge_neutral": pa.array((flags & NEUTRAL) > 0),
        "balanced": pa.array((flags & BALANCED) > 0),
        "oxidation_states": texts.take(pa.array(places, mask=~found)),
        "oxidation_states_likelihood": pa.array(_three_digits(likelihood), mask=~found),
        "times_generated": pa.array(times),
    }
    if sampler.request.known is not None:
        columns["novel"] = pa.array((flags & NOVEL) > 0)
    return pa.table(columns)


def _three_digits(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rounds probabilities: the reports that they rest on bear no more digits."""
    some = np.where(shares > 0, shares, 1.0)
    scale = 10.0 ** (2 - np.floor(np.log10(some)))
    return np.round(shares * scale) / scale


def counts(collection: Collection, sampler: FormulaSampler) -> dict[str, Any]:
    """Counts what is in a collection.

    Args:
        collection: What was generated.
        sampler: What it was judged by.

    Returns:
        ``samples``; ``accepted`` (formulas of 2 to 8 elements); ``neutral`` and ``balanced`` among
        the accepted; ``kept`` (accepted samples that fulfil the whole request); ``unique``
        (different formulas among the kept); ``novel`` (unique formulas that are not known,
        ``None`` where nobody asked); ``rows`` of the table.
    """
    tally, unique = collection.tally, len(collection.formulas)
    novel = None
    if sampler.request.known is not None:
        novel = int(np.count_nonzero(collection.formulas.flags(np.arange(unique)) & NOVEL))
    return {
        "samples": collection.samples,
        "accepted": tally["accepted"],
        "neutral": tally["neutral"],
        "balanced": tally["balanced"],
        "kept": collection.kept,
        "unique": unique,
        "novel": novel,
        "rows": collection.rows,
    }


def describe(sampler: FormulaSampler, amount: Amount) -> dict[str, Any]:
    """Returns what formulas are made with, as plain JSON values."""
    model, request = sampler.model, sampler.request
    return {
        "validity": sampler.checker.settings.describe(),
        "masks": request.masks.describe(),
        "valid_only": request.valid_only,
        "novel_only": request.novel_only,
        "novel_against": list(request.known_from),
        "known_formulas": None if request.known is None else len(request.known),
        "critic_keep": request.critic_keep,
        "lowest_score": sampler.lowest_score,
        "unique_only": amount.unique,
        "first": amount.first,
        "seed": sampler.seed,
        "model": model.name,
        "generator_weights_sha256": model.weights_sha256,
        "precision": model.precision,
        **model.origin,
        "backend": f"{model.backend} {model.version}".rstrip(),
        "batch_size": sampler.batch_size,
        "threads": model.workers,
        "tfmat_version": __version__,
    }


def _why_nothing(collection: Collection, sampler: FormulaSampler) -> str:
    """Says in one line at which part of the request the last sample was lost."""
    tally, samples = collection.tally, collection.samples
    accepted = tally["accepted"]
    if not accepted:
        return (
            f"none of {samples:,} samples is a formula of 2 to 8 elements; train "
            f"{sampler.model.name} longer, or give another model"
        )
    steps = [
        (tally["preferred"], "has a critic score as high as asked"),
        (tally["masked"], "fulfils the masks on elements and counts"),
        (collection.kept, "is valid or novel as asked"),
    ]
    lost = next(text for left, text in steps if not left)
    return (
        f"none of {samples:,} samples ({accepted:,} formulas) {lost}; draw more with -n, or ask "
        "for less"
    )
