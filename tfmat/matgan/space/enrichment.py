"""How much larger the valid share of some formulas is than that of the space they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmat.formulas.compositions import Compositions
from tfmat.matgan.validity.checker import ValidityChecker, rates


def enrichment(
    space: Mapping[str, Any], compositions: Compositions, checker: ValidityChecker
) -> dict[str, Any]:
    """Divides the valid shares of formulas by those of the enumerated space.

    Source: MatGAN, "Generating hypothetical materials by GAN", which divides 62.24% by 0.78% and so
    finds 77 times; its denominator counts combinations of species with ratios.

    Args:
        space: What :func:`tfmat.matgan.space.enumeration.enumerate_space` returned, with the same
            settings as the checker's.
        compositions: The formulas, for example generated ones; duplicates count. Those of numbers
            of elements that were not enumerated are left out, single elements (which are valid by
            definition) among them.
        checker: Judges the formulas.

    Returns:
        ``left_out`` (a number), and in ``total`` and each of ``by_elements``: ``formulas``, and of
        ``charge_neutral`` and ``balanced`` the ``rate`` and its ratio to that of the space,
        ``over_formulas`` and ``over_combinations`` (``None`` where the space has no rate).
    """
    sizes = [int(size) for size in space["by_elements"]]
    comparable = compositions[np.isin(compositions.n_elements, sizes)]
    found = rates(comparable, checker)
    return {
        "left_out": len(compositions) - len(comparable),
        "total": _compare(found["total"], space["total"]),
        "by_elements": {
            size: _compare(part, space["by_elements"][size])
            for size, part in found["by_elements"].items()
        },
    }


def _compare(part: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    compared: dict[str, Any] = {"formulas": part["formulas"]}
    for name, key in (("charge_neutral", "neutral_rate"), ("balanced", "balanced_rate")):
        rate = part[key]
        compared[name] = {
            "rate": rate,
            "over_formulas": _times(rate, reference[f"{name}_rate"]),
            "over_combinations": _times(rate, reference["combinations"][f"{name}_rate"]),
        }
    return compared


def _times(rate: float | None, reference: float | None) -> float | None:
    return rate / reference if rate is not None and reference else None
