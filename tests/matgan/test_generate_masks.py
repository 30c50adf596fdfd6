import re
from collections import Counter
from functools import reduce
from math import gcd

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.matgan.elements import ELEMENTS
from tfmat.matgan.generating.masks import Masks
from tfmat.matgan.generating.pattern import WILDCARDS, Pattern

SYMBOLS = symbols()
# Few elements, so that masks hit and miss.
FEW = ["H", "Li", "O", "P", "S", "Fe", "Y", "Pb"]

formulas = st.dictionaries(st.sampled_from(FEW), st.integers(1, 8), min_size=2, max_size=5)


def compositions(rows):
    mapped = [{SYMBOLS.index(symbol): count for symbol, count in row.items()} for row in rows]
    return Compositions.from_mappings(mapped).reduced()


def reduced(row):
    divisor = reduce(gcd, row.values())
    return {symbol: count // divisor for symbol, count in row.items()}


@given(
    rows=st.lists(formulas, min_size=1, max_size=30),
    elements=st.sets(st.sampled_from(FEW)),
    required=st.sets(st.sampled_from(FEW), max_size=2),
    excluded=st.sets(st.sampled_from(FEW), max_size=3),
    fewest=st.integers(2, 4),
    more=st.integers(0, 2),
    max_count=st.integers(1, 8),
)
@settings(max_examples=300, deadline=None)
def test_masks_agree_with_sets(rows, elements, required, excluded, fewest, more, max_count):
    try:
        masks = Masks(
            tuple(sorted(elements)),
            tuple(sorted(required)),
            tuple(sorted(excluded)),
            (fewest, fewest + more),
            max_count,
        )
    except InputError:
        # Only what no formula at all can fulfil is refused.
        allowed = (elements or set(ELEMENTS)) - excluded
        assert not required <= allowed or len(required) > fewest + more or len(allowed) < fewest
        return
    expected = [
        fewest <= len(row) <= fewest + more
        and max(reduced(row).values()) <= max_count
        and (not elements or set(row) <= elements)
        and set(row) >= required
        and not set(row) & excluded
        for row in rows
    ]
    assert masks.matches(compositions(rows)).tolist() == expected


def literal_match(text, row):
    """Whether some choice of elements for the free letters gives the formula."""
    wanted = Counter()
    for name, count in re.findall(r"([A-Z][a-z]?)(\d*)", text):
        wanted[name] += int(count or 1)
    wanted = Counter(reduced(wanted))
    row = reduced(row)
    named = {name: count for name, count in wanted.items() if name not in WILDCARDS}
    if any(row.get(name) != count for name, count in named.items()):
        return False
    rest = sorted(count for name, count in row.items() if name not in named)
    return rest == sorted(count for name, count in wanted.items() if name in WILDCARDS)


@given(
    rows=st.lists(formulas, min_size=1, max_size=30),
    text=st.sampled_from(
        ["Li2XO3", "XZ", "X2Z3", "AMX3", "Y2O3", "LiX", "Fe2X2", "XOX", "LiFePO4", "LiXPO4", "XY"]
    ),
)
@settings(max_examples=300, deadline=None)
def test_pattern_agrees_with_a_literal_one(rows, text):
    pattern = Pattern.parse(text)
    rows = [
        *rows,
        {"Li": 2, "Fe": 1, "O": 3},
        {"Y": 2, "O": 3},
        {"Li": 1, "O": 1},
        {"H": 2, "Y": 2},
    ]
    expected = [literal_match(text, row) for row in rows]
    assert pattern.matches(compositions(rows)).tolist() == expected


@pytest.mark.parametrize(
    ("text", "formula", "fits"),
    [
        ("Li2XO3", "Li2MnO3", True),
        ("Li2XO3", "Li2CO3", True),
        ("Li2XO3", "Li2Mn2O3", False),
        ("Li2XO3", "LiMnO3", False),
        ("Li4X2O6", "Li2MnO3", True),  # reduced like the formula
        ("LiX(PO4)2", "LiFeP2O8", True),
        ("Y2X3", "Y2S3", True),  # Y is yttrium
        ("Y2X3", "Fe2S3", False),
        ("XeX2", "XeF2", True),  # Xe is xenon, not X and e
        ("X2Z3", "Fe2O3", True),
        ("X3Z2", "Fe2O3", True),  # any order
    ],
)
def test_patterns(text, formula, fits):
    row = {name: int(count or 1) for name, count in re.findall(r"([A-Z][a-z]?)(\d*)", formula)}
    assert Pattern.parse(text).matches(compositions([row])).tolist() == [fits]


def test_no_wildcard_is_an_element():
    assert not set(WILDCARDS) & set(SYMBOLS)
    # Every other capital letter is one (D is read as deuterium).
    letters = {chr(code) for code in range(ord("A"), ord("Z") + 1)}
    assert letters - set(WILDCARDS) - {"D"} <= set(SYMBOLS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Li2XO9", "above 8"),
        ("LiQqO", "Qq is none"),
        ("HeXO", "He is none"),
        ("li2XO3", "not a formula at 'li2XO3'"),
        ("Li2(XO3", "not a formula"),
        ("Li2XO3)", "not a formula at ')'"),
        ("", "not a formula"),
        ("Li0XO", "not a formula"),
        ("X", "elements: 1; formulas have 2 to 8"),
        ("LiNaKRbCsBeMgCaSr", "elements: 9; formulas"),
        ("Li2.5XO", "not a formula at '.5XO'"),
    ],
)
def test_a_pattern_that_nothing_fits_is_refused(text, message):
    with pytest.raises(InputError) as error:
        Pattern.parse(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"required": ("Li",), "excluded": ("Li",)}, "`require` and `exclude` both name Li"),
        ({"required": ("Li",), "elements": ("Na", "O")}, "`require` Li: is not among `elements`"),
        ({"required": ("Li", "Na", "O"), "n_elements": (2, 2)}, "`require` names 3 elements"),
        ({"elements": ("Li", "O"), "n_elements": (3, 4)}, "there: 2, but a formula needs 3"),
        ({"elements": ("Li", "O"), "excluded": ("O",)}, ", or exclude fewer"),
        ({"elements": ("Li", "Xx")}, "`elements` Xx: no element"),
        ({"excluded": ("He",)}, "`exclude` He: is not one of MatGAN's 85"),
        ({"n_elements": (4, 3)}, "`n_elements` 4-3"),
        ({"n_elements": (1, 2)}, "`n_elements` 1-2"),
        ({"n_elements": (9, 9)}, "`n_elements` 9: give"),
        ({"max_count": 9}, "`max_count` 9"),
        ({"pattern": "Li2XO3", "n_elements": (2, 2)}, "has 3 elements, `n_elements` allows 2;"),
        ({"pattern": "Li2XO3", "max_count": 2}, "has a count of 3"),
        ({"pattern": "Li2XO3", "excluded": ("O",)}, "names O, which"),
        ({"pattern": "LiFeO2", "required": ("Na",)}, "no place for Na"),
        ({"pattern": "Li2XO3", "required": ("Na", "K")}, "no place for K, Na"),
        ({"pattern": "Li2XO3", "elements": ("Li", "O")}, "free elements: 1, left for them"),
    ],
)
def test_masks_that_nothing_can_fulfil_are_refused(masks, message):
    if "pattern" in masks:
        masks = {**masks, "pattern": Pattern.parse(masks["pattern"])}
    with pytest.raises(InputError) as error:
        Masks(**masks)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_no_masks_keep_everything():
    rows = compositions([{"Li": 1, "O": 8}, dict.fromkeys(FEW, 1)])
    assert not Masks().restrict
    assert Masks().matches(rows).all()
    assert Masks().matches(rows[np.zeros(0, int)]).shape == (0,)
