"""One shard, run as a process of its own where an engine has a worker."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tfmat.errors import InputError
from tfmat.work.shards import Shard, read_part

# Seconds between looks at a shard that a process of an earlier launch is still making.
_PAUSE = 5.0
# What tfmat says where another process writes (tfmat.locks).
_LOCKED = "another process is writing there"
_TAIL = 4096


class Task(NamedTuple):
    """A shard to be made.

    Args:
        words: Words behind ``tfmat`` that make it.
        number: Which shard.
        of: How many there are.
        place: The table or folder that it becomes.
        log: File to which its output is added.
        folder: Where relative names begin.
    """

    words: Sequence[str]
    number: int
    of: int
    place: str
    log: str
    folder: str


class Ended(NamedTuple):
    """How the process of a shard ended.

    Args:
        code: Its exit code; 0 where the shard was there already, negative for a signal.
        said: The last line that it wrote.
    """

    code: int
    said: str


def is_made(place: Path, shard: Shard) -> bool:
    """Tells whether a shard is there, whole.

    Args:
        place: The table or folder.
        shard: Which shard it should be.
    """
    try:
        return read_part(place).manifest.shard == shard
    except InputError:
        return False


def run_shard(task: Task) -> Ended:
    """Makes a shard, unless it is there.

    Args:
        task: What to make.

    Returns:
        How it ended. Where a process of an earlier launch is still at it, that one is waited for.
    """
    place, shard = Path(task.place), Shard(task.number, task.of)
    while not is_made(place, shard):
        with Path(task.log).open("ab") as log:
            log.write(f"shard {shard}: worker {os.getpid()}\n".encode())
            log.flush()
            code = subprocess.run(  # noqa: S603  (our own command)
                [sys.executable, "-m", "tfmat", *task.words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=task.folder,
                check=False,
            ).returncode
        if code == 0:
            break
        said = last_line(Path(task.log))
        if _LOCKED not in said:
            return Ended(code, said)
        time.sleep(_PAUSE)
    return Ended(0, "")


def last_line(log: Path) -> str:
    """Returns the last line of a log, or nothing.

    Args:
        log: The file.
    """
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _TAIL))
        lines = stream.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
