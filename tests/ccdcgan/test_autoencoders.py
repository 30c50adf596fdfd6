import numpy as np
import pytest

pytest.importorskip("tensorflow")
import keras
import tensorflow as tf

from tfmat.ccdcgan.networks.autoencoders import (
    build_autoencoder,
    build_decoder,
    build_encoder,
    inference_decoder,
)
from tfmat.ccdcgan.networks.losses import autoencoder_loss
from tfmat.ccdcgan.recipe import AutoencoderRecipe
from tfmat.errors import InputError

pytestmark = pytest.mark.train
RNG = np.random.default_rng(0)
TINY = AutoencoderRecipe(filters=(3, 2), latent=5)
COMPACT = AutoencoderRecipe(form="compact", filters=(4, 4), latent=6, loss="cross-entropy")


@pytest.mark.parametrize(
    ("filters", "latent", "grid", "parameters"),
    [((64, 64, 64, 64), 200, 64, 1_609_728), ((64, 64, 64), 25, 32, 630_784)],
)
def test_reference_parameter_counts(filters, latent, grid, parameters):
    recipe = AutoencoderRecipe(filters=filters, latent=latent)
    encoder, decoder = build_encoder(recipe, grid), build_decoder(recipe, grid)
    assert encoder.count_params() == parameters
    assert decoder.count_params() == parameters
    assert len([layer for layer in encoder.layers if layer.weights]) == len(filters) + 1
    assert len([layer for layer in decoder.layers if layer.weights]) == len(filters) + 1
    assert not any("bias" in weight.name for weight in encoder.weights + decoder.weights)
    assert decoder.output_shape == (None, grid, grid, grid, 1)


def convolve(x, kernel, stride, before):
    """Convolves (n, n, n, in) with (k, k, k, in, out), `before` zeros in front of each axis."""
    k, n = len(kernel), len(x)
    out = -(-n // stride) if before else n - k + 1
    padded = np.zeros((n + 2 * k,) * 3 + (x.shape[-1],))
    padded[before : before + n, before : before + n, before : before + n] = x
    y = np.zeros((out,) * 3 + (kernel.shape[-1],))
    for index in np.ndindex(out, out, out):
        window = padded[tuple(slice(i * stride, i * stride + k) for i in index)]
        y[index] = np.tensordot(window, kernel, 4)
    return y


def convolve_transposed(x, kernel, stride, crop):
    """Every point of (n, n, n, in) stamps (k, k, k, out, in); `crop` points go at the start."""
    k, n = len(kernel), len(x)
    full = np.zeros((stride * (n - 1) + k,) * 3 + (kernel.shape[-2],))
    for index in np.ndindex(n, n, n):
        a, b, c = (stride * i for i in index)
        full[a : a + k, b : b + k, c : c + k] += kernel @ x[index]
    out = stride * n if crop else len(full)
    return full[crop : crop + out, crop : crop + out, crop : crop + out]


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def test_encoder_against_numpy():
    encoder = build_encoder(TINY, 8)
    voxel = RNG.uniform(0, 1, (8, 8, 8, 1))
    first, second, last = encoder.get_weights()
    x = leaky(convolve(voxel, first, 2, 1))
    x = leaky(convolve(x, second, 2, 1))
    wanted = np.tanh(convolve(x, last, 1, 0)).ravel()
    got = encoder(voxel[None].astype("float32")).numpy()[0]
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_decoder_against_numpy():
    decoder = build_decoder(TINY, 8)
    logits = keras.Model(decoder.input, decoder.get_layer("logits").output)
    latent = RNG.uniform(-1, 1, 5)
    first, second, last = decoder.get_weights()
    x = leaky(convolve_transposed(latent.reshape(1, 1, 1, 5), first, 1, 0))
    x = leaky(convolve_transposed(x, second, 2, 1))
    wanted = convolve_transposed(x, last, 2, 1)
    got = logits(latent[None].astype("float32")).numpy()[0]
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    s = 1 / (1 + np.exp(-got.astype(np.float64)))
    thresholded = decoder(latent[None].astype("float32")).numpy()[0]
    # Near 0.5 a float32 sigmoid has steps of 6e-8, which the gain makes 6e-4.
    np.testing.assert_allclose(thresholded, np.clip((s - 0.5) * 1e4, 0, 1), atol=2e-3)


def threshold():
    """Returns what is behind the logits of the reference decoder, for 512 of them."""
    decoder = build_decoder(TINY, 8)
    return keras.Model(decoder.get_layer("logits").output, decoder.output)


def test_threshold_is_a_steep_capped_ramp():
    logits = np.resize(np.array([-1.0, 0.0, 2e-4, 1.0], "float32"), (1, 8, 8, 8, 1))
    values = threshold()(logits).numpy().ravel()
    np.testing.assert_allclose(values, np.resize([0, 0, 0.5, 1], 512), atol=1e-3)


def test_threshold_has_the_originals_values_and_slopes_in_single_precision():
    # The original's words in TensorFlow: tf.clip_by_value((tf.sigmoid(x) - 0.5) * 10000, 0, 1).
    x = np.concatenate([[0.0, -0.0], *(s * np.geomspace(1e-9, 1e-2, 255) for s in (1, -1))])
    x = tf.constant(x.reshape(1, 8, 8, 8, 1), tf.float32)
    model = threshold()
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours = model(x)
        wanted = tf.clip_by_value((tf.sigmoid(x) - 0.5) * 10000.0, 0.0, 1.0)
    np.testing.assert_array_equal(ours, wanted)
    np.testing.assert_array_equal(tape.gradient(ours, x), tape.gradient(wanted, x))
    # What rounds to 0.5 still learns, on both sides of zero; what is well below does not.
    slope = tape.gradient(ours, x).numpy()
    assert (slope[np.abs(x) < 5e-8] > 2000).all()
    assert (slope[x < -1e-6] == 0).all()


def test_the_reference_decoder_survives_its_file(tmp_path):
    decoder = build_decoder(TINY, 8)
    decoder.save(tmp_path / "decoder.keras")
    again = keras.models.load_model(tmp_path / "decoder.keras", compile=False)
    latents = RNG.normal(size=(3, TINY.latent)).astype("float32")
    np.testing.assert_array_equal(again(latents), decoder(latents))


@pytest.mark.parametrize(
    ("grid", "filters"), [(32, (4, 4, 4)), (24, (4, 4, 4)), (20, (4, 4)), (16, (4, 4, 4, 4))]
)
def test_compact_form_fits_any_grid_that_halves(grid, filters):
    recipe = AutoencoderRecipe(form="compact", filters=filters, latent=7, loss="cross-entropy")
    encoder, decoder = build_encoder(recipe, grid), build_decoder(recipe, grid)
    voxels = RNG.uniform(0, 1, (2, grid, grid, grid, 1)).astype("float32")
    latents = encoder(voxels).numpy()
    assert latents.shape == (2, 7)
    # Normalised before the tanh, however large the activations.
    strong = np.arctanh(encoder(1000 * voxels).numpy().astype(np.float64))
    np.testing.assert_allclose(strong.std(axis=1), 0.7, atol=0.01)
    logits = decoder(latents).numpy()
    assert logits.shape == voxels.shape
    # At the start nearly every voxel is taken to be empty.
    assert np.median(logits) == pytest.approx(-4, abs=0.5)
    probabilities = inference_decoder(decoder)(latents).numpy()
    np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-logits)), rtol=1e-4)


def test_the_reference_decoder_needs_no_further_step_for_inference():
    decoder = build_decoder(TINY, 8)
    assert inference_decoder(decoder) is decoder


def test_a_grid_that_does_not_halve_is_refused():
    with pytest.raises(InputError, match="multiple of 8"):
        build_encoder(AutoencoderRecipe(filters=(4, 4, 4)), 20)
    with pytest.raises(InputError, match="grid of 8"):
        build_decoder(AutoencoderRecipe(filters=()), 8)


def test_compact_form_learns_one_voxel():
    keras.utils.set_random_seed(0)
    encoder, decoder = build_encoder(COMPACT, 8), build_decoder(COMPACT, 8)
    model = build_autoencoder(encoder, decoder)
    model.compile(keras.optimizers.Adam(1e-2), loss=autoencoder_loss(COMPACT))
    voxel = np.zeros((1, 8, 8, 8, 1), "float32")
    voxel[0, 3, 4, 5] = 1.0
    for _ in range(60):
        model.train_on_batch(voxel, voxel)
    output = inference_decoder(decoder)(encoder(voxel)).numpy()
    assert np.unravel_index(output.argmax(), voxel.shape) == (0, 3, 4, 5, 0)
    assert output[0, 3, 4, 5, 0] > 0.5
    assert np.sort(output.ravel())[-2] < 0.5


def test_latent_noise_acts_in_training_only():
    keras.utils.set_random_seed(0)
    encoder, decoder = build_encoder(COMPACT, 8), build_decoder(COMPACT, 8)
    model = build_autoencoder(encoder, decoder, noise=0.1)
    voxel = RNG.random((2, 8, 8, 8, 1), dtype=np.float32)
    plain = decoder(encoder(voxel)).numpy()
    np.testing.assert_array_equal(model(voxel, training=False).numpy(), plain)
    first, second = (model(voxel, training=True).numpy() for _ in range(2))
    assert np.abs(first - plain).max() > 1e-3
    assert np.abs(first - second).max() > 1e-3


def test_compact_latents_have_one_size_at_the_start():
    latents = build_encoder(COMPACT, 8)(100 * RNG.random((4, 8, 8, 8, 1), dtype=np.float32)).numpy()
    rms = np.sqrt((latents**2).mean(axis=1))
    assert rms.min() > 0.4
    assert rms.max() < 0.7


def test_mixed_precision_weights_export_as_float32():
    mixed = AutoencoderRecipe(
        form="compact", filters=(4, 4), latent=6, loss="cross-entropy", precision="mixed_bfloat16"
    )
    encoder, decoder = build_encoder(mixed, 8), build_decoder(mixed, 8)
    assert encoder.output.dtype == decoder.output.dtype == "float32"
    assert encoder.get_layer("convolution_1").compute_dtype == "bfloat16"
    full = build_encoder(mixed, 8, precision="float32")
    full.set_weights(encoder.get_weights())
    assert full.get_layer("convolution_1").compute_dtype == "float32"
    voxel = RNG.uniform(0, 1, (1, 8, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(full(voxel), encoder(voxel), atol=0.05)


def test_l2_is_half_the_sum_of_squares():
    recipe = AutoencoderRecipe(filters=(3,), latent=5, l2=1e-3)
    encoder = build_encoder(recipe, 8)
    wanted = 1e-3 * sum(np.sum(np.square(weight)) / 2 for weight in encoder.get_weights())
    assert float(sum(encoder.losses)) == pytest.approx(wanted, rel=1e-5)
