"""Losses of the CCDCGAN networks, in keras.ops.

All are ``keras.losses.Loss`` objects: under tf.distribute Keras divides their value by the number
of replicas, so that gradients summed over replicas are those of the mean over the global batch.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfmat.ccdcgan.networks.recipe import AutoencoderRecipe
from tfmat.ccdcgan.recipe import ConstraintTerm


class WeightedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of voxels against logits, with weight ``1 + positive_weight·target``.

    Fewer than one voxel in a hundred is not zero, so that without the weight an empty output is
    nearly optimal.

    Args:
        positive_weight: Extra weight of a voxel whose target is 1.
        name: Name of the loss.
    """

    def __init__(self, positive_weight: float, name: str = "weighted_cross_entropy") -> None:
        super().__init__(name=name)
        self.positive_weight = positive_weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the weighted cross-entropy of each voxel.

        Args:
            y_true: Targets of 0 or more. Above 1, where atoms of one element are so near that
                their Gaussians add up (O₂, 1.2 Å), they count as 1: of such a target the
                cross-entropy has no minimum, and its logit would grow for ever.
            y_pred: Logits, same shape.
        """
        target = ops.minimum(ops.cast(y_true, y_pred.dtype), 1.0)
        # softplus(x) - t·x is the cross-entropy -t·ln(s) - (1 - t)·ln(1 - s) of s = sigmoid(x).
        cross_entropy = ops.softplus(y_pred) - target * y_pred
        return (1.0 + self.positive_weight * target) * cross_entropy


class ConstraintLoss(keras.losses.Loss):
    """What a predicted property adds to the generator's loss, before its weight.

    ``exp``: mean(exp(y)) (released code; paper 002, Eq. 2); ``linear``: mean(y) (paper 004, Eq. 2);
    ``target``: mean((y - target)²); ``exp-range``: mean(exp(y - target)) (the code of paper 002);
    with y and target divided by ``scale``.

    Args:
        form: One of the above.
        target: Wanted value, in the property's unit.
        scale: What is one, in the property's unit.
        name: Name of the loss.
    """

    def __init__(
        self,
        form: str,
        target: float = 0.0,
        scale: float = 1.0,
        name: str = "constraint_loss",
    ) -> None:
        super().__init__(name=name)
        self.form = form
        self.target = target
        self.scale = scale

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the term of each crystal graph.

        Args:
            y_true: Not used: the target belongs to the term.
            y_pred: Predicted property, in its unit.

        Raises:
            ValueError: The form is unknown.
        """
        # As published where the scale is 1: a division would cost bits.
        scaled = y_pred if self.scale == 1.0 else y_pred / self.scale
        if self.form == "exp":
            return ops.exp(scaled)
        if self.form == "linear":
            return scaled
        if self.form == "exp-range":
            return ops.exp(scaled - self.target / self.scale)
        if self.form == "target":
            return ops.square(scaled - self.target / self.scale)
        raise ValueError(f"no constraint term of form {self.form!r}")


def autoencoder_loss(recipe: AutoencoderRecipe) -> keras.losses.Loss:
    """Returns the loss that an autoencoder recipe names."""
    if recipe.loss == "mse":
        return keras.losses.MeanSquaredError()
    return WeightedCrossEntropy(recipe.positive_weight)


def constraint_loss(term: ConstraintTerm) -> ConstraintLoss:
    """Returns the loss of one constraint term; the caller multiplies it by ``term.weight``."""
    return ConstraintLoss(term.form, term.target, term.scale)
