"""The autoencoder of composition matrices: sizes, losses, and what it learns."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import keras

from tfmat.matgan.networks.autoencoder import (
    DiceLoss,
    autoencoder_loss,
    build_autoencoder,
    build_decoder,
    build_encoder,
)
from tfmat.matgan.recipe import CompositionAutoencoderRecipe

pytestmark = pytest.mark.train
DENSE = CompositionAutoencoderRecipe(
    form="dense", units=(24,), latent=12, loss="cross-entropy", optimizer="adam"
)


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_the_reference_has_the_papers_layers():
    recipe = CompositionAutoencoderRecipe()
    encoder, decoder = build_encoder(recipe), build_decoder(recipe)
    for network, kind in (
        (encoder, keras.layers.Conv2D),
        (decoder, keras.layers.Conv2DTranspose),
    ):
        assert sum(type(layer) is kind for layer in network.layers) == 7
    # The critic of OQMD, its first normalisation besides, and a dense layer of 128 for its score.
    assert trainable(encoder) == 1_113_377 + 2 * 32 - (6144 + 1) + (6144 + 1) * 128
    assert trainable(decoder) == 1_911_393
    normalised = [layer for layer in encoder.layers if "normalisation" in layer.name]
    assert len(normalised) == 7
    assert encoder.get_layer("activation_3").negative_slope == 0


def test_dice_against_numpy():
    random = np.random.default_rng(0)
    a = (random.random((5, 8, 85, 1)) < 0.02).astype(np.float32)
    a[:, 0, 0] = 1
    b = random.random((5, 8, 85, 1)).astype(np.float32)
    each = [-2 * (x * y).sum() / (x.sum() + y.sum()) for x, y in zip(a, b, strict=True)]
    assert float(DiceLoss()(a, b)) == pytest.approx(np.mean(each), rel=1e-5)
    assert float(DiceLoss()(a, a)) == pytest.approx(-1.0)


def test_the_cross_entropy_sees_logits():
    encoder, decoder = build_encoder(DENSE), build_decoder(DENSE)
    model = build_autoencoder(DENSE, encoder, decoder)
    matrix = (np.random.default_rng(0).random((3, 8, 85, 1)) < 0.01).astype(np.float32)
    logits = np.asarray(model(matrix, training=False), np.float64)
    cells = np.asarray(decoder(encoder(matrix, training=False), training=False))
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), cells, atol=1e-6)
    expected = np.mean(np.logaddexp(0, logits) - matrix * logits)
    loss = float(autoencoder_loss(DENSE)(matrix, model(matrix, training=False)))
    assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("form", ["matgan-7", "dense"])
def test_latents_have_the_recipes_length(form):
    recipe = CompositionAutoencoderRecipe(form=form, latent=9)
    latents = build_encoder(recipe)(np.zeros((2, 8, 85, 1), np.float32))
    assert latents.shape == (2, 9)
    assert build_decoder(recipe)(latents).shape == (2, 8, 85, 1)
