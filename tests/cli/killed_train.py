"""``tfmat`` that kills itself, as ``kill -9`` does, in the middle of a stage.

Run as ``python killed_train.py STAGE COUNT train ...``: it dies when that stage reports its COUNTth
step. Killed from outside, it would now die in one stage and now in another.
"""

from __future__ import annotations

import os
import signal
import sys

from tfmat.cli.main import main

from tfmat.progress import Progress

stage, count = sys.argv[1], int(sys.argv[2])
update = Progress.update


def update_and_die(self: Progress, amount: int = 1, note: str = "") -> None:
    update(self, amount, note)
    if self.description == stage and self.count >= count:
        os.kill(os.getpid(), signal.SIGKILL)


Progress.update = update_and_die
main(sys.argv[3:])
