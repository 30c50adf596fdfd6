"""A small autoregressive GAN, and its steps on one or two logical CPU devices.

Run as ``python tiny_autoregressive.py DEVICES OUT``; saves losses and weights. A process of its
own, since logical devices must be set before TensorFlow's runtime starts.
"""

import sys

import keras
import numpy as np
from logical_devices import strategy_of

from tfmat.matgan.networks.autoregressive import AutoregressiveNetworks, build_critic
from tfmat.matgan.recipe import CriticGanRecipe
from tfmat.matgan.recipe_autoregressive import AutoregressiveRecipe, PolicyRecipe
from tfmat.matgan.training.autoregressive_step import AutoregressiveTrainer
from tfmat.networks.replicas import share

SIZES = AutoregressiveRecipe(slots=3, width=4, units=(8,))


def make(policy: PolicyRecipe, adam: bool = False) -> AutoregressiveTrainer:
    """Returns a small trainer, always the same; by gradient descent where not by Adam."""
    keras.utils.set_random_seed(1)
    recipe = CriticGanRecipe(
        form="autoregressive",
        latent=6,
        penalty=1.0,
        generator_rate=0.05,
        critic_rate=1e-3,
        steps=100,
        epochs=0,
        ema=0.5,
    )
    networks = AutoregressiveNetworks(SIZES)
    trainer = AutoregressiveTrainer(networks, build_critic(SIZES, (8,)), recipe, policy, seed=7)
    if not adam:
        trainer.generator_optimizer = keras.optimizers.SGD(0.05)
        trainer.critic_optimizer = keras.optimizers.SGD(0.01)
    trainer.build()
    return trainer


def real(batch: int, seed: int = 0) -> np.ndarray:
    """Returns formulas of two or three elements, atoms ``(batch, 1, 85)``."""
    random = np.random.default_rng(seed)
    counts = np.zeros((batch, 1, 85), np.uint8)
    for row in counts[:, 0]:
        columns = random.choice(85, random.integers(2, 4), replace=False)
        row[columns] = random.integers(1, 9, len(columns))
    return counts


def main(devices: int, out: str) -> None:
    strategy = strategy_of(devices)
    arrays = {}
    with strategy.scope():
        trainer = make(PolicyRecipe(sample_size=3e4))
    for step in range(2):
        batch = share(real(8, seed=step), strategy)
        for name, value in trainer.step(batch, step).items():
            arrays[f"loss_{step}_{name}"] = value.numpy()
    for i, variable in enumerate(trainer.variables):
        arrays[f"variable_{i}"] = variable.numpy()
    np.savez(out, **arrays)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
