"""Crystals as text that other programs read: CIF and extended XYZ.

Written here rather than by a library because every digit has to be the same on every run, and
because a light install should not spend a second on imports before the first structure.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from ase.data import chemical_symbols

from tfmat.crystals.crystal import Crystal
from tfmat.errors import one_line

# CIF 1.1: a data block's name is of printable ASCII and has 75 characters, a line 2048.
_NO_NAME = re.compile(r"[^!-~]+")
_LONGEST_NAME, _LONGEST_COMMENT = 75, 2000


def cell_parameters(crystal: Crystal) -> tuple[float, float, float, float, float, float]:
    """Returns a, b, c in Å and alpha, beta, gamma in degrees."""
    a, b, c = lengths = np.linalg.norm(crystal.lattice, axis=1)
    cosines = [
        crystal.lattice[i] @ crystal.lattice[j] / (lengths[i] * lengths[j])
        for i, j in ((1, 2), (0, 2), (0, 1))
    ]
    alpha, beta, gamma = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
    return float(a), float(b), float(c), float(alpha), float(beta), float(gamma)


def reduced_formula(crystal: Crystal) -> str:
    """Returns the reduced formula in the usual order, e.g. ``Bi2Se3``."""
    numbers, counts = np.unique(crystal.numbers, return_counts=True)
    return _reduced_formula(tuple(numbers.tolist()), tuple(counts.tolist()))


@cache
def _reduced_formula(numbers: tuple[int, ...], counts: tuple[int, ...]) -> str:
    from pymatgen.core import Composition

    composition = dict(zip((chemical_symbols[z] for z in numbers), counts, strict=True))
    with warnings.catch_warnings():
        # Of noble gases without an electronegativity, by which pymatgen sorts.
        warnings.simplefilter("ignore", UserWarning)
        return str(Composition(composition).reduced_formula)


def cif_text(crystal: Crystal, identifier: str, comments: Sequence[str] = ()) -> str:
    """Writes a crystal as CIF with every atom of the cell listed (space group P 1).

    Args:
        crystal: The crystal; only the shape of its cell is kept, not how it is turned in space.
        identifier: Name of the data block; what CIF does not take in one becomes ``_``, and a long
            one is cut.
        comments: Lines for the head of the file.

    Returns:
        The text of the file.
    """
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    symbols = [chemical_symbols[z] for z in crystal.numbers]
    fractional = crystal.positions @ np.linalg.inv(crystal.lattice)
    # Rounded before wrapping: 0.999999999 must come out as 0, not as 1.
    fractional = np.round(fractional, 8) % 1.0
    lines = [f"# {one_line(comment)[:_LONGEST_COMMENT]}" for comment in comments]
    lines.append(f"data_{_NO_NAME.sub('_', identifier)[:_LONGEST_NAME] or 'structure'}")
    counts = " ".join(f"{symbol}{symbols.count(symbol)}" for symbol in sorted(set(symbols)))
    lines.append(f"_chemical_formula_sum '{counts}'")
    lines += [
        f"_cell_{name} {value:.8f}"
        for name, value in zip(names, cell_parameters(crystal), strict=True)
    ]
    lines += [
        f"_cell_volume {abs(np.linalg.det(crystal.lattice)):.8f}",
        "_symmetry_space_group_name_H-M 'P 1'",
        "_symmetry_Int_Tables_number 1",
        "loop_",
        "_symmetry_equiv_pos_site_id",
        "_symmetry_equiv_pos_as_xyz",
        "1 'x, y, z'",
        "loop_",
        "_atom_site_type_symbol",
        "_atom_site_label",
        "_atom_site_symmetry_multiplicity",
        "_atom_site_fract_x",
        "_atom_site_fract_y",
        "_atom_site_fract_z",
        "_atom_site_occupancy",
    ]
    lines += [
        f"{symbol} {symbol}{index} 1 {x:.8f} {y:.8f} {z:.8f} 1"
        for index, (symbol, (x, y, z)) in enumerate(zip(symbols, fractional, strict=True))
    ]
    return "\n".join(lines) + "\n"


def extxyz_text(crystal: Crystal, info: Mapping[str, str | float]) -> str:
    """Writes a crystal as one frame of an extended XYZ file.

    Args:
        crystal: The crystal.
        info: Further keys of the comment line; texts are quoted, in one line and without what would
            end the quotes; empty ones and numbers that are not finite are left out.

    Returns:
        The frame, ending in a newline.
    """
    cell = " ".join(f"{value:.8f}" for value in crystal.lattice.ravel())
    comment = [f'Lattice="{cell}"', "Properties=species:S:1:pos:R:3", 'pbc="T T T"']
    for key, value in info.items():
        if isinstance(value, str):
            if quotable := one_line(value).replace('"', "'").replace("\\", "/"):
                comment.append(f'{key}="{quotable}"')
        elif np.isfinite(value):
            comment.append(f"{key}={value:.6f}")
    lines = [str(len(crystal)), " ".join(comment)]
    lines += [
        f"{chemical_symbols[number]} {x:.8f} {y:.8f} {z:.8f}"
        for number, (x, y, z) in zip(crystal.numbers, crystal.positions, strict=True)
    ]
    return "\n".join(lines) + "\n"
