"""Takes GAN steps on one or two logical CPU devices and saves all weights.

Run as ``python gan_step_replicas.py DEVICES FORM OUT``. A process of its own, since logical devices
must be set before TensorFlow's runtime starts.
"""

import sys

import keras
import numpy as np
import tensorflow as tf
from logical_devices import strategy_of

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.constraint import build_constraint
from tfmat.ccdcgan.networks.gan import build_generator
from tfmat.ccdcgan.networks.trunk import convolution_trunk, dense_trunk
from tfmat.ccdcgan.recipe import ConstraintRecipe, ConstraintTerm, GanRecipe
from tfmat.ccdcgan.training.gan_step import GanTrainer

BATCH = 16


def main(devices: int, form: str, out: str) -> None:
    strategy = strategy_of(devices)
    keras.utils.set_random_seed(1)
    layout = GraphLayout(8, 8, 10, 5, 20, ("Bi", "Se"))
    filters = (16,) if form == "dense" else (4, 4, 4)
    penalty = 1.0 if form == "dense" else 0.0
    recipe = GanRecipe(
        form=form, latent=6, generator_filters=filters, gradient_penalty=penalty, ema=0.5
    )
    with strategy.scope():
        graph = keras.Input((8, 8, 1))
        # No dropout: it may not agree between one device and two.
        trunk = dense_trunk if form == "dense" else convolution_trunk
        logit = keras.layers.Dense(1, name="logit")(trunk(graph, (4, 4, 8), 0.0))
        constraint = build_constraint(ConstraintRecipe(filters=(4, 4, 8), units=(8,)), layout)
        term = ConstraintTerm("formation_energy_per_atom", weight=5.0)
        trainer = GanTrainer(
            build_generator(recipe, layout),
            keras.Model(graph, keras.layers.Activation("sigmoid")(logit)),
            [(constraint, term)],
            recipe,
            seed=3,
        )
        # Adam hides the scale of gradients, gradient descent shows it.
        trainer.generator_optimizer = keras.optimizers.SGD(0.1)
        trainer.discriminator_optimizer = keras.optimizers.SGD(0.1)
        trainer.build()

    share = BATCH // devices

    def real(context: tf.distribute.ReplicaContext) -> tf.Tensor:
        values = np.random.default_rng(0).uniform(-1, 1, (BATCH, 8, 8, 1)).astype("float32")
        first = context.replica_id_in_sync_group * share
        return tf.constant(values[first : first + share])

    batch = strategy.experimental_distribute_values_from_function(real)
    arrays = {}
    for step in range(3):
        for name, value in trainer.step(batch, step).items():
            arrays[f"loss_{step}_{name}"] = value.numpy()
    for group, variables in trainer.variables_groups.items():
        for i, variable in enumerate(variables):
            if "seed" not in variable.path:
                arrays[f"{group}_{i}"] = variable.numpy()
    draw = tf.function(lambda: trainer._draw(tf.constant(share), tf.constant(0, tf.int64)))
    noise, seeds = strategy.run(draw)
    arrays["draw_noise"] = np.concatenate(strategy.experimental_local_results(noise))
    arrays["draw_seeds"] = np.concatenate(strategy.experimental_local_results(seeds))
    np.savez(out, **arrays)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
