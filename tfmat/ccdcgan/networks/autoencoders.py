"""The autoencoders of sites voxels and of lattice voxels."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tfmat.ccdcgan.networks.recipe import AutoencoderRecipe
from tfmat.ccdcgan.networks.trunk import SLOPE
from tfmat.errors import InputError

# Gain of the reference output threshold; the released code's value.
THRESHOLD_GAIN = 1e4
# Where the compact form's logits start: nearly all voxels are empty, and sigmoid(-4) = 0.018.
LOGIT_START = -4.0
# Standard deviation of the compact form's latents before their tanh, at the start.
LATENT_GAIN = 0.7
# Units of the dense layers, and filters of the last convolution, around a dense bottleneck.
BOTTLENECK = 256


def build_encoder(
    recipe: AutoencoderRecipe, grid: int, name: str = "encoder", precision: str | None = None
) -> keras.Model:
    """Builds the encoder: strided convolutions, then one that spans what is left of the grid.

    Paper 004 (Methods) with the released code's values, for both forms; the compact form adds
    biases and normalises the latent before its tanh.

    Args:
        recipe: Form, filters of the strided convolutions, kernel edge, latent length.
        grid: Edge of the voxel.
        name: Name of the model.
        precision: Keras dtype policy in place of the recipe's; exported models need ``float32``.

    Returns:
        A model from voxels ``(batch, grid, grid, grid, 1)`` to latents ``(batch, latent)`` in -1
        to 1, float32.

    Raises:
        InputError: The grid cannot be halved as often as the filters ask.
    """
    edge = _inner_edge(recipe, grid)
    options = _options(recipe, precision)
    if recipe.form == "dense-bottleneck":
        return _bottleneck_encoder(recipe, grid, edge, name, options)
    voxel = keras.Input((grid, grid, grid, 1), name="voxel")
    x = voxel
    for i, filters in enumerate(recipe.filters, start=1):
        x = layers.Conv3D(filters, recipe.kernel, 2, "same", name=f"convolution_{i}", **options)(x)
        x = layers.LeakyReLU(SLOPE, name=f"activation_{i}", dtype=options["dtype"])(x)
    last = len(recipe.filters) + 1
    x = layers.Conv3D(recipe.latent, edge, 1, "valid", name=f"convolution_{last}", **options)(x)
    x = layers.Reshape((recipe.latent,), name="flatten", dtype=options["dtype"])(x)
    if recipe.form == "compact":
        # Else the fast learning rates of this form drive the tanh into saturation, where nothing
        # more is learned; and all atoms' latents get about the same root mean square.
        gain = keras.initializers.Constant(LATENT_GAIN)
        x = layers.LayerNormalization(
            gamma_initializer=gain, name="normalisation", dtype="float32"
        )(x)
    latent = layers.Activation("tanh", name="latent", dtype="float32")(x)
    return keras.Model(voxel, latent, name=name)


def build_decoder(
    recipe: AutoencoderRecipe, grid: int, name: str = "decoder", precision: str | None = None
) -> keras.Model:
    """Builds the decoder, the mirror image of the encoder.

    ``reference``: sigmoid, then the threshold ``clip((s - 0.5)·10⁴, 0, 1)`` of the released code.
    Only voxels whose logit is within 4e-4 above zero have a gradient, and yet without the threshold
    nothing but the empty voxel is learned. ``compact``: logits, which
    :func:`inference_decoder` turns into probabilities.

    Args:
        recipe: Form, filters of the strided convolutions (of the encoder), kernel edge, latent.
        grid: Edge of the voxel.
        name: Name of the model.
        precision: Keras dtype policy in place of the recipe's; exported models need ``float32``.

    Returns:
        A model from latents ``(batch, latent)`` to voxels ``(batch, grid, grid, grid, 1)``, values
        in 0 to 1 (``reference``) or logits (``compact``), float32.

    Raises:
        InputError: The grid cannot be halved as often as the filters ask.
    """
    edge = _inner_edge(recipe, grid)
    options = _options(recipe, precision)
    if recipe.form == "dense-bottleneck":
        return _bottleneck_decoder(recipe, edge, name, options)
    latent = keras.Input((recipe.latent,), name="latent")
    x = layers.Reshape((1, 1, 1, recipe.latent), name="expand", dtype=options["dtype"])(latent)
    kernel, stride, padding = edge, 1, "valid"
    for i, filters in enumerate(reversed(recipe.filters), start=1):
        x = layers.Conv3DTranspose(
            filters, kernel, stride, padding, name=f"deconvolution_{i}", **options
        )(x)
        x = layers.LeakyReLU(SLOPE, name=f"activation_{i}", dtype=options["dtype"])(x)
        kernel, stride, padding = recipe.kernel, 2, "same"
    last = f"deconvolution_{len(recipe.filters) + 1}"
    if recipe.form == "compact":
        options["bias_initializer"] = keras.initializers.Constant(LOGIT_START)
    x = layers.Conv3DTranspose(1, kernel, stride, padding, name=last, **options)(x)
    # Also makes float32 of a mixed-precision logit before any loss sees it.
    x = layers.Activation("linear", name="logits", dtype="float32")(x)
    if recipe.form == "reference":
        x = layers.Activation("sigmoid", name="sigmoid")(x)
        # First the difference, which is exact, then the gain; and a clip that lets the gradient
        # through at 0, as TensorFlow's does: near the start most sigmoids round to 0.5 exactly,
        # and with a ReLU, whose slope at 0 is 0, the whole output dies within some hundred steps.
        x = layers.Rescaling(1.0, -0.5, name="centred")(x)
        x = layers.Rescaling(THRESHOLD_GAIN, name="threshold")(x)
        x = ops.clip(x, 0.0, 1.0)
    return keras.Model(latent, x, name=name)


def _bottleneck_encoder(
    recipe: AutoencoderRecipe, grid: int, edge: int, name: str, options: dict[str, Any]
) -> keras.Model:
    """Builds the lattice encoder of the code of paper 002: 1,715,417 parameters for 32³."""
    x = voxel = keras.Input((grid, grid, grid, 1), name="voxel")
    for i, filters in enumerate(recipe.filters, start=1):
        layer = layers.Conv3D(
            filters, recipe.kernel, 2, "same", activation="relu", name=f"convolution_{i}", **options
        )
        x = layer(x)
    last = f"convolution_{len(recipe.filters) + 1}"
    x = layers.Conv3D(BOTTLENECK, edge, activation="relu", name=last, **options)(x)
    x = layers.Flatten(name="flatten", dtype=options["dtype"])(x)
    for i in (1, 2):
        x = layers.Dense(BOTTLENECK, activation="relu", name=f"dense_{i}", **options)(x)
    x = layers.Dense(recipe.latent, name="dense_3", **options)(x)
    latent = layers.Activation("tanh", name="latent", dtype="float32")(x)
    return keras.Model(voxel, latent, name=name)


def _bottleneck_decoder(
    recipe: AutoencoderRecipe, edge: int, name: str, options: dict[str, Any]
) -> keras.Model:
    """Builds the decoder to it: 1,715,393 parameters; a tanh, then a ReLU, and no threshold."""
    x = latent = keras.Input((recipe.latent,), name="latent")
    for i in (1, 2, 3):
        x = layers.Dense(BOTTLENECK, activation="relu", name=f"dense_{i}", **options)(x)
    x = layers.Reshape((1, 1, 1, BOTTLENECK), name="expand", dtype=options["dtype"])(x)
    kernel, stride, padding = edge, 1, "valid"
    for i, filters in enumerate((*reversed(recipe.filters), 1), start=1):
        activation = "tanh" if i > len(recipe.filters) else "relu"
        layer = layers.Conv3DTranspose(
            filters,
            kernel,
            stride,
            padding,
            activation=activation,
            name=f"deconvolution_{i}",
            **options,
        )
        x = layer(x)
        kernel, stride, padding = recipe.kernel, 2, "same"
    voxel = layers.Activation("relu", name="voxel", dtype="float32")(x)
    return keras.Model(latent, voxel, name=name)


def build_autoencoder(
    encoder: keras.Model, decoder: keras.Model, noise: float = 0.0
) -> keras.Model:
    """Joins an encoder and a decoder into one trainable model that shares their weights.

    Args:
        encoder: From :func:`build_encoder`.
        decoder: From :func:`build_decoder`.
        noise: Standard deviation of the noise added to the latent in training. A decoder that has
            learned with noise reads the inexact latents of a generator better.
    """
    latent = encoder.output
    if noise:
        latent = layers.GaussianNoise(noise, name="latent_noise")(latent)
    return keras.Model(encoder.input, decoder(latent), name="autoencoder")


def inference_decoder(decoder: keras.Model) -> keras.Model:
    """Returns a decoder whose output lies in 0 to 1, sharing the given one's weights.

    Args:
        decoder: From :func:`build_decoder`.

    Returns:
        The same model for the reference form, one with a sigmoid behind it for the compact form.
    """
    if decoder.layers[-1].name != "logits":
        return decoder
    voxel = layers.Activation("sigmoid", name="voxel")(decoder.output)
    return keras.Model(decoder.input, voxel, name=decoder.name)


def _inner_edge(recipe: AutoencoderRecipe, grid: int) -> int:
    """Returns the edge of the grid behind the strided convolutions (4 in the papers)."""
    factor = 1 << len(recipe.filters)
    if not recipe.filters or grid % factor:
        raise InputError(
            f"autoencoder filters {recipe.filters}: a grid of {grid} cannot be halved "
            f"{len(recipe.filters)} times; set the grid to a multiple of {factor}"
        )
    return grid // factor


def _options(recipe: AutoencoderRecipe, precision: str | None) -> dict[str, Any]:
    # l2_loss of the released code is half the sum of squares.
    regularizer = keras.regularizers.L2(recipe.l2 / 2) if recipe.l2 else None
    return {
        "use_bias": recipe.form != "reference",
        "kernel_regularizer": regularizer,
        "dtype": keras.DTypePolicy(precision or recipe.precision),
    }
