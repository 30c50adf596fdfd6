"""Structures that did not come back, as files to look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfmat.ccdcgan.reconstruction import Reconstruction
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.writing import cif_text, reduced_formula
from tfmat.csv_tables import TableWriter
from tfmat.files import replacing_folder

TABLE = "failures.csv"
COLUMNS = (
    "number",
    "id",
    "formula",
    "atoms",
    "decoded_atoms",
    "length_error",
    "angle_error",
    "reason",
)


class Failures:
    """A folder of what did not come back, filled one by one.

    ============================  ================================================================
    file                          meaning
    ============================  ================================================================
    ``failures.csv``              ``number`` in the names of its files, ``id``, reduced formula,
                                  atoms before and after, largest error of a length (Å) and an
                                  angle (degrees), ``reason``
    ``0001-original.cif``         the structure in the cell in which it was drawn
    ``0001-decoded.cif``          what came in its place, if anything did
    ============================  ================================================================

    Args:
        folder: Where to write; it is there.
        table: The table.
    """

    def __init__(self, folder: Path, table: TableWriter) -> None:
        self._folder, self._table, self.count = folder, table, 0

    def add(self, identifier: str, item: Reconstruction) -> None:
        """Adds a structure.

        Args:
            identifier: The structure's name in its dataset.
            item: What became of it.
        """
        self.count += 1
        name, original, decoded = f"{self.count:04d}", item.original, item.decoded
        row: dict[str, object] = {
            "number": name,
            "id": identifier,
            "formula": reduced_formula(original),
            "atoms": len(original),
            "reason": item.reason or "another structure",
        }
        self._write(f"{name}-original", original)
        if decoded is not None:
            length, angle = item.cell_errors()
            row |= {
                "decoded_atoms": len(decoded),
                "length_error": round(length, 4),
                "angle_error": round(angle, 3),
            }
            self._write(f"{name}-decoded", decoded)
        self._table.record(row)

    def _write(self, name: str, crystal: Crystal) -> None:
        (self._folder / f"{name}.cif").write_text(cif_text(crystal, name), "utf-8")


@contextmanager
def failures_into(folder: Path, *, overwrite: bool = False) -> Iterator[Failures]:
    """Gives a place for what does not come back; the folder appears when the block succeeds.

    Args:
        folder: The folder to make.
        overwrite: Replace an earlier one.

    Raises:
        InputError: The folder is there and is not to be replaced, or no such folder can be made.
    """
    with (
        replacing_folder(folder, overwrite=overwrite, own=is_failures) as temporary,
        (temporary / TABLE).open("w", encoding="utf-8", newline="") as stream,
    ):
        yield Failures(temporary, TableWriter(stream, COLUMNS))


def is_failures(folder: Path) -> bool:
    """Tells whether a folder is one of :class:`Failures`.

    Args:
        folder: Any folder.
    """
    return (folder / TABLE).is_file()
