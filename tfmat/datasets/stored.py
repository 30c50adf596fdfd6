"""What datasets of structures and of compositions have in common on disk."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.columns import load_column
from tfmat.datasets.credit import Credit, stored
from tfmat.datasets.folders import verify
from tfmat.errors import InputError

_PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class StoredDataset(ABC):
    """A dataset folder: columns, a record of them, and properties.

    Attributes:
        path: The folder.
        metadata: The record, as in ``metadata.json``.
    """

    def __init__(self, path: Path, metadata: dict[str, Any]) -> None:
        self.path = path
        self.metadata = metadata

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    def sha256(self) -> str:
        """Hash of the columns: the same data give the same hash, wherever they lie."""
        return str(self.metadata["sha256"])

    @property
    def credit(self) -> Credit:
        """The licence of the data, and whom to cite, as far as the record says.

        Raises:
            InputError: The record says it in no possible way.
        """
        return stored(self.metadata["source"], self.path / "metadata.json")

    @property
    def properties(self) -> list[str]:
        """Names of the properties."""
        return list(self.metadata["properties"])

    def property(self, name: str) -> NDArray[np.float64]:
        """Returns a property of all rows.

        Args:
            name: One of :attr:`properties`.

        Returns:
            Shape ``(n,)``, NaN where unknown; the unit is in :attr:`metadata`.

        Raises:
            InputError: The dataset has no such property, or its column has another length.
        """
        if name not in self.metadata["properties"]:
            have = ", ".join(self.properties) or "none"
            raise InputError(f"{self.path}: no property {name!r}; there are: {have}")
        values = load_column(self.path / f"property-{name}.npy")
        if len(values) != len(self):
            raise InputError(f"{self.path}: the columns do not fit together; import the data again")
        return values

    def verify(self) -> None:
        """Compares every column with its SHA-256.

        Raises:
            InputError: A file was changed or lost.
        """
        verify(self.path, self.metadata["files"])


def check_property_name(name: str) -> None:
    """Checks that a property's name can be part of a file's.

    Args:
        name: The name.

    Raises:
        InputError: It holds other characters than letters, digits, ``_``, ``.`` and ``-``.
    """
    if not _PROPERTY_NAME.fullmatch(name):
        raise InputError(f"property name {name!r}: use letters, digits, '_', '.' and '-'")
