"""From what was computed of each structure to the folder of ``tfmat relax``, of a run or of shards.

A shard has the folder of its own structures, and beside it, in ``shard.jsonl``, all that was
computed without loss: a line for the work, then one for each structure.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfmat import files
from tfmat.checksums import sealed
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.sources import Entry
from tfmat.errors import InputError
from tfmat.metric import Judge
from tfmat.relaxation.potentials.energy_scale import energies_of
from tfmat.relaxation.potentials.reference_table import Reference, symbol
from tfmat.relaxation.relax_card import Words, card_text
from tfmat.relaxation.relaxed_folder import TABLE, is_relaxed, write_folder
from tfmat.relaxation.relaxed_rows import Outcome, outcome, summarise
from tfmat.work.chunks import Row
from tfmat.work.shards import ENTRY, LINES, Manifest, Part, Shard, opened_lines

COMMAND = "tfmat relax"
CHUNK = 32
"""Structures in a chunk: enough for full batches, few enough to lose little by a kill."""
# Structures from which on a picture says something.
_DRAWN_FROM = 10


@dataclass(frozen=True)
class Results:
    """What was computed, and of what.

    Args:
        entries: The structures of the source, or of a part of it.
        rows: What was computed of each that could be read, by identifier.
        references: The elements, by atomic number.
        missing: Why an element has none, likewise.
        recipe: All that the rows depend on; what a summary says of it.
        origin: Record of the source, for the dataset.
        words: What the card says of the potential.
        command: The command line, for the card.
    """

    entries: Sequence[Entry]
    rows: Mapping[str, Row]
    references: Mapping[int, Reference]
    missing: Mapping[int, str]
    recipe: Mapping[str, Any]
    origin: Mapping[str, Any]
    words: Words
    command: str


def part_of(shard: Shard, entries: Sequence[Entry]) -> tuple[range, Sequence[Entry]]:
    """Returns a shard's part of a source: whole chunks of what can be read.

    Args:
        shard: The shard.
        entries: All of the source. One that cannot be read belongs to what comes before it.

    Returns:
        Where the part lies among the entries, and the part.

    Raises:
        InputError: There are fewer chunks than shards.
    """
    readable = [place for place, entry in enumerate(entries) if entry.crystal is not None]
    part = shard.part(len(readable), CHUNK, "structures")
    first = readable[part.start] if part.start else 0
    end = readable[part.stop] if part.stop < len(readable) else len(entries)
    return range(first, end), entries[first:end]


def write_results(
    out: Path,
    results: Results,
    manifest: Manifest | None = None,
    *,
    overwrite: bool = False,
    figures: bool | None = False,
) -> tuple[dict[str, Any], list[Outcome]]:
    """Writes the folder.

    Args:
        out: The folder.
        results: What was computed.
        manifest: What a shard says of itself; ``None`` for the whole.
        overwrite: Replace results that are there.
        figures: Draw the energies; ``None`` for from ten structures on, but of no shard.

    Returns:
        The summary, and what became of each structure.

    Raises:
        InputError: ``out`` is in the way.
    """
    energies = {number: entry.energy for number, entry in results.references.items()}
    outcomes = [
        outcome(entry, results.rows.get(entry.identifier), energies, results.missing)
        for entry in results.entries
    ]
    recipe = {name: value for name, value in results.recipe.items() if name != ENTRY}
    potential = recipe["potential"]
    settings = {
        "weights_sha256": potential["weights_sha256"],
        "scale": potential["scale"],
        **recipe["settings"],
    }
    judge = Judge(potential["name"], potential["version"], settings)
    known = sorted(results.references.items())
    summary = {
        **summarise(outcomes, judge),
        **recipe,
        "references": {symbol(number): entry.record() for number, entry in known},
    }
    method = f"{potential['name']} {potential['version']}".strip()
    extra = {
        "energies": energies_of(method, potential["scale"], results.references),
        "relaxation": {key: summary[key] for key in summary if key != "references"},
    }
    card = card_text(summary, results.words, results.command)
    lines = None
    if manifest is not None:
        lines, entry = manifest.with_lines(_lines(results, out.name))
        summary = sealed({**summary, ENTRY: entry})
    drawn = manifest is None and len(outcomes) >= _DRAWN_FROM
    write_folder(
        out,
        results.origin,
        outcomes,
        extra,
        summary,
        card,
        overwrite=overwrite,
        figures=drawn if figures is None else figures,
        more={} if lines is None else {LINES: lines},
    )
    return summary, outcomes


def require_some(outcomes: Sequence[Outcome], source: str, out: Path) -> None:
    """Says so where nothing came of a source.

    Args:
        outcomes: One for each structure.
        source: What was relaxed.
        out: Where the reasons are.

    Raises:
        InputError: No structure has a relaxed form.
    """
    if all(item.crystal is None for item in outcomes):
        raise InputError(
            f"{source}: none of {len(outcomes)} structures has a relaxed form; the first: "
            f"{outcomes[0].reason} (all reasons: {out / TABLE})"
        )


def _lines(results: Results, name: str) -> Iterator[dict[str, Any]]:
    yield {
        "references": {number: entry.record() for number, entry in results.references.items()},
        "missing": dict(results.missing),
        "origin": results.origin,
        "words": results.words._asdict(),
        "command": results.command,
        "out": name,
    }
    for entry in results.entries:
        crystal = entry.crystal
        yield {
            "id": entry.identifier,
            "reason": entry.reason,
            "where": entry.where,
            "properties": entry.properties,
            "crystal": crystal
            and [crystal.lattice.tolist(), crystal.positions.tolist(), crystal.numbers.tolist()],
            "row": results.rows.get(entry.identifier),
        }


def merge_relaxed(parts: Sequence[Part], out: Path, *, overwrite: bool = False) -> dict[str, Any]:
    """Joins shards of relaxed structures.

    Args:
        parts: All shards of one work, in order.
        out: The folder to write.
        overwrite: Replace results that are there.

    Returns:
        The summary.

    Raises:
        InputError: ``out`` is in the way, a shard was changed since it was written, or nothing has
            a relaxed form.
    """
    files.check_apart(out, *(part.place for part in parts))
    files.check_place(out, overwrite=overwrite, own=is_relaxed)
    every = [_read(part) for part in parts]
    references: dict[int, Reference] = {}
    missing: dict[int, str] = {}
    rows: dict[str, Row] = {}
    for one in every:
        references = {**one.references, **references}
        missing = {**one.missing, **missing}
        rows.update(one.rows)
    results = replace(
        every[0],
        entries=[entry for one in every for entry in one.entries],
        rows=rows,
        references=dict(sorted(references.items())),
        missing=dict(sorted(missing.items())),
        command=_for(every[0].command, out.name),
    )
    summary, outcomes = write_results(out, results, overwrite=overwrite)
    require_some(outcomes, str(results.recipe["source"]["name"]), out)
    return summary


def _read(part: Part) -> Results:
    """Reads what a shard has computed."""
    with opened_lines(part) as stream:
        work = json.loads(stream.readline())
        entries, rows = [], {}
        for line in map(json.loads, stream):
            crystal = line["crystal"] and Crystal(
                np.array(line["crystal"][0], np.float64),
                np.array(line["crystal"][1], np.float64),
                np.array(line["crystal"][2], np.uint8),
            )
            words = line["id"], crystal, line["reason"], line["where"], line["properties"]
            entries.append(Entry(*words))
            if line["row"] is not None:
                rows[line["id"]] = line["row"]
        command = work["command"].replace(f" {shlex.join(['--out', work['out']])}", _PLACE, 1)
        return Results(
            entries,
            rows,
            {
                int(number): Reference(entry["prototype"], entry["energy_per_atom"])
                for number, entry in work["references"].items()
            },
            {int(number): reason for number, reason in work["missing"].items()},
            part.manifest.settings,
            work["origin"],
            Words(**work["words"]),
            command,
        )


_PLACE = " --out \0"


def _for(command: str, name: str) -> str:
    """Returns the command line of the whole, which goes elsewhere."""
    return command.replace(_PLACE, f" {shlex.join(['--out', name])}", 1)
