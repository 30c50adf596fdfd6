"""The constraint learns energies of formulas that it has not seen, and goes on after a kill."""

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import environment_crystals
import keras
from sklearn.metrics import mean_absolute_error, r2_score

from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.labels import Labels
from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.environments.recipe import EnergyRecipe
from tfmat.ccdcgan.environments.training import (
    energy_metrics,
    environment_data,
    predict,
    train_energies,
)
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.splits.groups import formula
from tfmat.errors import InputError
from tfmat.training.log import RunLog
from tfmat.training.loop import Stage
from tfmat.training.run import Run
from tfmat.training.strategy import Devices

pytestmark = pytest.mark.train
BI_SE = Descriptor((83, 34))
RECIPE = EnergyRecipe(units=16, learning_rate=5e-3, batch_size=16, steps=120)


def labels() -> Labels:
    """Structures of several formulas; the energy is a sum over pairs of unlike atoms."""
    crystals: list[Crystal] = []
    for seed, numbers in enumerate(((83, 34), (83, 83), (34, 34))):
        crystals += environment_crystals.ordered(20, seed, numbers)
        crystals += environment_crystals.disordered(20, seed, numbers)
    # Larger cells of other formulas.
    for first in crystals[:30]:
        cell = np.concatenate([2 * first.lattice[:1], first.lattice[1:]])
        positions = np.concatenate([first.positions, first.positions + first.lattice[0]])
        crystals.append(Crystal(cell, positions, np.array([83, 34, 34, 34], np.uint8)))
    energies = [BI_SE.describe([c])[:, 33:38].sum() / len(c) / 20 for c in crystals]
    kinds = np.array([0] * 20 + [1] * 20 + [0] * 20 + [1] * 20 + [0] * 20 + [1] * 20 + [2] * 30)
    return Labels(crystals, np.array(energies), kinds)


def stage(folder) -> Stage:
    record = {"name": "none", "path": "none", "sha256": "none"}
    run = Run.open(folder) if folder.exists() else Run.start(folder, {"name": "t"}, 1, record)
    return Stage("energies", run, RunLog(folder), Devices("one"))


def test_no_formula_is_on_both_sides():
    given = labels()
    data = environment_data(given, BI_SE, 6, seed=0, test_fraction=0.3)
    sides = [{formula(given.crystals[row]) for row in rows} for rows in (data.train, data.test)]
    assert sides[0].isdisjoint(sides[1])
    assert len(data.train) + len(data.test) == len(given)
    smaller = environment_data(given, BI_SE, 2, seed=0, test_fraction=0.3)
    assert len(smaller.energies) == len(given) - 30
    assert smaller.most_atoms == 2
    one = Labels(given.crystals[:5], given.energies[:5], given.kinds[:5])
    with pytest.raises(InputError, match="more are needed"):
        environment_data(one, BI_SE, 6, seed=0)


def test_it_learns_and_says_how_well(tmp_path):
    data = environment_data(labels(), BI_SE, 4, seed=0, test_fraction=0.3)
    network = train_energies(stage(tmp_path / "run"), RECIPE, data)
    train = data.train
    before = np.abs(data.energies[train] - np.median(data.energies[train])).mean()
    off = np.abs(predict(network, data.environments[train]) - data.energies[train]).mean()
    assert off < 0.3 * before
    written = stage(tmp_path / "run").run.network(CONSTRAINT)
    found = predict(written, data.environments[data.test])
    np.testing.assert_allclose(found, predict(network, data.environments[data.test]), atol=1e-6)
    record = stage(tmp_path / "run").run.stage("energies")["metrics"]
    kinds = data.kinds[data.test]
    for group, chosen in (("relaxed", kinds == 0), ("as_made", kinds > 0)):
        assert chosen.sum() > 1
        off = mean_absolute_error(data.energies[data.test][chosen], found[chosen])
        assert record[f"test_mae_{group}"]["value"] == pytest.approx(off, rel=1e-4)


def test_a_stopped_training_goes_on_as_if_it_had_not(tmp_path, monkeypatch):
    data = environment_data(labels(), BI_SE, 4, seed=0, test_fraction=0.3)
    recipe = EnergyRecipe(units=8, batch_size=8, steps=30)
    whole = train_energies(stage(tmp_path / "whole"), recipe, data)
    fit, calls = keras.Model.fit, []

    def stopping(self, *arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fit(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "fit", stopping)
        with pytest.raises(KeyboardInterrupt):
            train_energies(stage(tmp_path / "run"), recipe, data)
    resumed = train_energies(stage(tmp_path / "run"), recipe, data)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_metrics_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    true, kinds = random.normal(size=60), random.integers(3, size=60)
    predicted = true + random.normal(0, 0.2, 60)
    values = {metric.name: metric.value for metric in energy_metrics(predicted, true, kinds)}
    for kind, chosen in (("disturbed", kinds == 1), ("as_made", kinds > 0)):
        pair = true[chosen], predicted[chosen]
        assert values[f"test_mae_{kind}"] == pytest.approx(mean_absolute_error(*pair))
        assert values[f"test_r2_{kind}"] == pytest.approx(r2_score(*pair))
    assert len(energy_metrics(predicted, true, np.zeros(60, int))) == 2
