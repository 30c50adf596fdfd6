"""Trains and calls the networks that need no TensorFlow on Keras's PyTorch backend.

Run as ``python torch_networks.py IN OUT`` with KERAS_BACKEND=torch. IN holds weights and inputs,
OUT gets the outputs and the losses of a few training steps.
"""

import sys

import keras
import numpy as np

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.autoencoders import build_autoencoder, build_decoder, build_encoder
from tfmat.ccdcgan.networks.constraint import build_constraint
from tfmat.ccdcgan.networks.losses import autoencoder_loss
from tfmat.ccdcgan.recipe import AutoencoderRecipe, ConstraintRecipe

AUTOENCODER = AutoencoderRecipe(form="compact", filters=(3, 4), latent=5, loss="cross-entropy")
CONSTRAINT = ConstraintRecipe(filters=(4, 4, 8), units=(8,))
LAYOUT = GraphLayout(8, 8, 10, 5, 20, ("Bi", "Se"))


def build() -> dict[str, keras.Model]:
    """Returns the networks by name."""
    encoder, decoder = build_encoder(AUTOENCODER, 8), build_decoder(AUTOENCODER, 8)
    return {
        "autoencoder": build_autoencoder(encoder, decoder),
        "constraint": build_constraint(CONSTRAINT, LAYOUT),
    }


def main(source: str, out: str) -> None:
    """Loads weights, calls the networks, then trains them."""
    results = {}
    losses = {"autoencoder": autoencoder_loss(AUTOENCODER), "constraint": "mse"}
    with np.load(source) as data:
        for name, model in build().items():
            model.set_weights([data[f"{name}_{i}"] for i in range(len(model.weights))])
            results[name] = model.predict(data[f"{name}_x"], verbose=0)
            model.compile(keras.optimizers.Adam(1e-2), loss=losses[name])
            history = model.fit(data[f"{name}_x"], data[f"{name}_y"], epochs=5, verbose=0)
            results[f"{name}_losses"] = history.history["loss"]
    np.savez(out, **results)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
