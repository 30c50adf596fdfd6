"""When two structures are the same: the papers' StructureMatcher (paper 004, Methods)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.metric import Judge

if TYPE_CHECKING:
    from pymatgen.analysis.structure_matcher import StructureMatcher

# Of lengths (fraction), of sites (fraction of the cube root of the volume for each atom), and of
# angles (degrees).
LENGTH_TOLERANCE, SITE_TOLERANCE, ANGLE_TOLERANCE = 0.2, 0.3, 5.0


def matchers() -> tuple[StructureMatcher, StructureMatcher]:
    """Returns the papers' matcher, with and without reduction to the primitive cell.

    The reduction sometimes fails on a cell with small errors, so that a structure does not match
    itself; structures count as the same if either accepts them.
    """
    from pymatgen.analysis.structure_matcher import StructureMatcher

    first, second = (
        StructureMatcher(
            ltol=LENGTH_TOLERANCE,
            stol=SITE_TOLERANCE,
            angle_tol=ANGLE_TOLERANCE,
            primitive_cell=primitive,
        )
        for primitive in (True, False)
    )
    return first, second


def judge() -> Judge:
    """Returns what says whether two structures are the same, with version and tolerances."""
    return Judge(
        "pymatgen StructureMatcher",
        pymatgen_version(),
        {
            "ltol": LENGTH_TOLERANCE,
            "stol": SITE_TOLERANCE,
            "angle_tol": ANGLE_TOLERANCE,
            "scale": True,
            "primitive_cell": "True or False",
        },
    )


def pymatgen_version() -> str:
    """Returns the version of pymatgen, whose verdicts may change with it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        # The matcher lives in a package of its own since 2026.
        return f"{version('pymatgen')} (core {version('pymatgen-core')})"
    except PackageNotFoundError:
        return version("pymatgen")


def match_rms(
    original: Crystal, decoded: Crystal, judges: Sequence[StructureMatcher]
) -> float | None:
    """Compares two crystals.

    Args:
        original: The crystal that was drawn.
        decoded: The crystal that came back.
        judges: Matchers, of which one must accept (:func:`matchers`).

    Returns:
        Root mean square distance of the atoms in Å; ``None`` if the crystals do not match.
    """
    pair = original.to_structure(), decoded.to_structure()
    # pymatgen divides by the cube root of the volume for each atom.
    unit = (abs(np.linalg.det(original.lattice)) / len(original)) ** (1 / 3)
    for judge in judges:
        distance = judge.get_rms_dist(*pair)
        if distance is not None:
            return float(distance[0]) * float(unit)
    return None
