"""How much larger the valid share of some formulas is than that of the space they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tfmat.formulas.compositions import Compositions
from tfmat.matgan.validity.checker import ValidityChecker, rates
from tfmat.metric import Metric, metric_of


def enrichment(
    space: Mapping[str, Any], compositions: Compositions, checker: ValidityChecker
) -> tuple[int, list[Metric]]:
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
        ``left_out`` (a number) and the metrics, as subset ``formulas: given``, of all and of each
        number of elements: ``neutral`` and ``balanced`` and their ratios to the space's,
        ``.._over_formulas`` and ``.._over_combinations`` (``None`` where the space has no rate).
    """
    sizes = [int(size) for size in space["by_elements"]]
    comparable = compositions[np.isin(compositions.n_elements, sizes)]
    metrics = []
    for metric in rates(comparable, checker):
        subset = {"formulas": "given", **metric.subset}
        metrics.append(replace(metric, subset=subset))
        for ending in ("formulas", "combinations"):
            name = metric.name if ending == "formulas" else f"{metric.name}_of_combinations"
            reference = metric_of(space, name, **metric.subset).value
            times = metric.value / reference if metric.value is not None and reference else None
            note = f"{metric.name} share of the given formulas over that of all {ending}"
            name = f"{metric.name}_over_{ending}"
            metrics.append(Metric(name, times, subset=subset, judge=metric.judge, note=note))
    return len(compositions) - len(comparable), metrics
