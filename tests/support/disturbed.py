"""Crystals for the tests of novelty: real ones, described otherwise and disturbed."""

import numpy as np

from tfmat.crystals.crystal import SHORTEST_EDGE, Crystal


def described(crystal: Crystal, change: np.ndarray) -> Crystal:
    """The same crystal in the cell ``change @ lattice``: a supercell, or a skewed cell."""
    change = np.asarray(change, dtype=int)
    reach = int(np.abs(change).sum()) + 1
    shifts = np.array(list(np.ndindex(2 * reach + 1, 2 * reach + 1, 2 * reach + 1))) - reach
    fractional = crystal.positions @ np.linalg.inv(crystal.lattice)
    fractional, numbers = _inside(fractional, crystal.numbers, shifts, np.linalg.inv(change))
    cell = change @ crystal.lattice
    return Crystal.from_arrays(cell, fractional @ cell, numbers)


def _inside(fractional, numbers, shifts, inverse):
    found = [((fractional + shift) @ inverse, numbers) for shift in shifts]
    points = np.concatenate([points for points, _ in found])
    numbers = np.concatenate([numbers for _, numbers in found])
    inside = ((points >= -1e-9) & (points < 1 - 1e-9)).all(axis=1)
    return points[inside], numbers[inside]


def disturb(crystal: Crystal, rng: np.random.Generator, noise: float, strain: float) -> Crystal:
    """Moves every atom by ``noise`` Å (rms), strains the cell, moves, turns and scales it all."""
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    change = (np.eye(3) + rng.normal(0, strain, (3, 3))) @ turn * rng.uniform(0.8, 1.3)
    fractional = crystal.positions @ np.linalg.inv(crystal.lattice) + rng.uniform(size=3)
    cell = crystal.lattice @ change
    positions = fractional @ cell + rng.normal(0, noise / np.sqrt(3), crystal.positions.shape)
    order = rng.permutation(len(crystal))
    return Crystal.from_arrays(cell, positions[order], crystal.numbers[order])


def random_crystal(rng: np.random.Generator, counts: tuple[int, ...]) -> Crystal:
    """Atoms of some elements anywhere in a cell of any shape, of about 15 Å³ for each."""
    atoms = sum(counts)
    while True:
        cell = rng.normal(size=(3, 3)) * rng.uniform(0.4, 2.5, 3)[:, None]
        flat = abs(np.linalg.det(cell)) <= 0.05 * np.linalg.norm(cell, axis=1).prod()
        if flat:
            continue
        cell *= (15 * atoms / abs(np.linalg.det(cell))) ** (1 / 3)
        # Disturbed cells, too, stay longer than what a crystal may be.
        if np.linalg.norm(cell, axis=1).min() > 2 * SHORTEST_EDGE:
            break
    numbers = np.repeat(np.arange(3, 3 + len(counts)), counts)
    return Crystal.from_arrays(cell, rng.uniform(size=(atoms, 3)) @ cell, numbers)
