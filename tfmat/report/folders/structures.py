"""What the folders of structures have in common: candidates, distributions, data beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.contacts import volume_per_atom
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.many_contacts import shortest_contacts
from tfmat.crystals.writing import reduced_formula
from tfmat.datasets.sources import Entry
from tfmat.datasets.store import Dataset
from tfmat.datasets.trained_on import trained_on
from tfmat.report.charts import counted, histogram, most_frequent
from tfmat.report.columns import number
from tfmat.report.contents import Candidate, Chart, Value

# Structures that are measured for a distribution; of more every so-manyth.
_MEASURED = 20_000
_GROUPS = 230


def candidate(entry: Entry, values: Mapping[str, Value]) -> Candidate:
    """Returns a structure as a candidate.

    Args:
        entry: A structure that could be read.
        values: What a table says of it.
    """
    crystal = entry.crystal
    assert crystal is not None  # noqa: S101
    known: dict[str, Value] = {
        key: value
        for key, value in entry.properties.items()
        if key not in ("in_domain", "converged")
    }
    if "kept_prototype" in known:
        known["kept_prototype"] = bool(known["kept_prototype"])
    known |= {"atoms": len(crystal), "volume_per_atom": volume_per_atom(crystal), **values}
    if group := known.get("space_group"):
        known["space_group"] = symbol_of(str(group))
    return Candidate(entry.identifier, reduced_formula(crystal), known, lambda: crystal)


def distributions(
    crystals: Sequence[Crystal],
    data: Sequence[Crystal] | None,
    names: tuple[str, str],
) -> list[Chart]:
    """Draws how structures are distributed, before those that the model learned from.

    Args:
        crystals: What was made.
        data: What was known; ``None`` where it is not here.
        names: Of both.
    """
    made, known = _every(crystals), _every(data or [])
    charts = [
        histogram(
            "Volume per atom",
            [volume_per_atom(one) for one in made],
            "Å³/atom",
            [volume_per_atom(one) for one in known],
            names=names,
        ),
        histogram(
            "Shortest distance",
            shortest_contacts(made),
            "shortest distance / sum of covalent radii",
            shortest_contacts(known) if known else None,
            names=names,
        ),
        counted(
            "Atoms in the cell",
            [len(one) for one in made],
            "atoms",
            [len(one) for one in known],
            names,
        ),
    ]
    return [chart for chart in charts if chart is not None]


def space_groups(rows: Iterable[Mapping[str, str]]) -> Chart | None:
    """Draws the most frequent space groups of a table.

    Args:
        rows: Its rows, with ``space_group``.
    """
    found = [symbol_of(row["space_group"]) for row in rows if row.get("space_group")]
    return most_frequent("Space groups", found, "space group", "structures") if found else None


def learned(record: Mapping[str, Any] | None) -> tuple[list[Crystal] | None, str]:
    """Finds the structures that a model learned from.

    Args:
        record: ``name`` and ``sha256`` of its dataset, as a summary has them.

    Returns:
        The structures, ``None`` where they are not on this machine, and the dataset's name.
    """
    name = str((record or {}).get("name", "data"))
    dataset = trained_on({"dataset": dict(record or {})}) if record else None
    if not isinstance(dataset, Dataset):
        return None, name
    rows = range(0, len(dataset), -(-len(dataset) // _MEASURED) or 1)
    return [dataset[row] for row in rows], name


def readable(entries: Iterable[Entry]) -> list[Entry]:
    """Returns the entries that are structures.

    Args:
        entries: Any entries.
    """
    return [entry for entry in entries if entry.crystal is not None]


def numbers_of(rows: Iterable[Mapping[str, str]], key: str) -> NDArray[np.float64]:
    """Returns a column of a table as numbers, NaN where there is none, shape ``(n,)``.

    Args:
        rows: Rows of the table.
        key: The column.
    """
    values = [number(row.get(key, "")) for row in rows]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def symbol_of(space_group: str) -> str:
    """Returns a space group's symbol; tables of relaxed structures have its number.

    Args:
        space_group: Number or symbol.
    """
    from pymatgen.symmetry.groups import sg_symbol_from_int_number

    if not space_group.isdecimal() or not 1 <= int(space_group) <= _GROUPS:
        return space_group
    return str(sg_symbol_from_int_number(int(space_group)))


def _every(crystals: Sequence[Crystal]) -> list[Crystal]:
    return list(crystals[:: -(-len(crystals) // _MEASURED) or 1])
