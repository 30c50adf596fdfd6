"""The on-disk form of a dataset of compositions: plain ``.npy`` columns that are memory-mapped.

=====================  ===========  =======  ======================================================
file                   shape        type     meaning
=====================  ===========  =======  ======================================================
``metadata.json``                            source, selection, counts, units, hashes
``numbers.npy``        (n, slots)   uint8    atomic numbers, ascending; 0 in unused slots
``counts.npy``         (n, slots)   uint16   atoms of that element in the reduced formula
``property-NAME.npy``  (n,)         float64  NaN = unknown
``rejected.csv``                             row, formula and reason of every row left out
=====================  ===========  =======  ======================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.checksums import skipped, skipping
from tfmat.datasets.columns import ADVICE, LAST_ELEMENT
from tfmat.datasets.folders import COMPOSITIONS, read_record, resolve
from tfmat.datasets.stored import StoredDataset, StoredWriter
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions


class CompositionWriter(StoredWriter):
    """Streams compositions into a dataset folder that appears only when all is written.

    Args:
        folder: The dataset folder to make.
        source: Where the data come from: ``name``, ``sha256`` and whatever else is known.
        slots: Most elements of a composition.
        properties: Names of the properties.
        overwrite: Replace an existing folder.

    Attributes:
        selection: The selection that was applied, for the record; ``None`` if none was.
        counts: More counts for the record; may be filled until the block ends.
        extra: More for the record (validity settings, for example).

    Raises:
        InputError: On entering: the folder exists and is not empty, or a property's name holds
            characters that a file name should not. On leaving: nothing was added.
    """

    kind: str | None = COMPOSITIONS
    rejection_columns = ("row", "formula", "reason")

    def __init__(
        self,
        folder: Path,
        source: Mapping[str, Any],
        slots: int,
        properties: Sequence[str] = (),
        *,
        overwrite: bool = False,
    ) -> None:
        super().__init__(folder, source, overwrite=overwrite)
        self.slots = slots
        self.properties = list(properties)
        self.counts: dict[str, Any] = {}
        self.compositions = 0

    def _open_columns(self) -> None:
        self._column("numbers", np.uint8, (self.slots,))
        self._column("counts", np.uint16, (self.slots,))
        for name in self.properties:
            self._property_column(name)

    def _require_rows(self) -> None:
        if self.compositions == 0:
            raise InputError(f"{self.source.get('name', self.folder)}: no formulas to write")

    def add(
        self, block: Compositions, properties: Mapping[str, NDArray[np.float64]] | None = None
    ) -> None:
        """Appends compositions.

        Args:
            block: The compositions, ``m`` of at most ``slots`` elements.
            properties: Each of the properties that were announced, ``(m,)``, NaN = unknown.
        """
        wide = block.with_slots(self.slots)
        if wide.numbers[:, self.slots :].any():
            raise ValueError(f"{self.folder}: a formula has more than {self.slots} elements")
        self._columns["numbers"].append(wide.numbers[:, : self.slots])
        self._columns["counts"].append(wide.counts[:, : self.slots])
        for name in self.properties:
            values = (properties or {})[name]
            self._columns[f"property-{name}"].append(values)
            self.known[name] += int(np.count_nonzero(~np.isnan(values)))
        self.compositions += len(block)

    def reject(self, rows: Iterable[tuple[int, str, str]]) -> None:
        """Writes rows to ``rejected.csv``.

        Args:
            rows: Number of the row, its formula, and why it is left out as ``"kind"`` or
                ``"kind: detail"``; counts are kept by kind.
        """
        for row, formula, reason in rows:
            self._reject(row, formula, reason)

    def _counts(self) -> dict[str, Any]:
        return {"compositions": self.compositions, **self.counts}


class CompositionDataset(StoredDataset):
    """A dataset of compositions on disk; arrays are memory-mapped, so opening costs no memory.

    Attributes:
        path: The folder.
        metadata: The record, as in ``metadata.json``.
        compositions: The compositions: views on the files.
    """

    def __init__(self, path: Path, metadata: dict[str, Any]) -> None:
        super().__init__(path, metadata)
        numbers = self._column("numbers", np.uint8, (-1,))
        counts = self._column("counts", np.uint16, (-1,))
        if numbers.shape != counts.shape:
            raise InputError(f"{path}: the columns do not fit together; import the data again")
        if not skipping():
            if (numbers > LAST_ELEMENT).any():
                raise InputError(f"{path / 'numbers.npy'}: holds no atomic numbers; {ADVICE}")
            ordered = np.sort(numbers, axis=1)
            twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > 0)
            if ((numbers > 0) != (counts > 0)).any() or not counts.any(axis=1).all() or twice.any():
                raise InputError(f"{path / 'counts.npy'}: holds what is no formula; {ADVICE}")
        self.compositions = Compositions(numbers, counts)

    @classmethod
    def open(cls, path: str | Path, *, verify: bool = True) -> CompositionDataset:
        """Opens a dataset folder, or a shipped dataset by name.

        Args:
            path: The folder, or a name such as ``"formulas"``.
            verify: Compare its files with their hashes, once in a process.

        Raises:
            InputError: There is no such dataset, it is not readable by this version, it holds
                structures, or a file of it was changed or lost.
        """
        folder = resolve(path, COMPOSITIONS)
        with skipped(not verify):
            return cls(folder, read_record(folder, COMPOSITIONS))

    def __len__(self) -> int:
        return len(self.compositions)
