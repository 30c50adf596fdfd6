"""How the workers of one training go through its run: the chief writes, the others follow."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tfmat.errors import InputError, TfmatError
from tfmat.training.followed_run import FollowedRun
from tfmat.training.run import Run
from tfmat.training.strategy import Devices

_LARGEST = 2**16  # sums of it over many workers are exact in 32-bit floats


@contextmanager
def entered(
    devices: Devices,
    begin: Callable[[], Run],
    prepare: Callable[[Run], None],
    folder: Path,
    recipe: Mapping[str, Any],
) -> Iterator[Run]:
    """Opens the run of a training, locked by the one process that writes it.

    Args:
        devices: Where it trains.
        begin: Makes or opens the run; called by the chief.
        prepare: Called by the chief once the run is locked.
        folder: The run folder.
        recipe: The recipe as plain tables.

    Raises:
        InputError: The run cannot be begun, or a worker does not see it.
        TfmatError: Another worker could not begin.
    """
    with ExitStack() as stack:
        run: Run
        if devices.chief:
            with _telling(devices):
                run = begin()
                stack.enter_context(run.locked())
                prepare(run)
        if devices.any():
            raise TfmatError("worker 0 of this training could not begin; see what it says")
        if not devices.chief:
            with _telling(devices):
                scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="tfmat-worker-"))
                try:
                    run = FollowedRun.follow(folder, recipe, Path(scratch))
                except InputError as error:
                    raise InputError(f"{error}; all workers must share the run folder") from error
        if devices.any():
            raise TfmatError("another worker of this training could not begin; see what it says")
        if devices.any(not devices.same(_mark(run))):
            raise InputError(
                f"{folder}: is not the same run for all workers; put it on a file system that they "
                "share"
            )
        yield run


@contextmanager
def turn(devices: Devices, run: Run, *, alone: bool) -> Iterator[bool]:
    """Waits until all workers have done a part of a training, and reads what the chief wrote.

    Args:
        devices: Where it trains.
        run: The run.
        alone: Whether the chief does it alone; else all workers do it together.

    Yields:
        Whether this process does it.

    Raises:
        TfmatError: The chief has failed.
    """
    if not alone:
        yield True
    else:
        with _telling(devices) if devices.chief else ExitStack():
            yield devices.chief
    if devices.any():
        raise TfmatError("worker 0 of this training has ended; see what it says")
    if isinstance(run, FollowedRun):
        run.refresh()


@contextmanager
def _telling(devices: Devices) -> Iterator[None]:
    """Lets the others, who wait, know of a failure."""
    try:
        yield
    except BaseException:
        devices.any(True)
        raise


def _mark(run: Run) -> int:
    words = f"{run.info['created']} {run.seed} {sorted(run.info['stages'])}"
    return zlib.crc32(words.encode()) % _LARGEST
