"""A round of a campaign: structures relaxed by one potential, and judged beside known ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmat.csv_tables import read_table
from tfmat.datasets.folders import is_dataset
from tfmat.datasets.sources import Entry, read_source
from tfmat.datasets.store import Dataset
from tfmat.discovery.campaign import Relaxing
from tfmat.discovery.known import has_scale, systems_of, write_within
from tfmat.errors import InputError
from tfmat.evaluation.hull import output as hull_output
from tfmat.evaluation.hull.entries import read_entries, read_known
from tfmat.evaluation.hull.report import evaluate as evaluate_hull
from tfmat.evaluation.novelty.evaluate import evaluate_structures
from tfmat.reading import read_record
from tfmat.relaxation.potentials.registry import Potential
from tfmat.relaxation.relax_source import relax_source
from tfmat.relaxation.relaxed_folder import SUMMARY, is_relaxed
from tfmat.relaxation.relaxing import RelaxationSettings
from tfmat.work.chunks import NOT_REACHED


@dataclass(frozen=True)
class Round:
    """Folders of a round, and how its energies are had.

    Attributes:
        folder: The campaign.
        suffix: What the names of the folders end in; empty for the first round.
        potential: The potential.
        relaxing: Settings of the relaxation.
        workers: Processes.
        cache: Folder of the elements' references; the user's cache by default.
        say: Takes a line about what is done.
    """

    folder: Path
    suffix: str
    potential: Potential
    relaxing: Relaxing
    workers: int = 1
    cache: Path | None = None
    say: Callable[[str], None] = print

    def place(self, name: str) -> Path:
        """Returns a folder of the round."""
        return self.folder / f"{name}{self.suffix}"

    def relax(self, source: Path, out: Path, minutes: float | None = None) -> Mapping[str, Any]:
        """Relaxes structures, unless that is done.

        Args:
            source: A dataset.
            out: The folder to write.
            minutes: As for :func:`~tfmat.relaxation.relax_source.relax_source`.

        Returns:
            The summary.
        """
        there = out.is_dir()
        if there:
            summary = read_record(out / SUMMARY)
            if NOT_REACHED not in summary["reasons"]:
                return summary
        try:
            return self._relax(source, out, minutes, there)
        except InputError:
            # Where none of them has a relaxed form, a campaign says so like all else.
            if not is_relaxed(out):
                raise
            return read_record(out / SUMMARY)

    def _relax(
        self, source: Path, out: Path, minutes: float | None, overwrite: bool
    ) -> Mapping[str, Any]:
        return relax_source(
            source,
            out,
            self.potential,
            RelaxationSettings(steps=self.relaxing.steps, fmax=self.relaxing.fmax),
            workers=self.workers,
            cache=self.cache,
            minutes=minutes,
            overwrite=overwrite,
            command=f"tfmat relax {source.name} --out {out.name} --potential {self.potential.name}",
            figures=None,
        )


@dataclass(frozen=True)
class Judged:
    """What a round has found.

    Attributes:
        relaxed: The relaxed structures.
        above: Energies above the hull of the known structures by identifier, eV/atom.
        rows: Rows of the table of ``tfmat evaluate structures`` by identifier.
        reasons: Structures that have no relaxed form, by reason.
        warnings: What speaks against the energies above the hull.
    """

    relaxed: list[Entry]
    above: dict[str, float]
    rows: dict[str, dict[str, str]]
    reasons: Mapping[str, int]
    warnings: Sequence[str]


def judge(
    one: Round, source: Path, against: Mapping[str, str], minutes: float | None = None
) -> Judged:
    """Relaxes structures and judges them beside known ones of the same energies.

    Args:
        one: The round.
        source: A dataset of what is to be relaxed.
        against: Datasets of known structures by name.
        minutes: Time for the relaxation.

    Raises:
        InputError: There are too many known structures to relax.
    """
    summary = one.relax(source, one.place("relaxed"), minutes)
    if not is_dataset(one.place("relaxed")):
        return Judged([], {}, {}, summary["reasons"], [])
    found = read_source(one.place("relaxed"))
    places, lost = _same_scale(one, found.entries, against, summary["potential"]["scale"])
    table = one.place("judged")
    # The hull is drawn first, so that a table of these structures says that it is theirs, too.
    fresh = table.is_dir() and read_record(table / "summary.json")["generated"] == found.record
    above, warnings = _hull(one, found.entries, places, fresh)
    if not fresh:
        evaluate_structures(
            one.place("relaxed"),
            dict(against),
            index=True,
            hull=places,
            out=table,
            overwrite=table.is_dir(),
        )
    rows = {row["id"]: row for row in read_table(one.place("judged") / "structures.csv")[1]}
    return Judged(found.entries, above, rows, summary["reasons"], [*lost, *warnings])


def _same_scale(
    one: Round, entries: Sequence[Entry], against: Mapping[str, str], scale: str
) -> tuple[dict[str, str], list[str]]:
    """Returns known structures whose energies are those of the potential; relaxes others.

    What has no relaxed form defines no hull, which is said in a line for each dataset.
    """
    systems, places, lost = systems_of(entries), {}, []
    for name, place in against.items():
        if has_scale(place, scale):
            places[name] = str(place)
            continue
        chosen = one.folder / "known" / name
        relaxed = one.folder / "known" / f"{name}-relaxed{one.suffix}"
        count = (
            len(Dataset.open(chosen))
            if chosen.is_dir()
            else write_within(place, systems, chosen, one.relaxing.known_limit)
        )
        if count:
            one.say(
                f"{name}: {count:,} known structure{'' if count == 1 else 's'} of the same systems "
                f"get energies of {one.potential.name}, too"
            )
            reasons = one.relax(chosen, relaxed)["reasons"]
            if is_dataset(relaxed):
                places[name] = str(relaxed)
            if reasons:
                why = ", ".join(f"{number:,} {reason}" for reason, number in reasons.items())
                lost.append(f"{name}: known structures that are no part of the hull: {why}")
    return places, lost


def _hull(
    one: Round, entries: Sequence[Entry], places: Mapping[str, str], fresh: bool
) -> tuple[dict[str, float], list[str]]:
    if all(len(system) == 1 for system in systems_of(entries)):
        return {}, ["only pure elements: no hull"]
    if not places:
        return {}, ["no known structures of these systems: nothing to lie above"]
    out = one.place("hull")
    if fresh and out.is_dir():
        summary = read_record(out / hull_output.SUMMARY)
    else:
        new = read_entries(str(one.place("relaxed")), "candidates")
        known = read_known(places, new)
        summary = evaluate_hull(out, known, new, [], overwrite=out.is_dir())
    rows = read_table(out / hull_output.STRUCTURES)[1]
    above = {
        row["id"]: float(row["e_above_known_hull"])
        for row in rows
        if row["set"] == "generated" and row["e_above_known_hull"]
    }
    return above, summary["warnings"]
