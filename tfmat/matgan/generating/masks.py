"""Hard masks: which formulas a person wants, with not one that breaks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError, did_you_mean
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.matgan.elements import ELEMENTS, MAX_COUNT, MAX_ELEMENTS, MIN_ELEMENTS
from tfmat.matgan.generating.pattern import Pattern


@dataclass(frozen=True)
class Masks:
    """What a formula has to fulfil.

    Args:
        elements: Symbols of the only elements that may be there; empty means all 85.
        required: Symbols of elements that have to be there.
        excluded: Symbols of elements that must not be there.
        n_elements: Fewest and most elements of a formula.
        max_count: Most atoms of one element in the reduced formula.
        pattern: A formula with free elements, or ``None``.

    Raises:
        InputError: A symbol is not one of MatGAN's elements, or no formula can fulfil all of it.
    """

    elements: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    n_elements: tuple[int, int] = (MIN_ELEMENTS, MAX_ELEMENTS)
    max_count: int = MAX_COUNT
    pattern: Pattern | None = None

    def __post_init__(self) -> None:
        _check_symbols(self)
        _check_numbers(self)
        if self.pattern is not None:
            _check_pattern(self, self.pattern)

    @property
    def allowed(self) -> frozenset[str]:
        """The elements that may be there."""
        return frozenset(self.elements or ELEMENTS) - frozenset(self.excluded)

    @property
    def restrict(self) -> bool:
        """Whether any formula of the model could be left out."""
        return self != Masks()

    def matches(self, compositions: Compositions) -> NDArray[np.bool_]:
        """Tells which compositions fulfil all masks.

        Args:
            compositions: Reduced compositions.

        Returns:
            A mask, shape ``(n,)``.
        """
        numbers, size = compositions.numbers, compositions.n_elements
        fits = (size >= self.n_elements[0]) & (size <= self.n_elements[1])
        fits &= compositions.largest_count <= self.max_count
        allowed = _numbers(self.allowed)
        allowed[0] = True  # an unused slot
        fits &= allowed[numbers].all(axis=1)
        for symbol in self.required:
            fits &= (numbers == symbols().index(symbol)).any(axis=1)
        if self.pattern is not None:
            fits &= self.pattern.matches(compositions)
        return fits

    def describe(self) -> dict[str, Any]:
        """Returns the masks as plain JSON values."""
        return {
            "elements": list(self.elements),
            "require": list(self.required),
            "exclude": list(self.excluded),
            "n_elements": list(self.n_elements),
            "max_count": self.max_count,
            "formula_pattern": self.pattern.text if self.pattern else None,
        }


def _numbers(chosen: frozenset[str]) -> NDArray[np.bool_]:
    """Returns which atomic numbers belong to some symbols ``(256,)``."""
    mask = np.zeros(256, bool)
    mask[[symbols().index(symbol) for symbol in chosen]] = True
    return mask


def _range(fewest: int, most: int) -> str:
    return str(fewest) if fewest == most else f"{fewest}-{most}"


def _check_symbols(masks: Masks) -> None:
    for option, chosen in (
        ("`elements`", masks.elements),
        ("`require`", masks.required),
        ("`exclude`", masks.excluded),
    ):
        for symbol in chosen:
            if symbol not in ELEMENTS:
                known = (
                    "is not one of MatGAN's 85 elements" if symbol in symbols() else "no element"
                )
                hint = did_you_mean(symbol, ELEMENTS) if symbol not in symbols() else ""
                raise InputError(
                    f"{option} {symbol}: {known}{hint}; they are Z = 1 to 94 without He, Ne, Ar, "
                    "Kr, Po, At, Rn, Fr and Ra"
                )
    both = sorted(set(masks.required) & set(masks.excluded))
    if both:
        raise InputError(f"`require` and `exclude` both name {', '.join(both)}; drop one of them")
    outside = sorted(set(masks.required) - masks.allowed)
    if outside:
        raise InputError(
            f"`require` {', '.join(outside)}: is not among `elements` "
            f"{', '.join(masks.elements)}; add it there"
        )


def _check_numbers(masks: Masks) -> None:
    fewest, most = masks.n_elements
    if not MIN_ELEMENTS <= fewest <= most <= MAX_ELEMENTS:
        raise InputError(
            f"`n_elements` {_range(fewest, most)}: give a range within "
            f"{MIN_ELEMENTS}-{MAX_ELEMENTS}, smaller number first"
        )
    if not 1 <= masks.max_count <= MAX_COUNT:
        raise InputError(f"`max_count` {masks.max_count}: give 1 to {MAX_COUNT}")
    if len(set(masks.required)) > most:
        raise InputError(
            f"`require` names {len(set(masks.required))} elements, `n_elements` allows at most "
            f"{most}; raise it, or require fewer"
        )
    if len(masks.allowed) < fewest:
        raise InputError(
            f"number of elements that may be there: {len(masks.allowed)}, but a formula needs "
            f"{fewest}; name more with `elements`{', or exclude fewer' * bool(masks.excluded)}"
        )


def _check_pattern(masks: Masks, pattern: Pattern) -> None:
    where = f"`formula_pattern` {pattern.text}"
    fewest, most = masks.n_elements
    if not fewest <= pattern.n_elements <= most:
        raise InputError(
            f"{where}: has {pattern.n_elements} elements, `n_elements` allows "
            f"{_range(fewest, most)}; change one of them"
        )
    if pattern.largest_count > masks.max_count:
        raise InputError(
            f"{where}: has a count of {pattern.largest_count}, `max_count` allows "
            f"{masks.max_count}; change one of them"
        )
    named = {symbols()[number] for number in pattern.fixed}
    refused = sorted(named - masks.allowed)
    if refused:
        raise InputError(
            f"{where}: names {', '.join(refused)}, which `elements` or `exclude` leaves out; "
            "change one of them"
        )
    missing = sorted(set(masks.required) - named)
    if len(missing) > len(pattern.wildcards):
        raise InputError(
            f"{where}: has no place for {', '.join(missing)} of `require`; change one of them"
        )
    if len(masks.allowed - named) < len(pattern.wildcards):
        raise InputError(
            f"{where}: free elements: {len(pattern.wildcards)}, left for them by `elements` and "
            f"`exclude`: {len(masks.allowed - named)}; allow more"
        )
