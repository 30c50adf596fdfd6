"""``tfmat generate``: new structures or formulas from a trained model, without TensorFlow."""

from __future__ import annotations

import click

from .examples import examples
from .main import LazyGroup

_STRUCTURES = "tfmat.cli.generate_structures"


@click.group(
    epilog=examples(
        "tfmat generate ccdcgan -n 100",
        "tfmat generate matgan --require Li --valid-only --unique",
    ),
    cls=LazyGroup,
    lazy={
        "ccdcgan": (_STRUCTURES, "ccdcgan", "Generate crystal structures with a CCDCGAN."),
        "dcgan": (
            _STRUCTURES,
            "dcgan",
            "Generate crystal structures with a DCGAN (trained without a constraint).",
        ),
        "matgan": (
            "tfmat.cli.generate_formulas",
            "matgan",
            "Generate chemical formulas with a MatGAN.",
        ),
    },
)
def generate() -> None:
    """Generate new structures (CIF files, extended XYZ, a table) or formulas (a table)."""
