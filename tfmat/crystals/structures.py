"""Lists of pymatgen structures that remember what became of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

IDENTIFIER = "id"
"""Where a structure's ``properties`` hold its name."""


class Structures(list["Structure"]):
    """A list of pymatgen structures; ``structure.properties`` holds the ``id`` and what is known.

    Args:
        structures: The structures.
        failed: Why there is no structure, by the name that it would have.
        energies: What the formation energies mean (``method``, ``scale``), where there are any.
    """

    def __init__(
        self,
        structures: Iterable[Structure] = (),
        failed: Mapping[str, str] | None = None,
        energies: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(structures)
        self.failed = dict(failed or {})
        self.energies = dict(energies) if energies else None


def described(crystal: Crystal, identifier: str, values: Mapping[str, Any]) -> Structure:
    """Returns the pymatgen structure of a crystal, with its name and what is known of it.

    Args:
        crystal: The crystal.
        identifier: Its name.
        values: Numbers and texts by name.
    """
    structure = crystal.to_structure()
    structure.properties = {IDENTIFIER: identifier, **values}
    return structure


def crystals_of(structures: Iterable[Structure | Crystal], name: str) -> list[Crystal]:
    """Reads structures that a user gave.

    Args:
        structures: pymatgen structures, or crystals as a dataset holds them.
        name: Name of the argument, for messages.

    Raises:
        InputError: It is no list, or one of them is no ordered structure.
    """
    # A single structure is a sequence, too: of its sites.
    if isinstance(structures, Crystal) or hasattr(structures, "lattice"):
        raise InputError(f"{name}: is one structure; give a list of them")
    if not isinstance(structures, Iterable):
        raise InputError(f"{name}: is a {type(structures).__name__}, no list of structures")
    found = []
    for place, structure in enumerate(structures):
        if isinstance(structure, Crystal):
            found.append(structure)
            continue
        if not hasattr(structure, "is_ordered"):
            kind = type(structure).__name__
            raise InputError(f"{name}[{place}]: is a {kind}, not a pymatgen Structure")
        try:
            found.append(Crystal.from_structure(structure))
        except InputError as error:
            raise InputError(f"{name}[{place}]: {error}") from error
    return found
