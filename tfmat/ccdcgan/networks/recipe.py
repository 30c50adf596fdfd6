"""Settings of the autoencoders of voxels: tables of a CCDCGAN recipe."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from tfmat.errors import InputError
from tfmat.recipes.table import Count, NotNegative, Positive, Share, Sizes, Table


@dataclass(frozen=True)
class AutoencoderRecipe(Table):
    """One autoencoder and how it is trained.

    Args:
        form: ``reference`` (sigmoid, steep threshold, mean squared error, no biases), ``compact``
            (logits, weighted cross-entropy), or ``dense-bottleneck`` (paper 002's lattice
            autoencoder: dense layers around the latent, biases, no threshold).
        filters: Filters of the strided convolutions, from the voxel inwards.
        kernel: Edge of the convolution kernels.
        latent: Length of the latent vector, in -1 to 1 (tanh).
        latent_noise: Standard deviation of the noise added to the latent in training, for a
            decoder that can read the inexact latents of a generator.
        loss: ``mse`` or ``cross-entropy``.
        positive_weight: Weight of the cross-entropy is 1 + positive_weight·target.
        l2: Weight of the L2 term.
        optimizer: ``adam`` (papers), or ``muon``, with which the compact form learns faster.
        learning_rate: Learning rate of the optimiser.
        beta_1: First moment decay of Adam.
        beta_2: Second moment decay of Adam.
        epsilon: What Adam adds to the root of the second moment. TensorFlow 1 had 1e-8, Keras has
            1e-7; it matters where gradients are as small (4e-10 at the start of the published
            sites autoencoder).
        schedule: ``constant``, or ``cosine`` (decays to zero at the last step).
        batch_size: Voxels in a batch.
        steps: Optimiser steps.
        keep: Which weights are kept: ``last``, or ``best``, those of the smallest held-out loss
            among the checkpoints.
        keep_below: For ``best``: a held-out loss that is not below this limit is warned of; 0
            means no limit.
        precision: Keras dtype policy, ``float32`` or ``mixed_bfloat16``.

    Raises:
        InputError: Form and loss do not belong together.
    """

    form: Literal["reference", "compact", "dense-bottleneck"] = "reference"
    filters: Sizes = (64, 64, 64, 64)
    kernel: Count = 4
    latent: Count = 200
    latent_noise: NotNegative = 0.0
    loss: Literal["mse", "cross-entropy"] = "mse"
    positive_weight: NotNegative = 30.0
    l2: NotNegative = 0.0
    optimizer: Literal["adam", "muon"] = "adam"
    learning_rate: Positive = 3e-4
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: Positive = 1e-7
    schedule: Literal["constant", "cosine"] = "constant"
    batch_size: Count = 1
    steps: Count = 1000
    keep: Literal["best", "last"] = "last"
    keep_below: NotNegative = 0.0
    precision: Literal["float32", "mixed_bfloat16"] = "float32"

    def __post_init__(self) -> None:
        super().__post_init__()
        # The reference form gives values, the compact form logits: each has its own loss.
        loss = "cross-entropy" if self.form == "compact" else "mse"
        if self.loss != loss:
            raise InputError(
                f"an autoencoder of form {self.form} learns by loss {loss}, not {self.loss}"
            )


@dataclass(frozen=True)
class SitesBankRecipe(Table):
    """A sites autoencoder for each element: copies of the shared one that learn on (002, Fig. 2C).

    Args:
        steps: Optimiser steps for each element; 0 means that all share one autoencoder.
        learning_rate: Learning rate; all else is as for the shared one.
    """

    steps: Annotated[int, Meta(ge=0)] = 0
    learning_rate: Positive = 3e-5
