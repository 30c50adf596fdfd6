"""The networks of a run on their way into a package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfmat.inference.tensors import Tensors


@dataclass(frozen=True)
class Networks:
    """The networks of a run, as they are exported.

    Args:
        models: Functional Keras models by part.
        tensors: What goes into each part and what comes out.
        elements: Symbols of the elements, in the order in which the networks have them.
        details: What else the family's readers need of a package, as plain JSON values.
        files: Further files of a package, by their names there.
    """

    models: Mapping[str, Any]
    tensors: Mapping[str, Tensors]
    elements: Sequence[str]
    details: Mapping[str, Any]
    files: Mapping[str, Path] = field(default_factory=dict)
