"""A process of its own, and what the kernel says that it took.

A child's peak memory is counted from before its exec: who runs it must stay small.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Used:
    """What a process took.

    Args:
        seconds: Of the clock.
        processor: Seconds of processors.
        megabytes: Most memory at once.
    """

    seconds: float
    processor: float
    megabytes: float


def run(
    command: Sequence[str | Path],
    *,
    stdout: Any = subprocess.DEVNULL,
    stderr: Any = subprocess.DEVNULL,
    cwd: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, str, Used]:
    """Runs a command.

    Args:
        command: Program and words.
        stdout: Where that goes; ``subprocess.PIPE`` returns it.
        stderr: Where that goes.
        cwd: Where it runs.
        environment: Its environment, if not this one's.

    Returns:
        Exit code, what it wrote, what it took.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=stdout, stderr=stderr, cwd=cwd, env=environment, text=True
    )
    said = process.stdout.read() if process.stdout is not None else ""
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    # Bytes on macOS, 1,024 on Linux.
    memory = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return process.returncode, said, Used(seconds, used.ru_utime + used.ru_stime, memory)
