import numpy as np
import pytest

pytest.importorskip("tensorflow")
import keras

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.constraint import build_constraint
from tfmat.ccdcgan.recipe import ConstraintRecipe

pytestmark = pytest.mark.train
BI_SE = GraphLayout(28, 28, 200, 25, 200, ("Bi", "Se"))
DENSE = ConstraintRecipe(form="dense", units=(16, 8), dropout=0.1)


def test_reference_parameter_count():
    model = build_constraint(ConstraintRecipe(), BI_SE)
    assert model.count_params() == 4_995_457
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == 4_994_561
    assert model.get_layer("flatten").output.shape == (None, 4096)
    dense = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert dense == [1024, 256, 256, 256, 64, 1]
    assert isinstance(model.layers[-1], keras.layers.LeakyReLU)


def test_dense_form_takes_any_layout():
    layout = GraphLayout(12, 10, 14, 5, 33, ("Bi", "Se", "O"))
    model = build_constraint(DENSE, layout)
    assert model.count_params() == (120 + 1) * 16 + (16 + 1) * 8 + (8 + 1)
    assert model(np.zeros((4, 12, 10, 1))).shape == (4, 1)


def test_noise_is_added_in_training_only():
    layout = GraphLayout(12, 10, 14, 5, 33, ("Bi", "Se", "O"))
    recipe = ConstraintRecipe(form="dense", units=(16,), dropout=0.0, latent_noise=0.3)
    model = build_constraint(recipe, layout)
    graphs = np.random.default_rng(0).uniform(-1, 1, (4, 12, 10, 1)).astype("float32")
    np.testing.assert_array_equal(model(graphs), model(graphs))
    noisy = model(graphs, training=True).numpy()
    assert (noisy != model(graphs).numpy()).all()


def test_dense_form_learns_an_energy():
    keras.utils.set_random_seed(0)
    layout = GraphLayout(6, 6, 4, 4, 16, ("Bi", "Se"))
    graphs = np.random.default_rng(0).uniform(-1, 1, (256, 6, 6, 1)).astype("float32")
    energies = graphs[:, 0, :4, 0].sum(axis=1, keepdims=True) - 0.5
    model = build_constraint(ConstraintRecipe(form="dense", units=(32,), dropout=0.0), layout)
    model.compile(keras.optimizers.Adam(1e-2), loss="mse")
    model.fit(graphs, energies, epochs=40, batch_size=64, verbose=0)
    error = np.abs(model(graphs).numpy() - energies).mean()
    assert error < 0.1 * energies.std()
