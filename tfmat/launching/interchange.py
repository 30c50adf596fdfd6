"""Parsl's interchange, which ends with the driver that has started it.

Workers end when they hear nothing of it any more.
"""

from __future__ import annotations

import os
import runpy
import shutil
import sys
import threading
import time

_LOOK = 1.0


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


def main() -> None:
    """Runs the interchange."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    program = shutil.which("interchange.py")
    if program is None:
        sys.exit("interchange.py of Parsl is not on PATH")
    sys.argv[0] = program
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
