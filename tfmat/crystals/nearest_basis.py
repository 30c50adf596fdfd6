"""The least distance of two reduced cells, from the one basis under which it is the least.

A symmetric crystal resembles another in as many ways as it has symmetries, and pymatgen pairs the
atoms anew for each. Where every atom's nearest partner is another's alone, the pairing of least
squares is that one, so its distance can be computed for all ways at once. Only the best of these,
and those where the pairing is not so plain, go to pymatgen.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.cell_matching import CellMatcher, Sites, Way

# pymatgen takes the first way that is as near as this, in its units, for the best.
_SAME = 1e-5
# Steps to the images beside the one that rounding finds.
_IMAGES = np.array(list(product((-1.0, 0.0, 1.0), repeat=3)))
# Distances computed at once.
_DISTANCES = 200_000


class NearestMatcher(CellMatcher):
    """Compares by the least distance, over all ways to lay one cell on the other."""

    def _get_supercells(
        self, struct1: Sites, struct2: Sites, fu: int, s1_supercell: bool
    ) -> Iterator[Way]:
        ways = list(super()._get_supercells(struct1, struct2, fu, s1_supercell))
        if len(ways) < 2:
            yield from ways
            return
        mask, anchors, anchor = self._get_mask(struct1, struct2, fu, s1_supercell)
        turned = np.stack([here for here, _, _, _ in ways])
        metrics = np.stack([lattice.matrix @ lattice.matrix.T for _, _, lattice, _ in ways])
        shifts = turned[:, anchors] - struct2.frac_coords[anchor]
        estimate, plain = _distances(turned, struct2.frac_coords, shifts, metrics, mask == 0)
        best = estimate.min(axis=1)
        near = np.flatnonzero(best < _SAME)
        chosen = near[0] if len(near) else best.argmin()
        for number, way in enumerate(ways):
            if number == chosen or not plain[number]:
                yield way


def _distances(
    turned: NDArray[np.float64],
    there: NDArray[np.float64],
    shifts: NDArray[np.float64],
    metrics: NDArray[np.float64],
    allowed: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Returns the distances if every atom goes to its nearest partner.

    Args:
        turned: Fractional positions of the first cell in each basis, shape ``(ways, atoms, 3)``.
        there: Those of the second, shape ``(atoms, 3)``.
        shifts: Where the second is moved, shape ``(ways, anchors, 3)``.
        metrics: Metric tensors of the lattices, Å², shape ``(ways, 3, 3)``.
        allowed: Which atom of the first may be one of the second's partner, ``(atoms, atoms)``.

    Returns:
        Root mean square distances in units of the cube root of the volume for each atom, shape
        ``(ways, anchors)``, and whether all nearest partners of a way are different ones,
        ``(ways,)``.
    """
    ways, atoms = len(turned), len(there)
    anchors = shifts.shape[1]
    unit = (np.sqrt(np.linalg.det(metrics)) / atoms) ** (1 / 3)
    distance = np.empty((ways, anchors))
    plain = np.ones(ways, dtype=bool)
    own = np.einsum("ia,wab,ib->wi", _IMAGES, metrics, _IMAGES)
    step = max(1, _DISTANCES // (atoms * atoms * len(_IMAGES)))
    for start in range(0, ways, step):
        part = slice(start, start + step)
        metric = metrics[part]
        for anchor in range(anchors):
            moved = there + shifts[part, anchor, None]
            apart = turned[part, None] - moved[:, :, None]
            apart -= np.round(apart)
            flat = apart.reshape(len(metric), -1, 3)
            slope = flat @ metric
            square = (slope * flat).sum(axis=-1)[..., None] + 2 * slope @ _IMAGES.T
            square += own[part, None]
            image = square.argmin(axis=-1).reshape(apart.shape[:-1])
            least = np.where(allowed, square.min(axis=-1).reshape(apart.shape[:-1]), np.inf)
            partner = least.argmin(axis=-1)
            plain[part] &= (np.sort(partner, axis=-1) == np.arange(atoms)).all(axis=-1)
            pick = partner[..., None]
            vectors = np.take_along_axis(apart, pick[..., None], axis=2)[:, :, 0]
            vectors = vectors + _IMAGES[np.take_along_axis(image, pick, axis=2)[..., 0]]
            vectors -= vectors.mean(axis=1, keepdims=True)
            mean = ((vectors @ metric) * vectors).sum(axis=-1).mean(axis=-1)
            distance[part, anchor] = np.sqrt(np.maximum(mean, 0)) / unit[part]
    return distance, plain
