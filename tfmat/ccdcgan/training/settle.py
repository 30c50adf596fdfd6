"""What the data settle of a recipe, whether they are enough, and what to know of them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.recipe import CcdcganRecipe, ConstraintTerm
from tfmat.ccdcgan.training.data import TrainingData
from tfmat.datasets.properties import unit_of
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.training.amount import FLOOR, left_out_line, require_floor

# Structures to learn from below which the networks know their training structures alone
# (docs/own-system.md, "How many structures").
FEW = 100
# What a potential computes where the data lack it.
COMPUTED = "formation_energy_per_atom"
# A held-out coefficient of determination needs a variance.
HELD_OUT = 2


def settled(recipe: CcdcganRecipe, data: TrainingData) -> CcdcganRecipe:
    """Returns a recipe with the elements, the crystal graph and the scales that the data ask for.

    Args:
        recipe: The recipe as it was read.
        data: The structures.
    """
    terms = tuple(term if term.scale else _scaled(data, term) for term in recipe.gan.terms)
    return replace(
        recipe,
        data=replace(recipe.data, elements=data.elements),
        graph=GraphLayout.grown(recipe, len(data.elements)),
        gan=replace(recipe.gan, terms=terms),
    )


def require_property(dataset: Dataset, name: str) -> None:
    """Refuses a property that the data do not have, and says where it may come from.

    Args:
        dataset: The structures.
        name: A property that is to be predicted.

    Raises:
        InputError: The dataset has no such property.
    """
    if name in dataset.properties:
        return
    have = ", ".join(dataset.properties)
    remedies = [f"give `property` one of these: {have}"] if have else []
    if name == COMPUTED:
        remedies.append(f"compute it: tfmat relax {shlex.quote(str(dataset.path))} --out RELAXED")
    else:
        remedies.append(f"name its column: tfmat data import FILE --property {name}=COLUMN")
    raise InputError(
        f"{dataset.path}: no property {name!r}; {', or '.join(remedies)} (tfmat train dcgan needs "
        "none)"
    )


def require_enough(data: TrainingData, properties: Sequence[str]) -> None:
    """Refuses data of which nothing can be learned, before hours are spent on them.

    Args:
        data: The structures.
        properties: Properties that are to be predicted.

    Raises:
        InputError: There are too few structures, or too few with one of the properties.
    """
    path = str(data.dataset.path)
    require_floor(len(data.train), len(data.dataset), "structures", data.rejected, path)
    for name in properties:
        known = np.isfinite(data.property(name))
        train, test = int(known[data.train].sum()), int(known[data.test].sum())
        if train < FLOOR or test < HELD_OUT:
            more = "" if train < FLOOR else "hold out more (`settings` data.test_fraction=0.2), "
            raise InputError(
                f"{path}: {name} is known for {train} structures to learn from and {test} held "
                f"out, and a constraint needs {FLOOR} and {HELD_OUT}; {more}give `data` that have "
                "it, or train dcgan"
            )
        if not np.nanstd(data.property(name)[data.train]):
            raise InputError(
                f"{path}: {name} is the same in all structures to learn from; give "
                "another property or other `data`"
            )


def notices(
    recipe: CcdcganRecipe,
    asked: CcdcganRecipe,
    data: TrainingData,
    properties: Sequence[str],
    steers: bool,
) -> Iterator[str]:
    """Says what a user should know of the data before the training begins.

    Args:
        recipe: The recipe as the data have settled it.
        asked: The recipe as it was read.
        data: The structures.
        properties: Properties that are to be predicted.
        steers: Whether a GAN is trained.

    Yields:
        A line each.
    """
    yield from left_out_line(data.rejected, len(data.dataset), "structures")
    if recipe.graph != asked.graph:
        yield (
            f"the crystal graph grows from {asked.graph.height} x {asked.graph.width} to "
            f"{recipe.graph.height} x {recipe.graph.width}, for {', '.join(data.elements)}"
        )
    there = {number for crystal in data.crystals for number in crystal.numbers.tolist()}
    absent = [
        symbol
        for symbol, number in zip(data.elements, data.numbers, strict=True)
        if number not in there
    ]
    if absent:
        yield f"warning: no structure holds {', '.join(absent)}, so none will be generated with it"
    if len(data.train) < FEW:
        yield (
            f"warning: only {len(data.train)} structures to learn from; with fewer than {FEW} what "
            "is held out is hardly reproduced or predicted (docs/own-system.md)"
        )
    for name in properties:
        known = int(np.isfinite(data.property(name)[data.train]).sum())
        if known < len(data.train):
            few = ": warning: few to learn it from" if known < FEW <= len(data.train) else ""
            yield f"{name} is known for {known} of {len(data.train)} structures to learn from{few}"
    if steers and properties:
        for name in set(properties) - {term.property for term in recipe.gan.terms}:
            yield f"{name} is predicted, but nothing is steered by it: gan.terms name others"
        for term in recipe.gan.terms:
            yield _steers(term, data)


def _steers(term: ConstraintTerm, data: TrainingData) -> str:
    unit = unit_of(term.property) or ""
    words = f"the generator is steered towards {'high' if term.weight < 0 else 'low'}"
    if term.form == "target":
        words = f"the generator is steered towards {term.target:g} {unit}".rstrip() + " of"
    words += f" {term.property} ({term.form}, weight {term.weight:g})"
    values = data.property(term.property)[data.train]
    low, high = np.nanmin(values), np.nanmax(values)
    if term.form == "target" and not low <= term.target <= high:
        words += f"; warning: the data reach from {low:.4g} to {high:.4g} {unit}".rstrip()
    return words


def _scaled(data: TrainingData, term: ConstraintTerm) -> ConstraintTerm:
    """Returns a term with what it leaves to the data."""
    if term.form != "exp-range" or term.property not in data.dataset.properties:
        return replace(term, scale=_spread(data, term.property))
    values = data.property(term.property)[data.train]
    low, high = (float(f"{value:.6g}") for value in (np.nanmin(values), np.nanmax(values)))
    return replace(term, target=low, scale=high - low or 1.0)


def _spread(data: TrainingData, name: str) -> float:
    """Returns the standard deviation of a property in the structures to learn from, or 1.

    Raises:
        InputError: Its values are so large that they have none.
    """
    if name not in data.dataset.properties:
        return 1.0
    values = data.property(name)[data.train]
    values = values[np.isfinite(values)]
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(np.std(values)) if len(values) else 0.0
    if not math.isfinite(spread):
        raise InputError(
            f"{data.dataset.path}: {name} has values up to {np.abs(values).max():.3g}, too large "
            "to learn; give it in another unit"
        )
    # Short, since it stands in the recipe.
    return float(f"{spread:.4g}") or 1.0
