"""Inputs for every part of a package, as they come up when formulas are generated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.inference.metadata import GENERATE
from tfmat.inference.noise import block_noise
from tfmat.inference.package import NetworkSet
from tfmat.matgan.elements import ELEMENTS, MAX_COUNT, MAX_ELEMENTS, MIN_ELEMENTS

# Samples in one call of a network, as `tfmat generate matgan` has by default.
BATCH = 256


def batch_size(part: str, networks: NetworkSet) -> int:
    """Returns how many samples ``tfmat generate`` gives to a part at once.

    Args:
        part: Name of a part.
        networks: Those of the package.
    """
    del part, networks
    return BATCH


def probe_inputs(networks: NetworkSet, count: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Makes inputs for all parts by chaining them: noise, composition matrices, latents.

    What a package has no network for is drawn at random instead: formulas of 2 to 8 elements as
    composition matrices, standard normal latents.

    Args:
        networks: The networks of a MatGAN package; those that make inputs of others are run.
        count: Number of inputs for each part.
        seed: Seed of the noise and of the random numbers.

    Returns:
        For every part an array ``(count, ...)``.
    """
    parts = networks.parts
    random = np.random.default_rng(seed)
    known: dict[str, NDArray[np.float32]] = {}
    for part in ("generator", GENERATE):
        if part in parts:
            known[part] = block_noise(seed, 0, count, networks.input(part)[1][0])
    if "generator" in parts:
        matrices = networks.run("generator", known["generator"], BATCH)
    else:
        matrices = _random_matrices(count, random)
    known["critic"] = known["composition_encoder"] = matrices
    if "composition_encoder" in parts:
        known["composition_decoder"] = networks.run("composition_encoder", matrices, BATCH)
    elif "composition_decoder" in parts:
        shape = (count, *networks.input("composition_decoder")[1])
        known["composition_decoder"] = random.normal(size=shape).astype(np.float32)
    return {part: known[part] for part in parts}


def _random_matrices(count: int, random: np.random.Generator) -> NDArray[np.float32]:
    matrices = np.zeros((count, MAX_COUNT, len(ELEMENTS), 1), np.float32)
    for matrix in matrices:
        size = random.integers(MIN_ELEMENTS, MAX_ELEMENTS + 1)
        columns = random.choice(len(ELEMENTS), size, replace=False)
        matrix[random.integers(0, MAX_COUNT, size), columns] = 1.0
    return matrices
