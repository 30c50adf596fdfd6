"""Where a constraint has been taught: what of the training structures bounds a prediction's worth.

A constraint sees a crystal graph, not the crystal that is decoded from it, and a generator is
steered to where it errs. So a prediction is believed only of a crystal that is made as those it
learned from: volume per atom, shortest contact, and each atom's sum of bonds
(:func:`tfmat.crystals.contacts.bond_sums`) within the range of 99% of them. docs/generating.md has
what that is worth, beside the latent distances that it was chosen over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from tfmat.crystals.contacts import bond_sums, shortest_contact, volume_per_atom
from tfmat.crystals.crystal import Crystal

# The share of the training structures (and of the atoms of each element) that a range holds.
SHARE = 0.99
INSIDE = "inside"
_OUTSIDE = "outside: "
Range = tuple[float, float]


@dataclass(frozen=True)
class Domain:
    """The ranges of 99% of the training structures.

    Args:
        volume_per_atom: Å³.
        shortest_contact: Shortest distance over the sum of both covalent radii.
        bond_sums: Sum of an atom's bonds, by atomic number.
    """

    volume_per_atom: Range
    shortest_contact: Range
    bond_sums: Mapping[int, Range]

    @classmethod
    def of_package(cls, metadata: Mapping[str, Any]) -> Domain | None:
        """Reads what a package says of its training structures; ``None`` where it says nothing.

        Args:
            metadata: The package's metadata.
        """
        record = metadata.get("domain")
        if record is None:
            return None
        sums = {atomic_numbers[name]: tuple(span) for name, span in record["bond_sums"].items()}
        return cls(tuple(record["volume_per_atom"]), tuple(record["shortest_contact"]), sums)

    def place(self, crystal: Crystal, contact: float) -> str:
        """Says whether a crystal is made as the training structures are.

        Args:
            crystal: The crystal.
            contact: Its shortest contact.

        Returns:
            ``inside``, or ``outside: `` and what lies outside its range.
        """
        outside = []
        if not _within(volume_per_atom(crystal), self.volume_per_atom):
            outside.append("volume per atom")
        if not _within(contact, self.shortest_contact):
            outside.append("shortest contact")
        unlike = {
            chemical_symbols[number]
            for number, bonds in zip(crystal.numbers.tolist(), bond_sums(crystal), strict=True)
            if number not in self.bond_sums or not _within(bonds, self.bond_sums[number])
        }
        if unlike:
            outside.append("bonds of " + " and ".join(sorted(unlike)))
        return _OUTSIDE + ", ".join(outside) if outside else INSIDE


def _within(value: float, span: Range) -> bool:
    return span[0] <= value <= span[1]


def domain_record(crystals: Iterable[Crystal]) -> dict[str, Any]:
    """Measures the training structures, as the metadata of a package keep it.

    Args:
        crystals: At least one.

    Returns:
        ``structures``, ``share``, and the ranges ``volume_per_atom`` (Å³), ``shortest_contact``
        and ``bond_sums`` (by symbol), each two numbers.
    """
    volumes, contacts, sums, numbers = [], [], [], []
    for crystal in crystals:
        volumes.append(volume_per_atom(crystal))
        contacts.append(shortest_contact(crystal))
        sums.append(bond_sums(crystal))
        numbers.append(crystal.numbers)
    of_atoms, elements = np.concatenate(sums), np.concatenate(numbers)
    return {
        "structures": len(volumes),
        "share": SHARE,
        "volume_per_atom": _range(volumes),
        "shortest_contact": _range(contacts),
        "bond_sums": {
            chemical_symbols[number]: _range(of_atoms[elements == number])
            for number in np.unique(elements).tolist()
        },
    }


def _range(values: Any) -> list[float]:
    outside = (1 - SHARE) / 2
    # Of fewer than 200 values all lie within: none is left out for the sake of a quantile.
    least = np.quantile(values, outside, method="lower")
    most = np.quantile(values, 1 - outside, method="higher")
    # Rounded outwards, so that these two lie within as well.
    return [math.floor(float(least) * 1e4) / 1e4, math.ceil(float(most) * 1e4) / 1e4]
