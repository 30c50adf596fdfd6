"""One network from noise to decoded voxels and lattice parameters, for users of no Python of ours.

It chains what :mod:`tfmat.ccdcgan.generate` runs one by one: generator, layout of the crystal
graph, presence thresholds, decoders, constraints, and the reading of the lattice voxel. Only the
atoms are left to find, as local maxima of the sites voxels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.networks.lattice_layer import LatticeParameters
from tfmat.ccdcgan.presence import Presence
from tfmat.ccdcgan.voxels.spec import VoxelSpec

# The voxels of all elements leave the network, whether there or not: with 118 elements of 64³
# points that would be 124 MB for each crystal graph.
MAX_ELEMENTS = 8


def build_generate(
    networks: Mapping[str, keras.Model],
    layout: GraphLayout,
    spec: VoxelSpec,
    presence: Presence,
    constraints: Mapping[str, str],
) -> keras.Model:
    """Builds the end-to-end network.

    Args:
        networks: ``generator``, ``lattice_decoder`` and ``sites_decoder``, both decoders with
            outputs in 0 to 1, and the constraints.
        layout: Layout of the crystal graphs.
        spec: Grids and widths.
        presence: What tells the elements of a crystal graph.
        constraints: Parts that predict a property, with the names of their outputs.

    Returns:
        A model from noise ``(batch, latent)`` to a dict of ``crystal_graph`` ``(batch, height,
        width, 1)``; ``present`` ``(batch, elements)``, bool; ``sites_voxels`` ``(batch, elements,
        grid, grid, grid)``, zero where the element is not present; ``lattice_voxel`` ``(batch,
        grid, grid, grid)``; ``lattice_parameters`` ``(batch, 6)``, a, b, c in Å and alpha, beta,
        gamma in degrees, NaN where the voxel shows no cell; and what each constraint predicts
        ``(batch, 1)``.
    """
    # Both decoders are called the same, and so are all constraints.
    networks = {
        part: keras.Model(network.input, network.output, name=part)
        for part, network in networks.items()
        if part in ("generator", "lattice_decoder", "sites_decoder", *constraints)
    }
    elements, length = len(layout.elements), layout.sites_latent
    noise = keras.Input(networks["generator"].input_shape[1:], name="noise")
    graph = networks["generator"](noise)
    cells = ops.reshape(graph, (-1, layout.height * layout.width))
    latents = ops.reshape(cells[:, layout.lattice_slot : layout.used_cells], (-1, elements, length))
    present = _present(cells, latents, layout, presence)
    sites = networks["sites_decoder"](ops.reshape(latents, (-1, length)))
    sites = ops.reshape(sites, (-1, elements, *(spec.sites_grid,) * 3))
    lattice = networks["lattice_decoder"](cells[:, : layout.lattice_latent])
    lattice = ops.reshape(lattice, (-1, *(spec.lattice_grid,) * 3))
    outputs: dict[str, Any] = {
        "crystal_graph": graph,
        "present": present,
        "sites_voxels": ops.where(present[:, :, None, None, None], sites, 0.0),
        "lattice_voxel": lattice,
        "lattice_parameters": LatticeParameters(spec)(lattice),
    }
    for part, name in constraints.items():
        outputs[name] = networks[part](graph)
    return keras.Model(noise, outputs, name="generate")


def _present(cells: Any, latents: Any, layout: GraphLayout, presence: Presence) -> Any:
    """Says which elements are there, as :meth:`Presence.of` does: in double precision."""
    rms = ops.sqrt(ops.mean(ops.square(ops.cast(latents, "float64")), axis=2))
    noise = _noise(cells, rms, layout, presence)
    # Finite, for the graph of ONNX: an element without a threshold has one that none reaches.
    weakest = np.minimum(2 * presence.thresholds, 1e6)
    limits = (noise + ops.sqrt(ops.square(noise) + weakest**2)) / 2
    return rms > limits * (presence.thresholds > 0)


def _noise(cells: Any, rms: Any, layout: GraphLayout, presence: Presence) -> Any:
    """Returns the noise of each crystal graph, shape ``(batch, 1)``."""
    if presence.by_slots:
        middle, odd = divmod(len(layout.elements), 2)
        ordered = ops.sort(rms, axis=1)
        return (ordered[:, middle : middle + 1] + ordered[:, middle - 1 + odd : middle + odd]) / 2
    between = cells[:, layout.lattice_latent : layout.lattice_slot]
    unused = ops.concatenate([between, cells[:, layout.used_cells :]], axis=1)
    if not unused.shape[1]:
        return ops.zeros_like(rms[:, :1])
    return ops.sqrt(ops.mean(ops.square(ops.cast(unused, "float64")), axis=1, keepdims=True))
