"""The stages behind a trained writer: energies of structures, the constraint, the critic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from tfmat import files
from tfmat.ccdcgan.domain import domain_record
from tfmat.ccdcgan.environments.labels import (
    KINDS,
    Disturbance,
    Kind,
    Labels,
    Sample,
    disturbed,
    label,
)
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.training.data import TrainingData
from tfmat.datasets.energies import scale_of
from tfmat.datasets.splits.groups import formula
from tfmat.errors import InputError
from tfmat.reading import read_record
from tfmat.relaxation.potentials.registry import find_potential

if TYPE_CHECKING:
    from tfmat.ccdcgan.environments.training import EnvironmentData
    from tfmat.training.loop import Stage
    from tfmat.training.run import Run

LABELS = "labels"
CONSTRAINT_STAGE = "environment-constraint"
CRITIC_STAGE = "environment-critic"
# Left out unless the recipe gives it steps.
ADVERSARIAL = "adversarial"
# Of the networks that it writes, beside those that it began from.
TRAINED = "adversarial_"
STAGES = (LABELS, CONSTRAINT_STAGE, CRITIC_STAGE)
# What bounds the constraint's predictions, for the package.
_DOMAIN = "domain.json"
# Crystals that the writer writes in one call.
_BATCH = 64


def check_potential(recipe: CcdcganRecipe) -> None:
    """Refuses, before anything is trained, a potential that is not there.

    Args:
        recipe: The whole recipe.

    Raises:
        InputError: There is no such potential, or it is not installed.
    """
    with _named():
        find_potential(recipe.labels.potential).check_installed()


def check_data(recipe: CcdcganRecipe, data: TrainingData) -> None:
    """Refuses, before anything is trained, data of which no constraint can learn.

    Args:
        recipe: The whole recipe.
        data: The structures.

    Raises:
        InputError: The potential does not know an element, or all structures have one formula.
    """
    # Of a whole periodic table what the potential does not know is left out.
    if recipe.gan.form != "sources":
        with _named():
            find_potential(recipe.labels.potential).factory_for(data.elements)
    if len({formula(data.crystals[row]) for row in data.train}) < 2:
        raise InputError(
            f"{data.dataset.path}: all structures to learn from have one formula, and the "
            "constraint is judged by formulas held out; give other `data`, or train dcgan"
        )


def compute_labels(stage: Stage, recipe: CcdcganRecipe, data: TrainingData) -> None:
    """Computes the energies of training structures, disturbed copies, and written crystals.

    Args:
        stage: Where to write and log.
        recipe: The whole recipe.
        data: The structures.

    Raises:
        InputError: The writer has written no crystal that has an energy.
    """
    settings, run = recipe.labels, stage.run
    out = _labels(run)
    run.begin(LABELS)
    # Else a kill came between its last file and the end of the stage.
    if not out.exists():
        random = np.random.default_rng(stage.seed)
        count = min(settings.structures, len(data.train))
        relaxed = [
            Sample(data.dataset.ids[int(data.rows[row])], "relaxed", data.crystals[row])
            for row in np.sort(random.choice(data.train, count, replace=False))
        ]
        far = Disturbance(settings.copies, settings.strain, settings.displacement, stage.seed)
        written = list(_written(stage, recipe))
        name = f"{data.dataset.path.resolve().name}, disturbed, and written by {recipe.name}"
        label(
            [*relaxed, *disturbed(relaxed, far), *written],
            out,
            find_potential(settings.potential),
            source={"name": name},
        )
    labels = Labels.open(out)
    counts = {kind: int((labels.kinds == number).sum()) for number, kind in enumerate(KINDS)}
    if not counts["written"]:
        raise InputError(
            f"{run.folder}: the writer wrote no crystal with an energy; begin again with more "
            "`settings` writer.steps or labels.written"
        )
    run.finish(LABELS, sorted(path for path in out.rglob("*") if path.is_file()), labelled=counts)


def train_constraint(stage: Stage, recipe: CcdcganRecipe) -> None:
    """Trains the constraint of environments, and notes what bounds its predictions.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
    """
    from tfmat.ccdcgan.environments.training import train_energies

    labels, data = environments_of(stage, recipe)
    # Volumes are those of the structures that the writer learned from: they are also what
    # generating takes for sound. Contacts and bonds are those that the constraint has seen.
    of_relaxed = np.flatnonzero(labels.kinds == KINDS.index("relaxed"))
    relaxed, known = (
        domain_record(labels.crystals[row] for row in rows) for rows in (of_relaxed, data.train)
    )
    file = stage.run.stage_folder(CONSTRAINT_STAGE) / _DOMAIN
    files.write_json(file, known | {"volume_per_atom": relaxed["volume_per_atom"]})
    train_energies(stage, recipe.energies, data, [file])


def train_critic(stage: Stage, recipe: CcdcganRecipe) -> None:
    """Trains the critic of environments: training structures against written ones.

    Args:
        stage: Where to train and log.
        recipe: The whole recipe.
    """
    from tfmat.ccdcgan.environments.critic import CriticTrainer
    from tfmat.ccdcgan.environments.training import predict
    from tfmat.metric import Metric
    from tfmat.training.loop import separate_dropout

    _, data = environments_of(stage, recipe)
    stage.devices.check_batch(recipe.critic.batch_size, "critic.batch_size")
    with stage.devices.scope():
        trainer = CriticTrainer(data.descriptor, data.most_atoms, recipe.critic, stage.seed)
    separate_dropout(trainer.critic, stage.devices)
    real, written = (of_kind(data, data.train, kind) for kind in ("relaxed", "written"))

    def advance(first: int, count: int, tick: Callable[[int, str], None]) -> dict[str, float]:
        values = []
        for number in range(first, first + count):
            values.append(trainer.update(real, written, number))
            tick(1, "")
        return {name: float(np.mean([one[name] for one in values])) for name in values[0]}

    stage.train(recipe.critic.steps, trainer.variables, advance)
    scores = [
        predict(trainer.critic, of_kind(data, data.test, kind)) for kind in ("relaxed", "written")
    ]
    pairs = len(scores[0]) * len(scores[1])
    right = float((scores[0][:, None] > scores[1]).mean()) if pairs else None
    note = f"share of {pairs} pairs of held-out structures, relaxed and written, in right order"
    metric = Metric("test_told_apart", right, denominator=pairs, note=note)
    stage.finish({trainer.critic.name: trainer.critic}, [metric])


def domain_of(run: Run) -> dict[str, Any]:
    """Returns what bounds the predictions of a run's constraint of environments.

    Args:
        run: A run that has trained it.
    """
    return read_record(run.stage_folder(CONSTRAINT_STAGE) / _DOMAIN)


def energy_scale_of(run: Run) -> str | None:
    """Returns what the energies of a run's labels count from; ``None`` where it has none.

    Args:
        run: Any run.
    """
    file = _labels(run) / "metadata.json"
    return scale_of(read_record(file)) if run.finished(LABELS) and file.is_file() else None


@contextmanager
def _named() -> Iterator[None]:
    """Lets messages on a potential name the key of the recipe, and what needs none."""
    try:
        yield
    except InputError as error:
        text = str(error).replace("`potential`", "labels.potential")
        raise InputError(f"{text}; or train dcgan, the writer alone") from error


def _labels(run: Run) -> Path:
    return run.stage_folder(LABELS) / "dataset"


def of_kind(data: EnvironmentData, rows: NDArray[np.intp], kind: Kind) -> NDArray[np.float32]:
    """Returns the environments of the structures of one kind.

    Args:
        data: Structures.
        rows: Numbers of some of them.
        kind: What is wanted of these.
    """
    chosen = rows[data.kinds[rows] == KINDS.index(kind)]
    return np.asarray(data.environments[chosen])


def environments_of(stage: Stage, recipe: CcdcganRecipe) -> tuple[Labels, EnvironmentData]:
    """Returns the labels of a run, and the same as environments.

    Args:
        stage: A stage behind the labels.
        recipe: The whole recipe.
    """
    from tfmat.ccdcgan.environments.training import environment_data

    stage.run.check_stage(LABELS)
    labels = Labels.open(_labels(stage.run))
    data = environment_data(
        labels,
        recipe.descriptor.descriptor(numbers_of(recipe)),
        recipe.data.max_atoms,
        seed=stage.run.seed,
        test_fraction=recipe.data.test_fraction,
    )
    return labels, data


def numbers_of(recipe: CcdcganRecipe) -> tuple[int, ...]:
    """Returns the atomic numbers of a recipe's elements.

    Args:
        recipe: The whole recipe, as the data have settled it.
    """
    return tuple(atomic_numbers[symbol] for symbol in recipe.data.elements)


def _written(stage: Stage, recipe: CcdcganRecipe) -> Iterator[Sample]:
    """Yields crystals as they are made: of the trained writer, or of a source."""
    if recipe.gan.form == "sources":
        from tfmat.ccdcgan.sources.labelling import made_of_prototypes

        each = recipe.pool.prototypes
        most = max(1, recipe.labels.written // each)
        yield from made_of_prototypes(stage.run, most, each, stage.seed)
        return
    from tfmat.ccdcgan.writer.compositions import Compositions
    from tfmat.ccdcgan.writer.exporting import writes, writing_network
    from tfmat.ccdcgan.writer.generating import write_from

    network, compositions = writing_network(stage.run, recipe)

    table = Compositions.of(compositions, numbers_of(recipe), recipe.data.max_atoms)
    wanted = range(recipe.labels.written)
    for index, _, crystal in write_from(
        table, recipe.writer, writes(network, _BATCH), wanted, stage.seed, _BATCH
    ):
        if not isinstance(crystal, str):
            yield Sample(f"written-{index:06d}", "written", crystal)
