"""Takes Wasserstein GAN steps on one or two logical CPU devices and saves all weights.

Run as ``python wgan_replicas.py DEVICES OUT``. A process of its own, since logical devices must be
set before TensorFlow's runtime starts.
"""

import sys

import keras
import numpy as np
from keras import layers
from logical_devices import strategy_of

from tfmat.matgan.networks.gan import batch_normalisation
from tfmat.matgan.recipe import CriticGanRecipe
from tfmat.matgan.training.gan_step import WganTrainer
from tfmat.networks.replicas import share

BATCH = 8


def main(devices: int, out: str) -> None:
    strategy = strategy_of(devices)
    keras.utils.set_random_seed(1)
    recipe = CriticGanRecipe(
        form="dense", latent=5, critic_steps=2, steps=3, epochs=0, batch_size=BATCH, ema=0.5
    )
    with strategy.scope():
        # Batch normalisation in both, as the reference networks have it.
        noise, matrix = keras.Input((5,)), keras.Input((8, 85, 1))
        x = layers.ReLU()(batch_normalisation("g")(layers.Dense(6)(noise)))
        made = layers.Reshape((8, 85, 1))(layers.Dense(680, activation="sigmoid")(x))
        x = layers.Conv2D(3, 3, 2, "same")(matrix)
        x = layers.LeakyReLU(0.2)(batch_normalisation("c")(x))
        score = layers.Dense(1)(layers.Flatten()(x))
        trainer = WganTrainer(keras.Model(noise, made), keras.Model(matrix, score), recipe, 3)
        # Adam hides the scale of gradients, gradient descent shows it.
        trainer.generator_optimizer = keras.optimizers.SGD(0.05)
        trainer.critic_optimizer = keras.optimizers.SGD(1e-4)
        trainer.build()
    random = np.random.default_rng(0)
    arrays = {}
    for step in range(2):
        real = random.integers(0, 3, (BATCH, 2, 85)).astype(np.uint8)
        # The halves differ much, so that batch statistics of one replica alone would show.
        real[BATCH // 2 :, :, :40] = 0
        for name, value in trainer.step(share(real, strategy), step).items():
            arrays[f"loss_{step}_{name}"] = value.numpy()
    for i, variable in enumerate(trainer.variables):
        arrays[f"variable_{i}"] = variable.numpy()
    np.savez(out, **arrays)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
