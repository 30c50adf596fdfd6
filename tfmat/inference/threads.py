"""How many threads this process may really use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_MOUNT = "sys/fs/cgroup"


def available_threads(root: Path = Path("/")) -> int:
    """Returns the number of cores that this process may use, at least 1.

    ``os.cpu_count`` counts the machine's cores. A container may be pinned to fewer (affinity) or
    be given a share of their time (quota of its cgroup or of one above it, version 1 or 2), and
    more threads than that only wait for each other. ``OMP_NUM_THREADS``, which batch systems set,
    is respected too.

    Args:
        root: Folder in which ``proc/self/cgroup`` and ``sys/fs/cgroup`` are.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    # A quota of 1.5 cores keeps two threads busy for most of the time.
    cores = min([cores, *(-(-quota // period) for quota, period in _quotas(root))])
    # It may be a list, one number for each level of nesting.
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdecimal():
        cores = min(cores, int(wanted))
    return max(1, cores)


def _quotas(root: Path) -> Iterator[tuple[int, int]]:
    """Yields quota and period, in microseconds, of this process's cgroup and of those above it."""
    try:
        lines = (root / "proc/self/cgroup").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return  # no Linux
    for line in lines:
        _, _, place = line.partition(":")
        controllers, _, path = place.partition(":")
        if not controllers:
            mounts, read = ("", "unified"), _version_2
        elif "cpu" in controllers.split(","):
            mounts, read = ("cpu", controllers), _version_1
        else:
            continue
        # A container often sees its own cgroup as the root of the mount, while the path is that on
        # the host: the folders that are not there are passed over.
        inside = PurePosixPath("/", path).relative_to("/")
        if ".." in inside.parts:
            inside = PurePosixPath()  # a cgroup outside of this container's view
        for mount in mounts:
            for folder in (inside, *inside.parents):
                try:
                    quota, period = read(root / _MOUNT / mount / folder)
                except (OSError, ValueError):
                    continue  # no such folder, or no limit ("max")
                if quota > 0 and period > 0:
                    yield quota, period


def _version_2(folder: Path) -> tuple[int, int]:
    quota, period = (folder / "cpu.max").read_text("ascii").split()
    return int(quota), int(period)


def _version_1(folder: Path) -> tuple[int, int]:
    names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    quota, period = (int((folder / name).read_text("ascii")) for name in names)
    return quota, period
