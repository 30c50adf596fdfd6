"""Shares and distributions of structures, and the same of the known ones beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmat.crystals.symmetry import judge as symmetry_judge
from tfmat.evaluation.structures.described import (
    NEAREST,
    PROTOCOL,
    STRICT,
    SYMPREC,
    Described,
)
from tfmat.formulas.compositions import Compositions
from tfmat.formulas.statistics import (
    correlation_error,
    element_frequencies,
    pearson,
    size_histogram,
    total_variation,
)
from tfmat.metric import Judge, Metric, Subset, Tolerance, share


def metrics_of(made: Described, known: Mapping[str, Described]) -> list[Metric]:
    """Measures structures, and known ones beside them.

    Args:
        made: The structures.
        known: Known structures by name; the same metrics of them have the subset ``set``.

    Returns:
        ``structure_valid``, ``composition_valid``, ``valid``, ``balanced``, ``median_density`` of
        all sets; of what was made ``space_group_P1``, ``space_groups``, ``elements``, ``systems``;
        against each known set ``density_distance``, ``n_elements_distance``,
        ``element_correlation``, ``elements_covered``, ``systems_covered``.
    """
    found = of_one(made, {}, "structures")
    found += _symmetry(made)
    found += [
        _count("elements", len(elements_of(made.compositions)), "elements in the structures"),
        _count("systems", len(systems_of(made.compositions)), "chemical systems of the structures"),
    ]
    for name, other in known.items():
        found += of_one(other, {"set": name}, f"structures of {name}")
        found += _against(made, other, name)
    return found


def of_one(one: Described, subset: Subset, noun: str) -> list[Metric]:
    """Returns what is measured of every set.

    Args:
        one: Its structures.
        subset: What the metrics are of.
        noun: What the structures are called in notes.
    """
    count = len(one)
    of = f"share of {count:,} {noun}"
    geometry = Judge.own("tfmat.evaluation.structures.described")
    nearest = Tolerance(NEAREST, "Å")
    protocol, strict = PROTOCOL.judge(), STRICT.judge()
    return [
        share("structure_valid", int(one.structure_valid.sum()), count,
              f"{of} with no atoms nearer than {NEAREST} Å and a volume of at least 0.1 Å³",
              subset=subset, tolerance=nearest, judge=geometry),
        share("composition_valid", int(one.composition_valid.sum()), count,
              f"{of} whose composition is charge-neutral with electronegativities in order, or of "
              "metals alone, or a single element", subset=subset, judge=protocol),
        share("valid", int(one.valid.sum()), count,
              f"{of} that are valid in structure and composition", subset=subset,
              tolerance=nearest, judge=protocol),
        share("balanced", int(one.balanced.sum()), count,
              f"{of} whose composition is charge-neutral with electronegativities in order; metals "
              "alone are tested, too", subset=subset, judge=strict),
        Metric("median_density", float(np.median(one.density)) if count else None, "g/cm³", subset,
               denominator=count, note=f"median of {count:,} {noun}"),
    ]  # fmt: skip


def _symmetry(made: Described) -> list[Metric]:
    numbers = [number for _, number in made.groups]
    judge = symmetry_judge(SYMPREC)
    tolerance = Tolerance(SYMPREC, "Å")
    return [
        share("space_group_P1", sum(number == 1 for number in numbers), len(numbers),
              f"share of {len(numbers):,} structures without symmetry",
              tolerance=tolerance, judge=judge),
        Metric("space_groups", float(len({number for number in numbers if number})) or None,
               note="different space groups of the structures", tolerance=tolerance, judge=judge),
    ]  # fmt: skip


def _against(made: Described, known: Described, name: str) -> list[Metric]:
    subset = {"against": name}
    elements, systems = elements_of(known.compositions), systems_of(known.compositions)
    correlation, error = _correlation(made, known)
    return [
        Metric("density_distance", _wasserstein(made, known), "g/cm³", subset,
               note=f"Wasserstein distance of the densities from those of {name}"),
        Metric("n_elements_distance", _sizes(made, known), subset=subset,
               note=f"total variation of the numbers of elements against {name}"),
        Metric("element_correlation", correlation, subset=subset, standard_error=error,
               note="Pearson's r of the shares of structures that have an element (elemental "
               f"densities), against {name}, over the elements that either has"),
        share("elements_covered", len(elements & elements_of(made.compositions)), len(elements),
              f"share of the elements of {name} that are in the structures", subset=subset),
        share("systems_covered", len(systems & systems_of(made.compositions)), len(systems),
              f"share of the chemical systems of {name} that the structures are of", subset=subset),
    ]  # fmt: skip


def densities(sets: Mapping[str, Compositions]) -> list[dict[str, Any]]:
    """Returns the elemental densities of sets of structures (paper 002, Fig. 4B).

    Args:
        sets: Compositions by name.

    Returns:
        A row for every element that a set has: its atomic number, and for each set by name the
        share of the structures that hold it.
    """
    shares = {name: element_frequencies(one) for name, one in sets.items()}
    present = sorted({z for one in sets.values() for z in elements_of(one)})
    return [
        {"number": z, **{name: float(found[z]) for name, found in shares.items()}} for z in present
    ]


def elements_of(compositions: Compositions) -> set[int]:
    """Returns the atomic numbers that occur.

    Args:
        compositions: Any number of them.
    """
    return {int(z) for z in np.unique(compositions.numbers) if z}


def systems_of(compositions: Compositions) -> set[tuple[int, ...]]:
    """Returns the chemical systems that occur, as atomic numbers.

    Args:
        compositions: Any number of them.
    """
    if not len(compositions):
        return set()
    return {tuple(int(z) for z in row if z) for row in np.unique(compositions.numbers, axis=0)}


def _count(name: str, number: int, note: str) -> Metric:
    return Metric(name, float(number) or None, note=note)


def _wasserstein(made: Described, known: Described) -> float | None:
    from scipy.stats import wasserstein_distance

    if not len(made) or not len(known):
        return None
    return float(wasserstein_distance(made.density, known.density))


def _sizes(made: Described, known: Described) -> float | None:
    if not len(made) or not len(known):
        return None
    return total_variation(size_histogram(made.compositions), size_histogram(known.compositions))


def _correlation(made: Described, known: Described) -> tuple[float | None, float | None]:
    """Returns Pearson's r of the elemental densities, and its standard error."""
    shares = [element_frequencies(one.compositions) for one in (made, known)]
    present = np.flatnonzero((shares[0] > 0) | (shares[1] > 0))
    if not len(made) or not len(known):
        return None, None
    error = correlation_error(made.compositions, shares[1])
    return pearson(shares[0][present], shares[1][present]), error
