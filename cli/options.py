"""Options and kinds of values that several commands take."""

from __future__ import annotations

import math
from typing import Any

import click


class Finite(click.FloatRange):
    """A number within a range; unlike :class:`click.FloatRange` it refuses NaN and infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Reads the number."""
        number = super().convert(value, param, ctx)
        # NaN passes every comparison of a range, and JSON has neither.
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


decoding_mode = click.option(
    "--mode",
    type=click.Choice(["robust", "faithful"]),
    default="robust",
    show_default=True,
    help="How voxels are decoded: noise-tolerant, or as the original program did.",
)
