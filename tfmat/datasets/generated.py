"""The folders that ``tfmat generate`` and ``tfmat screen`` write: names, and hashes of their files.

The table and the frames are read by other commands; nothing of them may have changed unnoticed.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable
from pathlib import Path

from tfmat import files
from tfmat.checksums import digest, read_sealed, skipping
from tfmat.errors import InputError, UncheckedWarning
from tfmat.paths import inside, plain_file
from tfmat.reading import reading

CIF_FOLDER = "cif"
FRAMES = "structures.extxyz"
TABLE = "results.csv"
SUMMARY = "summary.json"
HASHES = "files"
"""Entry of the summary: SHA-256 by file, of the CIF files one for all."""
_MEND = "generate it again, or turn `verify` off if it was changed on purpose"


def hashes(folder: Path) -> dict[str, str]:
    """Returns the hashes of a folder that is complete but for its summary.

    Args:
        folder: The folder.
    """
    return {
        TABLE: files.sha256(folder / TABLE),
        FRAMES: files.sha256(folder / FRAMES),
        CIF_FOLDER: _of_all((folder / CIF_FOLDER).iterdir()),
    }


def is_generated(folder: Path) -> bool:
    """Tells whether a folder is one that ``tfmat generate`` or ``tfmat screen`` wrote.

    Args:
        folder: Any folder.
    """
    return all(plain_file(folder / name) for name in (TABLE, FRAMES))


def check(folder: Path, *, with_cif: bool = False) -> None:
    """Compares table and frames with their hashes; folders of earlier versions have none.

    Args:
        folder: A folder that ``tfmat generate`` or ``tfmat screen`` wrote.
        with_cif: Check the CIF files, too.

    Raises:
        InputError: Something was changed since it was written, or leads elsewhere.
    """
    summary = read_sealed(folder / SUMMARY, _MEND) if plain_file(folder / SUMMARY) else {}
    if HASHES not in summary:
        warnings.warn(
            f"{folder}: has no hashes in {SUMMARY}, so nothing tells whether it is whole",
            UncheckedWarning,
            stacklevel=2,
        )
        return
    with reading(folder / SUMMARY, _MEND):
        stored = {name: str(summary[HASHES][name]) for name in (TABLE, FRAMES, CIF_FOLDER)}
    if skipping():
        return
    for name in (TABLE, FRAMES):
        file = inside(folder, name, folder)
        if not plain_file(file) or digest(file) != stored[name]:
            raise InputError(f"{file}: was changed since it was written; {_MEND}")
    if with_cif:
        cifs = inside(folder, CIF_FOLDER, folder)
        with reading(cifs, _MEND):
            found = _of_all(
                inside(folder, f"{CIF_FOLDER}/{path.name}", cifs) for path in cifs.iterdir()
            )
        if found != stored[CIF_FOLDER]:
            raise InputError(f"{cifs}: a file in it was changed since it was written; {_MEND}")


def _of_all(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(f"{files.sha256(path)}  {path.name}\n".encode())
    return total.hexdigest()
