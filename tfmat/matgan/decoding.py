"""How a composition matrix may be read as a formula: the rules, and what a cell has to reach."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

# As `tfmat.matgan.matrix.matrix_counts` has them.
Rule = Literal["original", "argmax"]
# Smallest value of a cell that counts: an absent element has 0, a certain one 1.
Threshold = Annotated[float, Meta(gt=0, le=1)]
