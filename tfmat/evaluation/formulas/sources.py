"""Where formulas to be measured come from: files, datasets, lists to compare with, baselines."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.checksums import digest, read_sealed, skipping
from tfmat.datasets.readers.formulas import read_formulas, table_columns
from tfmat.datasets.readers.table_columns import to_numbers
from tfmat.errors import InputError, UncheckedWarning
from tfmat.evaluation.formulas.measure import References
from tfmat.evaluation.formulas.sets import Distinct, Drawn, Sample
from tfmat.formulas.compositions import Compositions
from tfmat.matgan.generating import baselines
from tfmat.reading import reading

BASELINES = ("random", "independent", "substitution")
"""Formulas without a network, by name."""
TRAINING = "training set"
"""What the training formulas are called where they are judged like others."""
TIMES = "times_generated"
"""Column of a generated file that says how many samples a row stands for."""
_LEFT_OUT = "rates of all samples are left out"
# Rarefaction takes 24 bytes for each time that the most frequent formula came.
_MOST = 10**8


def read_sample(source: str | Path, column: str | None = None, name: str | None = None) -> Sample:
    """Reads formulas that were generated.

    Args:
        source: A table (CSV, TSV, text, Parquet) or a dataset of compositions, by folder or name.
            With a column ``times_generated`` each row counts so many times; the summary that
            ``tfmat generate matgan`` writes beside its table is read too.
        column: Column with the formulas; found by its usual names by default.
        name: What to call them; the name of the file by default.

    Raises:
        InputError: It cannot be read, holds no formula, or a row was not generated at least once.
    """
    source = Path(source)
    with reading(source):
        counted = TIMES in table_columns(source)
        table = read_formulas(source, column, [TIMES] if counted else [])
    times = _times(source, table.columns[TIMES], table.rows) if counted else None
    # A row for each sample: they stand in their order.
    if times is not None and times.max(initial=1) == 1:
        times = None
    samples = len(table.compositions) if times is None else int(times.sum())
    return Sample(
        name or source.name,
        table.compositions,
        times,
        len(table.rejected),
        _drawn(source, samples),
        table.left_out,
    )


def read_list(source: str | Path, column: str | None = None) -> tuple[Distinct, dict[str, Any]]:
    """Reads formulas to compare with.

    Args:
        source: A table or dataset of compositions.
        column: Column with the formulas; found by its usual names by default.

    Returns:
        The distinct formulas, and for the record ``source``, ``formulas``, ``duplicates`` and
        ``rejected_rows``.

    Raises:
        InputError: It cannot be read or holds no formula.
    """
    source = Path(source)
    with reading(source):
        table = read_formulas(source, column)
    found = Distinct.of(table.compositions)
    return found, {
        "source": str(source),
        "formulas": len(found),
        "duplicates": len(table.compositions) - len(found),
        "rejected_rows": len(table.rejected),
    }


def lists_of_run(run: str | Path) -> tuple[str, str | None]:
    """Finds the formulas that a run of ``tfmat train`` learned from and held out.

    Args:
        run: Folder of the run.

    Returns:
        The file of the training formulas, and that of the held-out ones; ``None`` if none were.

    Raises:
        InputError: The folder has no such lists.
    """
    if not Path(run).is_dir():
        raise InputError(f"{run}: no such folder; give that of a run of `tfmat train matgan`")
    folder = Path(run) / "stages" / "formulas"
    training, held_out = folder / "training.csv", folder / "held_out.csv"
    if not (training.is_file() and held_out.is_file()):
        raise InputError(
            f"{run}: no formulas of a training in it (stages/formulas); give the folder of a run "
            "of `tfmat train matgan`, or `train` FILE"
        )
    with reading(held_out), held_out.open(encoding="utf-8") as stream:
        header_only = sum(1 for _ in zip(stream, range(2), strict=False)) < 2
    return str(training), None if header_only else str(held_out)


def read_references(
    training: str | Path | None,
    held_out: str | Path | None,
    lists: Mapping[str, str | Path] | None = None,
) -> tuple[References, dict[str, Any]]:
    """Reads all that generated formulas are compared with.

    Args:
        training: Training formulas.
        held_out: Held-out formulas. Those that are also training formulas are left out: to find
            them again proves nothing.
        lists: Further lists by name.

    Returns:
        The references, and for the record what each holds and ``in_training_too``.

    Raises:
        InputError: One cannot be read or holds no formula, or all held-out formulas are in the
            training set.
    """
    record: dict[str, Any] = {}
    known: dict[str, Distinct | None] = {"training": None, "held_out": None}
    for name, source in (("training", training), ("held_out", held_out)):
        if source is not None:
            known[name], record[name] = read_list(source)
    if known["training"] is not None and known["held_out"] is not None:
        unseen = known["held_out"].without(known["training"])
        if not len(unseen):
            raise InputError(
                f"{held_out}: every formula is also in {training}, so none is held out; give "
                "another `holdout`"
            )
        record["held_out"]["in_training_too"] = len(known["held_out"]) - len(unseen)
        record["held_out"]["formulas"] = len(unseen)
        known["held_out"] = unseen
    further = {}
    for name, source in (lists or {}).items():
        further[name], entry = read_list(source)
        record.setdefault("lists", {})[name] = entry
    return References(known["training"], known["held_out"], further), record


def baseline_samples(training: Compositions, n: int, seed: int) -> Iterator[Sample]:
    """Draws the baselines one after the other.

    Args:
        training: Distinct training formulas.
        n: Formulas of each.
        seed: Seed; the same seed gives the same formulas.

    Yields:
        Random formulas, independent marginals, same-group substitution.

    Raises:
        InputError: There is no training formula.
    """
    draw: dict[str, Callable[[], Compositions]] = {
        "random": lambda: baselines.random_formulas(n, seed),
        "independent": lambda: baselines.independent(training, n, seed),
        "substitution": lambda: baselines.substitution(training, n, seed),
    }
    for name, formulas in draw.items():
        yield Sample(name, formulas())


def _times(source: Path, cells: Any, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    values, _ = to_numbers(cells)
    wrong = np.flatnonzero(~((values >= 1) & (values == np.round(values)) & (values <= _MOST)))
    if len(wrong):
        raise InputError(
            f"{source}: {TIMES} of row {rows[wrong[0]] + 1} is no whole number from 1 to "
            f"{_MOST:,}; mend it, or take the column {TIMES} away to count each row once"
        )
    return values.astype(np.int64)


def _drawn(source: Path, samples: int) -> Drawn | None:
    """Reads from the summary beside a generated table how many samples were drawn for it."""
    file = source.with_name(source.name + ".json")
    if not os.path.lexists(file):
        return None
    try:
        record = read_sealed(file, _LEFT_OUT)
        drawn, kept = Drawn(int(record["samples"]), int(record["accepted"])), int(record["kept"])
        if not skipping() and record.get("table_sha256", digest(source)) != digest(source):
            raise InputError(f"{source}: was changed since it was generated; {_LEFT_OUT}")
    except InputError as error:
        warnings.warn(str(error), UncheckedWarning, stacklevel=2)
        return None
    except (ValueError, KeyError, TypeError):
        return None  # not a file of ours
    # The table was changed afterwards where the numbers differ.
    return drawn if kept == samples <= drawn.accepted <= drawn.samples else None
