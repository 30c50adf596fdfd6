"""The autoencoder of composition matrices (paper 000, Methods) and its losses."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tfmat.matgan.networks.gan import (
    SHAPE,
    convolutions,
    deconvolutions,
    dense_decoder,
    dense_trunk,
)
from tfmat.matgan.recipe import CompositionAutoencoderRecipe, CriticGanRecipe

# The critic's trunk, with the paper's activation.
_TRUNK = CriticGanRecipe(form="matgan-7", critic_activation="relu", initializer="glorot")


def build_encoder(recipe: CompositionAutoencoderRecipe) -> keras.Model:
    """Builds the encoder.

    ``matgan-7``: the critic's 7 convolutions, each with batch normalisation and ReLU, then a dense
    layer (paper 000, Methods; the authors released no code of it).

    Args:
        recipe: Form and sizes.

    Returns:
        A model from composition matrices ``(batch, 8, 85, 1)`` to latents ``(batch, latent)``.
    """
    matrix = keras.Input(SHAPE, name="composition_matrix")
    if recipe.form == "dense":
        x = dense_trunk(matrix, recipe.units)
        x = layers.Dense(recipe.latent, name="dense_latent")(x)
        # All latents have the same length, so that no direction of theirs fades.
        latent = layers.LayerNormalization(center=False, scale=False, name="latent")(x)
    else:
        x = convolutions(matrix, _TRUNK, normalise_first=True)
        latent = layers.Dense(recipe.latent, name="latent")(x)
    return keras.Model(matrix, latent, name="composition_encoder")


def build_decoder(recipe: CompositionAutoencoderRecipe) -> keras.Model:
    """Builds the decoder: that of the generator (``matgan-7``), or the encoder mirrored.

    Args:
        recipe: Form and sizes.

    Returns:
        A model from latents ``(batch, latent)`` to composition matrices ``(batch, 8, 85, 1)`` with
        cells in 0 to 1.
    """
    latent = keras.Input((recipe.latent,), name="composition_latent")
    if recipe.form == "dense":
        matrix = dense_decoder(latent, recipe.units[::-1])
    else:
        matrix = deconvolutions(latent, "matgan-7", "glorot")
    return keras.Model(latent, matrix, name="composition_decoder")


def build_autoencoder(
    recipe: CompositionAutoencoderRecipe, encoder: keras.Model, decoder: keras.Model
) -> keras.Model:
    """Joins encoder and decoder into one trainable model that shares their weights.

    Args:
        recipe: Its loss decides what comes out.
        encoder: From :func:`build_encoder`.
        decoder: From :func:`build_decoder`.

    Returns:
        A model from matrices to matrices, or to their logits for the cross-entropy, which of a
        saturated sigmoid has no gradient.
    """
    if recipe.loss == "cross-entropy":
        decoder = keras.Model(decoder.input, decoder.layers[-2].output, name="logits")
    return keras.Model(encoder.input, decoder(encoder.output), name="autoencoder")


class DiceLoss(keras.losses.Loss):
    """``-2 Σ A·B / (Σ A + Σ B)`` over the cells of each matrix (paper 000, Eq. 3).

    Args:
        name: Name of the loss.
    """

    def __init__(self, name: str = "dice") -> None:
        super().__init__(name=name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each matrix ``(batch,)``, -1 at best.

        Args:
            y_true: Matrices of zeros and ones, none empty.
            y_pred: Cells in 0 to 1, same shape.
        """
        axes = (1, 2, 3)
        target = ops.cast(y_true, y_pred.dtype)
        both = ops.sum(target * y_pred, axis=axes)
        return -2.0 * both / (ops.sum(target, axis=axes) + ops.sum(y_pred, axis=axes))


def autoencoder_loss(recipe: CompositionAutoencoderRecipe) -> keras.losses.Loss:
    """Returns the loss that a recipe names."""
    if recipe.loss == "dice":
        return DiceLoss()
    return keras.losses.BinaryCrossentropy(from_logits=True)
