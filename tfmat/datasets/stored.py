"""What datasets of structures and of compositions have in common on disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tfmat import __version__, files
from tfmat.checksums import skipping, write_sealed
from tfmat.csv_tables import TableWriter
from tfmat.datasets.columns import ADVICE, ColumnWriter, load_column
from tfmat.datasets.credit import Credit, stored
from tfmat.datasets.energies import scale_of
from tfmat.datasets.folders import (
    FORMAT,
    FORMAT_VERSION,
    RECORD,
    content_hash,
    is_dataset,
    verify,
)
from tfmat.datasets.properties import sensible, unit_of
from tfmat.datasets.record import PROPERTY_NAME
from tfmat.errors import InputError
from tfmat.paths import inside


class StoredDataset(ABC):
    """A dataset folder: columns, a record of them, and properties.

    Attributes:
        path: The folder.
        metadata: The record, as in ``metadata.json``.
    """

    def __init__(self, path: Path, metadata: dict[str, Any]) -> None:
        self.path = path
        self.metadata = metadata
        if not skipping():
            verify(path, metadata)

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
    def energy_scale(self) -> str | None:
        """What formation energies count from; ``None`` if not said."""
        return scale_of(self.metadata)

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
            InputError: The dataset has no such property, or its column has another length or holds
                infinite numbers or dates of other ages.
        """
        if name not in self.metadata["properties"]:
            have = ", ".join(self.properties) or "none"
            raise InputError(f"{self.path}: no property {name!r}; there are: {have}")
        values = self._column(f"property-{name}", np.float64)
        if len(values) != len(self):
            raise InputError(f"{self.path}: the columns do not fit together; import the data again")
        if not skipping() and not sensible(name, values):
            file = self.path / f"property-{name}.npy"
            raise InputError(f"{file}: holds values that nothing has; {ADVICE}")
        return values

    def verify(self) -> None:
        """Compares every column with its SHA-256, as opening does by default.

        Raises:
            InputError: A file was changed or lost.
        """
        verify(self.path, self.metadata)

    def _column(self, name: str, dtype: type, shape: tuple[int, ...] = ()) -> NDArray[Any]:
        file = inside(self.path, f"{name}.npy", self.path / RECORD)
        return load_column(file, dtype, shape)


class StoredWriter(ABC):
    """Streams rows into a dataset folder that appears only when all is written.

    Args:
        folder: The dataset folder to make.
        source: Where the data come from: ``name``, ``sha256`` and whatever else is known.
        overwrite: Replace an existing folder.

    Attributes:
        selection: The selection that was applied, for the record; ``None`` if none was.
        extra: More for the record; entries may be added until the block ends.
        known: How many rows know each property.
        rejected: How many rows were left out, by kind of reason.

    Raises:
        InputError: On entering: the folder exists and is not empty. On leaving: nothing was added.
    """

    # Where the record names the kind; the first one, structures, goes without.
    kind: str | None = None
    rejection_columns: tuple[str, str, str]

    def __init__(self, folder: Path, source: Mapping[str, Any], *, overwrite: bool) -> None:
        self.folder = Path(folder)
        self.source = dict(source)
        self.selection: dict[str, Any] | None = None
        self.extra: dict[str, Any] = {}
        self.known: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self._overwrite = overwrite
        self._columns: dict[str, ColumnWriter] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # what fails here removes the temporary folder
            self._temporary = stack.enter_context(
                files.replacing_folder(self.folder, overwrite=self._overwrite, own=is_dataset)
            )
            stream = (self._temporary / "rejected.csv").open("w", encoding="utf-8", newline="")
            self._rejected_file = stack.enter_context(stream)
            self._rejections = TableWriter(self._rejected_file, self.rejection_columns)
            self._open_columns()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Leaving through the stack removes the temporary folder if anything below raises.
        with self._stack:
            if error is None:
                self._flush()
            for column in self._columns.values():
                column.close()
            self._rejected_file.close()
            if error is not None:
                raise error
            self._require_rows()
            write_sealed(self._temporary / RECORD, self._metadata())

    @abstractmethod
    def _open_columns(self) -> None:
        """Makes the columns that every dataset of the kind has."""

    @abstractmethod
    def _require_rows(self) -> None:
        """Raises an ``InputError`` if nothing was added."""

    @abstractmethod
    def _counts(self) -> dict[str, Any]:
        """Returns the counts of the record, those of rejected rows aside."""

    def _flush(self) -> None:  # noqa: B027  (not every kind has something waiting)
        """Writes what still waits in memory; nothing does by default."""

    def _column(self, name: str, dtype: type, shape: tuple[int, ...] = ()) -> ColumnWriter:
        column = ColumnWriter(self._temporary / f"{name}.npy", dtype, shape)
        self._columns[name] = column
        return column

    def _property_column(self, name: str) -> ColumnWriter:
        check_property_name(name)
        # On some systems the files of both would be one.
        if twin := next((one for one in self._property_names() if _alike(one, name)), None):
            raise InputError(f"properties {twin!r} and {name!r}: give one of them another name")
        return self._column(f"property-{name}", np.float64)

    def _property_names(self) -> list[str]:
        prefix = "property-"
        return [name.removeprefix(prefix) for name in self._columns if name.startswith(prefix)]

    def _reject(self, first: object, second: str, reason: str) -> None:
        """Writes a row to ``rejected.csv``, and counts it by what is before the colon."""
        self._rejections.row([first, second, reason])
        self.rejected[reason.split(": ")[0]] += 1

    def _metadata(self) -> dict[str, Any]:
        hashes = {path.name: files.sha256(path) for path in sorted(self._temporary.glob("*.npy"))}
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **({"kind": self.kind} if self.kind else {}),
            "tfmat_version": __version__,
            "source": self.source,
            "selection": self.selection,
            "counts": {
                **self._counts(),
                "rejected": self.rejected.total(),
                "rejected_by_reason": dict(self.rejected.most_common()),
            },
            "properties": {
                name: {"unit": unit_of(name), "known": self.known[name]}
                for name in self._property_names()
            },
            "sha256": content_hash(hashes),
            "files": hashes,
            "extra": self.extra,
        }


def _alike(first: str, second: str) -> bool:
    return first.lower() == second.lower()


def check_property_name(name: str) -> None:
    """Checks that a property's name can be part of a file's.

    Args:
        name: The name.

    Raises:
        InputError: It holds other characters than letters, digits, ``_``, ``.`` and ``-``.
    """
    if not PROPERTY_NAME.fullmatch(name):
        raise InputError(f"property name {name!r}: use letters, digits, '_', '.' and '-'")
