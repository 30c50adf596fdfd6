"""Hypothetical structures of one system: prototypes filled, labelled, each structure once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat import __version__
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.duplicates import first_copies, known_copies
from tfmat.progress import Progress
from tfmat.relaxation.databases.candidates import drawn, duplicate, fill, source, without_copies
from tfmat.relaxation.databases.labelling import (
    Base,
    LabellingSettings,
    crystal_of,
    label_again,
    label_candidates,
    label_copies,
)
from tfmat.relaxation.databases.refining import (
    Refinement,
    calculator_record,
    joined,
    screened,
)
from tfmat.relaxation.databases.substitute import Candidate
from tfmat.relaxation.potentials.calculator import Calculator, CalculatorFactory
from tfmat.relaxation.potentials.energy_scale import energies_record
from tfmat.relaxation.potentials.reference_table import Reference, symbol
from tfmat.relaxation.potentials.references import element_references
from tfmat.work.chunks import Row, run_chunks
from tfmat.work.folder import NothingLeftError

# Candidates in a chunk: enough for full batches, few enough to lose little by a kill and to keep
# all processes busy to the end (a sixteenth of all within these limits). Bases of copies likewise.
_SMALLEST_CHUNK, _LARGEST_CHUNK = 32, 256
_CHUNKS = 16
_COPY_CHUNK = 16
# Energies of two descriptions of one crystal agree to this, eV/atom.
_ENERGY = 1e-3


@dataclass(frozen=True, eq=False)
class Task:
    """What to build, and where it is remembered.

    Attributes:
        numbers: Atomic numbers of the system.
        settings: How structures are made.
        prototype_data: A dataset that gives the prototypes; ``None`` for AFLOW's.
        work: Folder for what is done so far.
        workers: Processes.
        factory: Makes the calculator; a function of a module.
        known: Structures of the system, by name, that need not be built again.
        refinement: What is relaxed again with another potential; ``None`` for nothing.
    """

    numbers: tuple[int, ...]
    settings: LabellingSettings
    prototype_data: Path | None
    work: Path
    workers: int
    factory: CalculatorFactory
    known: Mapping[str, Crystal] = field(default_factory=dict)
    refinement: Refinement | None = None

    def begin(self) -> tuple[Calculator, dict[str, Any]]:
        """Loads the potential.

        Returns:
            The potential, and what metadata keep and a resumed build must have in common.

        Raises:
            InputError: The prototypes cannot be read.
            MissingExtraError: The potential is not installed.
        """
        prototypes = source(self.prototype_data)  # first: a potential takes seconds to load
        calculator = self.factory()
        return calculator, {
            "tfmat_version": __version__,
            "elements": [symbol(number) for number in self.numbers],
            "prototypes": prototypes,
            "settings": self.settings.record(),
            "calculator": calculator_record(calculator),
        }

    def once(self, calculator: Calculator) -> CalculatorFactory:
        """Returns the factory; for one process one that does not load the potential again."""
        return self.factory if self.workers > 1 else lambda: calculator


@dataclass(frozen=True, eq=False)
class Hypothetical:
    """Structures with energies.

    Attributes:
        rows: The structures; ids end in ``:0``.
        copies: Their strained and perturbed copies.
        rejected: What is missing, with the reason.
        counts: Candidates and what became of them.
        references: The elements, by atomic number.
        energies: The entry of the record that says what the energies mean.
        screening: The same for the first potential, where a second one has the last word.
    """

    rows: list[Row]
    copies: list[Row]
    rejected: list[Row]
    counts: dict[str, Any]
    references: Mapping[int, Reference]
    energies: dict[str, Any]
    screening: dict[str, Any] | None = None

    def formation_energies(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Returns formation energies of some rows, eV/atom, NaN if unknown, shape ``(n,)``."""
        references = [reference.energy for reference in self.references.values()]
        totals = np.array([row["energy"] for row in rows], dtype=np.float64)
        energies: NDArray[np.float64] = totals - self.fractions(rows) @ references
        return energies

    def fractions(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Returns the shares of the elements, in the order of the system, shape ``(n, k)``."""
        return shares((np.array(row["numbers"]) for row in rows), list(self.references))


def shares(structures: Iterable[NDArray[Any]], numbers: Sequence[int]) -> NDArray[np.float64]:
    """Returns the shares of elements in structures, shape ``(n, k)``.

    Args:
        structures: Atomic numbers of each.
        numbers: The k elements.
    """
    found = [[np.mean(own == number) for number in numbers] for own in structures]
    return np.array(found, dtype=np.float64).reshape(-1, len(numbers))


def make(task: Task, calculator: Calculator) -> Hypothetical:
    """Fills prototypes with a system's elements in every order and labels the results.

    Args:
        task: What to build. What an interrupted call has finished is found again.
        calculator: Made by the task's factory.

    Raises:
        InputError: There are no prototypes, or no structure is left.
        MissingExtraError: The potential is not installed.
    """
    settings = task.settings
    every = fill(task.numbers, task.prototype_data, settings.max_atoms)
    distinct, dropped = without_copies(every, task.work / "distinct.json")
    chosen = drawn(distinct, settings.limit, settings.seed)
    references = element_references(task.numbers, calculator, task.work / "references.json")
    labelled = list(
        run_chunks(
            task.work / "structures",
            chosen,
            partial(label_candidates, settings=settings),
            task.once(calculator),
            size=chunk_size(len(chosen)),
            workers=task.workers,
            description="scanning volumes" + (" and relaxing" if settings.relax else ""),
        )
    )
    at_rest, moving = _settled(labelled, settings)
    twice: list[Row] = []
    if settings.duplicates == "drop":
        at_rest, twice = _without_duplicates(at_rest)
    kept, old = _without_known(at_rest, task.known)
    rejected = [*moving, *twice, *old]
    if not kept:
        reasons = sorted({row["reason"].split(": ")[0] for row in rejected})
        raise NothingLeftError(
            f"none of {len(chosen)} candidates is left ({', '.join(reasons)}); "
            "raise `max_atoms`, `max_length` or `steps`, or give other `prototypes`"
        )
    refined: dict[str, Any] = {}
    screening = None
    if task.refinement is not None:
        screening = energies_record(calculator, references)
        calculator = task.refinement.factory()
        kept, again, refined = _refined(task, task.refinement, calculator, kept, references, chosen)
        rejected += again
        references = element_references(
            task.numbers, calculator, task.work / "references-refined.json"
        )
    copies, failed = _copies(task, calculator, kept)
    relaxed = [row["converged"] for row in labelled if "converged" in row]
    counts = {
        "candidates": len(every),
        "distinct_candidates": len(distinct),
        "labelled": len(chosen),
        "to_relax": asked_to_relax(labelled) if settings.relax else 0,
        "relaxed": len(relaxed),
        "converged": sum(relaxed),
        "known": len(old),
        "kept": len(kept),
        "copies": len(copies),
        "unconverged": sum(not row.get("converged", True) for row in kept),
        **refined,
    }
    originals = [row | {"id": f"{row['id']}:0"} for row in kept]
    return Hypothetical(
        originals,
        copies,
        rejected + dropped + failed,
        counts,
        references,
        energies_record(calculator, references),
        screening,
    )


def _refined(
    task: Task,
    refinement: Refinement,
    calculator: Calculator,
    kept: Sequence[Row],
    references: Mapping[int, Reference],
    chosen: Sequence[Candidate],
) -> tuple[list[Row], list[Row], dict[str, Any]]:
    """Relaxes again what lies near the hull; returns what stays, what goes, and the counts."""
    candidates = {item.identifier: item for item in chosen}
    fractions = shares((np.array(row["numbers"]) for row in kept), task.numbers)
    every = screened(kept, fractions, [references[number].energy for number in task.numbers])
    near = {
        row["id"]: row for row in every if row["screening"]["e_above_hull"] <= refinement.within
    }
    labelled = list(
        run_chunks(
            task.work / "refined",
            [(row, candidates[name]) for name, row in near.items()],
            partial(label_again, settings=task.settings, starts=refinement.starts),
            refinement.factory if task.workers > 1 else lambda: calculator,
            size=_SMALLEST_CHUNK,
            workers=task.workers,
            description="relaxing again",
        )
    )
    at_rest, rejected = _settled(labelled, task.settings)
    if task.settings.duplicates == "drop":
        at_rest, twice = _without_duplicates(at_rest)
        rejected += twice
    if not at_rest:
        raise NothingLeftError(
            f"none of {len(near)} structures within {refinement.within:g} eV/atom of the hull is "
            f"left with {calculator.name} ({rejected[0]['reason']}); raise `within` or `steps`"
        )
    stay = joined(every, {row["id"]: row for row in at_rest}, near)
    counts = {"relaxed": len(near), "kept": len(at_rest)}
    return stay, rejected, {"refined": counts}


def asked_to_relax(rows: Sequence[Row]) -> int:
    """Counts the candidates of a build that ought to come to rest.

    Args:
        rows: All candidates as they were labelled. One that is too large before it is relaxed does
            not count; one that grows too large by relaxing does.
    """
    return sum("converged" in row or not row["reason"].startswith("selection") for row in rows)


def chunk_size(tasks: int) -> int:
    """Returns how many tasks are computed at once; the same for any number of processes.

    Args:
        tasks: All of them.
    """
    return min(max(tasks // _CHUNKS, _SMALLEST_CHUNK), _LARGEST_CHUNK)


def _settled(rows: Sequence[Row], settings: LabellingSettings) -> tuple[list[Row], list[Row]]:
    """Parts rows that stay from those that failed, or did not come to rest and have to go."""
    stay, go = [], []
    for row in rows:
        if "reason" in row:
            go.append(row)
        elif settings.unconverged == "drop" and not row.get("converged", True):
            # The stress counts, too: the largest force alone may be small.
            reason = f"not converged: {row['max_force']:.3g} eV/Å after {row['steps']} steps"
            go.append({"id": row["id"], "reason": reason})
        else:
            stay.append(row)
    return stay, go


def _without_duplicates(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    with Progress("comparing structures", len(rows), "structure") as progress:
        first = first_copies(
            [crystal_of(row) for row in rows],
            np.array([row["energy"] for row in rows]).reshape(-1, 1),
            _ENERGY,
            on_step=progress.update,
        )
    kept = [row for index, row in enumerate(rows) if first[index] == index]
    rejected = [
        duplicate(row["id"], rows[first[index]]["id"])
        for index, row in enumerate(rows)
        if first[index] != index
    ]
    return kept, rejected


def _without_known(
    rows: Sequence[Row], known: Mapping[str, Crystal]
) -> tuple[list[Row], list[Row]]:
    if not known:
        return list(rows), []
    names = list(known)
    with Progress("comparing with known structures", len(rows), "structure") as progress:
        found = known_copies(
            [crystal_of(row) for row in rows], list(known.values()), on_step=progress.update
        )
    kept = [row for row, match in zip(rows, found, strict=True) if match is None]
    dropped = [
        {"id": row["id"], "reason": f"known: the same as {names[match]}"}
        for row, match in zip(rows, found, strict=True)
        if match is not None
    ]
    return kept, dropped


def _copies(task: Task, calculator: Calculator, kept: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    if not task.settings.copies:
        return [], []
    made = list(
        run_chunks(
            task.work / "copies",
            [Base(row["id"], row["prototype"], crystal_of(row)) for row in kept],
            partial(label_copies, settings=task.settings),
            task.once(calculator),
            size=_COPY_CHUNK,
            workers=task.workers,
            description="labelling copies",
        )
    )
    return [row for row in made if "reason" not in row], [row for row in made if "reason" in row]
