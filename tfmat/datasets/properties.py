"""Names of properties: their units, and the column names under which people keep them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# Canonical name -> unit and the other names under which it is found (Materials Project, OQMD,
# JARVIS, the CDVAE benchmark files, matminer).
_KNOWN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "formation_energy_per_atom": (
        "eV/atom",
        (
            "formation_energy",
            "formation_energy_peratom",
            "form_energy_per_atom",
            "e_form",
            "eform",
            "ef",
            "ef_per_atom",
            "delta_e",
            "deltae",
            "heat_of_formation",
            "hform",
        ),
    ),
    "e_above_hull": (
        "eV/atom",
        ("energy_above_hull", "ehull", "e_hull", "above_hull", "hull_distance", "stability"),
    ),
    "band_gap": ("eV", ("bandgap", "gap", "e_gap", "eg", "gap_pbe", "optb88vdw_bandgap")),
    "energy_per_atom": ("eV/atom", ("e_per_atom",)),
}
_ID_COLUMNS = (
    "material_id",
    "id",
    "identifier",
    "mp_id",
    "mpid",
    "jid",
    "entry_id",
    "name",
    "file",
)


def _key(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_").replace(".", "_")


_CANONICAL = {
    _key(alias): name for name, (_, aliases) in _KNOWN.items() for alias in (name, *aliases)
}


def unit_of(name: str) -> str | None:
    """Returns the unit of a property with a canonical name, ``None`` for any other."""
    return _KNOWN[name][0] if name in _KNOWN else None


def canonical_name(column: str) -> str | None:
    """Returns the canonical property that a column name stands for, if any.

    Args:
        column: A column name in any case, with ``_``, ``-``, ``.`` or spaces.
    """
    return _CANONICAL.get(_key(column))


def guess_id(columns: Iterable[str]) -> str | None:
    """Returns the column that most likely holds identifiers."""
    by_key = {_key(column): column for column in columns}
    for name in _ID_COLUMNS:
        if name in by_key:
            return by_key[name]
    return None
