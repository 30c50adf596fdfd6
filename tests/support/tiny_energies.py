"""A recipe and a dataset of formation energies so small that ElemNet trains in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tiny_compositions
from numpy.typing import NDArray

from tfmat.datasets.composition_store import CompositionWriter
from tfmat.formulas.compositions import Compositions

RECIPE = """
name = "tiny-energies"
description = "Only for tests."
family = "elemnet"

[data]
dataset = "given by --data"
test_fraction = 0.2
validation_fraction = 0.2

[network]
units = [16, 16, 8]
dropout = [0.1]
standardise = true
optimizer = "adam"
learning_rate = 1e-2
batch_size = 16
steps = 120
epochs = 0
"""


def energies(compositions: Compositions) -> NDArray[np.float64]:
    """Returns made-up formation energies, eV/atom: the more oxygen, the lower."""
    oxygen = np.where(compositions.numbers == 8, compositions.counts, 0).sum(axis=1)
    return 0.5 - 3.0 * oxygen / compositions.counts.sum(axis=1)


def write_dataset(folder: Path, count: int = 120) -> Path:
    """Writes formulas with energies; of two the energy is not known."""
    compositions = tiny_compositions.compositions(count)
    values = energies(compositions)
    values[:2] = np.nan
    name = "formation_energy_per_atom"
    source = {"name": "tiny", "sha256": "0", "license": "CC-BY-4.0", "attribution": ["Tiny (2020)"]}
    with CompositionWriter(folder, source, 8, [name]) as writer:
        writer.add(compositions, {name: values})
    return folder


def write_recipe(path: Path) -> Path:
    """Writes the recipe as a file."""
    path.write_text(RECIPE, "utf-8")
    return path
