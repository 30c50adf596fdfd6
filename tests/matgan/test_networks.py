"""MatGAN's networks: the originals' sizes, and decoding in the graph as the matrix module does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import keras

from tfmat.export.onnx import export_onnx
from tfmat.matgan.matrix import matrix_counts
from tfmat.matgan.networks.end_to_end import build_generate
from tfmat.matgan.networks.gan import (
    build_critic,
    build_generator,
    deconvolutions,
)
from tfmat.matgan.parts import PARTS
from tfmat.matgan.recipe import CriticGanRecipe, DecodingRecipe

pytestmark = pytest.mark.train


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize(
    ("form", "generator", "critic"),
    [("matgan-7", 1_911_393, 1_113_377), ("matgan-4", 630_753, 242_289)],
)
def test_reference_networks_are_the_originals(form, generator, critic):
    recipe = CriticGanRecipe(form=form)
    networks = build_generator(recipe), build_critic(recipe)
    assert [trainable(model) for model in networks] == [generator, critic]
    assert networks[0].output_shape == (None, 8, 85, 1)
    assert networks[1].output_shape == (None, 1)


def test_the_maps_have_the_originals_sizes():
    noise = keras.Input((128,))
    model = keras.Model(noise, deconvolutions(noise, "matgan-7", "glorot"))
    found = [
        layer.output.shape[1:]
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2DTranspose)
    ]
    # Section "Generator" of the original, with its axes exchanged.
    assert found == [
        (8, 11, 128),
        (8, 11, 128),
        (8, 22, 64),
        (8, 22, 64),
        (8, 43, 32),
        (8, 43, 32),
        (8, 85, 1),
    ]
    critic = build_critic(CriticGanRecipe(form="matgan-7"))
    assert critic.get_layer("flatten").output.shape == (None, 4 * 6 * 256)
    critic = build_critic(CriticGanRecipe(form="matgan-4"))
    assert critic.get_layer("flatten").output.shape == (None, 4 * 22 * 128)


def test_constants_and_options_of_the_reference():
    generator = build_generator(CriticGanRecipe(form="matgan-4"))
    normal = generator.get_layer("dense").kernel.numpy()
    assert normal.std() == pytest.approx(1.0, rel=0.01)
    for layer in generator.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)
    glorot = build_generator(CriticGanRecipe(form="matgan-4", initializer="glorot"))
    assert abs(glorot.get_layer("dense").kernel.numpy()).max() <= np.sqrt(6 / (128 + 3072)) + 1e-7
    for activation, slope in (("leaky-relu", 0.2), ("relu", 0.0)):
        critic = build_critic(CriticGanRecipe(form="matgan-4", critic_activation=activation))
        assert critic.get_layer("activation_2").negative_slope == pytest.approx(slope)
        # As in the original the first convolution has no batch normalisation.
        names = [layer.name for layer in critic.layers]
        assert "normalisation_1" not in names
        assert "normalisation_2" in names


def test_dense_networks_have_the_units_that_the_recipe_names():
    recipe = CriticGanRecipe(form="dense", latent=5, generator_units=(7, 9), critic_units=(11,))
    generator, critic = build_generator(recipe), build_critic(recipe)
    assert trainable(generator) == 5 * 7 + 7 + 2 * 7 + 7 * 9 + 9 + 2 * 9 + 9 * 680 + 680
    assert trainable(critic) == 680 * 11 + 11 + 11 + 1


def handed_through():
    """A generator whose noise is its matrix."""
    noise = keras.Input((680,))
    return keras.Model(noise, keras.layers.Reshape((8, 85, 1))(noise))


def awkward_matrices(count):
    """Random cells with ties, columns of ones, and cells at the threshold."""
    random = np.random.default_rng(0)
    cells = random.choice(
        np.array([0.0, 0.1, 0.19999999, 0.2, 0.3, 0.5, 0.50000006, 0.9, 1.0], np.float32),
        (count, 8, 85),
        p=[0.5, 0.1, 0.05, 0.05, 0.1, 0.05, 0.05, 0.05, 0.05],
    )
    cells[random.random((count, 85)).repeat(8).reshape(count, 85, 8).transpose(0, 2, 1) < 0.7] = 0
    return cells


@pytest.mark.parametrize(
    "decoding",
    [DecodingRecipe(), DecodingRecipe("argmax", 0.5), DecodingRecipe("argmax", 0.2)],
    ids=str,
)
def test_the_end_to_end_network_decodes_as_matrices_are_decoded(decoding, tmp_path):
    import onnxruntime

    generate = build_generate(handed_through(), decoding)
    file = tmp_path / "generate.onnx"
    export_onnx(generate, file, PARTS["generate"])
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    for count in (1, 37):
        cells = awkward_matrices(count)
        expected = matrix_counts(cells, decoding.rule, decoding.threshold)
        noise = cells.reshape(count, 680)
        in_keras = np.asarray(generate(noise, training=False))
        in_onnx = session.run(None, {"noise": noise})[0]
        assert expected.any()
        for found in (in_keras, in_onnx):
            assert found.dtype == np.uint8
            np.testing.assert_array_equal(found, expected)


def test_recipes_of_one_form_build_alike_from_the_same_seed():
    recipe = CriticGanRecipe(form="dense", generator_units=(8,))
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(4)
        models.append(build_generator(dataclasses.replace(recipe)).get_weights())
    for first, second in zip(*models, strict=True):
        np.testing.assert_array_equal(first, second)
