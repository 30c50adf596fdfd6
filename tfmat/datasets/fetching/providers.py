"""The databases that are known by name: fields of their properties, licence, whom to cite.

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

from tfmat.datasets.credit import UNKNOWN, Credit
from tfmat.datasets.properties import guess_properties, property_value, unit_of
from tfmat.errors import InputError

THERMO_TYPES = ("GGA_GGA+U_R2SCAN", "GGA_GGA+U", "R2SCAN")
"""The Materials Project's sets of energies: mixed (its website's), PBE(+U) alone, r2SCAN alone."""

MP_METHODS = {
    "GGA_GGA+U_R2SCAN": "DFT (PBE, PBE+U and r2SCAN), mixed and corrected by the Materials Project",
    "GGA_GGA+U": "DFT (PBE, PBE+U), corrected by the Materials Project (MP2020)",
    "R2SCAN": "DFT (r2SCAN) of the Materials Project",
}
# Licences and papers are those that the databases' own pages name.
MP_CREDIT = Credit("CC-BY-4.0", ("Jain et al., APL Materials 1, 011002 (2013)",))
GNOME_CREDIT = Credit("CC-BY-NC-4.0", ("Merchant et al., Nature 624, 80 (2023)",))
_OQMD_CREDIT = Credit(
    "CC-BY-4.0",
    ("Saal et al., JOM 65, 1501 (2013)", "Kirklin et al., npj Comput. Mater. 1, 15010 (2015)"),
)
_ALEXANDRIA_CREDIT = Credit("CC-BY-4.0", ("Schmidt et al., Mater. Today Phys. 48, 101560 (2024)",))
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
        credit: Licence of its data and whom to cite; nothing if not known.
    """

    name: str
    url: str
    fields: Mapping[str, str]
    method: str
    scale: str
    thermo_type: str = ""
    credit: Credit = UNKNOWN


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
        credit=_OQMD_CREDIT,
    ),
    "alexandria": Provider(
        "Alexandria (PBE)",
        "https://alexandria.icams.rub.de/pbe",
        _ALEXANDRIA,
        "DFT (PBE, PBE+U) of Alexandria",
        "Alexandria PBE",
        credit=_ALEXANDRIA_CREDIT.citing(["Schmidt et al., Adv. Mater. 35, 2210788 (2023)"]),
    ),
    "alexandria-pbesol": Provider(
        "Alexandria (PBEsol)",
        "https://alexandria.icams.rub.de/pbesol",
        _ALEXANDRIA,
        "DFT (PBEsol) of Alexandria",
        "Alexandria PBEsol",
        credit=_ALEXANDRIA_CREDIT.citing(["Schmidt et al., Sci. Data 9, 64 (2022)"]),
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
            MP_CREDIT,
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
        raise InputError(f"`provider` {shown}: unknown; give {names}, or an address as https://...")
    if parts.username is not None or parts.password is not None:
        # Addresses are written into the dataset.
        raise InputError("`provider`: an address with a user or password in it; leave those out")
    if parts.query or parts.fragment:
        raise InputError(
            f"`provider` {shown}: give the base address; `filter_text` asks the question"
        )
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
