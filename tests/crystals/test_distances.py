"""The shortest distance between atoms."""

import numpy as np
import pytest

from tfmat.crystals import distances


@pytest.mark.parametrize("reach", [None, 1])
@pytest.mark.parametrize("count", [1, 2, 30, 200])
def test_shortest_distance_is_that_of_plain_loops(count: int, reach: int | None) -> None:
    rng = np.random.default_rng(count)
    lattice = np.array([[9.0, 0, 0], [1, 10, 0], [2, -1, 11]])
    positions = rng.random((count, 3)) @ lattice
    shifts = np.stack(np.meshgrid(*[(-2, -1, 0, 1, 2)] * 3), axis=-1).reshape(-1, 3) @ lattice
    shortest = min(np.linalg.norm(lattice, axis=1))
    for index in range(1, count):
        apart = positions[:index] - positions[index]
        shortest = min(shortest, *np.linalg.norm(apart[:, None] + shifts, axis=-1).min(axis=1))
    found = distances.shortest_between(lattice, positions, reach=reach)
    assert found == pytest.approx(shortest)


def test_blocks_of_pairs_miss_none_and_the_search_may_end_early(monkeypatch) -> None:
    positions = np.random.default_rng(0).random((50, 3)) * 10
    lattice = 10 * np.eye(3)
    whole = distances.shortest_between(lattice, positions)
    monkeypatch.setattr(distances, "_PAIRS", 100)
    assert distances.shortest_between(lattice, positions) == pytest.approx(whole)
    assert whole <= distances.shortest_between(lattice, positions, enough=9.0) < 9.0
