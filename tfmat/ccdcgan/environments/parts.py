"""The parts of a package that read environments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmat.inference.tensors import Tensors

INPUT = "environments"
CONSTRAINT = "environment_constraint"
CRITIC = "environment_critic"

PARTS = {
    CONSTRAINT: Tensors(
        INPUT, {"formation_energy": "eV/atom"}, property="formation_energy_per_atom"
    ),
    CRITIC: Tensors(INPUT, {"score": "1"}),
}


def random_environments(
    random: np.random.Generator, shape: tuple[int, ...], elements: int
) -> NDArray[np.float32]:
    """Returns environments of no structure, to try networks with.

    Args:
        random: Source of randomness.
        shape: Number of structures, rows of each, numbers of each atom.
        elements: Elements of the system.

    Returns:
        Numbers such as :class:`~tfmat.ccdcgan.environments.descriptor.Descriptor` gives, for one
        atom to as many as there are rows; zeros behind the last.
    """
    structures, most_atoms, width = shape
    rows = random.uniform(0, 3, size=shape).astype(np.float32)
    rows[:, :, width - 1 - elements : width - 1] = np.eye(elements, dtype=np.float32)[
        random.integers(elements, size=(structures, most_atoms))
    ]
    rows[:, :, -1:] = random.normal(0, 0.2, size=(structures, 1, 1))
    counts = random.integers(1, most_atoms + 1, size=structures)
    rows[np.arange(most_atoms) >= counts[:, None]] = 0
    return rows
