"""Trains a model of a few steps on one or two logical CPU devices and saves losses and weights.

Run as ``python trainer_replicas.py DEVICES MODEL OUT``. A process of its own, since logical devices
must be set before TensorFlow's runtime starts. Nothing is dropped and no noise is added: that is
drawn by each replica for itself.
"""

import sys
from dataclasses import replace

import environment_crystals
import keras
import numpy as np
import tiny_sources
from logical_devices import strategy_of
from random_slots import some_slots

from tfmat.ccdcgan.environments.critic import CriticTrainer
from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.recipe import CriticRecipe
from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.sources.examples import examples
from tfmat.ccdcgan.sources.recipe import SlotGanRecipe
from tfmat.ccdcgan.sources.slot_training import SlotGanTrainer, training_steps
from tfmat.ccdcgan.sources.training import PromptedTrainer

STEPS = 4


def quiet(steps, words):
    pass


def critic(strategy):
    recipe = CriticRecipe(units=8, batch_size=8, noise=0.0, gradient_penalty=5.0)
    descriptor = Descriptor((83, 34))
    with strategy.scope():
        trainer = CriticTrainer(descriptor, 3, recipe, 1)
        # Adam hides the scale of gradients, gradient descent shows it.
        trainer._optimizer = keras.optimizers.SGD(0.1)
        trainer._optimizer.build(trainer.critic.trainable_variables)
    real = descriptor.padded(environment_crystals.ordered(9, 1), 3)
    written = descriptor.padded(environment_crystals.disordered(9, 1), 3)
    losses = [list(trainer.update(real, written, step).values()) for step in range(STEPS)]
    return losses, trainer.critic.get_weights()


def prompted(strategy):
    recipe = replace(tiny_sources.recipe_of().prompted, dropout=0.0, batch_size=8, steps=STEPS)
    known = tiny_sources.known_crystals()
    names = known.prototypes.contents.formula_labels()
    learned = examples(known, known, recipe, (names, -1 - names))
    with strategy.scope():
        # The gradient is longer than what it is clipped to.
        trainer = PromptedTrainer(learned, recipe, 4, 1)
    losses = [list(trainer.advance(step, 1, quiet).values()) for step in range(STEPS)]
    judged = trainer.judge(learned, 4)
    return [*losses, judged], trainer.network.get_weights()


def slots(strategy):
    recipe = SlotGanRecipe(
        noise=4, units=(8,), discriminator_units=(8,), batch_size=8, steps=STEPS, averaging=0.5
    )
    layout = GraphLayout(16, 16, 32, 9, 16, ("Bi", "Se"))
    with strategy.scope():
        trainer = SlotGanTrainer(recipe, layout, 4, 1)
        trainer.generator_optimizer = keras.optimizers.SGD(0.1)
        trainer._discriminator_optimizer = keras.optimizers.SGD(0.1)
        trainer.build()
    known = some_slots(layout, [[83, 34], [83]] * 6)
    known.slots["count"] = np.arange(len(known.slots)) % 4 + 1
    advance = training_steps(trainer, known, layout, strategy)
    losses = [list(advance(step, 1, quiet).values()) for step in range(STEPS)]
    averaged = [np.asarray(value) for value in trainer.average.model().get_weights()]
    return losses, [*trainer.generator.get_weights(), *averaged]


def main(devices: int, model: str, out: str) -> None:
    strategy = strategy_of(devices)
    losses, weights = {"critic": critic, "prompted": prompted, "slots": slots}[model](strategy)
    # Seeds of dropout count its calls, which each replica does for itself.
    floats = [value for value in weights if value.dtype == np.float32]
    np.savez(out, losses=losses, **{f"weight_{i}": value for i, value in enumerate(floats)})


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
