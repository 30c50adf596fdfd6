"""Which structures LeMat-GenBench would call valid, by its three rules written anew.

    tfmat evaluate structures made --export lemat-genbench cifs
    python benchmarks/genbench_validity.py cifs [more ...] [--table verdicts.csv]

Each argument is what ``--export lemat-genbench`` wrote: a folder of CIF files, or a table with
``cif_string``. LeMat-GenBench is on no package index, so its rules are written here from the
description and the code of its repository (``LeMaterial/lemat-genbench``, metrics of validity, as
of late 2026), with NumPy, pymatgen and smact and nothing of tfmat:

- *distance*: of two different atoms i and j of the cell, nearest images, none are nearer than
  (0.7 Å + r_i + r_j) / 2, r by pymatgen (``atomic_radius``, 1 Å where it has none);
- *plausible*: 0.01 to 25 g/cm³, 1e-5 to 0.5 atoms/Å³, more than 1 Å³, edges of 1 to 100 Å, a CIF
  can be written and spglib finds a space group;
- *charge*: smact's metallicity is above 0.7, or all bond valence sums vanish, or pymatgen's
  BVAnalyzer finds charges that add up to zero, or oxidation states do, of which those of one
  element differ by at most one. The benchmark takes states that it counted in LeMat-Bulk and the
  ICSD; that table is not public apart from its repository, so pymatgen's states of the ICSD stand
  here (common ones where there are none), then all states, where electronegative elements have the
  lower ones. So this verdict alone may differ from the benchmark's.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.analysis.bond_valence import BVAnalyzer, calculate_bv_sum
from pymatgen.analysis.local_env import get_neighbors_of_site_with_index
from pymatgen.core import Composition, Element, Structure
from pymatgen.io.cif import CifWriter
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from smact.metallicity import metallicity_score

RULES = ("distance", "plausible", "charge", "valid")
# Tables of 10,000 CIF texts have longer cells than csv takes by default.
csv.field_size_limit(sys.maxsize)


def pair_distances(structure: Structure) -> NDArray[np.float64]:
    """Returns the shortest distance of every two different atoms, Å, shape ``(atoms, atoms)``.

    Images are counted out, as many as can matter in a cell of any shape.

    Args:
        structure: Any structure.
    """
    lattice = structure.lattice.matrix
    difference = structure.frac_coords[:, None] - structure.frac_coords[None]
    difference -= np.round(difference)
    shortest = np.linalg.norm(difference @ lattice, axis=-1)
    # Planes of the lattice lie 1 / |b| apart; farther images cannot undercut what is found.
    reciprocal = np.linalg.norm(np.linalg.inv(lattice), axis=0)
    reach = np.floor(shortest.max(initial=0.0) * reciprocal + 0.5).astype(int)
    for shift in itertools.product(*(range(-most, most + 1) for most in reach)):
        distances = np.linalg.norm((difference + shift) @ lattice, axis=-1)
        shortest = np.minimum(shortest, distances)
    return np.asarray(shortest)


def far_enough(structure: Structure) -> bool:
    """Tells whether no two atoms of the cell are nearer than the rule *distance* allows.

    Args:
        structure: Any structure; a single atom always passes.
    """
    radii = np.array([float(site.specie.atomic_radius or 1.0) for site in structure])
    limits = (0.7 + radii[:, None] + radii[None]) / 2
    apart = pair_distances(structure) >= limits
    return bool(apart[np.triu_indices(len(structure), 1)].all())


def plausible(structure: Structure) -> bool:
    """Tells whether density, cell, format and symmetry are those of a crystal.

    Args:
        structure: Any structure.
    """
    lattice = structure.lattice
    if not 0.01 <= float(structure.density) <= 25.0:
        return False
    if not 1e-5 <= len(structure) / lattice.volume <= 0.5 or lattice.volume <= 1.0:
        return False
    if not all(1.0 <= edge <= 100.0 for edge in lattice.abc):
        return False
    try:
        str(CifWriter(structure))
        return 1 <= SpacegroupAnalyzer(structure).get_space_group_number() <= 230
    except Exception:  # whatever these refuse is not plausible
        return False


def neutral(structure: Structure) -> bool:
    """Tells whether the charges can add up to zero, or the structure is a metal.

    Args:
        structure: Any structure.
    """
    with suppress(Exception):  # a step that fails hands over to the next, as in the benchmark
        if metallicity_score(Composition(structure.formula)) > 0.7:
            return True
        groups = SpacegroupAnalyzer(structure).get_symmetrized_structure().equivalent_indices
        sums = [
            calculate_bv_sum(structure[own], get_neighbors_of_site_with_index(structure, own))
            for own, *_ in groups
        ]
        if all(abs(one) < 1e-15 for one in sums):
            return True
    with suppress(ValueError):
        charged = BVAnalyzer().get_oxi_state_decorated_structure(structure)
        return abs(sum(site.specie.oxi_state for site in charged)) <= 0.1
    return neutral_formula(structure.composition)


def neutral_formula(composition: Composition) -> bool:
    """Tells whether oxidation states of the elements add up to zero.

    Args:
        composition: Any composition of whole numbers.
    """
    counts = {Element(str(one)): int(n) for one, n in composition.reduced_composition.items()}
    usual = [one.icsd_oxidation_states or one.common_oxidation_states for one in counts]
    if any(_balances(counts, usual)):
        return True
    every = [one.oxidation_states for one in counts]
    strengths = [float(one.X) for one in counts]
    return any(
        len(mean) > 1 and np.corrcoef(mean, strengths)[0, 1] < 0
        for mean in _balances(counts, every)
    )


def _balances(
    counts: dict[Element, int], states: Sequence[Iterable[int]]
) -> Iterator[tuple[float, ...]]:
    """Yields the mean states of every choice that adds up to zero."""
    sums = [_sums(set(own), n) for own, n in zip(states, counts.values(), strict=True)]
    for choice in itertools.product(*sums):
        if sum(choice) == 0:
            yield tuple(one / n for one, n in zip(choice, counts.values(), strict=True))


def _sums(states: set[int], count: int) -> list[int]:
    """Returns the charges of ``count`` atoms whose states differ by at most one, but not zero."""
    found = {state * count for state in states}
    for state in states & {one - 1 for one in states}:
        found |= {state * count + higher for higher in range(count + 1)}
    return sorted(found - {0})


def judged(structure: Structure) -> dict[str, bool]:
    """Returns the verdicts on a structure by name of the rule.

    Args:
        structure: Any structure.
    """
    found = {
        "distance": far_enough(structure),
        "plausible": plausible(structure),
        "charge": neutral(structure),
    }
    return found | {"valid": all(found.values())}


def read(place: Path) -> Iterator[tuple[str, Structure]]:
    """Yields the structures of an export, in its order.

    Args:
        place: A folder of CIF files or a table with ``cif_string``.
    """
    if place.is_dir():
        for file in sorted(place.rglob("*.cif")):
            yield file.name, Structure.from_file(file)
        return
    with place.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            yield row["id"], Structure.from_str(row["cif_string"], fmt="cif")


def main() -> None:
    """Prints a line of shares for each export."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("places", nargs="+", type=Path)
    parser.add_argument("--table", type=Path, help="every verdict, as CSV")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    print(f"{'':24}{'structures':>12}", *(f"{rule:>13}" for rule in RULES))
    for place in options.places:
        own = [{"export": str(place), "id": name, **judged(one)} for name, one in read(place)]
        shares = [sum(row[rule] for row in own) / len(own) if own else math.nan for rule in RULES]
        errors = [math.sqrt(one * (1 - one) / max(len(own), 1)) for one in shares]
        shown = [f"{one:.1%} ± {error:.1%}" for one, error in zip(shares, errors, strict=True)]
        print(f"{place.name:24}{len(own):12,}", *(f"{one:>13}" for one in shown), flush=True)
        rows += own
    if options.table:
        with options.table.open("w", encoding="utf-8", newline="") as stream:
            table = csv.DictWriter(stream, ["export", "id", *RULES])
            table.writeheader()
            table.writerows(rows)


if __name__ == "__main__":
    main()
