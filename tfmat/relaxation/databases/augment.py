"""Adding hypothetical structures of one system to a dataset, as paper 002 did for Co-Hf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat import files
from tfmat.crystals.hull import energy_above_hull
from tfmat.datasets.credit import Credit
from tfmat.datasets.folders import is_dataset
from tfmat.datasets.merge import combined_energies
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import printable_lines
from tfmat.metric import records
from tfmat.relaxation.databases.augment_card import CARD, card_text
from tfmat.relaxation.databases.build import measure, potential_judge, properties_of
from tfmat.relaxation.databases.candidates import credit
from tfmat.relaxation.databases.hypothetical import Hypothetical, Task, make, shares
from tfmat.relaxation.databases.labelling import LabellingSettings, crystal_of
from tfmat.relaxation.databases.relabel import Labels, relabel
from tfmat.relaxation.databases.substitute import system_numbers
from tfmat.relaxation.potentials.calculator import CalculatorFactory
from tfmat.relaxation.potentials.chgnet import chgnet
from tfmat.relaxation.potentials.registry import attribution_of
from tfmat.work.folder import claimed, released, work_of

HYPOTHETICAL = "hypothetical"
# Which energies of the dataset are computed again.
NONE, SYSTEM, ALL = "none", "system", "all"
RELABEL = (NONE, SYSTEM, ALL)
_ENERGY, _ABOVE = "formation_energy_per_atom", "e_above_hull"


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is put together.

    Attributes:
        dataset: The dataset that is added to.
        within: Rows of it with no other elements than the system's.
        made: The hypothetical structures.
        labels: New energies of rows of the dataset.
        comparable: Whether the energies of those rows may be mixed with the new ones.
        credit: Licence and attribution of the whole.
    """

    dataset: Dataset
    within: list[int]
    made: Hypothetical
    labels: Labels
    comparable: bool
    credit: Credit


def augment(
    data: Path,
    out: Path,
    elements: Sequence[str],
    settings: LabellingSettings,
    *,
    prototype_data: Path | None = None,
    relabelled: str = NONE,
    workers: int = 1,
    factory: CalculatorFactory = chgnet,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes a dataset with all rows of another and hypothetical structures of one system.

    Source: paper 002, Results (10,912 hypothetical Co-Hf structures in the training set), with a
    potential in place of DFT. Structures that the dataset has already are left out. As for
    :func:`tfmat.relaxation.databases.build.build`, a call that was killed goes on when it is
    repeated.

    Args:
        data: The dataset to add to; it is not changed.
        out: The dataset to write.
        elements: Symbols of two to four elements.
        settings: How hypothetical structures are made.
        prototype_data: A dataset whose structures of as many elements are the prototypes (``data``
            is the usual one); AFLOW's by default.
        relabelled: Whose energies are computed again with the potential, in the geometry they
            have: ``"none"``, those of the ``"system"`` (its elements and subsystems, too) or
            ``"all"``.
        workers: Processes.
        factory: Makes the calculator; a function of a module.
        overwrite: Replace a dataset that is there.

    Returns:
        The summary that is also kept in the metadata, and ``warning``: a line where energies of
        different scales come together, else empty.

    Raises:
        InputError: The elements or a folder are wrong, an unfinished call with other settings is
            in the way, or no structure is left to add.
        MissingExtraError: The potential is not installed.
    """
    numbers = system_numbers(elements)
    dataset = Dataset.open(data)
    out = Path(out)
    work = work_of(out)
    files.check_place(out, overwrite=overwrite, own=is_dataset)
    files.check_apart(out, data, prototype_data)
    within, known = _within(dataset, numbers)
    task = Task(
        numbers,
        settings,
        prototype_data,
        work,
        workers,
        factory,
        {dataset.ids[row]: dataset[row] for row in known},
    )
    calculator, built = task.begin()
    origin = credit(prototype_data, dataset.credit).citing(attribution_of(calculator))
    recipe = {
        "data": {"name": str(data), "sha256": dataset.sha256, "structures": len(dataset)},
        **built,
        "relabel": relabelled,
    }
    with claimed(work, recipe):
        with released(work):
            made = make(task, calculator)
        rows = {NONE: [], SYSTEM: within, ALL: range(len(dataset))}[relabelled]
        labels = relabel(dataset, rows, calculator, task)
        energies, warning = _energies(recipe, dataset, made, relabelled)
        same_scale = energies.get("scale") == made.energies["scale"]
        plan = _Plan(dataset, within, made, labels, same_scale or relabelled != NONE, origin)
        return _write(out, plan, recipe, energies, overwrite) | {"warning": warning}


def _within(dataset: Dataset, numbers: Sequence[int]) -> tuple[list[int], list[int]]:
    """Returns the rows with no other elements, and those of them with all."""
    within, whole = [], []
    for row, crystal in enumerate(dataset):
        own = set(crystal.numbers.tolist())
        if own.issubset(numbers):
            within.append(row)
            if len(own) == len(numbers):
                whole.append(row)
    return within, whole


def _energies(
    recipe: Mapping[str, Any], dataset: Dataset, made: Hypothetical, relabelled: str
) -> tuple[dict[str, Any], str]:
    """Returns the entry ``extra.energies`` of the result, and a warning."""
    if relabelled == ALL:
        return made.energies, ""
    system = "-".join(recipe["elements"])
    together = combined_energies(
        [
            (dataset.path.name, dataset.metadata),
            (f"new {system}", {"extra": {"energies": made.energies}}),
        ]
    )
    if not together.warning:
        return together.record, ""
    if relabelled == SYSTEM:
        return together.record, (
            f"{together.warning}; all of {system} is on the second, other systems are not "
            "(relabel all to have them there)"
        )
    return together.record, (
        f"{together.warning}; compare none of them with each other, or relabel the system or all"
    )


def _write(
    out: Path,
    plan: _Plan,
    recipe: dict[str, Any],
    energies: Mapping[str, Any],
    overwrite: bool,
) -> dict[str, Any]:
    made, dataset = plan.made, plan.dataset
    rows = [*made.rows, *made.copies]
    formation = made.formation_energies(rows)
    above, above_known = _above_hull(plan, formation)
    extra = {name: value for name, value in dataset.metadata["extra"].items() if name != "energies"}
    with files.replacing_folder(out, overwrite=overwrite, own=is_dataset) as folder:
        with DatasetWriter(
            folder,
            {
                "name": recipe["data"]["name"],
                "sha256": recipe["data"]["sha256"],
                **plan.credit.record(),
            },
            selection=dataset.metadata["selection"],
            extra=extra,
        ) as writer:
            for row, given in dataset.property_rows():
                properties = {HYPOTHETICAL: 0.0} | given | plan.labels.properties(row, given)
                if row in above_known:
                    properties[_ABOVE] = above_known[row]
                writer.add(dataset[row], dataset.ids[row], properties)
            for new, energy, distance in zip(rows, formation, above, strict=True):
                properties = properties_of(new, energy, distance) | {HYPOTHETICAL: 1.0}
                writer.add(crystal_of(new), new["id"], properties)
            for new in made.rejected:
                writer.reject(new["id"], new["reason"])
            originals = len(made.rows)
            summary = {
                **made.counts,
                "added": len(rows),
                "structures": writer.structures,
                "rejected": dict(writer.rejected.most_common()),
                "relabelled": len(plan.labels.energies),
                "relabelling_failed": plan.labels.failed,
                "metrics": records(
                    measure(made.counts, formation, above, originals, potential_judge(recipe))
                ),
            }
            writer.extra["augment"] = [*extra.get("augment", []), {**recipe, **summary}]
            writer.extra["energies"] = dict(energies)
        card = printable_lines(card_text(recipe, summary, energies))
        (folder / CARD).write_text(card, "utf-8", newline="\n")
    return summary


def _above_hull(
    plan: _Plan, formation: NDArray[np.float64]
) -> tuple[NDArray[np.float64], dict[int, float]]:
    """Returns energies above the hull of the new rows, and of the dataset's that were relabelled.

    The dataset's rows count for the hull only if their energies are on the scale of the new ones.
    """
    made, dataset = plan.made, plan.dataset
    new_shares = made.fractions([*made.rows, *made.copies])
    old: list[int] = []
    values: list[float] = []
    if plan.comparable and _ENERGY in dataset.properties:
        stored = dataset.property(_ENERGY)
        for row in plan.within:
            value = plan.labels.energies.get(row, float(stored[row]))
            if np.isfinite(value):
                old.append(row)
                values.append(value)
    numbers = list(made.references)
    known = shares((dataset[row].numbers for row in old), numbers)
    above = energy_above_hull(
        np.concatenate([new_shares, known]), np.concatenate([formation, np.array(values)])
    )
    new = len(formation)
    again = {
        row: float(distance)
        for row, distance in zip(old, above[new:], strict=True)
        if row in plan.labels.energies
    }
    return above[:new], again
