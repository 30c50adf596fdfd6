"""The work of ``tfmat evaluate hull``: from datasets to a folder with tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tfmat import files
from tfmat.errors import InputError, printable_lines
from tfmat.evaluation.hull import output
from tfmat.evaluation.hull.entries import Entries, has_compound
from tfmat.evaluation.hull.far_below import far_below
from tfmat.evaluation.hull.metrics import hull_judge, of_system
from tfmat.evaluation.hull.stability import (
    Distances,
    Hulls,
    below,
    distances,
    hulls,
    statistics,
    system_name,
    systems_of,
)
from tfmat.metric import records
from tfmat.progress import Progress

T = TypeVar("T")

# A system that stands for all of them in the table.
_ALL = "all"
# Systems that are shown of all that occur.
SHOWN = 25
# Systems that a warning names.
_NAMED = 5


def evaluate(
    out: Path,
    known: Entries,
    generated: Entries | None,
    systems: Sequence[tuple[int, ...]],
    *,
    pictures: int = 20,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Judges structures by the convex hulls of their systems and writes tables and pictures.

    Args:
        out: The folder to write.
        known: Structures that define the hulls.
        generated: Structures to judge; ``None`` shows the hulls of the known ones.
        systems: Atomic numbers of each system; all that occur, if there are none.
        pictures: Draw at most so many systems of two or three elements.
        overwrite: Replace what an earlier call has written.

    Returns:
        The summary that is also in the folder.

    Raises:
        InputError: No structure is in the systems, or the folder is in the way.
    """
    subject = known if generated is None else generated
    named = list(dict.fromkeys(systems)) or systems_of(subject)
    # Without a choice everything is judged, also what is of one element.
    wanted = named if systems else list(subject.systems)
    for system in systems:
        check_there(system, known, generated)
    if not named:
        raise InputError(f"{', '.join(subject.names)}: holds only pure elements; nothing to judge")
    files.check_place(out, overwrite=overwrite, own=output.is_output)
    with Progress("hulls", unit="system") as progress:
        above_known, above = distances(wanted, known, generated, on_step=progress.update)
    judged = above_known if generated is None else above
    table, found = [], []
    rows_of_all, rows_judged = [], []
    for system in named:
        rows = subject.systems.get(tuple(sorted(system)), np.zeros(0, dtype=np.int64))
        rows_of_all.append(rows)
        # Against nothing but the elements whatever binds would count as stable.
        rows_judged.append(rows if has_compound(system, known) else rows[:0])
        counts = statistics(subject, rows, judged.known, rows_judged[-1])
        table.append({"system": system_name(system), **counts})
    if len(named) > 1:
        counts = statistics(
            subject, np.concatenate(rows_of_all), judged.known, np.concatenate(rows_judged)
        )
        table.append({"system": _ALL, **counts})
    judge = hull_judge(known.names, known.scales)
    measured = [of_system(row, judge) for row in table]
    sets = [("generated", generated, above)] if generated is not None else []
    sets.append(("known", known, above_known))
    axes = {frozenset(system): system[1] for system in named if len(system) == 2}
    summary: dict[str, Any] = {
        "generated": None if generated is None else ", ".join(generated.names),
        "against": list(known.names),
        "scales": {**(generated.scales if generated is not None else {}), **known.scales},
        "warnings": cautions(named, known, generated, above),
        "left_out": {
            name: counts
            for entries in (generated, known)
            if entries is not None
            for name, counts in entries.left_out.items()
            if counts
        },
    }
    with files.replacing_folder(out, overwrite=overwrite, own=output.is_output) as folder:
        summary["rows"] = {name: int(np.isfinite(far.known).sum()) for name, _, far in sets}
        summary["structures"] = output.write_structures(folder / output.STRUCTURES, sets, axes)
        drawn = [system for system in named if len(system) in (2, 3)][:pictures]
        with Progress("drawing", len(drawn), "system") as progress:
            # Of all that occur only those that have something to show.
            changed = () if generated is None else _changed(named, generated, above)
            for system in named if systems else dict.fromkeys([*drawn, *changed]):
                hull = hulls(system, known, generated)
                found.append(_describe(hull, known, generated))
                if system in drawn:
                    _draw(folder / output.PICTURES, hull, known, generated, above)
                    progress.update()
        summary |= {
            "pictures": [system_name(system) for system in drawn],
            "not_drawn": [system_name(s) for s in named if s not in drawn] if systems else [],
            "hulls": found,
            "below_hull": [] if generated is None else _below(generated, above),
            "table": table,
            # Of all that occur only the largest: there are tens of thousands of systems.
            "metrics": records(chain.from_iterable(measured if systems else shown(measured))),
        }
        output.write_table(folder / output.TABLE, table)
        text = output.table_text([*chain(*measured)], generated=generated is not None)
        (folder / output.TABLE_TEXT).write_text(printable_lines(text) + "\n", "utf-8")
        files.write_json(folder / output.SUMMARY, summary)
        (folder / output.README).write_text(printable_lines(output.readme(summary)), "utf-8")
    return summary


def shown(systems: Sequence[T]) -> Sequence[T]:
    """Returns what is shown of all systems: the largest, and their sum.

    Args:
        systems: Something of each, the largest first, and of all together at the end.
    """
    return systems if len(systems) <= SHOWN + 1 else [*systems[:SHOWN], systems[-1]]


def cautions(
    systems: Sequence[tuple[int, ...]], known: Entries, generated: Entries | None, above: Distances
) -> list[str]:
    """Says in one line each what speaks against the energies or the hulls.

    Args:
        systems: Atomic numbers of each system.
        known: Structures that define the hulls.
        generated: Structures to judge.
        above: Their energies above the hull.
    """
    found = scale_warnings(known, generated) + unknown_hulls(systems, known)
    return found if generated is None else found + far_below(known, generated, above)


def scale_warnings(known: Entries, generated: Entries | None) -> list[str]:
    """Says in one line each what speaks against comparing the energies.

    Args:
        known: Structures that define the hulls.
        generated: Structures to judge.
    """
    scales = {**(generated.scales if generated is not None else {}), **known.scales}
    unknown = [name for name, scale in scales.items() if scale is None]
    said = {scale: name for name, scale in scales.items() if scale is not None}
    warnings = []
    if len(said) > 1:
        parts = "; ".join(f"{name}: {scale}" for scale, name in said.items())
        warnings.append(
            f"energies of different scales ({parts}); distances to the hull are off by their "
            "difference"
        )
    if unknown and len(scales) > 1:
        warnings.append(
            f"{', '.join(unknown)}: the record names no energy scale; make sure that it is that "
            "of the others"
        )
    return warnings


def unknown_hulls(systems: Sequence[tuple[int, ...]], known: Entries) -> list[str]:
    """Names the systems whose hull is nothing but their elements, and ternaries' empty edges.

    Args:
        systems: Atomic numbers of each.
        known: Structures that define the hulls.
    """
    empty = [system for system in systems if not has_compound(system, known)]
    edges = [
        f"{system_name(edge)} (in {system_name(system)})"
        for system in systems
        if len(system) == 3 and system not in empty
        for edge in combinations(system, 2)
        if not has_compound(edge, known)
    ]
    warnings = []
    if empty:
        warnings.append(
            f"no known compound in {_some([system_name(system) for system in empty])}: there the "
            "hull is that of the elements alone, and whatever binds lies below it"
        )
    if edges:
        warnings.append(
            f"no known compound on the edge {_some(edges)}: if there are any, give them too, "
            "or the hull is too high"
        )
    return warnings


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def check_there(system: tuple[int, ...], known: Entries, generated: Entries | None) -> None:
    """Refuses a system of which there is no structure.

    Args:
        system: Atomic numbers.
        known: Structures that define the hulls.
        generated: Structures to judge.

    Raises:
        InputError: No structure of it has a formation energy.
    """
    sets = [known] if generated is None else [known, generated]
    if not any(len(entries.within(system)) for entries in sets):
        names = ", ".join(name for entries in sets for name in entries.names)
        raise InputError(
            f"`system` {system_name(system)}: no structure of it with a formation energy in "
            f"{names}; name another system, or give more data with `against`"
        )


def _changed(
    systems: Sequence[tuple[int, ...]], generated: Entries, above: Distances
) -> list[tuple[int, ...]]:
    """Returns the systems of which a structure lies below the hull of the known ones."""
    groups = generated.systems
    return [
        system
        for system in systems
        if below(above.known[groups.get(tuple(sorted(system)), [])]).any()
    ]


def _describe(hull: Hulls, known: Entries, generated: Entries | None) -> dict[str, Any]:
    """Lists the corners of a hull, and of the redefined one where there is one."""
    result: dict[str, Any] = {
        "system": system_name(hull.system),
        "known_hull": _corners(hull, redefined=False, known=known, generated=generated),
        "redefined": hull.changed,
    }
    if hull.changed:
        after = _corners(hull, redefined=True, known=known, generated=generated)
        left = {(corner["set"], corner["id"]) for corner in after}
        result |= {
            "redefined_hull": after,
            "no_longer_on_the_hull": [
                corner["formula"]
                for corner in result["known_hull"]
                if corner["set"] == "known" and ("known", corner["id"]) not in left
            ],
        }
    return result


def _corners(
    hulls_: Hulls, *, redefined: bool, known: Entries, generated: Entries | None
) -> list[dict[str, Any]]:
    hull = hulls_.redefined if redefined else hulls_.known
    formulas = hulls_.formulas(hull, known, generated)
    corners = []
    for row, formula, energy in zip(hull.rows, formulas, hull.energies, strict=True):
        kind, place = hulls_.corner(int(row))
        entries = known if kind == "known" else generated
        name = formula if kind == "element" or entries is None else entries.ids[place]
        corners.append(
            {"formula": formula, "set": kind, "id": name, "formation_energy": float(energy)}
        )
    return corners


def _below(generated: Entries, above: Distances) -> list[dict[str, Any]]:
    """Lists generated structures below the hull of the known ones, the deepest first."""
    rows: NDArray[np.int64] = np.flatnonzero(below(above.known))
    rows = rows[np.argsort(above.known[rows], kind="stable")]
    formulas = generated.compositions[rows].formulas()
    return [
        {
            "id": generated.ids[row],
            "formula": formula,
            "formation_energy": float(generated.energies[row]),
            "below_hull": float(-above.known[row]),
            "on_redefined_hull": bool(above.redefined[row] == 0),
        }
        for row, formula in zip(rows, formulas, strict=True)
    ]


def _draw(
    folder: Path, hull: Hulls, known: Entries, generated: Entries | None, above: Distances
) -> None:
    from tfmat.evaluation.hull.plots import draw
    from tfmat.figures.style import save

    folder.mkdir(exist_ok=True)
    figure = draw(hull, known, generated, above)
    if figure is not None:
        save(figure, folder, system_name(hull.system))
