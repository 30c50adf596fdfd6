"""Structures whose voxels must come back: prototypes, and a triclinic cell without symmetry."""

from __future__ import annotations

from functools import cache

import numpy as np

from tfmat.ccdcgan.voxels.cell import lattice_from_parameters
from tfmat.crystals.crystal import Crystal

Rows = list[list[float]]


def _crystal(lattice: Rows | np.ndarray, sites: list[tuple[int, Rows]]) -> Crystal:
    """A crystal from atomic numbers with their fractional positions."""
    cell = np.asarray(lattice, dtype=float)
    numbers = [number for number, rows in sites for _ in rows]
    fractional = np.array([row for _, rows in sites for row in rows], dtype=float)
    return Crystal.from_arrays(cell, fractional @ cell, numbers)


def _face_centred(edge: float) -> np.ndarray:
    return edge / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])


def _hexagonal(a: float, c: float) -> np.ndarray:
    return lattice_from_parameters(np.array([a, a, c]), np.array([90.0, 90.0, 120.0]))


def triclinic(atoms: int = 20, seed: int = 3) -> Crystal:
    """A cell without symmetry, four elements, atoms at least 1.8 Å apart."""
    rng = np.random.default_rng(seed)
    lattice = lattice_from_parameters(np.array([7.1, 7.9, 8.6]), np.array([71.0, 83.0, 101.0]))
    placed: list[np.ndarray] = []
    images = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3), axis=-1).reshape(-1, 3) @ lattice
    while len(placed) < atoms:
        point = rng.random(3) @ lattice
        if all(np.linalg.norm(point - other + images, axis=1).min() > 1.8 for other in placed):
            placed.append(point)
    return Crystal.from_arrays(lattice, placed, ([83, 34, 8, 50] * atoms)[:atoms])


@cache
def reference_crystals() -> dict[str, Crystal]:
    """Prototypes by name, in the cells in which they are usually given."""
    half, third = [0.5] * 3, 1 / 3
    u = 0.305
    rutile = [[u, u, 0], [-u, -u, 0], [0.5 - u, 0.5 + u, 0.5], [0.5 + u, 0.5 - u, 0.5]]
    first, second = [third, 2 * third], [2 * third, third]
    # Bi2Se3 in its long rhombohedral cell of one formula unit.
    rhombohedral = lattice_from_parameters(np.full(3, 9.841), np.full(3, 24.27))
    return {
        "rocksalt": _crystal(_face_centred(5.64), [(11, [[0, 0, 0]]), (17, [half])]),
        "CsCl": _crystal(4.12 * np.eye(3), [(55, [[0, 0, 0]]), (17, [half])]),
        "zincblende": _crystal(_face_centred(5.41), [(30, [[0, 0, 0]]), (16, [[0.25] * 3])]),
        "wurtzite": _crystal(
            _hexagonal(3.82, 6.26),
            [
                (30, [[*first, 0], [*second, 0.5]]),
                (16, [[*first, 0.374], [*second, 0.874]]),
            ],
        ),
        "fluorite": _crystal(
            _face_centred(5.46), [(20, [[0, 0, 0]]), (9, [[0.25] * 3, [0.75] * 3])]
        ),
        "rutile": _crystal(np.diag([4.59, 4.59, 2.96]), [(22, [[0, 0, 0], half]), (8, rutile)]),
        "perovskite": _crystal(
            3.91 * np.eye(3),
            [(38, [[0, 0, 0]]), (22, [half]), (8, [[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])],
        ),
        "NiAs": _crystal(
            _hexagonal(3.62, 5.03),
            [(28, [[0, 0, 0], [0, 0, 0.5]]), (33, [[*first, 0.25], [*second, 0.75]])],
        ),
        "Bi2Se3": _crystal(
            rhombohedral,
            [(83, [[0.4] * 3, [0.6] * 3]), (34, [[0, 0, 0], [0.21] * 3, [0.79] * 3])],
        ),
        "triclinic": triclinic(),
    }
