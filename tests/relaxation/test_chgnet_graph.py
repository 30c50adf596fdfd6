"""Bonds and angles against a search over all images."""

import itertools
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.crystals.crystal import Crystal
from tfmat.relaxation.potentials.chgnet_graph import build_graph

CUTOFF, SHORT = 4.0, 2.6


def random_crystal(seed: int, atoms: int) -> Crystal:
    random = np.random.default_rng(seed)
    lattice = 2.5 * np.eye(3) + random.uniform(-0.9, 0.9, size=(3, 3))
    return Crystal(
        lattice, random.uniform(-1, 2, size=(atoms, 3)) @ lattice, np.full(atoms, 34, np.uint8)
    )


def directed(crystal: Crystal) -> list[tuple[int, int, tuple[float, ...]]]:
    """All vectors from an atom to another within the cutoff, by brute force."""
    found = []
    for i, j in itertools.product(range(len(crystal)), repeat=2):
        for image in itertools.product(range(-8, 9), repeat=3):
            vector = crystal.positions[j] + image @ crystal.lattice - crystal.positions[i]
            length = np.linalg.norm(vector)
            if 1e-8 < length <= CUTOFF:
                found.append((i, j, tuple(np.round(vector, 6) + 0.0)))
    return found


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3))
def test_bonds_and_angles_are_those_of_brute_force(seed, atoms):
    crystal = random_crystal(seed, atoms)
    # A second crystal before it, so that atoms, bonds and crystals are numbered through.
    first = random_crystal(seed + 1, 2)
    graph = build_graph([first, crystal], CUTOFF, SHORT)
    expected = directed(crystal)

    start = len(first)
    own = graph.owners[graph.first] == 1
    assert own.sum() * 2 == len(expected)
    both = Counter()
    for a, b, vector in zip(
        graph.first[own] - start, graph.second[own] - start, graph.vectors[own], strict=True
    ):
        both[(b, a, tuple(np.round(vector, 6) + 0.0))] += 1
        both[(a, b, tuple(np.round(-vector, 6) + 0.0))] += 1
    assert both == Counter(expected)

    leaving = graph.centres >= start
    assert Counter(
        zip(graph.centres[leaving] - start, graph.neighbours[leaving] - start, strict=True)
    ) == Counter((i, j) for i, j, _ in expected)

    near = [(i, vector) for i, _, vector in expected if np.linalg.norm(vector) < SHORT]
    cosines = sorted(
        round(float(np.dot(u, v) / np.linalg.norm(u) / np.linalg.norm(v)), 4)
        for (i, u), (j, v) in itertools.permutations(near, 2)
        if i == j
    )
    units = graph.vectors[graph.short]
    units = units / np.linalg.norm(units, axis=1, keepdims=True)
    angles = graph.corners >= start
    found = graph.left_sign * graph.right_sign
    found = found * np.einsum("ai,ai->a", units[graph.left], units[graph.right])
    np.testing.assert_allclose(np.sort(found[angles]), cosines, atol=2e-4)


def test_a_crystal_without_bonds_is_a_graph():
    gas = Crystal(20 * np.eye(3), np.zeros((1, 3)), np.array([34], dtype=np.uint8))
    graph = build_graph([gas, gas], CUTOFF, SHORT)
    assert len(graph.vectors) == len(graph.corners) == len(graph.centres) == 0
    assert graph.owners.tolist() == [0, 1]
