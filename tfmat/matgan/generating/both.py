"""A table and its summary, which are two files and have to stay together.

No system puts two files in place in one step. So the old summary goes out of sight first and comes
last: a kill leaves a table without a summary, never with that of another, and the next command
finds the summary by the hash of the table that it names.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tfmat import disk
from tfmat.errors import RecoveredWarning
from tfmat.files import claimed, place, replacing, sha256
from tfmat.matgan.generating.table import TABLE_HASH, summary_of
from tfmat.temporaries import leftovers, old_of, sweep, temporary_file


@contextmanager
def replacing_both(out: Path) -> Iterator[tuple[Path, Path]]:
    """Gives temporary paths of a table and its summary, which both get their place on success.

    Args:
        out: The table.

    Yields:
        Where to write the table, and the summary: a JSON object whose ``table_sha256`` is the hash
        of the table.

    Raises:
        InputError: Another process is writing there, or nothing can be written there.
        OSError: The disk is full.
    """
    summary = summary_of(out)
    old = old_of(summary)
    with claimed(out):
        _mend(out)
        with temporary_file(summary) as described:
            try:
                with replacing(out) as table:
                    yield table, described
                    # On disk before the table is.
                    disk.sync(described)
                    if summary.exists():
                        summary.replace(old)
                place(described, summary)
            except BaseException:
                _mend(out)  # to the table that stands its own
                raise
        old.unlink(missing_ok=True)


def restore(out: Path) -> None:
    """Gives a table the summary that a killed process was about to put beside it.

    Args:
        out: The table.

    Raises:
        InputError: Another process is writing there.
    """
    if leftovers(out) or leftovers(summary_of(out)):
        with claimed(out):
            if _mend(out):
                warnings.warn(
                    f"{summary_of(out)}: was put beside its table, after a kill in between",
                    RecoveredWarning,
                    stacklevel=2,
                )


def _mend(out: Path) -> bool:
    """Returns whether the table had lost its summary."""
    summary = summary_of(out)
    found, mended = leftovers(summary), False
    if found and out.exists() and not summary.exists():
        digest = sha256(out)
        named = {path: _named(path) for path in found}
        for path in [path for path in found if named[path] == digest][:1]:
            path.replace(summary)  # it was on disk before it was hidden
            mended = True
        if named.get(old_of(summary)) not in (None, digest):
            old_of(summary).unlink()  # of a table that is no more
    sweep(summary)
    return mended


def _named(path: Path) -> str | None:
    """Returns the hash of the table that a summary goes with; early versions name none."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        return str(json.loads(path.read_text("utf-8"))[TABLE_HASH])
    return None
