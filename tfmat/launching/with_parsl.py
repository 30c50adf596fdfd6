"""Parsl as the engine: workers on a laptop, a cluster with a queue, or Kubernetes.

https://parsl.readthedocs.io. A configuration of Parsl is Python: the file is run, as Parsl's users
write it, and has to make ``config``.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tfmat.errors import InputError, first_line, require
from tfmat.launching.launch import Submit
from tfmat.launching.running import Ended, Task, run_shard

_OWN_FOLDER = "runinfo"


def parsl_engine(file: Path) -> Callable[[Path], AbstractContextManager[Submit]]:
    """Returns Parsl with a configuration.

    Args:
        file: Python that makes ``config``, a ``parsl.Config``.

    Raises:
        MissingExtraError: Parsl is not installed.
        InputError: The file cannot be read, fails, or makes no configuration.
    """
    if not file.is_file():
        raise InputError(f"`config` {file}: no such file; see examples/parsl")
    parsl = require("parsl", "parallel", "launching with Parsl")
    config = _config(file, parsl.Config)

    @contextmanager
    def started(folder: Path) -> Iterator[Submit]:
        if config.run_dir == _OWN_FOLDER:
            config.run_dir = str(folder)
        for executor in config.executors:
            # Parsl leaves its interchange behind where the driver is killed outright.
            if getattr(executor, "interchange_launch_cmd", None) == ["interchange.py"]:
                own = [sys.executable, "-m", "tfmat.launching.interchange"]
                executor.interchange_launch_cmd = own
        # Where pip has put Parsl's own programs.
        places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        os.environ["PATH"] = os.pathsep.join(places)
        with parsl.load(config):
            yield _submit(parsl.python_app(run_shard, cache=False))

    return started


def _config(file: Path, kind: type) -> Any:
    try:
        config = runpy.run_path(str(file)).get("config")
    except Exception as error:  # it is anybody's program
        raise InputError(
            f"`config` {file}: fails ({type(error).__name__}: {first_line(error)}); mend it"
        ) from error
    if not isinstance(config, kind):
        raise InputError(
            f"`config` {file}: makes no parsl.Config called config; see examples/parsl"
        )
    return config


def _submit(app: Callable[[Task], Future[Ended]]) -> Submit:
    def submit(tasks: Iterable[Task]) -> Iterator[tuple[Task, Ended]]:
        running = {app(task): task for task in tasks}
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), _ended(future)

    return submit


def _ended(future: Future[Ended]) -> Ended:
    try:
        return future.result()
    except Exception as error:  # a worker that was lost, or whatever Parsl says
        return Ended(1, f"{type(error).__name__}: {first_line(error)}")
