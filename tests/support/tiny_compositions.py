"""Recipes and datasets of compositions so small that a whole chain trains in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfmat.datasets.composition_store import CompositionWriter
from tfmat.formulas.compositions import Compositions

RECIPE = """
name = "tiny-compositions"
description = "Only for tests."
family = "matgan"

[data]
dataset = "given by --data"
test_fraction = 0.25

[decoding]
rule = "argmax"
threshold = 0.5

[gan]
form = "dense"
latent = 8
generator_units = [16]
critic_units = [16]
penalty = 1.0
critic_steps = 2
generator_rate = 1e-3
critic_rate = 1e-3
schedule = "linear"
batch_size = 8
steps = 40
epochs = 0
ema = 0.9

[autoencoder]
form = "dense"
latent = 16
units = [32]
loss = "cross-entropy"
optimizer = "muon"
learning_rate = 4e-3
schedule = "cosine"
batch_size = 16
steps = 0
epochs = 10
"""


def compositions(count: int = 80) -> Compositions:
    """Returns distinct oxides, halides and sulphides of two or three elements."""
    random = np.random.default_rng(0)
    rows = set()
    while len(rows) < count:
        anion = int(random.choice([8, 9, 16, 17]))
        cations = random.choice([3, 11, 12, 20, 26, 30], int(random.integers(1, 3)), replace=False)
        row = {int(number): int(random.integers(1, 4)) for number in cations}
        row[anion] = int(random.integers(1, 6))
        if np.gcd.reduce(list(row.values())) == 1:
            rows.add(tuple(sorted(row.items())))
    return Compositions.from_mappings(dict(row) for row in sorted(rows))


def write_dataset(folder: Path, count: int = 80) -> Path:
    """Writes the formulas as a dataset."""
    source = {"name": "tiny", "sha256": "0", "license": "CC-BY-4.0", "attribution": ["Tiny (2020)"]}
    with CompositionWriter(folder, source, 8) as writer:
        writer.add(compositions(count))
    return folder


def write_recipe(path: Path) -> Path:
    """Writes the recipe as a file."""
    path.write_text(RECIPE, "utf-8")
    return path
