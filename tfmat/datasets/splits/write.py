"""Splits a dataset into two: what is to be learned from, and what is held out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat import __version__, files
from tfmat.datasets.composition_store import CompositionDataset, CompositionWriter
from tfmat.datasets.folders import COMPOSITIONS, kind_of
from tfmat.datasets.properties import CREATED
from tfmat.datasets.splits.copies import families
from tfmat.datasets.splits.groups import Formula, formula, formulas, system
from tfmat.datasets.splits.rules import SplitRule, hold_out, rows_hash
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError

AnyDataset = Dataset | CompositionDataset
RECORD = "split.json"


def open_dataset(name: str | Path) -> AnyDataset:
    """Opens a dataset of either kind, and compares its columns with their hashes.

    Args:
        name: A dataset folder, or the name of a shipped dataset.

    Raises:
        InputError: There is no such dataset, or it was changed.
    """
    return (CompositionDataset if kind_of(name) == COMPOSITIONS else Dataset).open(name)


def formulas_of(dataset: AnyDataset) -> list[Formula]:
    """Returns the reduced formula of every row.

    Args:
        dataset: Structures or compositions.
    """
    if isinstance(dataset, Dataset):
        return [formula(crystal) for crystal in dataset]
    return formulas(dataset.compositions)


def write_split(
    dataset: AnyDataset,
    out: Path,
    rule: SplitRule,
    seed: int = 0,
    *,
    overwrite: bool = False,
    on_step: Callable[[int], object] | None = None,
) -> dict[str, Any]:
    """Writes the datasets ``out/train`` and ``out/test``, and a record of both.

    Every row is in one of them, under its identifier and with all properties.

    Args:
        dataset: The dataset to split.
        out: Folder to make.
        rule: What is held out.
        seed: Seed of the split.
        overwrite: Replace an earlier split in ``out``.
        on_step: Called with 1 after every row that is written, for progress.

    Returns:
        The record, as in ``out/split.json``, with the seconds that it took.

    Raises:
        InputError: The rule does not fit the dataset, or ``out`` exists.
    """
    start = time.monotonic()
    files.check_place(out, overwrite=overwrite, own=_is_split)
    if out.resolve() in dataset.path.resolve().parents:
        raise InputError(f"{out}: {dataset.path} lies in it; give another `out`")
    names = formulas_of(dataset)
    copies = families(dataset) if isinstance(dataset, Dataset) else None
    created = dataset.property(CREATED) if CREATED in dataset.properties else None
    split = hold_out(rule, names, seed, copies, created)
    if not len(split.train):
        raise InputError(f"{dataset.path}: all of it is held out; leave some to learn from")
    source = {"name": dataset.path.resolve().name, "sha256": dataset.sha256}
    origin = source | dataset.credit.record()
    record: dict[str, Any] = {
        "format": "tfmat-split",
        "format_version": 1,
        "tfmat_version": __version__,
        "source": source,
        "split": {**split.record, "sha256": rows_hash(split.test)},
    }
    with files.replacing_folder(out, overwrite=overwrite, own=_is_split) as temporary:
        for side, rows in (("train", split.train), ("test", split.test)):
            extra = {**dataset.metadata["extra"], "split": {"side": side, **record["split"]}}
            write = _write_structures if isinstance(dataset, Dataset) else _write_compositions
            write(dataset, temporary / side, rows, origin, extra, on_step)  # type: ignore[arg-type]
            written = type(dataset).open(temporary / side)
            record[side] = {
                "rows": len(written),
                "formulas": len({names[int(row)] for row in rows}),
                "systems": len({system(names[int(row)]) for row in rows}),
                "sha256": written.sha256,
            }
        files.write_json(temporary / RECORD, record)
    return {"out": str(out), **record, "seconds": round(time.monotonic() - start, 2)}


def _is_split(folder: Path) -> bool:
    return (folder / RECORD).is_file()


def _write_structures(
    dataset: Dataset,
    folder: Path,
    rows: NDArray[np.intp],
    source: dict[str, Any],
    extra: dict[str, Any],
    on_step: Callable[[int], object] | None,
) -> None:
    selection = dataset.metadata["selection"]
    with DatasetWriter(folder, source, selection=selection, extra=extra) as writer:
        for row, values in dataset.property_rows(rows.tolist()):
            writer.add(dataset[row], dataset.ids[row], values)
            if on_step is not None:
                on_step(1)


def _write_compositions(
    dataset: CompositionDataset,
    folder: Path,
    rows: NDArray[np.intp],
    source: dict[str, Any],
    extra: dict[str, Any],
    on_step: Callable[[int], object] | None,
) -> None:
    compositions = dataset.compositions[rows]
    slots = compositions.numbers.shape[1]
    with CompositionWriter(folder, source, slots, dataset.properties) as writer:
        writer.selection = dataset.metadata["selection"]
        writer.extra = extra
        columns = {name: np.asarray(dataset.property(name)[rows]) for name in dataset.properties}
        writer.add(compositions, columns)
        if on_step is not None:
            on_step(len(rows))
