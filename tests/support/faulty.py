"""Commands that are killed, or find no room, at a chosen operation on the disk.

Run as ``python faulty.py ROOT MODULE...``: imports the modules once, then reads orders, one JSON
object a line, and forks for each command. A fault is one of ::

    {"kill": n}        dies, as by ``kill -9``, right before its n-th operation on the disk
    {"full": n}        finds the disk full at its n-th operation on the disk, and from then on
    {"longest": n}     cannot make any file longer than n bytes, whichever library writes it

Operations are opening to write, renaming, removing, linking, making folders and fsync, all below
ROOT. They are seen through Python's audit events, so nothing in tfmat knows of this.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
# What gives room back works on a full disk.
REMOVES = {"os.remove", "os.rmdir"}


class Disk:
    """Counts operations and strikes at one of them."""

    def __init__(self, root: str, fault: dict[str, int]) -> None:
        self.root, self.fault, self.count = root, fault, 0

    def install(self) -> None:
        sys.addaudithook(self._hear)
        sync = os.fsync

        def fsync(handle: int) -> None:
            self._strike("fsync")
            sync(handle)

        os.fsync = fsync
        if "longest" in self.fault:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.fault["longest"],) * 2)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            # Bits of O_TMPFILE are those of a folder: a file without a name counts too.
            if not isinstance(path, str | bytes) or not flags & WRITES:
                return
        elif event in CHANGES:
            path = arguments[0]
        else:
            return
        # A name within an open folder is taken for one in ROOT.
        if not isinstance(path, int) and self._holds(Path(os.fsdecode(path))):
            self._strike(event)

    def _holds(self, path: Path) -> bool:
        return path.absolute().is_relative_to(self.root)

    def _strike(self, event: str) -> None:
        self.count += 1
        if self.count == self.fault.get("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        point = self.fault.get("full", self.count + 1)
        # A rename may want room for a name; one that puts back what was there does not.
        if (self.count == point and event not in REMOVES) or (
            self.count > point and event not in (*REMOVES, "os.rename")
        ):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def start(order: dict[str, Any], root: str) -> int:
    """Forks and runs a command; returns the process."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.chdir(order["cwd"])
        for number, path in ((0, os.devnull), (1, order["stdout"]), (2, order["stderr"])):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(handle, number)
        os.setsid()
        sys.argv = ["tfmat", *order["words"]]
        disk = Disk(root, order["fault"])
        disk.install()
        from tfmat.cli.main import main

        try:
            main(order["words"])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        sys.stdout.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.write(f"\noperations {disk.count}\n")
        sys.stderr.flush()
        os._exit(code)


def tell(answer: object) -> None:
    """Answers an order."""
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


def main() -> None:
    root, *modules = sys.argv[1:]
    for name in modules:
        importlib.import_module(name)
    tell("ready")
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            tell(os.waitstatus_to_exitcode(status))
        else:
            tell(start(order, root))


if __name__ == "__main__":
    main()
