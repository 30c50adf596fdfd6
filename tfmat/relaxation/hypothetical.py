"""Hypothetical structures of one system: prototypes filled, labelled, each structure once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat import files
from tfmat.datasets import prototypes, substitute
from tfmat.datasets.contacts import scaled, shortest_contact, touching
from tfmat.datasets.crystal import Crystal
from tfmat.datasets.duplicates import first_copies
from tfmat.datasets.families import neighbour_distances
from tfmat.datasets.niggli import niggli_lattice
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.progress import Progress
from tfmat.relaxation.calculator import Calculator
from tfmat.relaxation.chunks import CalculatorFactory, Row, run_chunks
from tfmat.relaxation.energy_scale import energies_record
from tfmat.relaxation.labelling import (
    Base,
    Settings,
    crystal_of,
    label_candidates,
    label_copies,
)
from tfmat.relaxation.reference_table import Reference
from tfmat.relaxation.references import element_references

# Candidates in a chunk: enough for full batches, few enough to lose little by a kill.
_CHUNK = 32
_COPY_CHUNK = 16
# Two descriptions of one crystal: average neighbour distances agree to this, Å, where the closest
# atoms touch; energies to this, eV/atom.
_DISTANCE = 0.01
_ENERGY = 1e-3
# Contact below which two atoms are one, written twice.
_SAME_POSITION = 1e-3


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
    """

    numbers: tuple[int, ...]
    settings: Settings
    prototype_data: Path | None
    work: Path
    workers: int
    factory: CalculatorFactory

    def record(self, calculator: Calculator) -> dict[str, Any]:
        """Returns what metadata keeps, and what a resumed build must have in common."""
        return {
            "elements": [symbol(number) for number in self.numbers],
            "prototypes": _source(self.prototype_data),
            "settings": self.settings.record(),
            "calculator": {
                "name": calculator.name,
                "version": calculator.version,
                "energy_scale": calculator.scale,
            },
        }

    def once(self, calculator: Calculator) -> CalculatorFactory:
        """Returns the factory; for one process one that does not load the potential again."""
        return self.factory if self.workers > 1 else lambda: calculator


@dataclass(frozen=True, eq=False)
class Hypothetical:
    """Structures with energies.

    Attributes:
        rows: The structures, no two alike; ids end in ``:0``.
        copies: Their strained and perturbed copies.
        rejected: What is missing, with the reason.
        counts: Candidates and what became of them.
        references: The elements, by atomic number.
        energies: The entry of the record that says what the energies mean.
    """

    rows: list[Row]
    copies: list[Row]
    rejected: list[Row]
    counts: dict[str, Any]
    references: Mapping[int, Reference]
    energies: dict[str, Any]

    def formation_energies(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Returns formation energies of some rows, eV/atom, shape ``(n,)``."""
        references = [reference.energy for reference in self.references.values()]
        totals = np.array([row["energy"] for row in rows], dtype=np.float64)
        energies: NDArray[np.float64] = totals - self.fractions(rows) @ references
        return energies

    def fractions(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Returns the shares of the elements, in the order of the system, shape ``(n, k)``."""
        shares = [
            [np.mean(np.array(row["numbers"]) == number) for number in self.references]
            for row in rows
        ]
        return np.array(shares, dtype=np.float64).reshape(-1, len(self.references))


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
    every = _candidates(task)
    distinct, dropped = _distinct_candidates(every, task.work / "distinct.json")
    chosen = _drawn(distinct, settings)
    references = element_references(task.numbers, calculator, task.work / "references.json")
    labelled = list(
        run_chunks(
            task.work / "structures",
            chosen,
            partial(label_candidates, settings=settings),
            task.once(calculator),
            size=_CHUNK,
            workers=task.workers,
            description="scanning volumes" + (" and relaxing" if settings.relax else ""),
        )
    )
    at_rest, moving = _settled(labelled, settings)
    kept, rejected = _without_duplicates(at_rest)
    rejected += moving
    if not kept:
        reasons = sorted({row["reason"].split(": ")[0] for row in rejected})
        raise InputError(
            f"none of {len(chosen)} candidates is left ({', '.join(reasons)}); "
            "raise --max-atoms, --max-length or --steps, or give other --prototypes"
        )
    copies, failed = _copies(task, calculator, kept)
    relaxed = [row["converged"] for row in labelled if "converged" in row]
    counts = {
        "candidates": len(every),
        "distinct_candidates": len(distinct),
        "labelled": len(chosen),
        "relaxed": len(relaxed),
        "converged": sum(relaxed),
        "distinct": len(kept),
        "copies": len(copies),
        "unconverged": sum(not row.get("converged", True) for row in kept),
    }
    originals = [row | {"id": f"{row['id']}:0"} for row in kept]
    return Hypothetical(
        originals,
        copies,
        rejected + dropped + failed,
        counts,
        references,
        energies_record(calculator, references),
    )


def symbol(number: int) -> str:
    """Returns the symbol of an element."""
    from ase.data import chemical_symbols

    return str(chemical_symbols[number])


def _source(prototype_data: Path | None) -> dict[str, Any]:
    if prototype_data is not None:
        return {"name": str(prototype_data), "sha256": Dataset.open(prototype_data).sha256}
    import pymatgen.analysis.prototypes as package

    file = Path(package.__file__).parent / "aflow_prototypes.json.gz"
    return {"name": "AFLOW prototypes in pymatgen", "sha256": files.sha256(file)}


def _candidates(task: Task) -> list[substitute.Candidate]:
    most, elements = task.settings.max_atoms, len(task.numbers)
    if task.prototype_data is None:
        found = prototypes.aflow(elements)
    else:
        found = prototypes.from_dataset(Dataset.open(task.prototype_data), elements)
    with Progress("filling prototypes", unit="candidate") as progress:
        candidates = []
        for candidate in substitute.all_orders(found, task.numbers, most):
            candidates.append(candidate)
            progress.update()
    if not candidates:
        raise InputError(
            f"--prototypes {task.prototype_data or 'AFLOW'}: holds no structure of {elements} "
            f"elements and at most {most} atoms; give another dataset, or raise --max-atoms"
        )
    return candidates


def _distinct_candidates(
    candidates: Sequence[substitute.Candidate], cache: Path
) -> tuple[list[substitute.Candidate], list[Row]]:
    """Drops what is the same before any energy, which spares more than half of a big build."""
    sound: list[substitute.Candidate] = []
    dropped: list[Row] = []
    for item in candidates:
        reason = _degenerate(item.crystal)
        if reason:
            dropped.append({"id": item.identifier, "reason": reason})
        else:
            sound.append(item)
    if cache.is_file():
        first = json.loads(cache.read_text("utf-8"))
    else:
        crystals = [touching(item.crystal) for item in sound]
        distances = np.array([neighbour_distances(crystal) for crystal in crystals])
        with Progress("comparing candidates", len(sound), "candidate") as progress:
            first = first_copies(crystals, distances, _DISTANCE, on_step=progress.update)
        files.write_json(cache, first)
    kept = [item for index, item in enumerate(sound) if first[index] == index]
    dropped += [
        duplicate(item.identifier, sound[first[index]].identifier)
        for index, item in enumerate(sound)
        if first[index] != index
    ]
    return kept, dropped


def _degenerate(crystal: Crystal) -> str:
    """Says why a crystal cannot be compared with others, ``""`` if it can."""
    try:
        contact = shortest_contact(crystal)
        if not contact > _SAME_POSITION:
            return "atoms clash: two share a position"
        niggli_lattice(scaled(crystal, 1 / contact).lattice)
    except (InputError, ValueError) as error:
        # pymatgen's and NumPy's errors about flat cells are ValueErrors.
        return f"broken prototype: {error}"
    return ""


def _drawn(
    candidates: Sequence[substitute.Candidate], settings: Settings
) -> Sequence[substitute.Candidate]:
    """Draws as many candidates as are wanted, in their own order."""
    if settings.limit is None or len(candidates) <= settings.limit:
        return candidates
    random = np.random.default_rng(settings.seed)
    rows = random.choice(len(candidates), settings.limit, replace=False)
    return [candidates[row] for row in sorted(rows.tolist())]


def _settled(rows: Sequence[Row], settings: Settings) -> tuple[list[Row], list[Row]]:
    """Parts rows that stay from those that failed, or did not come to rest and have to go."""
    stay, go = [], []
    for row in rows:
        if "reason" in row:
            go.append(row)
        elif settings.unconverged == "drop" and not row.get("converged", True):
            reason = (
                f"not converged: forces above {settings.fmax:g} eV/Å after {settings.steps} steps"
            )
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


def duplicate(identifier: str, original: str) -> Row:
    """Returns the row of a structure that is dropped because there is another like it."""
    return {"id": identifier, "reason": f"duplicate: the same as {original}"}
