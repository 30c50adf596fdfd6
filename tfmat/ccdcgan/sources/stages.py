"""The stages that make sources: compositions, prototypes with the law of volumes, the writer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.sources.compositions import known_counts
from tfmat.ccdcgan.sources.contents import SLOTS, contents_of, kinds_of
from tfmat.ccdcgan.sources.prototypes import Prototypes
from tfmat.ccdcgan.sources.store import FILE, KnownCrystals
from tfmat.ccdcgan.sources.symmetries import space_groups
from tfmat.ccdcgan.sources.volume import VolumeModel
from tfmat.ccdcgan.training.data import TrainingData
from tfmat.metric import Metric

if TYPE_CHECKING:
    from tfmat.ccdcgan.sources.recipe import PrototypesRecipe
    from tfmat.training.loop import Stage
    from tfmat.training.run import Run

COMPOSITIONS = "compositions"
PROTOTYPES = "prototypes"
WRITER = "prompted-writer"
STAGES = (COMPOSITIONS, PROTOTYPES, WRITER)
# Where there is an encoding, and the recipe gives it steps.
SLOT_GAN = "slot-gan"
# Known space groups, where the data have them; else they are found.
_GROUPS = "spacegroup"
_HELD_OUT = "held_out.npz"


def train_stage(stage: Stage, recipe: CcdcganRecipe, data: TrainingData) -> None:
    """Trains one of :data:`STAGES`.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
        data: The structures.
    """
    if stage.name == COMPOSITIONS:
        from tfmat.ccdcgan.sources.composition_network import train_compositions

        train, test = (
            known_counts(contents_of([data.crystals[row] for row in rows]), data.numbers)
            for rows in (usable(data, data.train), usable(data, data.test))
        )
        train_compositions(stage, recipe.compositions, train, test, recipe.data.max_atoms)
    elif stage.name == PROTOTYPES:
        _know(stage, recipe.prototypes, data)
    else:
        from tfmat.ccdcgan.sources.examples import examples
        from tfmat.ccdcgan.sources.training import train_prompted

        known, others = known_crystals(stage.run), held_out(stage.run)
        names = known.prototypes.contents.formula_labels()
        train_prompted(
            stage,
            recipe.prompted,
            examples(known, known, recipe.prompted, (names, names)),
            examples(
                known, others, recipe.prompted, (names, others.prototypes.contents.formula_labels())
            ),
            recipe.data.max_atoms,
        )


def usable(data: TrainingData, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Returns those of some structures that have few enough elements."""
    few = [kinds_of(data.crystals[row]) <= SLOTS for row in rows]
    return np.asarray(rows[np.array(few, bool)], np.intp)


def known_crystals(run: Run) -> KnownCrystals:
    """Returns the prototypes of a run.

    Args:
        run: A run that has finished the stage ``prototypes``.

    Raises:
        InputError: A file was changed since it was written, or is damaged.
    """
    run.check_stage(PROTOTYPES)
    return KnownCrystals.open(prototypes_file(run))


def prototypes_file(run: Run) -> Path:
    """Returns the file of a run's prototypes."""
    return run.stage_folder(PROTOTYPES) / FILE


def held_out(run: Run) -> KnownCrystals:
    """Returns the held-out structures of a run, as prototypes would be; see above."""
    return KnownCrystals.open(run.stage_folder(PROTOTYPES) / _HELD_OUT)


def _know(stage: Stage, recipe: PrototypesRecipe, data: TrainingData) -> None:
    """Writes the prototypes, and measures the volumes that are predicted."""
    stage.run.begin(stage.name)
    train, test = usable(data, data.train), usable(data, data.test)
    rows = np.concatenate([train, test])
    given = data.property(_GROUPS)[rows] if _GROUPS in data.dataset.properties else None
    groups = space_groups([data.crystals[row] for row in rows], given, recipe.symprec)
    prototypes = _prototypes(data, train)
    law = VolumeModel.fit(prototypes.contents, prototypes.volumes())
    known = KnownCrystals(prototypes, groups[: len(train)], law, recipe.own_volume)
    others = KnownCrystals(_prototypes(data, test), groups[len(train) :], law, recipe.own_volume)
    folder = stage.run.stage_folder(PROTOTYPES)
    folder.mkdir(parents=True, exist_ok=True)
    known.save(folder / FILE)
    others.save(folder / _HELD_OUT)
    stage.run.finish(PROTOTYPES, [folder / FILE, folder / _HELD_OUT], volume_metrics(known, others))


def volume_metrics(known: KnownCrystals, others: KnownCrystals) -> list[Metric]:
    """Returns how far predicted volumes are off.

    Args:
        known: The prototypes.
        others: Held-out crystals.
    """
    contents = others.prototypes.contents
    nearest = known.prototypes.nearest(contents, 1)[:, 0]
    there = nearest >= 0
    true, predicted = others.prototypes.volumes()[there], others.predicted[there]
    scaled = known.scaled(nearest[there], predicted)
    metrics = []
    for name, values, words in (
        ("test_volume_error", predicted, "of the law of volumes"),
        ("test_volume_error_of_prototypes", scaled, "of the scaled nearest prototype"),
    ):
        off = np.abs(values / true - 1)
        note = f"median relative error of the volume {words} for {len(true)} held-out structures"
        value = float(np.median(off)) if len(true) else None
        metrics.append(Metric(name, value, denominator=len(true), note=note))
    return metrics


def _prototypes(data: TrainingData, rows: NDArray[np.intp]) -> Prototypes:
    ids = [data.dataset.ids[int(data.rows[row])] for row in rows]
    return Prototypes.of(ids, [data.crystals[row] for row in rows])
