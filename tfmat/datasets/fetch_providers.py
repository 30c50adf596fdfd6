"""The OPTIMADE services that are known by name, and in which fields they keep which property.

OPTIMADE standardises structures, not energies: those are in fields with the provider's prefix.
Addresses are those of the providers' list of OPTIMADE (github.com/Materials-Consortia/providers,
src/index-metadbs) and of pymatgen's aliases.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tfmat.datasets.properties import guess_properties, property_value, unit_of
from tfmat.errors import InputError

THERMO_TYPES = ("GGA_GGA+U_R2SCAN", "GGA_GGA+U", "R2SCAN")
"""The Materials Project's sets of energies: mixed (its website's), PBE(+U) alone, r2SCAN alone."""

MP_METHODS = {
    "GGA_GGA+U_R2SCAN": "DFT (PBE, PBE+U and r2SCAN), mixed and corrected by the Materials Project",
    "GGA_GGA+U": "DFT (PBE, PBE+U), corrected by the Materials Project (MP2020)",
    "R2SCAN": "DFT (r2SCAN) of the Materials Project",
}
_PREFIX = re.compile(r"^_[a-z0-9]+_")
_VERSION = re.compile(r"/v\d+(\.\d+){0,2}$")


@dataclass(frozen=True)
class Provider:
    """A service.

    Args:
        name: For people.
        url: Base address, without version.
        fields: Property to field, with dots where the value lies deeper; empty if not known.
        method: How its energies were computed.
        scale: The energy scale, equal for energies that may be mixed.
        thermo_type: Of the Materials Project, one of :data:`THERMO_TYPES`; ``""`` elsewhere.
    """

    name: str
    url: str
    fields: Mapping[str, str]
    method: str
    scale: str
    thermo_type: str = ""


_ALEXANDRIA = {
    "formation_energy_per_atom": "_alexandria_formation_energy_per_atom",
    "e_above_hull": "_alexandria_hull_distance",
    "band_gap": "_alexandria_band_gap",
}
_KNOWN = {
    "oqmd": Provider(
        "OQMD",
        "https://oqmd.org/optimade",
        {
            "formation_energy_per_atom": "_oqmd_delta_e",
            "e_above_hull": "_oqmd_stability",
            "band_gap": "_oqmd_band_gap",
        },
        "DFT (PBE, PBE+U) of the OQMD, with its fitted elemental references",
        "OQMD",
    ),
    "alexandria": Provider(
        "Alexandria (PBE)",
        "https://alexandria.icams.rub.de/pbe",
        _ALEXANDRIA,
        "DFT (PBE, PBE+U) of Alexandria",
        "Alexandria PBE",
    ),
    "alexandria-pbesol": Provider(
        "Alexandria (PBEsol)",
        "https://alexandria.icams.rub.de/pbesol",
        _ALEXANDRIA,
        "DFT (PBEsol) of Alexandria",
        "Alexandria PBEsol",
    ),
}


def mp_scale(thermo_type: str) -> str:
    """Returns the energy scale of one of :data:`THERMO_TYPES`, whichever way it was fetched."""
    return f"Materials Project {thermo_type}"


def find_provider(word: str, thermo_type: str = THERMO_TYPES[0]) -> Provider:
    """Finds a service by name or address.

    Args:
        word: ``mp``, ``oqmd``, ``alexandria``, ``alexandria-pbesol`` or an address.
        thermo_type: Of the Materials Project, one of :data:`THERMO_TYPES`.

    Raises:
        InputError: It is neither, or the address holds a password.
    """
    if word == "mp":
        inner = f"_mp_stability.{thermo_type.lower()}"
        return Provider(
            "Materials Project (OPTIMADE)",
            "https://optimade.materialsproject.org",
            {
                "formation_energy_per_atom": f"{inner}.formation_energy_per_atom",
                "e_above_hull": f"{inner}.energy_above_hull",
            },
            MP_METHODS[thermo_type],
            mp_scale(thermo_type),
            thermo_type,
        )
    if word in _KNOWN:
        return _KNOWN[word]
    url = _base(word)
    return Provider(url, url, {}, f"as served by {url}", f"OPTIMADE {url}")


def _base(word: str) -> str:
    parts = urlsplit(word)
    # Keys and passwords are not for terminals and logs.
    shown = re.split(r"[?#]", word)[0].rpartition("@")[2]
    if parts.scheme not in ("http", "https") or not parts.hostname:
        names = ", ".join(sorted(("mp", *_KNOWN)))
        raise InputError(f"--provider {shown}: unknown; give {names}, or an address as https://...")
    if parts.username is not None or parts.password is not None:
        # Addresses are written into the dataset.
        raise InputError("--provider: an address with a user or password in it; leave those out")
    if parts.query or parts.fragment:
        raise InputError(f"--provider {shown}: give the base address; --filter asks the question")
    url = word.rstrip("/").removesuffix("/structures").rstrip("/")
    return _VERSION.sub("", url)


def find_fields(described: Mapping[str, Any]) -> dict[str, str]:
    """Finds the fields of an unknown service that hold known properties.

    Names alone do not tell an energy per atom from one per cell: a field counts if the service
    gives it the right unit.

    Args:
        described: The fields, as ``/info/structures`` describes them.

    Returns:
        Property to field.
    """
    own = {_PREFIX.sub("", name): name for name in described if _PREFIX.match(name)}
    return {
        name: own[tail]
        for name, tail in guess_properties(own).items()
        if unit_fits(_stated(described[own[tail]]), unit_of(name)) is True
    }


def _stated(field: Any) -> Any:
    return field.get("unit") if isinstance(field, Mapping) else None


def unit_fits(stated: object, wanted: str | None) -> bool | None:
    """Compares the unit that a service states with that of a property.

    Args:
        stated: As the service writes it.
        wanted: ``eV/atom`` or ``eV``; ``None`` for a property without a known unit.

    Returns:
        Whether they are the same; ``None`` if the service states none, or there is none.
    """
    if wanted is None or not isinstance(stated, str):
        return None
    text = re.sub(r"[\s*]", "", stated).lower()
    if text in ("", "inapplicable", "dimensionless", "none", "null"):
        return None
    text = re.sub(r"(atoms?|at\.?)\^?-1$", "/atom", text).replace("/at.", "/atom")
    return text == wanted.lower()


def value_at(attributes: Mapping[str, Any], path: str, name: str) -> float:
    """Reads a property of an entry.

    Args:
        attributes: The entry's.
        path: A field, with dots where the value lies deeper.
        name: Of the property.

    Returns:
        The number (``created``: days since 1970-01-01); NaN where there is none.
    """
    value: Any = attributes.get(path)
    if path not in attributes:
        value = attributes
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    try:
        return property_value(name, value)
    except InputError:
        return math.nan
