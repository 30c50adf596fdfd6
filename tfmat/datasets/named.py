"""Several datasets, each under a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from tfmat.datasets.stored import StoredDataset
from tfmat.errors import InputError

Data: TypeAlias = str | Path | StoredDataset
"""A dataset: its name, its folder, a file, or itself."""
Several: TypeAlias = Data | Iterable[Data] | Mapping[str, Data]


def place_of(data: Data) -> str:
    """Returns name, folder or file of data.

    Args:
        data: The data.
    """
    return str(data.path if isinstance(data, StoredDataset) else data)


def named_places(data: Several, argument: str) -> dict[str, str]:
    """Returns places of data by name.

    Args:
        data: One dataset, several, or several by the name under which results have them.
        argument: Name of the argument, for messages.

    Raises:
        InputError: Two have one name.
    """
    if isinstance(data, Mapping):
        return {str(name): place_of(one) for name, one in data.items()}
    places = [place_of(one) for one in _listed(data)]
    found = {Path(place).name: place for place in places}
    if len(found) < len(places):
        names = ", ".join(Path(place).name for place in places)
        raise InputError(f"{argument}: two have one name ({names}); give a dict with names")
    return found


def _listed(data: Data | Iterable[Data]) -> Iterable[Data]:
    return [data] if isinstance(data, str | Path | StoredDataset) else data
