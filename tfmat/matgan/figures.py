"""The picture of generated formulas: how many elements, and which, against the data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.readers.formulas import read_formulas
from tfmat.datasets.trained_on import trained_on
from tfmat.figures.formulas import element_map
from tfmat.figures.writing import Pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Rows of a table that are looked at, and the column that says how often each came.
_ROWS, _TIMES = 1_000_000, "times_generated"


def figures_of(out: Path) -> Path:
    """Returns the folder of the pictures that go with a table.

    Args:
        out: The table.
    """
    return out.with_name(out.name + ".figures")


def generated_pictures(
    table: Path, metadata: Mapping[str, Any] | None, package: Path | None = None
) -> Pictures:
    """Returns the picture of a table of formulas.

    Args:
        table: What ``tfmat generate matgan`` wrote.
        metadata: Of the package that made them; ``None`` if unknown.
        package: The package's folder.
    """
    return {"formulas": lambda _: _formulas(table, metadata or {}, package)}


def _formulas(table: Path, metadata: Mapping[str, Any], package: Path | None) -> Figure:
    found = read_formulas(table, "formula", [_TIMES], limit=_ROWS)
    times = np.asarray(found.columns[_TIMES].to_numpy(zero_copy_only=False), dtype=np.int64)
    dataset = trained_on(metadata, package)
    known = dataset.compositions if isinstance(dataset, CompositionDataset) else None
    name = str(metadata.get("dataset", {}).get("name", "data"))
    return element_map(found.compositions, known, times=times, name=name)
