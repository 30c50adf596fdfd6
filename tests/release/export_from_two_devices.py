"""Trains networks of a family on two logical CPU devices and exports it; started by the tests.

Run as ``python export_from_two_devices.py TARGET``. A process for each target: logical devices must
be set before TensorFlow's runtime starts, and its collective operations fail where two trainings
follow each other.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tiny
import tiny_compositions
from logical_devices import split_cpu
from tfmat.cli.main import main


def tfmat(*words: str) -> None:
    try:
        main(list(words))
    except SystemExit as end:
        if end.code:
            raise


def run(target: str) -> None:
    split_cpu()
    family, table = {
        "lattice-ae": (tiny, "lattice_autoencoder"),
        "matgan": (tiny_compositions, "gan"),
    }[target]
    family.write_dataset(Path("data"))
    family.write_recipe(Path("tiny.toml"))
    words = ["--recipe", "tiny.toml", "--data", "data", "--strategy", "mirrored"]
    words += ["--set", f"{table}.steps=4"]
    tfmat("train", target, "--out", "run", *words)
    tfmat("export", "run", "--out", "package", "--no-measure")


run(sys.argv[1])
