"""Columns of a dataset: ``.npy`` files that grow row by row and are memory-mapped afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from tfmat.errors import InputError
from tfmat.reading import load_array

LAST_ELEMENT = 118
ADVICE = "import the data again, or copy the folder again from where it came"


class ColumnWriter:
    """Appends rows to one ``.npy`` file without holding the earlier rows in memory.

    Args:
        path: The file to write.
        dtype: Type of a value.
        shape: Shape of one row, e.g. ``(3, 3)``; ``()`` for a scalar.
    """

    def __init__(self, path: Path, dtype: DTypeLike, shape: tuple[int, ...] = ()) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self.shape = shape
        self.rows = 0
        self._file = path.open("wb")
        self._header()

    def append(self, rows: NDArray[Any]) -> None:
        """Appends an array of shape ``(rows, *shape)``."""
        block = np.ascontiguousarray(rows, dtype=self.dtype)
        if block.shape[1:] != self.shape:
            raise ValueError(f"{self.path.name}: rows of {block.shape[1:]}, not {self.shape}")
        self._file.write(block.tobytes())
        self.rows += len(block)

    def close(self) -> None:
        """Writes the final number of rows into the header."""
        if not self._file.closed:
            self._file.seek(0)
            self._header()
            self._file.close()

    def _header(self) -> None:
        # NumPy pads headers so that the first dimension can grow in place.
        npy.write_array_header_1_0(
            self._file,
            {
                "descr": npy.dtype_to_descr(self.dtype),
                "fortran_order": False,
                "shape": (self.rows, *self.shape),
            },
        )


class Texts(Sequence[str]):
    """Strings stored as UTF-8 bytes with offsets; decoded one by one on access.

    Args:
        data: All bytes, shape ``(bytes,)``, uint8.
        offsets: Start of every string and the end of the last, shape ``(n + 1,)``.
        where: Their file, for messages.
    """

    def __init__(
        self, data: NDArray[np.uint8], offsets: NDArray[np.int64], where: Path | str = "identifiers"
    ) -> None:
        self._where = where
        self._data = data
        self._offsets = offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        try:
            return self._data[self._offsets[row] : self._offsets[row + 1]].tobytes().decode()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self._where}: identifier {row} is no valid Unicode; {ADVICE}"
            ) from error


def load_column(path: Path, dtype: DTypeLike, shape: tuple[int, ...] = ()) -> NDArray[Any]:
    """Memory-maps a column.

    Args:
        path: An ``.npy`` file.
        dtype: Type of a value.
        shape: Shape of one row, ``-1`` standing for any length; ``()`` for a scalar.

    Returns:
        A read-only array whose pages are read when they are touched.

    Raises:
        InputError: The file is missing or broken, or holds other values.
    """
    # A plain view: indexing np.memmap itself costs several microseconds more each time.
    column = load_array(path, ADVICE, mapped=True)
    fits = column.ndim == len(shape) + 1 and all(
        wanted in (-1, found) for found, wanted in zip(column.shape[1:], shape, strict=True)
    )
    if column.dtype != np.dtype(dtype) or not fits:
        raise InputError(
            f"{path}: holds {column.dtype} of shape {column.shape}, as no such column does; "
            f"{ADVICE}"
        )
    return column


def check_offsets(path: Path, offsets: NDArray[np.int64], end: int) -> None:
    """Checks that offsets divide what they point into.

    Args:
        path: Their file, for the message.
        offsets: First value of every row and the end of the last, shape ``(n + 1,)``.
        end: How many values there are.

    Raises:
        InputError: They leave something out, or point elsewhere.
    """
    whole = len(offsets) and offsets[0] == 0 and offsets[-1] == end
    if not whole or (offsets[1:] < offsets[:-1]).any():
        raise InputError(f"{path}: does not fit the other columns; {ADVICE}")
