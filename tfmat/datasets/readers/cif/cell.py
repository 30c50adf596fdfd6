"""The cell of a CIF: six numbers to vectors, compared with the volume that the file states."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from gemmi import cif
from numpy.typing import NDArray

from tfmat.datasets.readers.cif.blocks import Block
from tfmat.datasets.readers.claims import check_volume
from tfmat.datasets.readers.numerals import numeral
from tfmat.errors import InputError

_LENGTHS = tuple(f"_cell_length_{name}" for name in "abc")
_ANGLES = tuple(f"_cell_angle_{name}" for name in ("alpha", "beta", "gamma"))
_UNCERTAINTY = re.compile(r"\(\d*\)\Z", re.ASCII)


def read_number(raw: str) -> float:
    """Reads a number of a CIF, without its standard uncertainty.

    Args:
        raw: As it stands, with quotes; ``5.64(1)``, ``1.0D+00``.

    Returns:
        The value; NaN if it is no number.
    """
    value = cif.as_number(raw)
    if not math.isnan(value):
        return float(value)
    try:
        return numeral(_UNCERTAINTY.sub("", cif.as_string(raw).strip()))
    except ValueError:
        return math.nan


def read_numbers(raws: Sequence[str]) -> list[float]:
    """Reads numbers as :func:`read_number` does each of them."""
    values = list(map(cif.as_number, raws))
    return list(map(read_number, raws)) if any(map(math.isnan, values)) else values


def read_cell(block: Block) -> NDArray[np.float64]:
    """Reads the cell of a block.

    Args:
        block: The block.

    Returns:
        Cell vectors as rows, in Å, turned as pymatgen turns them (c along z, a in the xz plane).

    Raises:
        InputError: A length or angle is missing, no cell has them, or its volume is not the one
            that is stated.
    """
    lengths = [_read(block, name) for name in _LENGTHS]
    # The dictionary's default, where the file says "not applicable".
    angles = [_read(block, name, default=90.0) for name in _ANGLES]
    lattice = cell_vectors(lengths, angles)
    # The third vector lies along z, the first in the xz plane.
    volume = float(lattice[0, 0] * lattice[1, 1] * lattice[2, 2])
    check_volume(volume, read_number(block.raw("_cell_volume")), "_cell_volume")
    return lattice


def _read(block: Block, name: str, default: float | None = None) -> float:
    raw = block.raw(name)
    if raw == "." and default is not None:
        return default
    value = read_number(raw)
    if not math.isfinite(value) or value <= 0:
        raise InputError(f"broken CIF: {name} is {raw[:20]!r}" if raw != "?" else f"no {name}")
    return value


def cell_vectors(lengths: Sequence[float], angles: Sequence[float]) -> NDArray[np.float64]:
    """Returns the vectors of a cell.

    Args:
        lengths: a, b, c in Å.
        angles: alpha, beta, gamma in degrees.

    Returns:
        Vectors as rows, in Å, shape ``(3, 3)``; c along z, a in the xz plane.

    Raises:
        InputError: No cell has these angles.
    """
    a, b, c = lengths
    cosines = [math.cos(math.radians(angle)) for angle in angles]
    sines = [math.sin(math.radians(angle)) for angle in angles]
    (cos_alpha, cos_beta, cos_gamma), (sin_alpha, sin_beta, _) = cosines, sines
    flat = sin_alpha * sin_beta
    star = (cos_alpha * cos_beta - cos_gamma) / flat if flat > 0 else 2.0
    if not (abs(star) < 1 and all(0 < angle < 180 for angle in angles)):
        raise InputError(f"broken CIF: no cell has the angles {angles}")
    gamma_star = math.acos(star)
    return np.array(
        [
            [a * sin_beta, 0.0, a * cos_beta],
            [
                -b * sin_alpha * math.cos(gamma_star),
                b * sin_alpha * math.sin(gamma_star),
                b * cos_alpha,
            ],
            [0.0, 0.0, c],
        ]
    )
