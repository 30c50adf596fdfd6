"""Reduced cells on disk: the part of a novelty index that takes long to make.

==========================  =====================================================================
file                        meaning
==========================  =====================================================================
``metadata.json``           the dataset's hash
``part-*/rows.npy``         row of the dataset for each cell, shape ``(cells,)``, int64
``part-*/kinds.npy``        what the cell is (below), shape ``(cells,)``, uint8
``part-*/lattices.npy``     cell vectors as rows, Å, shape ``(cells, 3, 3)``, float64
``part-*/offsets.npy``      atoms of cell i: offsets[i:i + 1], shape ``(cells + 1,)``, int64
``part-*/fractional.npy``   fractional positions, shape ``(atoms, 3)``, float64
``part-*/numbers.npy``      atomic numbers, shape ``(atoms,)``, uint8
``part-*/metadata.json``    SHA-256 of the files of the part, and the pymatgen that reduced it
==========================  =====================================================================

Parts are only ever added, each as a whole: whoever is interrupted loses the structures of the last
part at most, and two programs may write at once. A part's name begins with what stands for the
version of pymatgen and of this format; parts of others are left alone, for they may be in use.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat import __version__, files
from tfmat.checksums import check_files, read_sealed, write_sealed
from tfmat.crystals.matching import pymatgen_version
from tfmat.crystals.reduced_cells import Cell, Reduced
from tfmat.datasets.columns import load_column
from tfmat.errors import InputError
from tfmat.paths import check_tree
from tfmat.reading import reading
from tfmat.temporaries import sweep_within

FORMAT, FORMAT_VERSION = "tfmat-novelty-index", 1
RECORD = "metadata.json"
# Kinds of cells: no cell was found; Niggli and primitive cell in one; or each for itself.
_NONE, _BOTH, _NIGGLI, _PRIMITIVE = range(4)
_COLUMNS: dict[str, tuple[type, tuple[int, ...]]] = {
    "rows": (np.int64, ()),
    "kinds": (np.uint8, ()),
    "lattices": (np.float64, (3, 3)),
    "offsets": (np.int64, ()),
    "fractional": (np.float64, (3,)),
    "numbers": (np.uint8, ()),
}


class CellStore:
    """The reduced cells of a dataset's structures, by row.

    Args:
        folder: Where they lie; made if it is missing.
        sha256: Hash of the dataset.

    Raises:
        InputError: The folder holds something else, the index of other data, or a damaged part.
    """

    def __init__(self, folder: Path, sha256: str) -> None:
        self.folder = folder
        self._cells: dict[int, Reduced | None] = {}
        version = f"{FORMAT_VERSION} {pymatgen_version()}"
        self._prefix = f"part-{hashlib.sha256(version.encode()).hexdigest()[:8]}-"
        if folder.exists() and not _fresh(folder):
            if _record(folder).get("dataset_sha256") != sha256:
                raise InputError(
                    f"{folder}: is the index of other data, or the dataset has changed since; "
                    "remove that folder, or give another with `index_place`"
                )
            sweep_within(folder)
            for part in sorted(folder.glob(f"{self._prefix}*")):
                self._cells.update(_read(part))
            return
        # Written at once, so that a place that cannot be written is known before the work.
        write_sealed(
            folder / RECORD,
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "tfmat_version": __version__,
                "dataset_sha256": sha256,
            },
        )

    def __contains__(self, row: int) -> bool:
        return row in self._cells

    def __len__(self) -> int:
        return len(self._cells)

    def get(self, row: int) -> Reduced | None:
        """Returns the cells of a row that is in the store; ``None`` if it cannot be reduced."""
        return self._cells[row]

    def add(self, cells: Mapping[int, Reduced | None]) -> None:
        """Writes a part.

        Args:
            cells: Cells by row of the dataset.

        Raises:
            InputError: The folder cannot be written.
        """
        self._cells.update(cells)
        with files.replacing_folder(self.folder / f"{self._prefix}{uuid.uuid4().hex[:12]}") as part:
            _write(part, cells)


def _fresh(folder: Path) -> bool:
    """Tells whether nothing is in a folder but the record that another program is writing."""
    return folder.is_dir() and all(path.name.startswith(f".{RECORD}.") for path in folder.iterdir())


def _record(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = {}
    with suppress(InputError):
        record = read_sealed(folder / RECORD)
    if record.get("format") != FORMAT:
        raise InputError(
            f"{folder}: is in the way, for it holds no novelty index; give another with "
            "`index_place`"
        )
    check_tree(folder)  # parts are added to it
    return record


def _write(part: Path, cells: Mapping[int, Reduced | None]) -> None:
    empty = Cell(np.zeros((3, 3)), np.zeros((0, 3)), np.zeros(0, dtype=np.uint8))
    rows: list[tuple[int, int, Cell]] = []
    for row, item in cells.items():
        if item is None:
            rows.append((row, _NONE, empty))
        elif item.shrunk:
            rows += [(row, _NIGGLI, item.niggli), (row, _PRIMITIVE, item.primitive)]
        else:
            rows.append((row, _BOTH, item.niggli))
    columns: dict[str, NDArray[Any]] = {
        "rows": np.array([row for row, _, _ in rows], dtype=np.int64),
        "kinds": np.array([kind for _, kind, _ in rows], dtype=np.uint8),
        "lattices": np.stack([cell.lattice for _, _, cell in rows]),
        "offsets": np.cumsum([0, *(len(cell) for _, _, cell in rows)], dtype=np.int64),
        "fractional": np.concatenate([cell.fractional for _, _, cell in rows]),
        "numbers": np.concatenate([cell.numbers for _, _, cell in rows]),
    }
    hashes = {}
    for name, column in columns.items():
        np.save(part / f"{name}.npy", column, allow_pickle=False)
        hashes[f"{name}.npy"] = files.sha256(part / f"{name}.npy")
    write_sealed(part / RECORD, {"pymatgen": pymatgen_version(), "files": hashes})


def _read(part: Path) -> dict[int, Reduced | None]:
    try:
        with reading(part / RECORD):
            hashes = read_sealed(part / RECORD)["files"]
            if set(hashes) != {f"{name}.npy" for name in _COLUMNS}:
                raise ValueError("files are missing from the record")
        check_files(part, hashes, part / RECORD)
        column = {name: load_column(part / f"{name}.npy", *form) for name, form in _COLUMNS.items()}
    except InputError as error:
        raise InputError(
            f"{part}: a damaged part of a novelty index; remove it, it will be made again"
        ) from error
    offsets = column["offsets"].tolist()
    cells: dict[int, Reduced | None] = {}
    niggli: Cell | None = None
    for index, (row, kind) in enumerate(
        zip(column["rows"].tolist(), column["kinds"].tolist(), strict=True)
    ):
        atoms = slice(offsets[index], offsets[index + 1])
        cell = Cell(
            column["lattices"][index], column["fractional"][atoms], column["numbers"][atoms]
        )
        if kind == _NONE:
            cells[row] = None
        elif kind == _BOTH:
            cells[row] = Reduced(cell, cell)
        elif kind == _NIGGLI:
            niggli = cell
        elif niggli is not None:
            # Written right after the Niggli cell in which it was found.
            cells[row] = Reduced(niggli, cell)
    return cells
