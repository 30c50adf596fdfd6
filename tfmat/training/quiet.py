"""Imports Keras and its backend without the lines that TensorFlow writes while it starts."""

from __future__ import annotations

import logging
import os
import platform
from types import ModuleType

from tfmat.errors import require, require_installed
from tfmat.quiet import muted_stderr


def prepare_keras(threads: int | None = None, purpose: str = "training") -> None:
    """Sets what the backend reads when it is imported, and imports nothing.

    Args:
        threads: Threads of the backend on the CPU; all cores by default. Bits depend on it: the
            same seed gives the same weights only with the same number.
        purpose: What needs Keras, for the message.

    Raises:
        MissingExtraError: The ``[train]`` extra is not installed.
    """
    for module in ("tensorflow", "keras") if _wants_tensorflow() else ("keras",):
        require_installed(module, "train", purpose)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    prefer_onednn()
    if threads is not None:
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ[name] = str(threads)


def prefer_onednn() -> None:
    """Lets TensorFlow use oneDNN on every x86 processor, unless the user has said otherwise.

    TensorFlow does so of itself only where the processor has AVX-512 VNNI or the like, which many
    laptops have not. Its own gradients of a convolution of volumes between one and eight channels
    take a hundred times as long as oneDNN's (docs/training.md, "Processors without AVX-512").
    """
    if platform.machine().lower() in ("x86_64", "amd64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def load_keras(threads: int | None = None, purpose: str = "training") -> ModuleType:
    """Imports Keras with the backend that ``KERAS_BACKEND`` names (TensorFlow by default).

    Args:
        threads: As for :func:`prepare_keras`.
        purpose: What needs Keras, for the message.

    Returns:
        The ``keras`` module.

    Raises:
        MissingExtraError: The ``[train]`` extra is not installed.
    """
    prepare_keras(threads, purpose)
    # TensorFlow's Python code logs here, e.g. which devices a strategy found.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with muted_stderr():
        if _wants_tensorflow():
            require("tensorflow", "train", purpose)
        return require("keras", "train", purpose)


def _wants_tensorflow() -> bool:
    return os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"


def threads_in_use() -> int:
    """Returns the number of CPU threads of the backend, as set before it was imported."""
    name = "TF_NUM_INTRAOP_THREADS" if on_tensorflow() else "OMP_NUM_THREADS"
    wanted = os.environ.get(name, "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def on_tensorflow() -> bool:
    """Tells whether Keras runs on TensorFlow."""
    import keras

    return bool(keras.backend.backend() == "tensorflow")
