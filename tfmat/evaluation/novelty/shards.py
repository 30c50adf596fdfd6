"""Shards of ``tfmat evaluate structures``: structures of some formulas each, and the merge.

Only structures of one formula can be the same, so that a shard has all structures of its formulas:
what it says of each is what one run says. All of it, without loss, is in ``shard.jsonl``: a line of
the work, then one for each structure; the merge counts and measures anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfmat import __version__, files
from tfmat.checksums import sealed
from tfmat.crystals.matching import pymatgen_version
from tfmat.datasets.sources import Entry, Source, crystals_sha256
from tfmat.datasets.splits.groups import formula
from tfmat.datasets.store import Dataset
from tfmat.evaluation.novelty.count import Verdict, summarise
from tfmat.evaluation.novelty.index import Match
from tfmat.evaluation.novelty.output import is_output, write_output
from tfmat.evaluation.structures.described import Described
from tfmat.evaluation.structures.energies import Energies
from tfmat.evaluation.structures.measure import Measured, measured_of
from tfmat.formulas.compositions import Compositions
from tfmat.metric import Judge, records
from tfmat.work.shards import ENTRY, LINES, Manifest, Part, Shard, opened_lines

COMMAND = "tfmat evaluate structures"
_ARRAYS: dict[str, type] = {
    "shortest": np.float64,
    "volume": np.float64,
    "atoms": np.int64,
    "density": np.float64,
    "composition_valid": np.bool_,
    "balanced": np.bool_,
}


def rows_of(shard: Shard, entries: Sequence[Entry]) -> list[int]:
    """Returns which of the structures are a shard's, ascending.

    Args:
        shard: The shard.
        entries: All structures; those that cannot be read go in turn.
    """
    rows = []
    for row, entry in enumerate(entries):
        number = row
        if entry.crystal is not None:
            text = repr(formula(entry.crystal)).encode()
            number = int.from_bytes(hashlib.sha256(text).digest()[:8], "little")
        if number % shard.of == shard.index - 1:
            rows.append(row)
    return rows


def manifest_of(
    shard: Shard, source: Source, known: Mapping[str, Dataset], energies: Energies, distances: bool
) -> Manifest:
    """Returns what a shard says of itself.

    Args:
        shard: The shard.
        source: All structures.
        known: Known structures by name.
        energies: How far above a hull the structures lie.
        distances: Whether distances of matching structures are measured.
    """
    above = json.dumps(sorted(energies.above.items())).encode()
    settings = {
        "generated": source.record,
        "crystals_sha256": crystals_sha256(source.entries),
        "against": {name: dataset.sha256 for name, dataset in known.items()},
        "energies_sha256": hashlib.sha256(above).hexdigest(),
        "distances": distances,
        "pymatgen": pymatgen_version(),
        "tfmat_version": __version__,
    }
    return Manifest(COMMAND, shard, settings, None, len(source.entries))


def write_shard(
    folder: Path,
    manifest: Manifest,
    rows: Sequence[int],
    verdicts: Sequence[Verdict],
    measured: Measured,
    energies: Energies,
    summary: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes the folder of a shard.

    Args:
        folder: An empty folder.
        manifest: What it says of itself.
        rows: Which of the structures are its.
        verdicts: What was found of each.
        measured: What was measured of them.
        energies: How far above a hull all structures lie.
        summary: Of its structures.

    Returns:
        The sealed summary.
    """
    work = {
        "sets": summary["against"],
        "energies": asdict(energies),
        "made": _record(measured.made),
        "names": list(measured.rows),
        "others": {name: _record(one) for name, one in measured.others.items()},
    }
    found = ({"row": row, **asdict(one)} for row, one in zip(rows, verdicts, strict=True))
    lines, entry = manifest.with_lines((work, *found))
    whole = sealed({**summary, ENTRY: entry})
    (folder / LINES).write_bytes(lines)
    write_output(folder, verdicts, list(work["sets"]), whole, measured)
    return whole


def merge_evaluated(parts: Sequence[Part], out: Path, *, overwrite: bool = False) -> dict[str, Any]:
    """Joins shards of judged structures.

    Args:
        parts: All shards of one work, in order.
        out: The folder to write.
        overwrite: Replace results that are there.

    Returns:
        The summary.

    Raises:
        InputError: ``out`` is in the way, or a shard was changed since it was written.
    """
    files.check_apart(out, *(part.place for part in parts))
    files.check_place(out, overwrite=overwrite, own=is_output)
    shards = [_read(part) for part in parts]
    first = shards[0]
    verdicts = [one for _, one in sorted(_all(shards), key=lambda item: item[0])]
    order = {one.identifier: place for place, one in enumerate(verdicts)}
    names = [name for shard in shards for name in shard.names]
    places = sorted(range(len(names)), key=lambda place: order[names[place]])
    made = _joined([shard.made for shard in shards], places)
    sets = {name: _Known(**known) for name, known in first.sets.items()}
    counts = summarise(verdicts, sets)
    measured = measured_of(
        [names[place] for place in places], made, first.others, verdicts, first.energies
    )
    summary: dict[str, Any] = {
        "generated": parts[0].manifest.settings["generated"],
        **counts,
        "metrics": counts["metrics"] + records(measured.metrics),
    }
    if first.energies.warnings:
        summary["warnings"] = first.energies.warnings
    for name in ("seconds", "cpu_seconds"):
        summary[name] = round(sum(part.summary[name] for part in parts), 2)
    with files.replacing_folder(out, overwrite=overwrite, own=is_output) as folder:
        write_output(folder, verdicts, list(sets), summary, measured)
    return summary


@dataclass(frozen=True)
class _Known:
    """What the counts say of a known set."""

    name: str
    sha256: str
    structures: int

    def __len__(self) -> int:
        return self.structures


@dataclass(frozen=True)
class _Shard:
    """What a shard has found."""

    sets: Mapping[str, Mapping[str, Any]]
    energies: Energies
    made: Described
    names: Sequence[str]
    others: Mapping[str, Described]
    verdicts: Sequence[tuple[int, Verdict]]


def _all(shards: Sequence[_Shard]) -> Iterator[tuple[int, Verdict]]:
    for shard in shards:
        yield from shard.verdicts


def _read(part: Part) -> _Shard:
    with opened_lines(part) as stream:
        work = json.loads(stream.readline())
        energies = work["energies"]
        judge = energies["judge"]
        return _Shard(
            {
                name: {
                    "name": known["dataset"],
                    "sha256": known["sha256"],
                    "structures": known["structures"],
                }
                for name, known in work["sets"].items()
            },
            Energies(
                energies["above"],
                judge and Judge(**judge),
                energies["why_not"],
                energies["warnings"],
            ),
            _described(work["made"]),
            work["names"],
            {name: _described(one) for name, one in work["others"].items()},
            [_verdict(json.loads(line)) for line in stream],
        )


def _verdict(line: dict[str, Any]) -> tuple[int, Verdict]:
    row = int(line.pop("row"))
    copy = line["copy_of"]
    line["copy_of"] = copy and Match(**copy)
    line["known"] = {name: one and Match(**one) for name, one in line["known"].items()}
    return row, Verdict(**line)


def _record(one: Described) -> dict[str, Any]:
    arrays = {name: getattr(one, name).tolist() for name in _ARRAYS}
    formulas = one.compositions
    return {
        **arrays,
        "numbers": formulas.numbers.tolist(),
        "counts": formulas.counts.tolist(),
        "slots": formulas.numbers.shape[1],
        "groups": list(one.groups),
    }


def _described(record: Mapping[str, Any]) -> Described:
    arrays: dict[str, Any] = {name: np.array(record[name], kind) for name, kind in _ARRAYS.items()}
    shape = (len(record["numbers"]), int(record["slots"]))
    formulas = Compositions(
        np.array(record["numbers"], np.uint8).reshape(shape),
        np.array(record["counts"], np.uint16).reshape(shape),
    )
    groups = [(str(symbol), int(number)) for symbol, number in record["groups"]]
    return Described(**arrays, compositions=formulas, groups=groups)


def _joined(every: Sequence[Described], places: Sequence[int]) -> Described:
    """Returns structures of shards in the order of the source."""
    order = np.array(places, np.intp)
    groups = [group for one in every for group in one.groups]
    return Described(
        **{name: np.concatenate([getattr(one, name) for one in every])[order] for name in _ARRAYS},
        compositions=Compositions.concatenate([one.compositions for one in every])[order],
        groups=[groups[place] for place in places],
    )
