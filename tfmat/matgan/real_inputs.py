"""Inputs of networks that are made of real formulas: those that ship."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.inference.package import ModelPackage
from tfmat.matgan.matrix import encode, fits


def real_inputs(package: ModelPackage, count: int) -> dict[str, NDArray[np.float32]]:
    """Returns inputs made of real formulas, through the encoders of the package.

    Args:
        package: A package of the family.
        count: Number of inputs of each part.

    Returns:
        For every part that takes what data give an array ``(count, ...)``; noise is not among
        them, nor is a latent whose encoder the package lacks.
    """
    dataset = CompositionDataset.open("formulas")
    rows = dataset.compositions
    matrices = encode(rows[np.flatnonzero(fits(rows))[:count]])[..., None]
    known = {"critic": matrices, "composition_encoder": matrices}
    if "composition_encoder" in package.parts:
        known["composition_decoder"] = package.run("composition_encoder", matrices)
    return {part: known[part] for part in package.parts if part in known}
