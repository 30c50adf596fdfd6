"""Scripts that see the CPU as one or two devices, and what starts them.

Logical devices must be set before TensorFlow's runtime starts, so each script has a process of its
own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np


def split_cpu(devices: int = 2) -> None:
    """Makes the CPU so many devices of one thread; called before TensorFlow's runtime starts."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * devices
    tf.config.set_logical_device_configuration(cpu, parts)


def strategy_of(devices: int) -> Any:
    """Splits the CPU; returns a strategy that steps on all of its devices together."""
    import tensorflow as tf

    split_cpu(devices)
    if devices == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(devices)])


def run(script: str | Path, *words: object, cwd: Path | None = None) -> str:
    """Runs a script that may import this module; returns what it printed."""
    done = subprocess.run(
        [sys.executable, str(script), *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), "TF_CPP_MIN_LOG_LEVEL": "3"},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def one_and_two(script: str | Path, folder: Path, *words: object) -> list[dict[str, Any]]:
    """Runs ``script DEVICES *words OUT`` on one device and on two; returns the arrays of each."""
    found = []
    for devices in (1, 2):
        out = folder / f"{devices}.npz"
        run(script, devices, *words, out)
        with np.load(out) as arrays:
            found.append(dict(arrays))
    one, two = found
    assert one.keys() == two.keys()
    return found
