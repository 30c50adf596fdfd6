"""Formulas as the start of a campaign: those of a list that a model can make crystals of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.sources.contents import SLOTS
from tfmat.ccdcgan.sources.listed import Formula, fitting_units
from tfmat.datasets.readers.formulas import read_formulas
from tfmat.discovery.campaign import Making
from tfmat.discovery.known_formulas import KnownFormulas
from tfmat.errors import InputError
from tfmat.formulas.compositions import symbols
from tfmat.reading import reading


@dataclass(frozen=True)
class Listed:
    """The formulas of a list.

    Args:
        formulas: Those that crystals are made of, once each, in the order of the list.
        left_out: How many others there are, by reason.
    """

    formulas: tuple[Formula, ...]
    left_out: dict[str, int]


def read_listed(making: Making, codec: Codec, others: KnownFormulas) -> Listed:
    """Reads the formulas of a campaign.

    Args:
        making: Names the list, and what else its formulas have to fulfil.
        codec: The model that makes crystals of them.
        others: Known formulas, of which no crystals are wanted.

    Raises:
        InputError: The list cannot be read, or no formula of it is left.
    """
    with reading(making.formulas):
        table = read_formulas(making.formulas)
    known = set(codec.layout.elements)
    most = making.max_atoms or codec.recipe.data.max_atoms
    kept: dict[Formula, None] = {}
    lost: Counter[str] = Counter()
    if table.rejected:
        lost["no formula"] = len(table.rejected)
    held = others.names(table.compositions)
    for row in range(len(table.compositions)):
        pairs = table.compositions.mapping(row).items()
        formula = tuple((symbols()[number], count) for number, count in pairs)
        reason = _reason(formula, making, known, most)
        if not reason and formula in kept:
            reason = "there already"
        if not reason and held[row]:
            reason = f"in {held[row]}"
        if reason:
            lost[reason] += 1
        else:
            kept[formula] = None
    if not kept:
        why = ", ".join(f"{count:,} {reason}" for reason, count in lost.items())
        raise InputError(
            f"`formulas` {making.formulas}: no formula is left to make crystals of ({why}); give "
            "others, or a wider `z`"
        )
    return Listed(tuple(kept), dict(lost))


def _reason(formula: Formula, making: Making, known: set[str], most: int) -> str:
    """Returns why no crystal can be made of a formula; empty if one can."""
    elements = {symbol for symbol, _ in formula}
    if not elements <= known:
        return "with an element that the model does not know"
    if len(elements) > SLOTS:
        return f"of more than {SLOTS} elements"
    free = set(making.system or making.elements or known) - set(making.exclude)
    needed = {*making.require, *making.system}
    least, largest = making.n_elements or (1, SLOTS)
    if not needed <= elements <= free or not least <= len(elements) <= largest:
        return "of other elements than were asked for"
    size = sum(count for _, count in formula)
    if not len(fitting_units(size, making.z, (making.min_atoms, most))):
        return f"with no number of formula units in {making.min_atoms} to {most} atoms"
    return ""
