"""Generator and critic of MatGAN.

The matrices here are 8 x 85 (number of atoms x element), the original's are 85 x 8: strides and
output paddings are exchanged with them, and the weights are the same in number and kind.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tfmat.matgan.elements import ELEMENTS, MAX_COUNT
from tfmat.matgan.recipe import CriticGanRecipe

SHAPE = (MAX_COUNT, len(ELEMENTS), 1)
SLOPE = 0.2
# Of each deconvolution: filters (`None`: the output), kernel, stride, and the output padding that
# makes 4 x 6 -> 8 x 11 -> 8 x 22 -> 8 x 43 -> 8 x 85 of them (`WGANGP_OQMD.py` of the original
# states these sizes).
_WIDEN = ((2, 2), (1, 0))
_TO_22 = ((1, 2), (0, 1))
_DOUBLE = ((1, 2), (0, 0))
_SAME = ((1, 1), None)
_Deconvolution = tuple[int, int, tuple[tuple[int, int], tuple[int, int] | None]]
_GENERATORS: dict[str, tuple[tuple[int, int, int], tuple[_Deconvolution, ...]]] = {
    "matgan-7": (
        (4, 6, 256),
        (
            (128, 5, _WIDEN),
            (128, 3, _SAME),
            (64, 3, _TO_22),
            (64, 3, _SAME),
            (32, 3, _DOUBLE),
            (32, 3, _SAME),
            (1, 3, _DOUBLE),
        ),
    ),
    "matgan-4": (
        (4, 6, 128),
        ((64, 5, _WIDEN), (32, 3, _TO_22), (16, 3, _DOUBLE), (1, 3, _DOUBLE)),
    ),
}
# Of each convolution: filters, kernel, stride.
_CRITICS: dict[str, tuple[tuple[int, int, tuple[int, int]], ...]] = {
    "matgan-7": (
        (32, 3, (1, 1)),
        (32, 3, (1, 2)),
        (64, 3, (1, 1)),
        (64, 3, (1, 2)),
        (128, 3, (1, 1)),
        (128, 3, (1, 2)),
        (256, 5, (2, 2)),
    ),
    "matgan-4": (
        (16, 3, (1, 1)),
        (16, 3, (1, 2)),
        (32, 3, (1, 1)),
        (64, 3, (1, 1)),
        (128, 5, (2, 2)),
    ),
}


def build_generator(recipe: CriticGanRecipe) -> keras.Model:
    """Builds the generator.

    ``matgan-7``: 1,911,393 trainable parameters (paper 000, Methods; the original's OQMD network);
    ``matgan-4``: 630,753 (the original's ICSD and MP networks).

    Args:
        recipe: Form and sizes.

    Returns:
        A model from noise ``(batch, latent)`` to composition matrices ``(batch, 8, 85, 1)`` with
        cells in 0 to 1.
    """
    noise = keras.Input((recipe.latent,), name="noise")
    if recipe.form == "dense":
        matrix = dense_decoder(noise, recipe.generator_units, normalise=True)
    else:
        matrix = deconvolutions(noise, recipe.form, recipe.initializer)
    return keras.Model(noise, matrix, name="generator")


def build_critic(recipe: CriticGanRecipe) -> keras.Model:
    """Builds the critic.

    ``matgan-7``: 1,113,377 trainable parameters; ``matgan-4``: 242,289 (the originals). The code
    has LeakyReLU, the paper says ReLU.

    Args:
        recipe: Form and sizes.

    Returns:
        A model from composition matrices ``(batch, 8, 85, 1)`` to a score ``(batch, 1)``, the
        higher the more real.
    """
    matrix = keras.Input(SHAPE, name="composition_matrix")
    if recipe.form == "dense":
        x = dense_trunk(matrix, recipe.critic_units)
    else:
        x = convolutions(matrix, recipe)
    options = {} if recipe.form == "dense" else {"kernel_initializer": _kernel(recipe.initializer)}
    return keras.Model(matrix, layers.Dense(1, name="score", **options)(x), name="critic")


def deconvolutions(vector: Any, form: str, initializer: str) -> Any:
    """Applies a dense layer and the deconvolutions of a reference generator.

    Args:
        vector: Keras tensor ``(batch, n)``.
        form: ``matgan-7`` or ``matgan-4``.
        initializer: Start of the kernels.

    Returns:
        Keras tensor ``(batch, 8, 85, 1)`` in 0 to 1.
    """
    shape, stack = _GENERATORS[form]
    units = shape[0] * shape[1] * shape[2]
    x = layers.Dense(units, kernel_initializer=_kernel(initializer), name="dense")(vector)
    x = batch_normalisation("normalisation_0")(x)
    x = layers.ReLU(name="activation_0")(x)
    x = layers.Reshape(shape, name="map")(x)
    for i, (filters, kernel, (stride, padding)) in enumerate(stack, start=1):
        x = layers.Conv2DTranspose(
            filters,
            kernel,
            stride,
            "same",
            output_padding=padding,
            kernel_initializer=_kernel(initializer),
            name=f"deconvolution_{i}",
        )(x)
        if i < len(stack):
            x = batch_normalisation(f"normalisation_{i}")(x)
            x = layers.ReLU(name=f"activation_{i}")(x)
    return layers.Activation("sigmoid", name="composition_matrix")(x)


def convolutions(matrix: Any, recipe: CriticGanRecipe, normalise_first: bool = False) -> Any:
    """Applies the convolutions of a reference critic.

    Args:
        matrix: Keras tensor ``(batch, 8, 85, 1)``.
        recipe: Form, activation and initialiser.
        normalise_first: Batch normalisation also behind the first convolution (the autoencoder).

    Returns:
        Keras tensor ``(batch, n)``.
    """
    x = matrix
    for i, (filters, kernel, stride) in enumerate(_CRITICS[recipe.form], start=1):
        x = layers.Conv2D(
            filters,
            kernel,
            stride,
            "same",
            kernel_initializer=_kernel(recipe.initializer),
            name=f"convolution_{i}",
        )(x)
        if i > 1 or normalise_first:
            x = batch_normalisation(f"normalisation_{i}")(x)
        slope = SLOPE if recipe.critic_activation == "leaky-relu" else 0.0
        x = layers.ReLU(negative_slope=slope, name=f"activation_{i}")(x)
    return layers.Flatten(name="flatten")(x)


def dense_trunk(matrix: Any, units: tuple[int, ...]) -> Any:
    """Applies dense layers to all cells of a matrix.

    Args:
        matrix: Keras tensor ``(batch, 8, 85, 1)``.
        units: Units of the layers.

    Returns:
        Keras tensor ``(batch, units[-1])``.
    """
    x = layers.Flatten(name="flatten")(matrix)
    for i, count in enumerate(units, start=1):
        x = layers.Dense(count, kernel_initializer="he_normal", name=f"dense_{i}")(x)
        x = layers.LeakyReLU(SLOPE, name=f"activation_{i}")(x)
    return x


def dense_decoder(vector: Any, units: tuple[int, ...], normalise: bool = False) -> Any:
    """Applies dense layers to a vector and shapes the last into a matrix.

    Args:
        vector: Keras tensor ``(batch, n)``.
        units: Units of the hidden layers.
        normalise: Batch normalisation and ReLU behind the hidden layers, as in the reference
            generators, in place of LeakyReLU. It decides what a generator learns: 74% of its
            formulas are balanced after 3,000 steps, without it 60%.

    Returns:
        Keras tensor ``(batch, 8, 85, 1)`` in 0 to 1.
    """
    x = vector
    for i, count in enumerate(units, start=1):
        x = layers.Dense(count, kernel_initializer="he_normal", name=f"dense_{i}")(x)
        if normalise:
            x = batch_normalisation(f"normalisation_{i}")(x)
        slope = 0.0 if normalise else SLOPE
        x = layers.ReLU(negative_slope=slope, name=f"activation_{i}")(x)
    x = layers.Dense(SHAPE[0] * SHAPE[1], name="cells")(x)
    x = layers.Reshape(SHAPE, name="matrix")(x)
    return layers.Activation("sigmoid", name="composition_matrix")(x)


def batch_normalisation(name: str) -> layers.BatchNormalization:
    """Returns batch normalisation over the global batch, with the original's constants."""
    # Only TensorFlow's Keras can synchronise; the others have no replicas here.
    synchronized = keras.backend.backend() == "tensorflow"
    return layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, synchronized=synchronized, name=name
    )


def _kernel(initializer: str) -> Any:
    if initializer == "normal":
        return keras.initializers.RandomNormal(stddev=1.0)
    return keras.initializers.GlorotUniform()
