"""The training steps that benchmarks measure, caught where tfmat's own training would begin them.

Nothing is rebuilt here: a stage is started by the family's chain on the data that ship with tfmat,
and stopped where it hands its compiled network and its batches to the loop. Stages before it are
passed over with the random weights they begin with, which changes no time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

# Batches that are drawn once, kept in memory and given to a step in turn.
KEPT = 8
# Formulas of the data whose GAN is stepped.
FORMULAS = "formulas"


@dataclass(frozen=True)
class TrainingStep:
    """A step as training runs it.

    Args:
        batch: Samples of a step.
        run: Does one step, on a batch that lies in memory.
        train: Does so many steps through Keras's ``fit``, batches drawn as in training; ``None``
            where the stage has a loop of its own.
        compiled: Makes the same step compiled by XLA, which tfmat does not use on TensorFlow;
            ``None`` like ``train``.
    """

    batch: int
    run: Callable[[], Any]
    train: Callable[[int], Any] | None
    compiled: Callable[[], Callable[[], Any]] | None


class _CaughtError(Exception):
    """Ends a stage that was caught; it carries network and batches."""


def training_step(name: str) -> TrainingStep:
    """Returns a step by its name, ``recipe/stage``.

    Args:
        name: E.g. ``quickstart/sites-ae``; stage ``gan`` is the critic and generator of a MatGAN.
    """
    recipe, stage = name.split("/")
    return _gan_step(recipe) if stage == "gan" else _fitted_step(*_caught(recipe, stage))


def _caught(recipe: str, wanted: str) -> tuple[Any, Any]:
    """Returns the compiled network of a stage, and what gives its batches."""
    from tfmat.ccdcgan.chain import CcdcganChain
    from tfmat.training.chain import Order, train
    from tfmat.training.loop import Stage
    from tfmat.training.strategy import Devices

    class Caught(Stage):
        def fit(self, model: Any, batches: Any, *args: Any, **options: Any) -> None:
            del args, options
            model.optimizer.build(model.trainable_variables)
            if self.name == wanted:
                raise _CaughtError(model, batches)

    class Chain(CcdcganChain):
        def train_stage(self, stage: Stage, recipe: Any, data: Any) -> None:
            given = {field.name: getattr(stage, field.name) for field in fields(Stage)}
            super().train_stage(Caught(**given), recipe, data)

    target = {"writer": "dcgan"}.get(wanted, wanted)
    with tempfile.TemporaryDirectory() as scratch:
        order = Order(target, Path(scratch) / "run", recipe)
        try:
            train(Chain(), order, lambda: Devices("one"), lambda _: None)
        except _CaughtError as caught:
            return caught.args
    raise ValueError(f"recipe {recipe} trains no stage {wanted}")


def _fitted_step(model: Any, batches: Any) -> TrainingStep:
    """Returns the step that Keras's ``fit`` runs."""
    import tensorflow as tf

    from tfmat.training.loop import feed

    drawn = [batches(0, KEPT)[number] for number in range(KEPT)]
    inputs = tf.data.Dataset.from_tensor_slices(np.stack([batch[0] for batch in drawn]))
    if drawn[0][0] is drawn[0][1]:
        # As tfmat.training.loop.feed does with an autoencoder's batches.
        dataset = inputs.map(lambda voxels: (voxels, voxels))
    else:
        targets = tf.data.Dataset.from_tensor_slices(np.stack([batch[1] for batch in drawn]))
        dataset = tf.data.Dataset.zip((inputs, targets))
    iterator = iter(dataset.repeat())
    model.make_train_function()

    def train(steps: int) -> None:
        model.fit(feed(batches(0, steps)), epochs=1, verbose=0, shuffle=False)

    def compiled() -> Callable[[], Any]:
        before = model.train_function
        model.jit_compile = True
        model.make_train_function(force=True)
        made, model.train_function, model.jit_compile = model.train_function, before, False
        return lambda: made(iterator)

    size = len(drawn[0][0])
    return TrainingStep(size, lambda: model.train_function(iterator), train, compiled)


def _gan_step(recipe_name: str) -> TrainingStep:
    """Returns a step of a MatGAN with a critic: its updates of the critic, and the generator's."""
    import itertools

    import keras
    import tensorflow as tf

    from tfmat.matgan.chain import MatganChain
    from tfmat.matgan.networks.gan import build_critic, build_generator
    from tfmat.matgan.training.gan_step import WganTrainer

    chain = MatganChain()
    recipe = chain.load_recipe(recipe_name, ())
    recipe, data = chain.load(recipe, chain.open_dataset(FORMULAS), 0)
    settings = recipe.gan
    keras.utils.set_random_seed(0)
    trainer = WganTrainer(build_generator(settings), build_critic(settings), settings, 0)
    trainer.build()
    shape = (settings.batch_size, settings.critic_steps)
    real = data.counts(data.train)
    batch = tf.constant(real[: shape[0] * shape[1]].reshape(*shape, real.shape[1]))
    numbers = itertools.count()
    return TrainingStep(settings.batch_size, lambda: trainer.step(batch, next(numbers)), None, None)
