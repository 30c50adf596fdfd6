"""All that is measured of structures beside novelty: validity, symmetry, elements, S.U.N."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.sources import Source
from tfmat.datasets.store import Dataset
from tfmat.evaluation.novelty.count import Verdict
from tfmat.evaluation.structures.coverage import coverage, fingerprints
from tfmat.evaluation.structures.described import Described, describe
from tfmat.evaluation.structures.energies import Energies
from tfmat.evaluation.structures.metrics import densities, metrics_of
from tfmat.evaluation.structures.sun import sun
from tfmat.formulas.compositions import symbols
from tfmat.metric import Metric
from tfmat.progress import Progress

COLUMNS = (
    "structure_valid",
    "composition_valid",
    "balanced",
    "shortest_distance",
    "volume_per_atom",
    "density",
    "space_group",
    "e_above_hull",
)
"""Columns of the table of structures that come from here."""
# Known structures that are described; of more every so-manyth.
_DESCRIBED = 20_000


@dataclass(frozen=True, eq=False)
class Measured:
    """What was found.

    Args:
        metrics: Of all structures.
        elements: For each element its symbol and the shares of the structures, and of the known
            ones of each set, that hold it.
        rows: Values of :data:`COLUMNS` by name of the structure.
        made: The structures that could be read, described, in the order of ``rows``.
        others: Known ones by name of the set.
    """

    metrics: list[Metric]
    elements: list[list[Any]]
    rows: Mapping[str, Sequence[Any]]
    made: Described
    others: Mapping[str, Described]

    def row(self, verdict: Verdict) -> Sequence[Any]:
        """Returns the values of :data:`COLUMNS` of a structure, empty ones where there is none."""
        return self.rows.get(verdict.identifier, [""] * len(COLUMNS))


def measure(
    source: Source,
    verdicts: Sequence[Verdict],
    known: Mapping[str, Dataset],
    energies: Energies,
    covering: int | None = None,
) -> Measured:
    """Measures structures.

    Args:
        source: The structures.
        verdicts: Whether each is distinct and novel, in the order of the source.
        known: Known structures by name.
        energies: How far above a hull they lie.
        covering: Structures of each set whose fingerprints are compared, for coverage; ``None``
            for none.

    Raises:
        MissingExtraError: Coverage needs matminer, which is not installed.
    """
    entries = [entry for entry in source.entries if entry.crystal is not None]
    crystals = [entry.crystal for entry in entries if entry.crystal is not None]
    with Progress("describing", len(crystals), "structure") as progress:
        made = describe(crystals, on_step=progress.update)
    others = {name: _described(dataset) for name, dataset in known.items()}
    more = []
    if covering is not None:
        more = _coverage([crystals[row] for row in np.flatnonzero(made.valid)], known, covering)
    names = [entry.identifier for entry in entries]
    return measured_of(names, made, others, verdicts, energies, more)


def measured_of(
    names: Sequence[str],
    made: Described,
    others: Mapping[str, Described],
    verdicts: Sequence[Verdict],
    energies: Energies,
    more: Sequence[Metric] = (),
) -> Measured:
    """Measures structures that are described.

    Args:
        names: Their names.
        made: The structures.
        others: Known ones by name of the set.
        verdicts: Whether each is distinct and novel.
        energies: How far above a hull they lie.
        more: Further metrics of them.
    """
    sizes = dict(zip(names, made.compositions.n_elements, strict=True))
    metrics = metrics_of(made, others)
    metrics += sun(
        verdicts,
        energies.above,
        {name: int(size) for name, size in sizes.items()},
        known=bool(others),
        judge=energies.judge,
        why_not=energies.why_not,
    )
    metrics += more
    shares = densities({"": made.compositions} | {n: one.compositions for n, one in others.items()})
    elements = [
        [symbols()[row["number"]], *(f"{row[name]:.6f}" for name in ("", *others))]
        for row in shares
    ]
    rows = dict(zip(names, _rows(made, names, energies), strict=True))
    return Measured(metrics, elements, rows, made, others)


def _coverage(valid: Sequence[Crystal], known: Mapping[str, Dataset], most: int) -> list[Metric]:
    """Takes fingerprints of the first valid structures, and of known ones from all over the set."""
    rows = {name: range(0, len(one), -(-len(one) // most) or 1) for name, one in known.items()}
    made = list(valid[:most])
    count = len(made) + sum(map(len, rows.values()))
    with Progress("fingerprints", count, "structure") as progress:
        ours = fingerprints(made, progress.update)
        theirs = {
            name: fingerprints([known[name][row] for row in part], progress.update)
            for name, part in rows.items()
        }
    return coverage(ours, theirs)


def _described(dataset: Dataset) -> Described:
    step = -(-len(dataset) // _DESCRIBED) or 1
    return describe([dataset[row] for row in range(0, len(dataset), step)], symmetry=False)


def _rows(made: Described, names: Sequence[str], energies: Energies) -> list[list[Any]]:
    rows = []
    for row, name in enumerate(names):
        above = energies.above.get(name)
        rows.append(
            [
                int(made.structure_valid[row]),
                int(made.composition_valid[row]),
                int(made.balanced[row]),
                _number(made.shortest[row]),
                _number(made.volume[row] / made.atoms[row]),
                _number(made.density[row]),
                made.groups[row][0],
                "" if above is None else f"{above:.6f}",
            ]
        )
    return rows


def _number(value: float) -> str:
    return f"{value:.6f}" if math.isfinite(value) else ""
