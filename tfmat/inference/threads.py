"""How many threads this process may really use."""

from __future__ import annotations

import os
from pathlib import Path

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_threads(quota_file: Path = CPU_QUOTA) -> int:
    """Returns the number of cores that this process may use, at least 1.

    ``os.cpu_count`` counts the machine's cores. A container may be pinned to fewer (affinity) or
    be given a share of their time (quota of its cgroup, version 2), and more threads than that
    only wait for each other. ``OMP_NUM_THREADS``, which batch systems set, is respected too.

    Args:
        quota_file: Holds ``<quota or max> <period>`` in microseconds.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text("ascii").split()
        # A quota of 1.5 cores keeps two threads busy for most of the time.
        cores = min(cores, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no cgroup here, or no limit ("max")
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdecimal():
        cores = min(cores, int(wanted))
    return max(1, cores)
