"""Rewritten networks beside the untouched Keras networks, with batch normalisation shaken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

import keras
import onnxruntime
from keras import layers, ops

from tfmat.ccdcgan import recipe as structures
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks import autoencoders, constraint, gan
from tfmat.export.onnx import export_onnx
from tfmat.export.rewrite import rewrite
from tfmat.export.rewritten import (
    DenseMap,
    GatheredConvolution,
    SubPixelConvolution,
    SummedConvolution,
)
from tfmat.inference.tensors import Tensors
from tfmat.matgan.networks import autoencoder, autoregressive
from tfmat.matgan.networks import gan as networks
from tfmat.matgan.recipe import CompositionAutoencoderRecipe, CriticGanRecipe
from tfmat.matgan.recipe_autoregressive import AutoregressiveRecipe

pytestmark = pytest.mark.train


def shaken(network: keras.Model, seed: int = 0) -> keras.Model:
    """Gives a network weights as after training: no layer is the identity, none explodes."""
    random = np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            shaken(layer, seed + 1)
        elif isinstance(layer, layers.BatchNormalization):
            kinds = {"gamma": (0.5, 1.5), "moving_variance": (0.5, 1.5)}
            for variable in layer.weights:
                low, high = kinds.get(variable.name, (-0.5, 0.5))
                variable.assign(random.uniform(low, high, variable.shape))
        elif getattr(layer, "bias", None) is not None:
            layer.bias.assign(random.uniform(-0.2, 0.2, layer.bias.shape))
    return network


def batch(network: keras.Model, size: int = 2, seed: int = 1) -> Any:
    shape = (size, *network.inputs[0].shape[1:])
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def difference(network: keras.Model, other: keras.Model) -> float:
    """Largest difference in units of max(1, |y|)."""
    x = batch(network)
    wanted, found = network(x, training=False).numpy(), other(x, training=False).numpy()
    assert wanted.shape == found.shape
    return float((np.abs(found - wanted) / np.maximum(1, np.abs(wanted))).max())


def convolved(x: Any, layer: layers.Conv3D) -> Any:
    """A ``same`` convolution of volumes in NumPy.

    TensorFlow 2.21 is no oracle here: on processors with AVX-512 its own convolution of volumes of
    one channel is wrong for some strides that differ between the axes.
    """
    kernel = layer.kernel.numpy().astype(np.float64)
    made = [-(-size // step) for size, step in zip(x.shape[1:4], layer.strides, strict=True)]
    spans = [
        ((count - 1) * step + edge, (count - 1) * step + 1, step)
        for count, step, edge in zip(made, layer.strides, kernel.shape[:3], strict=True)
    ]
    missing = [max(span - size, 0) for (span, *_), size in zip(spans, x.shape[1:4], strict=True)]
    padded = np.pad(x, [(0, 0), *((n // 2, n - n // 2) for n in missing), (0, 0)])
    total = np.zeros((len(x), *made, layer.filters)) + (layer.bias.numpy() if layer.use_bias else 0)
    for tap in np.ndindex(*kernel.shape[:3]):
        places = [
            slice(first, first + length, step)
            for first, (_, length, step) in zip(tap, spans, strict=True)
        ]
        total += padded[:, places[0], places[1], places[2]] @ kernel[tap]
    return total.astype(np.float32)


def kinds(network: keras.Model) -> set[type]:
    return {type(layer) for layer in network.layers}


LAYOUT = GraphLayout(12, 12, 8, 6, 20, ("Bi", "Se"))
REFERENCE = structures.GanRecipe(
    latent=5, generator_filters=(8, 9, 8), discriminator_filters=(4, 8, 8)
)
FORMS = {
    "graph_generator": lambda: gan.build_generator(REFERENCE, LAYOUT),
    "graph_discriminator": lambda: gan.build_discriminator(REFERENCE, LAYOUT),
    "dense_graph_generator": lambda: gan.build_generator(
        structures.GanRecipe(form="dense", latent=5, generator_filters=(16, 16)), LAYOUT
    ),
    "constraint": lambda: constraint.build_constraint(
        structures.ConstraintRecipe(filters=(4, 8, 8), units=(16, 8), latent_noise=0.1), LAYOUT
    ),
    "matgan_7": lambda: networks.build_generator(CriticGanRecipe(initializer="glorot")),
    "matgan_4": lambda: networks.build_generator(
        CriticGanRecipe(form="matgan-4", initializer="glorot")
    ),
    "matgan_dense": lambda: networks.build_generator(
        CriticGanRecipe(form="dense", generator_units=(32, 32))
    ),
    "matgan_critic": lambda: networks.build_critic(
        CriticGanRecipe(form="matgan-4", initializer="glorot")
    ),
    "composition_encoder": lambda: autoencoder.build_encoder(
        CompositionAutoencoderRecipe(form="matgan-7", latent=16)
    ),
    "composition_decoder": lambda: autoencoder.build_decoder(
        CompositionAutoencoderRecipe(form="matgan-7", latent=16)
    ),
}
for form in ("reference", "compact"):
    for kernel in (3, 4, 5):
        ae = structures.AutoencoderRecipe(
            form=form,
            loss="mse" if form == "reference" else "cross-entropy",
            filters=(8, 10),
            kernel=kernel,
            latent=7,
        )
        FORMS[f"encoder_{form}_{kernel}"] = lambda ae=ae: autoencoders.build_encoder(ae, 16)
        # Before the threshold: behind it the output jumps.
        FORMS[f"decoder_{form}_{kernel}"] = lambda ae=ae: (
            lambda whole: keras.Model(whole.input, whole.get_layer("logits").output)
        )(autoencoders.build_decoder(ae, 16))


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_give_the_same_numbers(form: str) -> None:
    network = shaken(FORMS[form]())
    before = network.get_weights()
    names = [layer.name for layer in network.layers]
    new = rewrite(network)
    assert new is not network
    assert difference(network, new) < 1e-5
    assert all(np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True))
    assert names == [layer.name for layer in network.layers]
    assert new.input_shape == network.input_shape
    assert new.output_shape == network.output_shape


@pytest.mark.parametrize("form", ["matgan_4", "graph_generator", "decoder_compact_4"])
def test_exports_and_runs_at_two_batch_sizes(form: str, tmp_path: Any) -> None:
    network = shaken(FORMS[form]())
    export_onnx(
        rewrite(network), tmp_path / "new.onnx", Tensors("x", {"y": "1"}), origin={"tfmat": "test"}
    )
    session = onnxruntime.InferenceSession(tmp_path / "new.onnx")
    for size in (1, 3):
        x = batch(network, size)
        found = session.run(["y"], {"x": x})[0]
        np.testing.assert_allclose(found, network(x, training=False), rtol=1e-5, atol=1e-5)


def test_reference_decoder_marks_the_same_voxels() -> None:
    recipe = structures.AutoencoderRecipe(form="reference", filters=(8, 8), kernel=4, latent=7)
    network = autoencoders.build_decoder(recipe, 16)
    x = batch(network)
    old, new = network(x).numpy(), rewrite(network)(x).numpy()
    assert 0.1 < old.mean() < 0.9
    # Where the logit is so small that rounding decides, the threshold may fall on either side.
    assert (np.abs(old - new) > 0.1).mean() < 1e-3


def test_every_rewriting_is_used() -> None:
    encoder = rewrite(FORMS["encoder_compact_4"]())
    decoder = rewrite(FORMS["decoder_compact_4"]())
    generator = rewrite(FORMS["graph_generator"]())
    matgan = rewrite(FORMS["matgan_7"]())
    assert kinds(encoder) >= {GatheredConvolution, SummedConvolution, DenseMap}
    assert layers.Conv3D not in kinds(encoder)
    assert kinds(decoder) >= {DenseMap, SubPixelConvolution}
    # One filter: stays a transposed convolution.
    assert layers.Conv3DTranspose in kinds(decoder)
    assert layers.UpSampling2D not in kinds(generator)
    for network in (generator, matgan):
        assert not {layers.BatchNormalization, layers.Dropout} & kinds(network)


def test_normalisation_stays_behind_padding_and_branches() -> None:
    x = keras.Input((5, 5, 2))
    padded = layers.ZeroPadding2D(1)(layers.Conv2D(8, 3)(x))
    y = layers.BatchNormalization()(padded)
    z = layers.Conv2D(8, 3, padding="same")(y)
    both = layers.Concatenate()([layers.BatchNormalization()(z), z])
    nonlinear = layers.BatchNormalization()(layers.Conv2D(8, 1, activation="relu")(both))
    network = shaken(keras.Model(x, layers.Flatten()(nonlinear)))
    new = rewrite(network)
    assert sum(type(layer) is layers.BatchNormalization for layer in new.layers) == 3
    assert difference(network, new) < 1e-5


def test_normalisation_without_scale_or_centre_and_bias() -> None:
    x = keras.Input((6,))
    y = layers.BatchNormalization(scale=False)(layers.Dense(5, use_bias=False)(x))
    y = layers.BatchNormalization(center=False)(layers.Dense(4)(y))
    network = shaken(keras.Model(x, layers.Activation("softmax")(y)))
    new = rewrite(network)
    assert layers.BatchNormalization not in kinds(new)
    assert difference(network, new) < 1e-5


def test_inner_models_and_outputs_inside_stay() -> None:
    inner = FORMS["matgan_4"]()
    x = keras.Input(inner.input_shape[1:])
    middle = layers.Dense(4, name="middle")(x)
    y = layers.BatchNormalization()(middle)
    cells = ops.squeeze(inner(x), axis=-1)
    network = shaken(keras.Model(x, {"cells": cells, "middle": middle, "y": y}))
    new = rewrite(network)
    assert set(new.output) == {"cells", "middle", "y"}
    assert {"middle"} <= {layer.name for layer in new.layers}
    z = batch(network)
    wanted, found = network(z, training=False), new(z, training=False)
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5)


def test_shared_layers_and_other_layouts_stay() -> None:
    shared = layers.Conv2DTranspose(8, 3, 2, "same")
    dilated = layers.Conv2DTranspose(8, 3, 1, "same", dilation_rate=2)
    gaps = layers.Conv2DTranspose(8, 1, 2, "same")
    x = keras.Input((4, 4, 8))
    network = keras.Model(x, gaps(dilated(shared(shared(x)))))
    assert rewrite(network) is network


def test_even_kernel_behind_an_upsampling_stays() -> None:
    x = keras.Input((4, 4, 3))
    network = keras.Model(x, layers.Conv2D(8, 2, padding="same")(layers.UpSampling2D()(x)))
    assert rewrite(network) is network


def test_autoregressive_generator_is_returned_as_it_is() -> None:
    recipe = AutoregressiveRecipe(slots=3, width=8, units=(8,))
    network = autoregressive.AutoregressiveNetworks(recipe).generator
    assert rewrite(network) is network


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_transposed_convolutions_of_any_shape(data: st.DataObject) -> None:
    rank = data.draw(st.sampled_from([2, 3]))
    numbers = st.integers(1, 5 if rank == 2 else 4)
    size = data.draw(st.lists(numbers, min_size=rank, max_size=rank))
    strides = data.draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))
    edges = [data.draw(st.integers(stride, 5)) for stride in strides]
    padding = data.draw(st.sampled_from(["same", "valid"]))
    extra = None
    if data.draw(st.booleans()):
        # TensorFlow refuses an output that its padding cannot make.
        extra = [
            data.draw(st.integers(0 if edge % 2 or padding == "valid" else 1, stride - 1))
            if stride > 1
            else None
            for stride, edge in zip(strides, edges, strict=True)
        ]
        extra = None if None in extra else extra
    kind = layers.Conv2DTranspose if rank == 2 else layers.Conv3DTranspose
    x = keras.Input((*size, 3))
    layer = kind(8, edges, strides, padding, output_padding=extra)
    network = shaken(keras.Model(x, layers.LeakyReLU(0.2)(layer(x))))
    new = rewrite(network)
    assert kind not in kinds(new)
    assert difference(network, new) < 1e-5


@settings(max_examples=15, deadline=None)
@given(
    depth=st.integers(1, 4),
    size=st.tuples(st.integers(2, 6), st.integers(2, 6)),
    edges=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)),
    strides=st.tuples(st.integers(2, 3), st.integers(1, 3), st.integers(1, 2)),
    channels=st.sampled_from([1, 2, 9]),
    again=st.booleans(),
)
def test_strided_convolutions_of_volumes_of_any_shape(
    depth: int,
    size: tuple[int, int],
    edges: tuple[int, int, int],
    strides: tuple[int, int, int],
    channels: int,
    again: bool,
) -> None:
    x = keras.Input((depth * strides[0] ** 2, *size, channels))
    y = layers.Conv3D(5, edges, strides, "same", use_bias=again)(x)
    y = layers.LeakyReLU(0.2)(y)
    if again:
        y = layers.BatchNormalization()(layers.Conv3D(8, edges, strides, "same")(y))
    network = shaken(keras.Model(x, y))
    new = rewrite(network)
    assert layers.Conv3D not in kinds(new)
    given = batch(network)
    wanted = given
    for layer in network.layers[1:]:
        wanted = convolved(wanted, layer) if type(layer) is layers.Conv3D else layer(wanted).numpy()
    found = new(given, training=False).numpy()
    assert wanted.shape == found.shape
    assert (np.abs(found - wanted) / np.maximum(1, np.abs(wanted))).max() < 1e-5


@settings(max_examples=10, deadline=None)
@given(
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    edges=st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 3, 5])),
    factors=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_convolution_behind_an_upsampling_of_any_shape(
    size: tuple[int, int], edges: tuple[int, int], factors: tuple[int, int]
) -> None:
    x = keras.Input((*size, 3))
    y = layers.Conv2D(8, edges, padding="same")(layers.UpSampling2D(factors)(x))
    network = shaken(keras.Model(x, layers.ReLU()(layers.BatchNormalization()(y))))
    new = rewrite(network)
    assert layers.UpSampling2D not in kinds(new)
    assert difference(network, new) < 1e-5
