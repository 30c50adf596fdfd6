"""The folder beside an output in which long work waits to be finished."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmat import files
from tfmat.checksums import read_sealed, write_sealed
from tfmat.errors import InputError
from tfmat.paths import check_tree
from tfmat.temporaries import discard, sweep_within


class NothingLeftError(InputError):
    """All is computed and nothing of it can be kept: the same settings will never give more."""


def work_of(out: Path) -> Path:
    """Returns the work folder of an output, once nothing hidden is left of an earlier one.

    Args:
        out: The output.

    Raises:
        InputError: Another process works in it.
    """
    work = out.with_name(out.name + ".work")
    files.settle(work)
    return work


@dataclass
class Claim:
    """What is to become of a work folder.

    Attributes:
        unfinished: Whether something is left to do, for which the folder has to stay.
    """

    unfinished: bool = False


@contextmanager
def claimed(work: Path, recipe: Mapping[str, Any]) -> Iterator[Claim]:
    """Starts a work folder, or goes on with one that was made with the same settings.

    No other process works in it meanwhile. Once the block succeeds, the folder is removed, unless
    the block has called the work unfinished.

    Args:
        work: The folder.
        recipe: Everything that the results depend on.

    Raises:
        InputError: It belongs to other settings, to another process, or to somebody else.
    """
    with alone(work):
        _begin(work, recipe)
        claim = Claim()
        yield claim
        if not claim.unfinished:
            discard(work)


@contextmanager
def alone(work: Path) -> Iterator[None]:
    """Keeps other processes from a work folder, and clears what a killed one has half written.

    Args:
        work: The folder; it may be missing.

    Raises:
        InputError: Another process works in it.
    """
    with files.claimed(work):
        sweep_within(work)
        yield


def _begin(work: Path, recipe: Mapping[str, Any]) -> None:
    file = work / "recipe.json"
    if file.is_file():
        mend = "give another `out`, or delete the folder to start again"
        # What is computed is written into it, and all of it deleted in the end.
        check_tree(work)
        before = read_sealed(file, mend)
        if before != json.loads(json.dumps(recipe)):
            raise InputError(
                f"{work}: unfinished work with other settings or versions (see recipe.json there); "
                "repeat those, give another `out`, or delete the folder"
            )
        return
    # The folder is deleted in the end: nobody else's may be taken.
    if work.exists() and (not work.is_dir() or any(work.iterdir())):
        raise InputError(
            f"{work}: is in the way of unfinished work and was not written by this command; "
            "rename it, or give another `out`"
        )
    write_sealed(file, recipe)


@contextmanager
def released(work: Path) -> Iterator[None]:
    """Removes the work folder if the block finds that the input is wrong and no work is lost by it.

    Finished work stays: what is wrong may be a place to write, which can be mended.
    """
    try:
        yield
    except NothingLeftError:
        discard(work)
        raise
    except InputError:
        if [path.name for path in work.rglob("*") if path.is_file()] == ["recipe.json"]:
            discard(work)
        raise
