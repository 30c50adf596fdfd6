"""Runs an enumeration: into a table or a dataset, and against formulas to compare with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tfmat import files
from tfmat.datasets.composition_store import CompositionWriter
from tfmat.datasets.folders import is_dataset
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions
from tfmat.matgan.generating.table import check_free, check_out, opened
from tfmat.matgan.space.common_ions import (
    COMMONALITY,
    CONSENSUS,
    common_ions,
    draw,
    simplest_formulas,
)
from tfmat.matgan.space.enrichment import enrichment
from tfmat.matgan.space.enumeration import EnumerationOptions, Sink, enumerate_space
from tfmat.matgan.validity.checker import Validity, ValidityChecker
from tfmat.metric import records, share

_NAME = "tfmat data enumerate"
COLUMNS = pa.schema(
    [("formula", pa.string()), ("charge_neutral", pa.bool_()), ("balanced", pa.bool_())]
)


def enumerate_to(
    options: EnumerationOptions,
    out: Path | None = None,
    against: Compositions | None = None,
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Enumerates the space of formulas.

    Args:
        options: What to enumerate.
        out: Where to write the formulas: a table (``.csv``, ``.parquet``) or a dataset folder.
        against: Formulas to compare the space with, a generated one as often as it was generated.
        overwrite: Replace a table or dataset that is there.

    Returns:
        What :func:`enumerate_space` returns, with ``out``, ``seconds`` and, where there was
        something to compare with, its metrics and how many of it were ``left_out``.

    Raises:
        InputError: No file can be written there, or no formula is there to write.
    """
    start = time.monotonic()
    with _sink(out, options, {"mode": "space"}, overwrite) as sink:
        found = enumerate_space(options, sink)
        _require_any(found["written"], out)
    summary = {"mode": "space", **found, "out": str(out) if out is not None else None}
    if against is not None:
        checker = ValidityChecker(options.validity)
        summary["left_out"], metrics = enrichment(found, against, checker)
        summary["metrics"] = [*found["metrics"], *records(metrics)]
    return summary | {"seconds": round(time.monotonic() - start, 2)}


def enumerate_simplest(
    options: EnumerationOptions, out: Path | None = None, *, overwrite: bool = False
) -> dict[str, Any]:
    """Makes the simplest formula of every combination of common ions, or a sample of them.

    The sample prefers common ions: a formula's chance grows with the square root of the product of
    its ions' reports in the ICSD.

    Args:
        options: Numbers of elements, largest count, elements, sample, seed, limit; with
            ``valid_only`` only formulas that are also valid by the settings of ``validity``.
        out: Where to write the formulas: a table or a dataset folder.
        overwrite: Replace a table or dataset that is there.

    Returns:
        ``ions`` (their number and what makes them common), ``settings`` of the check that is
        reported beside, and for each number of elements ``formulas`` (how many there are),
        ``written`` and the number of those that are ``neutral`` and ``balanced`` by the settings,
        whose shares are the ``metrics``.

    Raises:
        InputError: No file can be written there, or no formula is there to write.
    """
    start = time.monotonic()
    checker = ValidityChecker(options.validity)
    ions = common_ions()
    record = {
        "count": len(ions),
        "source": "ICSD 2024 as counted by smact",
        "consensus": CONSENSUS,
        "commonality": COMMONALITY,
        "smact_version": options.validity.describe()["smact_version"],
    }
    ions = ions.of(options.numbers())
    by_elements: dict[str, dict[str, int]] = {}
    left = options.limit
    with _sink(out, options, {"mode": "simplest", "ions": record}, overwrite) as sink:
        low, high = options.sizes
        for size in range(low, high + 1):
            every, commonness = simplest_formulas(ions, size, options.max_count)
            chosen = draw(every, commonness, options.sample, options.seed)[:left]
            verdict = checker.check(chosen)
            if options.valid_only:
                good = verdict.balanced
                chosen = chosen[good]
                verdict = Validity(verdict.neutral[good], verdict.balanced[good])
            if sink is not None:
                sink(chosen, verdict)
            left = left - len(chosen) if left is not None else None
            by_elements[str(size)] = {
                "formulas": len(every),
                "written": len(chosen),
                "neutral": int(np.count_nonzero(verdict.neutral)),
                "balanced": int(np.count_nonzero(verdict.balanced)),
            }
        written = sum(part["written"] for part in by_elements.values())
        _require_any(written, out)
    return {
        "mode": "simplest",
        "ions": record,
        "settings": options.validity.describe(),
        "max_count": options.max_count,
        "seed": options.seed,
        "written": written,
        "by_elements": by_elements,
        "metrics": records(
            share(
                name,
                part[name],
                part["written"],
                f"{name} share of the simplest formulas that were taken",
                subset={"n_elements": size},
                judge=options.validity.judge(),
            )
            for size, part in by_elements.items()
            for name in ("neutral", "balanced")
        ),
        "out": str(out) if out is not None else None,
        "seconds": round(time.monotonic() - start, 2),
    }


@contextmanager
def _sink(
    out: Path | None, options: EnumerationOptions, record: dict[str, Any], overwrite: bool
) -> Iterator[Sink | None]:
    """Gives what takes the formulas, and finishes the file or the dataset at the end."""
    source = {"name": _NAME, **record, **options.record()}
    if out is None:
        yield None
    elif out.suffix:
        check_out(out)
        with files.placing(out):
            files.settle(out)
        check_free(out, overwrite=overwrite, summarised=False)
        with (
            files.claimed(out),
            files.replacing(out) as temporary,
            opened(temporary, out.name, COLUMNS, source) as write,
        ):
            yield lambda block, verdict: write(columns_of(block, verdict))
    else:
        files.check_place(out, overwrite=overwrite, own=is_dataset)
        with CompositionWriter(out, source, options.sizes[1], overwrite=overwrite) as dataset:
            yield lambda block, _: dataset.add(block)


def _require_any(written: int, out: Path | None) -> None:
    if out is not None and not written:
        raise InputError(
            f"{out}: no valid formula to write; allow more `elements` or a larger `max_count`"
        )


def record_of(options: EnumerationOptions) -> dict[str, Any]:
    """Returns what the table of a space says it was made with.

    Args:
        options: What was enumerated.
    """
    return {"name": _NAME, "mode": "space", **options.record()}


def columns_of(block: Compositions, verdict: Validity) -> pa.Table:
    """Returns the rows of a table.

    Args:
        block: Formulas.
        verdict: Whether they are valid.
    """
    return pa.table(
        [block.formula_array(), pa.array(verdict.neutral), pa.array(verdict.balanced)], COLUMNS
    )
