"""Two atoms in one place, against the distances over all near images."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.one_place import refuse_one_place
from tfmat.errors import InputError

IMAGES = np.array(list(itertools.product((-2, -1, 0, 1, 2), repeat=3)))


def shortest(crystal):
    """The shortest distance between two different atoms, in Å, one pair and image at a time."""
    apart = crystal.positions[:, None] - crystal.positions[None]
    fractional = apart @ np.linalg.inv(crystal.lattice) % 1
    vectors = (fractional[:, :, None] + IMAGES) @ crystal.lattice
    distances = np.sqrt((vectors**2).sum(axis=3)).min(axis=2)
    return distances[~np.eye(len(crystal), dtype=bool)].min()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from((2, 3, 20, 40, 41, 90)),
    st.sampled_from((0.0, 0.03, 0.049, 0.051, 0.08, 1.0)),
)
def test_it_is_found_wherever_it_lies(seed, count, apart):
    random = np.random.default_rng(seed)
    cell = np.diag(random.uniform(4, 12, 3)) + random.uniform(-3, 3, (3, 3))
    if abs(np.linalg.det(cell)) < 20:
        cell = np.eye(3) * 6
    positions = random.uniform(-2, 2, (count, 3)) @ cell
    step = random.normal(size=3)
    step *= apart / np.linalg.norm(step)
    positions[-1] = positions[0] + step + random.integers(-3, 4, 3) @ cell
    crystal = Crystal.from_arrays(cell, positions, [14] * count)
    if shortest(crystal) < 0.05:
        with pytest.raises(InputError, match=r"^broken frame: two atoms in one place"):
            refuse_one_place(crystal, "frame")
    else:
        assert refuse_one_place(crystal, "frame") is crystal


@pytest.mark.parametrize("count", [2, 60, 1500])
def test_the_message_names_the_atoms(count):
    side = int(np.ceil(count ** (1 / 3)))
    grid = np.array(list(itertools.product(range(side), repeat=3))[:count], dtype=float)
    grid[-1] = grid[0] - (0, 0, side)
    crystal = Crystal.from_arrays(np.eye(3) * side, grid, [11] * (count - 1) + [17])
    with pytest.raises(InputError, match=rf"^broken CIF: .* \(Na1 and Cl{count}\)$"):
        refuse_one_place(crystal, "CIF")
    labels = [f"site{at}" for at in range(count)]
    with pytest.raises(InputError, match=rf" \(site0 and site{count - 1}\)$"):
        refuse_one_place(crystal, "CIF", labels)
