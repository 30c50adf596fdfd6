"""What a MatGAN model package holds: its parts, and its own entries of the metadata."""

from typing import Annotated

from msgspec import UNSET, Meta

from tfmat.inference.described import Metadata, Recipe
from tfmat.inference.fields import Symbol, Table
from tfmat.inference.tensors import Tensors
from tfmat.matgan.decoding import Rule, Threshold
from tfmat.typed import Maybe

PARTS = {
    "generator": Tensors("noise", {"composition_matrix": "1"}),
    "critic": Tensors("composition_matrix", {"score": "1"}),
    "generate": Tensors("noise", {"counts": "atoms"}),
    "composition_encoder": Tensors("composition_matrix", {"composition_latent": "1"}),
    "composition_decoder": Tensors("composition_latent", {"composition_matrix": "1"}),
}
# What a run keeps as weights; `generate` is made of the generator when it is exported.
TRAINED = tuple(part for part in PARTS if part != "generate")


class Decoding(Table, frozen=True, kw_only=True):
    """How a composition matrix becomes atom counts.

    Args:
        rule: Which cells name a count.
        threshold: Smallest value of a cell that says that an element is there.
    """

    rule: Rule
    threshold: Threshold


class MatganPackageRecipe(Recipe, frozen=True, kw_only=True):
    """Every setting of the training; who builds networks of it checks the rest.

    Args:
        decoding: How a composition matrix becomes atom counts.
    """

    decoding: Maybe[Decoding] = UNSET


class MatganMetadata(Metadata, frozen=True, kw_only=True):
    """What a MatGAN model package holds, where it comes from and what was measured of it.

    Args:
        decoding: How a composition matrix becomes atom counts.
    """

    decoding: Decoding
    elements: Annotated[
        list[Symbol],
        Meta(
            # One for each column of a matrix; their names would take long to import.
            min_length=85,
            max_length=85,
            extra_json_schema={"uniqueItems": True},
        ),
    ]
    recipe: MatganPackageRecipe
