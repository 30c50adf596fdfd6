"""What goes into a part of a model package and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tensors:
    """Names and units of a part's input and outputs, and the property that a constraint predicts.

    Args:
        input_name: Name of the one input.
        outputs: Unit of each output, by name. A network with several outputs is a Keras model that
            returns a dict with these names.
        input_unit: Unit of the input.
        property: Property that the part predicts, if it is a constraint.
        by_property: Whether a package may hold several, called ``PART`` and ``PART-PROPERTY``.
        by_element: Likewise, ``PART-SYMBOL``.
    """

    input_name: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    input_unit: str = "1"
    property: str | None = None
    by_property: bool = False
    by_element: bool = False
