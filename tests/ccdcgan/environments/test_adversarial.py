"""A writer of a handful of crystals against critic and constraint."""

import numpy as np
import pytest
from scipy.special import ndtr

pytest.importorskip("tensorflow")
import environment_crystals
import keras
import tensorflow as tf

from tfmat.ccdcgan.environments.adversarial import (
    AdversarialTrainer,
    Written,
    train_adversarial,
)
from tfmat.ccdcgan.environments.critic import CriticTrainer
from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.labels import Labels
from tfmat.ccdcgan.environments.parts import CONSTRAINT, CRITIC
from tfmat.ccdcgan.environments.pool import Pool
from tfmat.ccdcgan.environments.recipe import AdversarialRecipe, CriticRecipe, EnergyRecipe
from tfmat.ccdcgan.environments.refreshing import EnergyLearner
from tfmat.ccdcgan.environments.training import build_energies, environment_data, predict
from tfmat.training.log import RunLog
from tfmat.training.loop import Stage
from tfmat.training.run import Run
from tfmat.training.strategy import Devices

pytestmark = pytest.mark.train
BI_SE = Descriptor((83, 34))
MOST = 3


class Table:
    """A writer that chooses one of some crystals by inverse CDF; a row is its number."""

    noise_length = 1

    def __init__(self, crystals):
        self.crystals = crystals
        self.logits = keras.Variable(np.zeros(len(crystals), np.float32))
        self.variables = [self.logits]

    @property
    def probabilities(self):
        return tf.nn.softmax(self.logits.value).numpy()

    def sample(self, noise):
        places = np.searchsorted(np.cumsum(self.probabilities), ndtr(noise[:, 0]))
        chosen = np.minimum(places, len(self.crystals) - 1)
        return Written(chosen[:, None], [self.crystals[row] for row in chosen])

    def log_probability(self, tokens):
        return tf.gather(tf.nn.log_softmax(self.logits.value), tokens[:, 0])


def energies(crystals):
    """Contacts of unlike atoms, as a potential would have them: fewer neighbours, more energy."""
    return np.array([-BI_SE.describe([c])[:, 33:40].mean() for c in crystals])


def trainer(crystals, real, seed=0, **settings):
    recipe = AdversarialRecipe(
        **{"batch_size": 32, "learning_rate": 0.05, "likelihood": 0.0, "refresh": 4} | settings
    )
    critic = CriticTrainer(
        BI_SE, MOST, CriticRecipe(units=16, batch_size=16, learning_rate=2e-3, steps=60), seed
    )
    known = [*real, *(c for c in crystals if c is not None), real[0]]
    known[-1] = environment_crystals.ordered(1, 5, (83, 83))[0]  # a second formula
    labelled = Labels(known, energies(known), np.zeros(len(known), int))
    data = environment_data(labelled, BI_SE, MOST, seed=0, test_fraction=0.2)
    energy = EnergyRecipe(units=16, batch_size=16, learning_rate=5e-3)
    learner = EnergyLearner(
        build_energies(data, energy, 0.0), energy, data, energies, updates=10, batch=32, seed=seed
    )
    return AdversarialTrainer(
        Table(crystals),
        lambda random, count: random.integers(2, size=(count, 1)),
        BI_SE.padded(real, MOST),
        critic,
        learner,
        recipe,
        seed,
    )


@pytest.fixture(scope="module")
def real():
    return environment_crystals.ordered(12, 3)


def test_what_looks_real_becomes_more_probable_and_nothing_collapses(real):
    good, bad = environment_crystals.ordered(4, 1), environment_crystals.disordered(4, 1)
    trained = trainer([*good, *bad, None], real, omega=0.0)
    values = [trained.step(number) for number in range(24)]
    assert values[-1]["critic_real"] > values[0]["critic_written"]
    assert values[0]["sound"] < 1
    assert values[-1]["sound"] > 0.9
    probabilities = trained.writer.probabilities
    # Nine equal ones at first; what is no crystal loses as well.
    assert probabilities[:4].sum() > 0.7
    assert probabilities[8] < 1 / 9
    assert (probabilities[:4] > 0.05).all()


def test_the_constraint_prefers_low_energies_by_its_weight(real):
    crystals = [*environment_crystals.ordered(4, 1), *environment_crystals.disordered(4, 1)]
    found = {}
    for omega in (0.0, 20.0):
        trained = trainer(crystals, crystals, omega=omega, refresh=1)
        for number in range(12):
            trained.step(number)
        found[omega] = float(trained.writer.probabilities @ energies(crystals))
    # All are real here, so that the critic has nothing to say.
    assert found[20.0] < found[0.0]


def test_the_likelihood_holds_the_training_structures(real):
    bad = environment_crystals.disordered(6, 1)
    free, held = (trainer(bad, real, likelihood=weight, omega=0.0) for weight in (0.0, 5.0))
    for number in range(8):
        free.step(number)
        held.step(number)
    assert held.writer.probabilities[:2].sum() > free.writer.probabilities[:2].sum()
    assert held.writer.probabilities[:2].sum() > 0.4


def test_a_writer_of_no_crystals_is_left_alone_but_for_its_likelihood(real):
    crystals = [None, None, None, environment_crystals.ordered(1)[0]]
    trained = trainer(crystals, real)
    trained.writer.logits.assign([5.0, 5.0, 5.0, -50.0])
    values = trained.step(0)
    assert values["sound"] == 0
    np.testing.assert_allclose(trained.writer.logits.numpy(), [5, 5, 5, -50])


def test_the_constraint_learns_what_is_written(real):
    crystals = environment_crystals.disordered(6, 1)
    learner = trainer(crystals, real).energies
    rows = BI_SE.padded(crystals, MOST)
    before = np.abs(predict(learner.constraint, rows) - energies(crystals)).mean()
    for number in range(8):
        median = learner.refresh(crystals, rows, number)
    after = np.abs(predict(learner.constraint, rows) - energies(crystals)).mean()
    assert median == pytest.approx(np.median(energies(crystals)))
    assert after < 0.5 * before


def test_a_stopped_stage_goes_on_as_if_it_had_not(real, tmp_path):
    crystals = [*environment_crystals.ordered(3, 1), *environment_crystals.disordered(3, 1), None]

    def stage(name):
        folder = tmp_path / name
        record = {"name": "none", "path": "none", "sha256": "none"}
        run = Run.open(folder) if folder.exists() else Run.start(folder, {"name": "t"}, 1, record)
        return Stage("writer", run, RunLog(folder), Devices("one"))

    def trained(name, stop=None):
        one = trainer(crystals, real, steps=14)
        advance = one.advance

        def stopping(first, count, tick):
            if first == stop:
                raise KeyboardInterrupt
            return advance(first, count, tick)

        one.advance = stopping
        train_adversarial(stage(name), one, {})
        return one

    whole = trained("whole")
    with pytest.raises(KeyboardInterrupt):
        trained("run", stop=10)
    resumed = trained("run")
    for one, other in zip(whole.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    rows, run = BI_SE.padded(real, MOST), stage("run").run
    for part, network in (
        (CRITIC, resumed.critic.critic),
        (CONSTRAINT, resumed.energies.constraint),
    ):
        written = predict(run.network(part), rows)
        np.testing.assert_allclose(written, predict(network, rows), atol=1e-6)


def test_the_pool_holds_the_last_ones():
    pool = Pool(5, 2, 3)
    rows = np.arange(8 * 6, dtype=np.float32).reshape(8, 2, 3)
    assert len(pool) == 0
    pool.add(rows[:3], np.arange(3.0))
    assert len(pool) == 3
    np.testing.assert_array_equal(pool.rows, rows[:3])
    pool.add(rows[3:7], np.arange(3.0, 7.0))
    assert sorted(pool.values) == [2, 3, 4, 5, 6]
    np.testing.assert_array_equal(sorted(pool.rows[:, 0, 0]), rows[2:7, 0, 0])
    pool.add(rows, np.arange(8.0))
    assert sorted(pool.values) == [3, 4, 5, 6, 7]
