"""A CCDCGAN without training that generates one known crystal, some of its elements by the noise.

All its networks are linear: the generator gives unit vectors, which the decoders turn into voxels.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tiny
from keras import layers

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.constraint import build_constraint
from tfmat.ccdcgan.networks.end_to_end import build_generate
from tfmat.ccdcgan.parts import exported, package_tensors
from tfmat.ccdcgan.presence import Presence
from tfmat.ccdcgan.recipe import CcdcganRecipe, load_recipe
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_sites
from tfmat.crystals.crystal import Crystal
from tfmat.export.package import Formats, Provenance, write_package

PRESENCE = [0.1, 0.1]


def crystal() -> Crystal:
    """Returns a triclinic cell of two Bi and three Se, atoms 2.3 Å or more apart."""
    lattice = np.array([[5.0, 0, 0], [0.4, 4.6, 0], [-0.5, 0.7, 5.4]])
    sites = [[0, 0, 0], [0.5, 0.5, 0.1], [0.5, 0, 0.5], [0, 0.5, 0.55], [0.5, 0.5, 0.6]]
    return canonicalise(
        Crystal.from_arrays(lattice, np.array(sites) @ lattice, [83, 83, 34, 34, 34])
    )


def networks(folder: Path) -> tuple[dict[str, keras.Model], CcdcganRecipe, GraphLayout]:
    """Builds the networks as they are exported, with the tiny recipe.

    Bi is there where the first number of the noise is above -1, Se where the second is; the third
    changes the lattice a little.

    Args:
        folder: Where the recipe is written.
    """
    keras.utils.set_random_seed(1)
    recipe = load_recipe(str(tiny.write_recipe(folder / "tiny.toml")))
    layout, voxels = GraphLayout.from_recipe(recipe, recipe.data.elements), recipe.voxels
    cells = np.zeros((recipe.gan.latent + 1, layout.height * layout.width), np.float32)
    cells[2, 0], cells[-1, 0] = 0.01, 0.95
    for slot in range(2):
        cell = layout.lattice_slot + slot * (layout.sites_latent + 1)
        cells[slot, cell] = cells[-1, cell] = 1000.0
    noise = keras.Input((recipe.gan.latent,), name="noise")
    x = _dense(noise, cells[:-1], cells[-1])
    x = layers.ReLU(max_value=1.0)(x)
    graph = layers.Reshape((layout.height, layout.width, 1))(x)
    known = crystal()
    sites = encode_sites(known, layout.numbers, voxels)
    models = {
        "generator": keras.Model(noise, graph, name="generator"),
        "constraint": build_constraint(recipe.constraint, layout),
        "lattice_decoder": _decoder(
            encode_lattice(known.lattice, voxels)[None], layout.lattice_latent
        ),
        "sites_decoder": _decoder(sites.reshape(2, *(voxels.sites_grid,) * 3), layout.sites_latent),
    }
    return exported(models), recipe, layout


def generate(models: dict[str, keras.Model], recipe: CcdcganRecipe, layout: GraphLayout):
    """Builds the end-to-end network of :func:`networks`."""
    constraints = {"constraint": "formation_energy"}
    return build_generate(models, layout, recipe.voxels, Presence(np.array(PRESENCE)), constraints)


def write(out: Path, formats: Formats | None = None) -> Path:
    """Writes the model package."""
    models, recipe, layout = networks(out.parent)
    models["generate"] = generate(models, recipe, layout)
    provenance = Provenance(
        out.name, recipe, layout.elements, details={"presence_threshold": PRESENCE}
    )
    return write_package(out, models, package_tensors(models, recipe), provenance, formats)


def _decoder(voxels: np.ndarray, length: int) -> keras.Model:
    """Returns a decoder that makes of each unit vector one of the voxels."""
    count, grid = voxels.shape[:2]
    value = np.clip(voxels, 1e-3, 1 - 1e-3).reshape(count, -1)
    kernel = np.zeros((length, grid**3), np.float32)
    kernel[:count] = np.log(value / (1 - value))
    latent = keras.Input((length,), name="latent")
    x = _dense(latent, kernel, np.zeros(grid**3, np.float32))
    x = layers.Reshape((grid, grid, grid, 1))(x)
    return keras.Model(latent, layers.Activation("linear", name="logits")(x), name="decoder")


def _dense(x, kernel: np.ndarray, bias: np.ndarray):
    layer = layers.Dense(kernel.shape[1])
    layer.build((None, kernel.shape[0]))
    layer.set_weights([kernel, bias])
    return layer(x)
