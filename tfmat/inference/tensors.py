"""What goes into a part of a model package and what comes out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tensors:
    """Names and units of a part's input and output, and the property that a constraint predicts."""

    input_name: str
    output_name: str
    input_unit: str = "1"
    output_unit: str = "1"
    property: str | None = None
