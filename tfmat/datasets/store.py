"""The one on-disk form of a dataset: a folder of plain ``.npy`` columns that is memory-mapped.

=====================  ==================  =======  ==========================================
file                   shape               type     meaning
=====================  ==================  =======  ==========================================
``metadata.json``                                   source, selection, counts, units, hashes
``lattices.npy``       (n, 3, 3)           float64  cell vectors as rows, Å
``offsets.npy``        (n + 1,)            int64    atoms of structure i: offsets[i:i + 1]
``positions.npy``      (atoms, 3)          float64  Cartesian, Å
``numbers.npy``        (atoms,)            uint8    atomic numbers
``ids.npy``            (bytes,)            uint8    identifiers as UTF-8
``id_offsets.npy``     (n + 1,)            int64    bytes of identifier i
``property-NAME.npy``  (n,)                float64  NaN = unknown
``rejected.csv``                                    where, id and reason of every row left out
=====================  ==================  =======  ==========================================
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.checksums import skipped, skipping
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.columns import ADVICE, LAST_ELEMENT, Texts, check_offsets
from tfmat.datasets.folders import STRUCTURES, read_record, resolve
from tfmat.datasets.identifiers import Identifiers
from tfmat.datasets.stored import StoredDataset, StoredWriter
from tfmat.errors import InputError

REPEATED = "repeated_ids"
"""Entry of ``extra`` in the record: how many structures had the identifier of an earlier one.

Datasets that were written before it was there are split as they always were.
"""

SEVERAL_FILES = "files_of_one_name"
"""Entry of ``extra``: how many files differ from others in the ending alone, which their
identifiers keep then."""

# Rows that wait in memory before they are written.
_BLOCK = 1024


class DatasetWriter(StoredWriter):
    """Streams crystals into a dataset folder that appears only when all is written.

    Args:
        folder: The dataset folder to make.
        source: Where the data come from: ``name``, ``sha256`` and whatever else is known.
        selection: The selection that was applied, for the record; ``None`` if none was.
        extra: More for the record (a calculator and its version, for example); entries may be
            added until the block ends.
        overwrite: Replace an existing folder.

    Raises:
        InputError: On entering: the folder exists and is not empty. On leaving: no structure was
            added.
    """

    rejection_columns = ("where", "id", "reason")

    def __init__(
        self,
        folder: Path,
        source: Mapping[str, Any],
        *,
        selection: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        super().__init__(folder, source, overwrite=overwrite)
        self.selection = dict(selection) if selection is not None else None
        self.extra = dict(extra or {})
        self.structures = 0
        self.atoms = 0
        self._identifiers = Identifiers()
        self._rows: list[tuple[Crystal, bytes, Mapping[str, float]]] = []
        self._first_rejection = ""

    @property
    def renamed(self) -> int:
        """How many structures had the identifier of an earlier one."""
        return self._identifiers.repeated

    def _open_columns(self) -> None:
        self._column("lattices", np.float64, (3, 3))
        self._column("positions", np.float64, (3,))
        self._column("numbers", np.uint8)
        self._column("ids", np.uint8)
        self._column("offsets", np.int64).append(np.zeros(1))
        self._column("id_offsets", np.int64).append(np.zeros(1))

    def _require_rows(self) -> None:
        if self.structures:
            return
        name = self.source.get("name", self.folder)
        if not self.rejected:
            raise InputError(f"{name}: no structures in it")
        raise InputError(
            f"{name}: all {self.rejected.total()} structures were rejected; the first: "
            f"{self._first_rejection}"
        )

    def add(
        self, crystal: Crystal, identifier: str, properties: Mapping[str, float] | None = None
    ) -> str:
        """Appends one structure.

        Args:
            crystal: The structure, as :meth:`Crystal.from_arrays` checks it.
            identifier: Its name; what cannot be printed in it is made visible, and one that was
                used before gets ``#2``, ``#3``, ...
            properties: Numbers by name; what is absent or NaN is unknown.

        Returns:
            The identifier as stored.

        Raises:
            InputError: A property name holds characters that a file name should not.
        """
        unique = self._identifiers.unique(identifier)
        # What is no finite number is unknown.
        values = {
            name: value if math.isfinite(value) else math.nan
            for name, value in (properties or {}).items()
        }
        for name, value in values.items():
            if f"property-{name}" not in self._columns:
                self._add_property(name)
            if not math.isnan(value):
                self.known[name] += 1
        self._rows.append((crystal, unique.encode(), values))
        self.structures += 1
        self.atoms += len(crystal)
        if len(self._rows) >= _BLOCK:
            self._flush()
        return unique

    def reject(self, identifier: str, reason: str, where: str = "") -> None:
        """Writes a row to ``rejected.csv``.

        Args:
            identifier: Name of the structure, or ``""`` if it has none.
            reason: Why, as ``"kind"`` or ``"kind: detail"``; counts are kept by kind.
            where: Row, frame or file.
        """
        reason = " ".join(reason.split())
        self._reject(where, identifier, reason)
        if not self._first_rejection:
            self._first_rejection = f"{where}: {reason}" if where else reason

    def _add_property(self, name: str) -> None:
        # Rows written before the property was first seen do not know it.
        written = self._columns["lattices"].rows
        self._property_column(name).append(np.full(written, np.nan))

    def _flush(self) -> None:
        if not self._rows:
            return
        crystals = [row[0] for row in self._rows]
        names = [row[1] for row in self._rows]
        columns = self._columns
        atoms, id_bytes = columns["numbers"].rows, columns["ids"].rows
        columns["lattices"].append(np.stack([c.lattice for c in crystals]))
        columns["positions"].append(np.concatenate([c.positions for c in crystals]))
        columns["numbers"].append(np.concatenate([c.numbers for c in crystals]))
        columns["ids"].append(np.frombuffer(b"".join(names), dtype=np.uint8))
        columns["offsets"].append(atoms + np.cumsum([len(c) for c in crystals]))
        columns["id_offsets"].append(id_bytes + np.cumsum([len(name) for name in names]))
        for name in self._property_names():
            values = [row[2].get(name, math.nan) for row in self._rows]
            columns[f"property-{name}"].append(np.array(values, dtype=np.float64))
        self._rows.clear()

    def _counts(self) -> dict[str, Any]:
        return {
            "structures": self.structures,
            "atoms": self.atoms,
            "renamed_ids": self.renamed,
        }

    def _metadata(self) -> dict[str, Any]:
        record = super()._metadata()
        if self.renamed:
            record["extra"] = {**self.extra, REPEATED: self.renamed}
        return record


class Dataset(StoredDataset):
    """A dataset on disk; arrays are memory-mapped, so opening costs no memory.

    Attributes:
        path: The folder.
        metadata: The record, as in ``metadata.json``.
        lattices: Cell vectors as rows in Å, shape ``(n, 3, 3)``.
        offsets: First atom of every structure and the end of the last, shape ``(n + 1,)``.
        positions: Cartesian positions in Å, shape ``(atoms, 3)``.
        numbers: Atomic numbers, shape ``(atoms,)``.
        ids: Identifiers.
    """

    def __init__(self, path: Path, metadata: dict[str, Any]) -> None:
        super().__init__(path, metadata)
        self.lattices: NDArray[np.float64] = self._column("lattices", np.float64, (3, 3))
        self.offsets: NDArray[np.int64] = self._column("offsets", np.int64)
        self.positions: NDArray[np.float64] = self._column("positions", np.float64, (3,))
        self.numbers: NDArray[np.uint8] = self._column("numbers", np.uint8)
        letters = self._column("ids", np.uint8)
        id_offsets = self._column("id_offsets", np.int64)
        self.ids = Texts(letters, id_offsets, path / "ids.npy")
        if not (
            len(self.lattices) == len(self.ids) == len(self.offsets) - 1
            and len(self.positions) == len(self.numbers)
        ):
            raise InputError(f"{path}: the columns do not fit together; import the data again")
        if not skipping():
            check_offsets(path / "offsets.npy", self.offsets, len(self.numbers))
            check_offsets(path / "id_offsets.npy", id_offsets, len(letters))
            self._check_values()

    def _check_values(self) -> None:
        """Refuses what no structure has, whoever wrote it."""
        if ((self.numbers < 1) | (self.numbers > LAST_ELEMENT)).any():
            raise InputError(f"{self.path / 'numbers.npy'}: holds no atomic numbers; {ADVICE}")
        if not (self.offsets[1:] > self.offsets[:-1]).all():
            raise InputError(f"{self.path / 'offsets.npy'}: a structure has no atoms; {ADVICE}")
        for name in ("lattices", "positions"):
            # The sum is finite only if all are; it takes no memory.
            if not math.isfinite(getattr(self, name).sum()):
                raise InputError(f"{self.path / name}.npy: holds numbers without end; {ADVICE}")

    @classmethod
    def open(cls, path: str | Path, *, verify: bool = True) -> Dataset:
        """Opens a dataset folder, or a shipped dataset by name.

        Args:
            path: The folder, or a name such as ``"bi-se"``.
            verify: Compare its files with their hashes, once in a process.

        Raises:
            InputError: There is no such dataset, it is not readable by this version, or a file of
                it was changed or lost.
        """
        folder = resolve(path, STRUCTURES)
        with skipped(not verify):
            return cls(folder, read_record(folder, STRUCTURES))

    def __len__(self) -> int:
        return len(self.lattices)

    def __getitem__(self, index: int) -> Crystal:
        row = range(len(self))[index]
        first, last = self.offsets[row], self.offsets[row + 1]
        return Crystal(self.lattices[row], self.positions[first:last], self.numbers[first:last])

    def __iter__(self) -> Iterator[Crystal]:
        return (self[index] for index in range(len(self)))

    def property_rows(
        self, rows: Iterable[int] | None = None
    ) -> Iterator[tuple[int, dict[str, float]]]:
        """Yields the number of a row and all its properties; NaN where unknown.

        Args:
            rows: Which; all by default.
        """
        columns = {name: self.property(name) for name in self.properties}
        for row in range(len(self)) if rows is None else rows:
            yield row, {name: float(column[row]) for name, column in columns.items()}
