"""A list of formulas with their predicted energies, as a table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.csv_tables import TableWriter, read_table
from tfmat.datasets.readers.formulas import read_formulas
from tfmat.elemnet.model import EnergyModel
from tfmat.elemnet.parts import ENERGY
from tfmat.errors import InputError
from tfmat.files import check_apart, placing, replacing
from tfmat.metric import Metric, mean, records, share
from tfmat.reading import reading

COLUMN = f"predicted_{ENERGY}"


def check_out(out: Path, source: Path, *, overwrite: bool) -> None:
    """Refuses, before any work, a file that could not be written at its end.

    Args:
        out: The table.
        source: The formulas.
        overwrite: Replace a table that this has written.

    Raises:
        InputError: It is a folder, the source, or there and not to be replaced.
    """
    if out.is_dir():
        raise InputError(f"`out` {out}: is a folder; give a file")
    check_apart(out, source)
    if not os.path.lexists(out):
        return
    if not overwrite:
        raise InputError(f"{out}: is there already; give another `out`, or `overwrite`")
    if not _is_table(out):
        raise InputError(
            f"{out}: is no table that this command has written, and `overwrite` leaves it alone; "
            "give another `out`"
        )


def write_energies(
    model: EnergyModel, source: str | Path, out: Path, column: str | None = None
) -> dict[str, Any]:
    """Predicts the formulas of a file and writes them, in its order, with their energies.

    Args:
        model: What predicts.
        source: A table, a text file or a dataset of compositions.
        out: CSV file with the columns ``formula`` and
            ``predicted_formation_energy_per_atom`` (eV/atom; empty where nothing is predicted).
        column: Column with the formulas; found by its usual names by default.

    Returns:
        A JSON summary: ``out``, ``model``, ``rejected_rows`` and ``metrics``.

    Raises:
        InputError: The source cannot be read or holds no formula.
    """
    with reading(Path(source)):
        table = read_formulas(source, column)
    energies = model.predict(table.compositions)
    with (
        placing(out),
        replacing(out) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = TableWriter(stream, ["formula", COLUMN])
        pairs = zip(table.compositions.formulas(), energies.tolist(), strict=True)
        for formula, energy in pairs:
            writer.row([formula, "" if np.isnan(energy) else f"{energy:.6f}"])
    return {
        "out": str(out),
        "model": model.name,
        "rejected_rows": len(table.rejected),
        "metrics": records(_metrics(energies)),
    }


def _metrics(energies: NDArray[np.float64]) -> list[Metric]:
    known = energies[np.isfinite(energies)]
    return [
        share("predicted", len(known), len(energies), "share of the formulas"),
        mean(f"mean_{COLUMN}", known.tolist(), "eV/atom", "of the formulas that are predicted"),
        share("below_0", int((known < 0).sum()), len(known),
              "predicted below 0 eV/atom, as share of the formulas that are predicted"),
    ]  # fmt: skip


def _is_table(path: Path) -> bool:
    try:
        columns, _ = read_table(path)
    except (InputError, OSError, ValueError):
        return False
    return columns == ["formula", COLUMN]
