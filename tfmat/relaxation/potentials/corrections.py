"""Taking the Materials Project's anion corrections off energies that a potential learned."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

# An oxide's correction is the one of O; peroxides and superoxides are not told apart here.
_OXYGEN = 8


@cache
def _corrections() -> dict[int, float]:
    from pymatgen.core import Element
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    table = MaterialsProject2020Compatibility().comp_correction
    by_number = {
        Element(name).Z: float(value)
        for name, value in table.items()
        if Element.is_valid_symbol(name)
    }
    return by_number | {_OXYGEN: float(table["oxide"])}


def anion_correction(numbers: NDArray[np.uint8]) -> float:
    """Returns the MP2020 anion correction of a compound in eV/atom.

    Source: Wang et al., Sci. Rep. 11, 15496 (2021), with the numbers that pymatgen carries. The
    most electronegative element of a compound counts as its anion; elements have no correction.
    The separate +U shifts of transition metal oxides and fluorides are not covered.

    Args:
        numbers: Atomic numbers of the cell, shape ``(atoms,)``.
    """
    from pymatgen.core import Element

    elements = np.unique(numbers)
    if len(elements) < 2:
        return 0.0
    anion = max((int(number) for number in elements), key=lambda z: Element.from_Z(z).X)
    return _corrections().get(anion, 0.0) * float(np.mean(numbers == anion))
