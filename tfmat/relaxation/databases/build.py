"""Building a database of one system by substitution, as paper 004 did for Bi-Se."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat import files
from tfmat.datasets.credit import Credit
from tfmat.datasets.folders import is_dataset
from tfmat.datasets.store import DatasetWriter
from tfmat.errors import InputError
from tfmat.metric import Judge, Metric, records, share
from tfmat.relaxation.databases.candidates import credit
from tfmat.relaxation.databases.hypothetical import Hypothetical, Task, make
from tfmat.relaxation.databases.labelling import LabellingSettings, crystal_of
from tfmat.relaxation.databases.refining import Refinement, known_above_hull
from tfmat.relaxation.databases.substitute import system_numbers
from tfmat.relaxation.metrics import formation_energies, stability
from tfmat.relaxation.potentials.calculator import CalculatorFactory
from tfmat.relaxation.potentials.chgnet import chgnet
from tfmat.relaxation.potentials.reference_table import symbol
from tfmat.relaxation.potentials.registry import attribution_of
from tfmat.work.chunks import Row
from tfmat.work.folder import claimed, released, work_of


def build(
    out: Path,
    elements: Sequence[str],
    settings: LabellingSettings,
    *,
    prototype_data: Path | None = None,
    workers: int = 1,
    factory: CalculatorFactory = chgnet,
    refinement: Refinement | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Fills prototypes with two to four elements in every order and labels the results.

    Source: paper 004, Methods, "Data for generative adversarial network", with a potential in
    place of DFT. While it runs, the results lie beside ``out`` in a folder ``OUT.work``; a build
    that was killed goes on from there when it is called again.

    Args:
        out: The dataset to write.
        elements: Symbols of two to four elements.
        settings: How structures are made.
        prototype_data: A dataset whose structures of as many elements are the prototypes; AFLOW's
            by default.
        workers: Processes.
        factory: Makes the calculator; a function of a module.
        overwrite: Replace a dataset that is there.
        refinement: Has what lies near the hull relaxed again with another potential, whose
            energies then count. Those of all others are unknown, and what the first potential
            says of each structure is kept as ``screening_...``.

    Returns:
        The summary that is also kept in the metadata: counts at each step, references, metrics.

    Raises:
        InputError: The elements or the folder are wrong, an unfinished build with other settings
            is in the way, or no structure is left.
        MissingExtraError: The potential is not installed.
    """
    numbers = system_numbers(elements)
    out = Path(out)
    work = work_of(out)
    files.check_place(out, overwrite=overwrite, own=is_dataset)
    files.check_apart(out, prototype_data)
    if refinement is not None and (settings.copies or not settings.relax):
        raise InputError("`refine` relaxes: it goes with no `copies`, nor with `relax` turned off")
    task = Task(numbers, settings, prototype_data, work, workers, factory, refinement=refinement)
    calculator, recipe = task.begin()
    cited = attribution_of(calculator)
    if refinement is not None:
        second = refinement.factory()
        recipe["refinement"] = refinement.record(second)
        cited = [*cited, *attribution_of(second)]
    origin = credit(prototype_data).citing(cited)
    with claimed(work, recipe):
        with released(work):
            made = make(task, calculator)
        return _write(out, made, recipe, origin, overwrite)


def _write(
    out: Path, made: Hypothetical, recipe: dict[str, Any], origin: Credit, overwrite: bool
) -> dict[str, Any]:
    rows = [*made.rows, *made.copies]
    energies = made.formation_energies(rows)
    above = known_above_hull(made.fractions(rows), energies)
    settings = recipe["settings"]
    with DatasetWriter(
        out,
        recipe["prototypes"] | origin.record(),
        selection={name: settings[name] for name in ("max_atoms", "max_length")},
        overwrite=overwrite,
    ) as writer:
        for row, energy, distance in zip(rows, energies, above, strict=True):
            writer.add(crystal_of(row), row["id"], properties_of(row, energy, distance))
        for row in made.rejected:
            writer.reject(row["id"], row["reason"])
        originals = len(made.rows)
        summary = {
            **made.counts,
            "structures": len(rows),
            "rejected": dict(writer.rejected.most_common()),
            "references": {symbol(z): entry.record() for z, entry in made.references.items()},
            "metrics": records(
                measure(made.counts, energies, above, originals, potential_judge(recipe))
            ),
        }
        writer.extra["build"] = {**recipe, **summary}
        writer.extra["energies"] = made.energies
        if made.screening is not None:
            writer.extra["screening_energies"] = made.screening
    return summary


def properties_of(row: Row, energy: float, distance: float) -> dict[str, float]:
    """Returns what a dataset keeps of a labelled structure.

    Args:
        row: The structure, as labelling made it.
        energy: Its formation energy, eV/atom.
        distance: Its energy above the hull, eV/atom.
    """
    properties = {
        "formation_energy_per_atom": float(energy),
        "e_above_hull": float(distance),
        "energy_per_atom": float(row["energy"]),
    }
    known = {name: float(row[name]) for name in ("converged", "max_force", "steps") if name in row}
    screening = {f"screening_{name}": value for name, value in row.get("screening", {}).items()}
    return properties | known | screening


def potential_judge(recipe: Mapping[str, Any]) -> Judge:
    """Returns the potential that made energies, with the settings that it was used with.

    Args:
        recipe: What a build's record keeps.
    """
    used, settings = recipe["calculator"], recipe["settings"]
    asked = ("relax", "steps", "fmax", "symmetry")
    return Judge(
        used["name"],
        used["version"],
        {"scale": used["energy_scale"], **{name: settings[name] for name in asked}},
    )


def measure(
    counts: Mapping[str, Any],
    energies: NDArray[np.float64],
    above: NDArray[np.float64],
    originals: int,
    judge: Judge,
) -> list[Metric]:
    """Measures what was built.

    Args:
        counts: Candidates and what became of them.
        energies: Formation energies, eV/atom, shape ``(n,)``, of the originals first.
        above: Energies above the hull, eV/atom, shape ``(n,)``.
        originals: How many are no copies.
        judge: The potential.

    Returns:
        ``converged`` (of the candidates that were relaxed), statistics of the formation energy and
        ``negative`` of all, and of the subset ``originals`` what
        :func:`tfmat.relaxation.metrics.stability` gives.
    """
    started = counts["to_relax"]
    return [
        share(
            "converged",
            counts["converged"],
            started,
            f"share of {started:,} candidates that were relaxed",
            judge=judge,
        ),
        *formation_energies(energies, f"of {len(energies):,} structures", judge=judge),
        *stability(
            energies[:originals],
            above[:originals],
            f"of {originals:,} distinct structures",
            judge,
            subset={"structures": "originals"},
        ),
    ]
