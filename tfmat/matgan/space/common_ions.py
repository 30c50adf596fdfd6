"""Formulas of common ions: the simplest one of each combination, as a training set for a start."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.formulas.compositions import Compositions
from tfmat.matgan.elements import COLUMNS, MAX_COUNT
from tfmat.matgan.space.formulas import choices, reduced_ratios

# smact's words: reports that an ion must have in the ICSD, and which share of its element's.
CONSENSUS = 100
COMMONALITY = "medium"
_BLOCK = 1 << 18


@dataclass(frozen=True, eq=False)
class Ions:
    """Elements in an oxidation state, ordered by atomic number.

    Attributes:
        numbers: Atomic numbers ``(n,)``.
        charges: Oxidation states ``(n,)``.
        electronegativity: Of the element, by Pauling ``(n,)``.
        reports: How often the ICSD reports the ion ``(n,)``.
    """

    numbers: NDArray[np.uint8]
    charges: NDArray[np.int64]
    electronegativity: NDArray[np.float64]
    reports: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    def of(self, numbers: NDArray[np.uint8]) -> Ions:
        """Returns the ions of some elements.

        Args:
            numbers: Their atomic numbers.
        """
        rows = np.isin(self.numbers, numbers)
        return Ions(
            self.numbers[rows], self.charges[rows], self.electronegativity[rows], self.reports[rows]
        )


def common_ions() -> Ions:
    """Returns the ions of the 85 elements that are common in known compounds.

    They have at least :data:`CONSENSUS` reports in the ICSD of 2024 and at least 10% of the reports
    of their element (smact's ``commonality="medium"``).
    """
    from smact import element_dictionary
    from smact.utils.oxidation import ICSD24OxStatesFilter

    source = ICSD24OxStatesFilter()
    table = source.filter(consensus=CONSENSUS, commonality=COMMONALITY)
    every = source.ox_states_df
    reports = dict(
        zip(
            zip(every["element"], every["oxidation_state"], strict=True),
            every["results_count"],
            strict=True,
        )
    )
    elements = element_dictionary()
    rows = [
        (
            elements[symbol].number,
            int(state),
            elements[symbol].pauling_eneg,
            reports[symbol, int(state)],
        )
        for symbol, states in zip(table["element"], table["oxidation_state"], strict=True)
        for state in str(states).split()
    ]
    rows = sorted(row for row in rows if COLUMNS[row[0]] >= 0 and row[2] is not None)
    numbers, charges, values, counts = zip(*rows, strict=True)
    return Ions(np.array(numbers, np.uint8), np.array(charges), np.array(values), np.array(counts))


def simplest_formulas(
    ions: Ions, n_elements: int, max_count: int = MAX_COUNT
) -> tuple[Compositions, NDArray[np.float64]]:
    """Returns of every combination of ions its simplest neutral formula, where it is balanced.

    The simplest has the fewest atoms, then the smallest counts from the first element on. Balanced
    means that all cations are less electronegative than all anions (smact's Pauling test).

    Args:
        ions: Ions to combine, ordered by atomic number.
        n_elements: Different elements of a formula.
        max_count: Most atoms of one element.

    Returns:
        Distinct reduced compositions ``(m, n_elements)``, and how common they are ``(m,)``: the
        product of the reports of the ions.
    """
    ratios = reduced_ratios(n_elements, max_count)
    ratios = ratios[np.argsort(ratios.sum(axis=1), kind="stable")]
    lowest, highest = int(ions.charges.min()), int(ions.charges.max())
    simplest = _simplest(ratios, lowest, highest)
    total = math.comb(len(ions), n_elements)
    parts, commonness = [], []
    for start in range(0, total, _BLOCK):
        chosen = choices(np.arange(start, min(start + _BLOCK, total)), len(ions), n_elements)
        charges, values = ions.charges[chosen], ions.electronegativity[chosen]
        ratio = simplest[tuple((charges - lowest).T)]
        # Ions come by atomic number: two of one element are neighbours.
        good = (np.diff(ions.numbers[chosen].astype(np.int16), axis=1) > 0).all(axis=1)
        highest_cation = np.where(charges > 0, values, -np.inf).max(axis=1)
        lowest_anion = np.where(charges < 0, values, np.inf).min(axis=1)
        good &= (ratio >= 0) & (highest_cation < lowest_anion)
        counts = ratios[ratio[good]].astype(np.uint16)
        parts.append(Compositions(ions.numbers[chosen[good]], counts))
        commonness.append(ions.reports[chosen[good]].astype(np.float64).prod(axis=1))
    compositions = Compositions.concatenate(parts)
    # One formula can come from two combinations of ions; the first stands for both.
    first = np.sort(np.unique(compositions.keys(), return_index=True)[1])
    return compositions[first], np.concatenate(commonness)[first]


def draw(
    formulas: Compositions, commonness: NDArray[np.float64], n: int | None, seed: int
) -> Compositions:
    """Draws formulas without replacement, common ones more often.

    The chance of a formula grows with the square root of its commonness: in proportion to it, seven
    of ten quaternaries would hold oxygen.

    Args:
        formulas: What to draw from, ``m`` of one number of elements.
        commonness: How common each is ``(m,)``.
        n: How many; ``None`` for all.
        seed: The same seed gives the same formulas.

    Returns:
        Those that were drawn, in their order.
    """
    if n is None or n >= len(formulas):
        return formulas
    generator = np.random.default_rng([seed, formulas.numbers.shape[1]])
    # The largest of log(weight) plus Gumbel noise are a weighted sample without replacement.
    keys = np.log(commonness) / 2 + generator.gumbel(size=len(formulas))
    return formulas[np.sort(np.argpartition(-keys, n)[:n])]


def _simplest(ratios: NDArray[np.uint8], lowest: int, highest: int) -> NDArray[np.int64]:
    """Returns for each tuple of charges the first neutral ratio, -1 if there is none.

    Indexed by each charge less the lowest one.
    """
    span, size = highest - lowest + 1, ratios.shape[1]
    charges = np.indices((span,) * size).reshape(size, -1).T + lowest
    found = np.full(len(charges), -1)
    for start in range(0, len(charges), 1024):
        neutral = charges[start : start + 1024] @ ratios.T.astype(np.int64) == 0
        found[start : start + 1024] = np.where(neutral.any(axis=1), neutral.argmax(axis=1), -1)
    return found.reshape((span,) * size)
