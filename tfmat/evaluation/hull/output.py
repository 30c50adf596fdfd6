"""The folder that ``tfmat evaluate hull`` writes: structures, a table, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmat import __version__
from tfmat.crystals.hull import METASTABLE, STABLE, metastable, stable
from tfmat.csv_tables import TableWriter
from tfmat.evaluation.hull.entries import Entries
from tfmat.evaluation.hull.metrics import by_system
from tfmat.evaluation.hull.stability import BELOW, LEVELS, SMALL_CHANGE, Distances, system_name
from tfmat.formulas.compositions import symbols
from tfmat.metric import Metric

STRUCTURES, TABLE, TABLE_TEXT, SUMMARY, README, PICTURES = (
    "hull.csv",
    "table.csv",
    "table.md",
    "summary.json",
    "README.md",
    "pictures",
)
_COLUMNS = (
    "set",
    "source",
    "id",
    "formula",
    "system",
    "fractions",
    "x",
    "formation_energy_per_atom",
    "delta_formation_energy_per_atom",
    "e_above_known_hull",
    "e_above_redefined_hull",
    "stable",
    "metastable",
)
_MISSING = "–"
_ALONE = (
    r"\* no known compound: the hull is that of the elements alone, so nothing is called stable; "
    "such systems are not in the last columns of the sum, either."
)


def is_output(folder: Path) -> bool:
    """Tells whether a folder holds what ``tfmat evaluate hull`` has written, and nothing else.

    Args:
        folder: Any folder.
    """
    names = {path.name for path in folder.iterdir()}
    return names - {PICTURES} == {STRUCTURES, TABLE, TABLE_TEXT, SUMMARY, README}


def write_structures(
    file: Path, sets: Sequence[tuple[str, Entries, Distances]], axes: Mapping[frozenset[int], int]
) -> int:
    """Writes one row for every structure whose distance to the hull is known.

    Args:
        file: CSV file.
        sets: ``"known"`` or ``"generated"``, the structures and their distances.
        axes: For systems of two elements the one whose share is ``x``.

    Returns:
        Number of rows.
    """
    count = 0
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = TableWriter(stream, _COLUMNS)
        for name, entries, above in sets:
            rows = np.flatnonzero(np.isfinite(above.known))
            formulas = entries.compositions[rows].formulas()
            sound = stable(entries.energies, above.known)
            near = metastable(entries.energies, above.known)
            for row, formula in zip(rows.tolist(), formulas, strict=True):
                counts = entries.compositions.mapping(row)
                writer.row(
                    [
                        name,
                        entries.names[entries.source[row]],
                        entries.ids[row],
                        formula,
                        *_place(counts, axes),
                        _number(entries.energies[row]),
                        _number(entries.changes[row]),
                        _number(above.known[row]),
                        _number(above.redefined[row]),
                        int(sound[row]),
                        int(near[row]),
                    ]
                )
            count += len(rows)
    return count


def _place(counts: Mapping[int, int], axes: Mapping[frozenset[int], int]) -> tuple[str, str, str]:
    """Returns the system of a composition, the shares in it, and its place on a binary's axis."""
    total = sum(counts.values())
    by_symbol = sorted(counts, key=lambda z: symbols()[z])
    shares = ";".join(f"{symbols()[z]}:{counts[z] / total:.6g}" for z in by_symbol)
    # A system that was not asked for has its axis as its name has it.
    axis = axes.get(frozenset(counts), by_symbol[-1])
    x = f"{counts[axis] / total:.6g}" if len(counts) == 2 else ""
    return system_name(by_symbol), shares, x


def _number(value: float) -> str:
    # -0.000000 would look as if it were below the hull.
    return "" if np.isnan(value) else f"{value + 0.0:.6f}".replace("-0.000000", "0.000000")


def write_table(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the counts and means of all systems as CSV.

    Args:
        file: CSV file.
        rows: Those of each system, all with the same keys.
    """
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = TableWriter(stream, list(rows[0]))
        for row in rows:
            writer.record({k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()})


def table_text(metrics: Sequence[Metric], *, generated: bool) -> str:
    """Writes the metrics of systems as a Markdown table like Table 1 of paper 002.

    Args:
        metrics: Of each system what :func:`tfmat.evaluation.hull.metrics.of_system` gives.
        generated: Whether generated structures were counted, or those of the data.
    """
    systems = by_system(metrics)
    changes = any(found["small_change"].denominator for found in systems.values())
    head = ["System", "# Gen" if generated else "# structures"]
    head += ["Mean ΔEf (eV/atom)", f"# ΔEf < {SMALL_CHANGE:g}"] if changes else []
    head += ["Mean Ef (eV/atom)", "# Ef < 0", "Mean Eab (eV/atom)"]
    head += ["# below hull"] if generated else []
    head += ["# on hull", *(f"# ≤ {1000 * limit:.0f} meV" for limit in list(LEVELS.values())[1:])]
    head += ["# stable (004)", "# metastable (004)"]
    lines, unjudged = [], False
    for system, found in systems.items():
        structures = found["negative"].denominator
        alone = bool(structures) and not found["stable"].denominator
        unjudged = unjudged or alone
        cells = [system + ("*" if alone else ""), f"{structures:,}"]
        if changes:
            cells += [
                found["mean_delta_formation_energy_per_atom"].number(),
                found["small_change"].counted(),
            ]
        cells += [
            found["mean_formation_energy_per_atom"].number(),
            found["negative"].counted(),
            found["mean_e_above_hull"].number(),
        ]
        below = found["below_hull"].numerator
        cells += [_MISSING if alone else f"{below:,}"] if generated else []
        cells += [_MISSING if alone else f"{found[name].numerator:,}" for name in LEVELS]
        cells += [found["stable"].counted(), found["metastable"].counted()]
        lines.append(cells)
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    text = "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in [head, rule, *lines]
    )
    return text + (f"\n\n{_ALONE}" if unjudged else "")


def readme(summary: Mapping[str, Any]) -> str:
    """Writes what the numbers mean, and on which energy scales they are.

    Args:
        summary: What ``summary.json`` holds.
    """
    lines = [
        f"# Convex hulls, by tfmat {__version__}",
        "",
        f"Generated: {summary['generated'] or 'nothing; the hull of the data itself'}  ",
        f"Known: {', '.join(summary['against'])}",
        "",
        "| file | what it holds |",
        "|---|---|",
        f"| {STRUCTURES} | one row for each structure of the systems and their subsystems |",
        f"| {TABLE}, {TABLE_TEXT} | counts and means of each system |",
        f"| {PICTURES}/ | hulls of two and three elements |",
        f"| {SUMMARY} | all of it for programs: corners of the hulls, what lies below, what was "
        "left out |",
        "",
        "- Ef: formation energy, eV/atom, as the datasets have it. The elements are at 0 and "
        "always belong to the hull.",
        "- Eab (`e_above_known_hull`): energy above the convex hull of the known structures, "
        "eV/atom; negative where a generated structure lies below it. `e_above_redefined_hull` is "
        "that above the hull of the known structures and of the generated ones below theirs.",
        f"- Below the hull: by more than {BELOW * 1000:g} meV/atom. Relaxations of one phase "
        "differ by as much, so less is neither counted, listed nor drawn; `hull.csv` has the "
        "numbers.",
        "- On the hull: Eab at most 1 meV/atom, and whatever is below; beside it how many lie at "
        "most 25, 50 and 100 meV/atom above. These are the field's counts: on the hull is stable.",
        f"- Stable (004), metastable (004) are paper 004's words: Ef < 0 and Eab ≤ {STABLE:.3f} "
        f"eV/atom, Ef < 0 and Eab ≤ {METASTABLE:.3f} eV/atom; stable ones count too. In `hull.csv` "
        "the columns are called `stable` and `metastable`.",
        "- ΔEf: formation energy before relaxation minus after, eV/atom. Its share is of the "
        "structures whose ΔEf is known, those of what is stable of the structures in systems with "
        "a known compound, all others of all structures of the system.",
        "- A system's row counts structures that hold all of its elements; its hull is made of "
        "those of its subsystems as well. `x` is the share of the element on the right of the "
        "picture of a binary system.",
        "- A structure a few meV/atom below the hull can be a known one, relaxed a little further: "
        "compare it with `tfmat evaluate structures` before you call it new.",
        "",
        "## Energy scales",
        "",
    ]
    lines += [f"- {name}: {scale or 'not said'}" for name, scale in summary["scales"].items()]
    lines += ["", *(f"Warning: {text}" for text in summary["warnings"])]
    lines += [
        f"- {name}: {count:,} structures left out: {reason}"
        for name, reasons in summary["left_out"].items()
        for reason, count in reasons.items()
    ]
    return "\n".join(lines).rstrip() + "\n"
