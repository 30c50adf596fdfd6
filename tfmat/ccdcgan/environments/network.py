"""The network of critic and constraint: a score for each atom, and one for all of them together."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.parts import INPUT

# Put on the rows of no atom before the largest value is taken; nothing an activation reaches.
_NEVER = 1e4


@keras.saving.register_keras_serializable("tfmat")
class IsAtom(layers.Layer):
    """Tells rows of atoms from the rows of zeros behind them: ``(batch, atoms, 1)``, 1 or 0.

    Args:
        start: First of the numbers of the atom's own element.
        stop: End of these.
        **kwargs: As for every layer.
    """

    def __init__(self, start: int, stop: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start, self.stop = start, stop

    def call(self, environments: Any) -> Any:
        """Returns the mask."""
        own = environments[:, :, self.start : self.stop]
        return ops.cast(ops.max(own, axis=-1, keepdims=True) > 0.5, environments.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns what makes an equal layer."""
        return {**super().get_config(), "start": self.start, "stop": self.stop}


@keras.saving.register_keras_serializable("tfmat")
class MeanOfAtoms(layers.Layer):
    """Averages over the atoms: from ``(batch, atoms, d)`` and a mask to ``(batch, d)``."""

    def call(self, inputs: Any) -> Any:
        """Returns the means."""
        values, mask = inputs
        return ops.sum(values * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)


@keras.saving.register_keras_serializable("tfmat")
class LargestOfAtoms(layers.Layer):
    """Takes the largest value over the atoms: from ``(batch, atoms, d)`` and a mask."""

    def call(self, inputs: Any) -> Any:
        """Returns the largest values, ``(batch, d)``."""
        values, mask = inputs
        return ops.max(values + (mask - 1.0) * _NEVER, axis=1)


def build_network(
    descriptor: Descriptor,
    most_atoms: int,
    *,
    units: int,
    depth: int = 2,
    dropout: float = 0.0,
    noise: float = 0.0,
    centre: float = 0.0,
    scale: float = 1.0,
    name: str,
) -> keras.Model:
    """Builds critic or constraint.

    Every atom goes through the same dense layers (SiLU). The result is the mean of a score of each
    atom, as a potential of short range sums energies, plus a small network of the mean and of the
    largest of the atoms' features, which sees what a mean hides: one atom out of place.

    Args:
        descriptor: What is seen of an atom.
        most_atoms: Rows of the input; behind the last atom there are zeros.
        units: Units of each dense layer.
        depth: Dense layers for each atom.
        dropout: Share of the first layer's activations dropped in training.
        noise: Standard deviation of the noise on the environments in training.
        centre: Added to the result, in its unit.
        scale: The result is multiplied by it before.
        name: Name of the model and of its output.

    Returns:
        A model from environments ``(batch, most_atoms, descriptor.size)``
        (:meth:`Descriptor.padded`) to ``(batch, 1)``.
    """
    environments = keras.Input((most_atoms, descriptor.size), name=INPUT)
    own = descriptor.elements
    mask = IsAtom(own.start, own.stop, name="is_atom")(environments)
    # Behind the last atom there is noise as well, which the mask keeps out.
    x = layers.GaussianNoise(noise, name="noise")(environments) if noise else environments
    for number in range(1, depth + 1):
        x = layers.Dense(units, activation="silu", name=f"atom_{number}")(x)
        if number == 1 and dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
    score = layers.Dense(1, name="atom_score")(x)
    local = MeanOfAtoms(name="local")([score, mask])
    features = layers.Concatenate(name="features")(
        [MeanOfAtoms(name="mean")([x, mask]), LargestOfAtoms(name="largest")([x, mask])]
    )
    whole = layers.Dense(units, activation="silu", name="whole_1")(features)
    whole = layers.Dense(1, name="whole")(whole)
    result = layers.Add(name="sum")([local, whole])
    result = layers.Rescaling(scale, centre, name=name)(result)
    return keras.Model(environments, result, name=name)
