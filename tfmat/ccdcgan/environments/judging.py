"""What critic and constraint of a package say of structures; runs without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.parts import CONSTRAINT, CRITIC
from tfmat.crystals.crystal import Crystal
from tfmat.inference.package import NetworkSet

# Structures that are described and judged at once.
_BATCH = 256


@dataclass(frozen=True, eq=False)
class Judgement:
    """What critic and constraint say of structures.

    Args:
        energies: Formation energies of the structures as they are, eV/atom, shape ``(n,)``.
        scores: The critic's; a higher one looks more like a real structure, shape ``(n,)``.
    """

    energies: NDArray[np.float64]
    scores: NDArray[np.float64]


def energies(
    crystals: Sequence[Crystal], networks: NetworkSet, descriptor: Descriptor
) -> NDArray[np.float64]:
    """Predicts the formation energies of structures as they are.

    Args:
        crystals: The structures.
        networks: A package with the constraint.
        descriptor: As it was trained with.

    Returns:
        eV/atom, shape ``(n,)``.

    Raises:
        InputError: The part is missing, or a structure has other elements or too many atoms.
    """
    (found,) = _run(crystals, networks, descriptor, CONSTRAINT)
    return found


def judge(crystals: Sequence[Crystal], networks: NetworkSet, descriptor: Descriptor) -> Judgement:
    """Judges structures by critic and constraint.

    Args:
        crystals: The structures.
        networks: A package with both.
        descriptor: As they were trained with.

    Raises:
        InputError: A part is missing, or a structure has other elements or too many atoms.
    """
    return Judgement(*_run(crystals, networks, descriptor, CONSTRAINT, CRITIC))


def _run(
    crystals: Sequence[Crystal], networks: NetworkSet, descriptor: Descriptor, *parts: str
) -> list[NDArray[np.float64]]:
    networks.require(*parts)
    _, (most_atoms, _) = networks.input(parts[0])
    found = [[np.zeros(0)] for _ in parts]
    for start in range(0, len(crystals), _BATCH):
        rows = descriptor.padded(crystals[start : start + _BATCH], most_atoms)
        for values, part in zip(found, parts, strict=True):
            values.append(networks.run(part, rows)[:, 0].astype(np.float64))
    return [np.concatenate(values) for values in found]
