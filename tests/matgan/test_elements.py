"""The element list of MatGAN."""

from __future__ import annotations

import numpy as np

from tfmat.matgan.elements import COLUMNS, ELEMENTS, NUMBERS


def test_the_list_is_that_of_the_original() -> None:
    assert len(ELEMENTS) == 85
    assert ELEMENTS[:3] == ("H", "Li", "Be")
    assert ELEMENTS[-1] == "Pu"
    assert "Xe" in ELEMENTS
    assert not {"He", "Ne", "Ar", "Kr", "Po", "At", "Rn", "Fr", "Ra"} & set(ELEMENTS)


def test_columns_and_atomic_numbers_are_each_others_inverse() -> None:
    assert np.array_equal(COLUMNS[NUMBERS], np.arange(85))
    assert np.count_nonzero(COLUMNS >= 0) == 85
