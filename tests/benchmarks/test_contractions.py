"""What is found of a step are the products and convolutions that run, with their FLOPs."""

import importlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.train
BATCH = 5


@pytest.fixture
def contractions(monkeypatch):
    pytest.importorskip("tensorflow")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("contractions")


@pytest.fixture
def step():
    import keras

    keras.utils.set_random_seed(0)
    # 8 x 8 cells of 3 -> 4 x 4 of 6 -> 2 x 2 of 4 -> 7 -> 2.
    network = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(6, 3, 2, "same", activation="relu"),
            keras.layers.Conv2D(4, 3, 2, "same"),
            keras.layers.Flatten(),
            keras.layers.Dense(7, activation="relu"),
            keras.layers.Dense(2),
        ]
    )
    network.compile("adam", "mse", jit_compile=False)
    random = np.random.default_rng(0)
    batch = random.random((BATCH, 8, 8, 3), np.float32), random.random((BATCH, 2), np.float32)
    return lambda: network.train_on_batch(*batch)


def test_what_runs_is_found_and_the_first_layers_input_has_no_gradient(contractions, step):
    found = contractions.executed(step)
    first, second = BATCH * 16 * 9 * 3 * 6 * 2, BATCH * 4 * 9 * 6 * 4 * 2
    third, fourth = BATCH * 16 * 7 * 2, BATCH * 7 * 2 * 2
    assert Counter((each.kind, each.flops) for each in found) == {
        ("convolution", first): 1,
        ("convolution", second): 1,
        ("gradient by input", second): 1,
        ("gradient by kernel", first): 1,
        ("gradient by kernel", second): 1,
        ("product", third): 3,
        ("product", fourth): 3,
    }
    assert not any(each.optimiser for each in found)


def test_alone_each_of_them_runs_once(contractions, step):
    found = contractions.executed(step)
    whole, frame = contractions.alone(found)
    assert whole().numpy()
    assert frame().numpy()
    again = contractions.executed(contractions.alone(found)[0])
    assert Counter((each.kind, each.flops, each.output) for each in again) == Counter(
        (each.kind, each.flops, each.output) for each in found
    )
    assert not contractions.executed(contractions.alone(found)[1])


def test_the_optimisers_products_are_told_apart(contractions):
    import keras

    from tfmat.networks.muon import Muon

    network = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, use_bias=False)])
    network.compile(Muon(), "mse", jit_compile=False)
    batch = np.ones((BATCH, 6), np.float32), np.ones((BATCH, 4), np.float32)
    found = contractions.executed(lambda: network.train_on_batch(*batch))
    # Forward and the kernel's gradient; three products in each of five iterations.
    assert Counter(each.optimiser for each in found) == {False: 2, True: 15}
