"""A model package with the published CCDCGAN networks for Bi-Se, without training them.

The weights are random, except that both decoders are made to remember one crystal for the first
noise vector of seed 0: so `tfmat generate ccdcgan -n 1` does all the work that it does with trained
networks of this size, atoms and space group included. Needs the [train] extra and a minute.

    python benchmarks/reference_package.py OUT
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.autoencoders import THRESHOLD_GAIN, build_decoder, build_encoder
from tfmat.ccdcgan.networks.constraint import build_constraint
from tfmat.ccdcgan.networks.gan import build_discriminator, build_generator
from tfmat.ccdcgan.parts import package_tensors
from tfmat.ccdcgan.recipe import load_recipe
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_sites
from tfmat.crystals.crystal import Crystal
from tfmat.export.package import Formats, Provenance, write_package
from tfmat.inference.noise import vector_noise
from tfmat.training.quiet import load_keras

# Bismuth selenide like rock salt, in Å.
CELL = 2.95 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
CRYSTAL = Crystal.from_arrays(CELL, np.array([[0.0, 0, 0], CELL.sum(axis=0) / 2]), [83, 34])


def main() -> None:
    """Parses the options and writes the package."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder of the package")
    parser.add_argument("--steps", type=int, default=150, help="to remember the crystal")
    options = parser.parse_args()
    write(options.out, options.steps)


def write(out: Path, steps: int) -> None:
    """Builds the networks and writes them in all formats."""
    keras = load_keras()
    keras.utils.set_random_seed(1)
    recipe = load_recipe("bi-se")
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    spec = recipe.voxels
    networks = {
        "generator": build_generator(recipe.gan, layout),
        "discriminator": build_discriminator(recipe.gan, layout),
        "constraint": build_constraint(recipe.constraint, layout),
        "lattice_encoder": build_encoder(recipe.lattice_autoencoder, spec.lattice_grid),
        "lattice_decoder": build_decoder(recipe.lattice_autoencoder, spec.lattice_grid),
        "sites_encoder": build_encoder(recipe.sites_autoencoder, spec.sites_grid),
        "sites_decoder": build_decoder(recipe.sites_autoencoder, spec.sites_grid),
    }
    graph = np.asarray(networks["generator"](vector_noise(0, 0, 1, recipe.gan.latent)))
    lattice, sites = layout.unpack(graph)
    crystal = canonicalise(CRYSTAL)
    voxel = encode_lattice(crystal.lattice, spec)[None]
    remember(networks["lattice_decoder"], lattice, voxel, steps)
    voxels = encode_sites(crystal, layout.numbers, spec)
    remember(networks["sites_decoder"], sites[0], voxels, steps)
    tensors = package_tensors(networks, recipe)
    details = {"presence_threshold": [0.0] * len(layout.elements)}
    provenance = Provenance(out.name, recipe, layout.elements, details=details)
    write_package(
        out, networks, tensors, provenance, Formats(saved_model=True, keras=True), overwrite=True
    )


def remember(
    decoder: object, latents: NDArray[np.float32], voxels: NDArray[np.float32], steps: int
) -> None:
    """Trains a decoder until it answers some latents with some voxels."""
    import keras

    assert isinstance(decoder, keras.Model)
    logits = keras.Model(decoder.input, decoder.get_layer("logits").output)
    # Below zero the output is cut off, so small errors beside the atoms do no harm; and without a
    # weight the few voxels of the atoms would not count.
    target = np.where(voxels > 0.01, voxels, -0.1)[..., None]
    weight = np.where(target > 0, target.size / np.count_nonzero(target > 0), 1.0)
    logits.compile(
        optimizer=keras.optimizers.Adam(2e-3),
        loss=lambda true, made: keras.ops.mean(weight * (true - made) ** 2),
    )
    losses = [float(logits.train_on_batch(latents, target)) for _ in range(steps)]
    print(f"{decoder.name}: mean squared error {losses[0]:.2g} -> {losses[-1]:.2g}")
    # The sigmoid's slope and the threshold's gain come after the logits.
    last = decoder.layers[[layer.name for layer in decoder.layers].index("logits") - 1]
    last.set_weights([weight * (4 / THRESHOLD_GAIN) for weight in last.get_weights()])


if __name__ == "__main__":
    main()
