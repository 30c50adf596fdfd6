"""A crystal as the viewer of a page takes it: atoms, images around the cell, and bonds, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.drawing import bonds, joined_outside, view, with_images

# Images that are joined to the cell are left out of crystals that would have more atoms with them.
_MOST = 400
# Å: a thousandth is less than a picture shows.
_DIGITS = 3
# Radius of a drawn atom in covalent radii, as in the figures: bonds stay visible.
_BALL = 0.42


def scene(crystal: Crystal) -> dict[str, Any]:
    """Returns what is drawn of a crystal.

    It is turned so that nobody has to turn it first: x to the right, y up, z towards the eye, a and
    b lie flat, a towards the eye, c up.

    Args:
        crystal: The crystal, in the cell in which it is to be seen.

    Returns:
        Plain JSON values: ``cell`` (nine numbers, vectors one after the other, Å), ``z`` (atomic
        numbers of the atoms of the cell), ``xyz`` (their positions, Å, three after three),
        ``images`` (of atoms on a face, edge or corner of the cell, and of those that are joined to
        an atom of the cell: row of the atom, and how many cells along a, b and c; four after four),
        ``bonds`` (rows of two atoms, those of the cell counted first, then the images; two after
        two).
    """
    turned = crystal.lattice @ view(crystal.lattice)
    fractional, owners = with_images(crystal.positions @ np.linalg.inv(crystal.lattice))
    atoms = len(crystal)
    inside = fractional[:atoms]
    shifts = np.rint(fractional - inside[owners]).astype(np.int64)
    images = np.column_stack([owners, shifts])[atoms:]
    home = Crystal(turned, inside @ turned, crystal.numbers)
    around = np.concatenate([images, joined_outside(home)])
    around = np.unique(around, axis=0)
    if atoms + len(around) <= _MOST:
        images = around
    places = np.concatenate([inside, inside[images[:, 0]] + images[:, 1:]]) @ turned
    numbers = np.concatenate([crystal.numbers, crystal.numbers[images[:, 0]]])
    return {
        "cell": _short(turned),
        "z": crystal.numbers.tolist(),
        "xyz": _short(places[:atoms]),
        "images": images.ravel().tolist(),
        "bonds": bonds(places, numbers).ravel().tolist(),
    }


def palette(crystals: Iterable[Crystal]) -> dict[str, list[Any]]:
    """Returns how the elements of crystals look.

    Args:
        crystals: Any number of them.

    Returns:
        By atomic number: symbol, Jmol's colour as ``#rrggbb``, radius in Å.
    """
    numbers = sorted({int(number) for crystal in crystals for number in crystal.numbers})
    return {str(number): list(look(number)) for number in numbers}


def look(number: int) -> tuple[str, str, float]:
    """Returns how an element looks: symbol, Jmol's colour as ``#rrggbb``, radius in Å.

    Args:
        number: Atomic number.
    """
    from ase.data import chemical_symbols, covalent_radii
    from ase.data.colors import jmol_colors

    # Jmol has no colours above meitnerium.
    rgb = jmol_colors[number] if number < len(jmol_colors) else jmol_colors[-1]
    colour = "#" + "".join(f"{round(255 * float(part)):02x}" for part in rgb)
    return chemical_symbols[number], colour, round(_BALL * float(covalent_radii[number]), _DIGITS)


def _short(values: np.ndarray[Any, Any]) -> list[float]:
    # Adding zero makes -0 a 0.
    return [round(float(value), _DIGITS) + 0.0 for value in values.ravel()]
