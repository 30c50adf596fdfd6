"""Networks of a ``.keras`` file, for those ways that run on Keras after all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfmat.errors import InputError, first_line


def load_network(file: Path) -> Any:
    """Loads a network for inference; Keras must be installed.

    Args:
        file: A ``.keras`` file, checked or of a run.

    Raises:
        InputError: It is none.
    """
    import keras

    try:
        return keras.models.load_model(file, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{file}: no usable Keras model ({first_line(error)})") from error
