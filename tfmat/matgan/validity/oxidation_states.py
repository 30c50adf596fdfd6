"""What smact knows of the elements: oxidation states, electronegativity, which are metals.

Nothing is copied into this package: the tables are read from the installed smact when they are
first needed, so that they cannot differ from what ``smact_validity`` itself uses.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

SETS = ("smact14", "icsd16", "icsd24", "default")
"""Names of the sets; ``default`` is what smact takes when none is named (ICSD24, three reports)."""


@dataclass(frozen=True, eq=False)
class OxidationStates:
    """The elements as one of smact's sets sees them.

    Args:
        name: Name of the set, one of ``SETS``.
        states: Oxidation states of each atomic number, ascending as in smact; elements without any
            are absent.
        electronegativity: Pauling electronegativity by atomic number ``(256,)``, NaN where smact
            has none.
        metal: Elements that smact counts as metals ``(256,)``.
        reports: How often ICSD 2024 reports each state of an element, by atomic number and state,
            as smact counted; the same for every set.
    """

    name: str
    states: Mapping[int, tuple[int, ...]]
    electronegativity: NDArray[np.float64]
    metal: NDArray[np.bool_]
    reports: Mapping[int, Mapping[int, int]]

    @property
    def electronegativity_order(self) -> NDArray[np.uint8]:
        """Place of each atomic number's electronegativity among all values ``(256,)``.

        Equal values share a place; elements without a value come last.
        """
        known = np.nan_to_num(self.electronegativity, nan=np.inf)
        places: NDArray[np.uint8] = np.unique(known, return_inverse=True)[1].astype(np.uint8)
        return places


@functools.cache
def oxidation_states(name: str) -> OxidationStates:
    """Reads a set of oxidation states from smact.

    Args:
        name: One of ``SETS``.

    Raises:
        KeyError: There is no such set.
    """
    from smact import element_dictionary, metals

    if name not in SETS:
        raise KeyError(name)
    elements = element_dictionary()
    if name == "default":
        by_symbol = _default_states()
    else:
        listed = {symbol: getattr(e, f"oxidation_states_{name}") for symbol, e in elements.items()}
        by_symbol = {symbol: tuple(states) for symbol, states in listed.items() if states}
    electronegativity = np.full(256, np.nan)
    metal = np.zeros(256, np.bool_)
    for symbol, element in elements.items():
        if element.pauling_eneg is not None:
            electronegativity[element.number] = element.pauling_eneg
        metal[element.number] = symbol in metals
    states = {elements[symbol].number: tuple(known) for symbol, known in by_symbol.items()}
    electronegativity.flags.writeable = metal.flags.writeable = False
    numbers = {symbol: element.number for symbol, element in elements.items()}
    return OxidationStates(name, states, electronegativity, metal, _reports(numbers))


def smact_version() -> str:
    """Returns the version of smact that is installed."""
    # The package's own ``__version__`` still says 4.0.0 in 4.0.2.
    return version("smact")


def _reports(numbers: Mapping[str, int]) -> dict[int, dict[int, int]]:
    from smact.utils.oxidation import ICSD24OxStatesFilter

    table = ICSD24OxStatesFilter().ox_states_df
    reports: dict[int, dict[int, int]] = {number: {} for number in numbers.values()}
    for symbol, state, count in zip(
        table["element"], table["oxidation_state"], table["results_count"], strict=True
    ):
        if symbol in numbers:
            reports[numbers[symbol]][int(state)] = int(count)
    return reports


def _default_states() -> dict[str, tuple[int, ...]]:
    """States of the set that ``smact_validity`` takes when its caller names none."""
    from smact.screening import ICSD24FilterConfig
    from smact.utils.oxidation import ICSD24OxStatesFilter

    config = ICSD24FilterConfig()
    table = ICSD24OxStatesFilter().filter(
        consensus=config.consensus,
        include_zero=config.include_zero,
        commonality=config.commonality,
    )
    return {
        str(symbol): tuple(int(state) for state in str(states).split())
        for symbol, states in zip(table["element"], table["oxidation_state"], strict=True)
    }
