"""Random compositions, also with elements and counts that no real formula has."""

import math

import numpy as np

from tfmat.formulas.compositions import Compositions
from tfmat.matgan.validity.oxidation_states import SETS, oxidation_states


def random_compositions(rows: int, seed: int) -> Compositions:
    """Draws formulas of 1 to 7 elements with so few states that smact judges them in milliseconds.

    Half of them hold a common anion. Counts reach from 1 to 499, so that some charges fit no word.
    """
    rng = np.random.default_rng(seed)
    every = [oxidation_states(name).states for name in SETS]
    made: list[dict[int, int]] = []
    while len(made) < rows:
        size = rng.choice([1, 2, 3, 4, 5, 6, 7], p=[0.02, 0.2, 0.3, 0.3, 0.1, 0.05, 0.03])
        numbers = rng.choice(np.arange(1, 104), size, replace=False)
        if rng.random() < 0.5:
            numbers[0] = rng.choice([1, 7, 8, 9, 16, 17, 34])
        combinations = max(math.prod(len(s.get(int(n), ())) for n in numbers) for s in every)
        if len(set(numbers.tolist())) < size or combinations > 1500:
            continue
        counts = rng.integers(1, rng.choice([3, 9, 9, 9, 25, 100, 500]), size)
        made.append(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
    return Compositions.from_mappings(made)
