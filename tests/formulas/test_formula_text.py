"""Formulas as people write them: what they mean, and why some are rejected."""

from __future__ import annotations

import re
import warnings
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition

from tfmat.formulas.compositions import Compositions, symbols
from tfmat.formulas.formula_text import LARGEST_DENOMINATOR, FormulaError, parse_formula

SYMBOLS = st.sampled_from(symbols()[1:104])


def read(text: str) -> str:
    return Compositions.from_mappings([parse_formula(text)]).formulas()[0]


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        # brackets
        ("Ca(OH)2", "CaH2O2"),
        ("K4[Fe(CN)6]", "K4FeC6N6"),
        ("{[Li]2O}3", "Li2O"),
        ("((((Li))))2O", "Li2O"),
        ("Li2O3(SiO2)2", "Li2Si2O7"),
        ("CH3COOH", "H2CO"),
        # hydrates and adducts
        ("CuSO4·5H2O", "CuH10SO9"),
        ("CuSO4•5H2O", "CuH10SO9"),
        ("CuSO4⋅5H2O", "CuH10SO9"),
        ("CuSO4*5H2O", "CuH10SO9"),
        ("CuSO4 · 5 H2O", "CuH10SO9"),
        ("MgCl2.H2O", "MgH2Cl2O"),
        ("MgCl2.(H2O)6", "MgH12Cl2O6"),
        ("2CaSO4·H2O", "Ca2H2S2O9"),
        ("CaSO4·0.5H2O", "Ca2H2S2O9"),
        ("(CaSO4·2H2O)2", "CaH4SO6"),
        ("3CdSO4·8H2O", "Cd3H16S3O20"),
        # numbers
        ("Li200000O100000", "Li2O"),
        ("Li02O1", "Li2O"),
        ("2Li2O", "Li2O"),
        # fractions
        ("Li0.5CoO2", "LiCo2O4"),
        ("Li.5CoO2", "LiCo2O4"),
        ("Li(O)0.5", "Li2O"),
        ("YBa2Cu3O6.5", "Ba4Y2Cu6O13"),
        ("LiNi0.8Co0.15Al0.05O2", "Li20AlCo3Ni16O40"),
        ("Ni0.975Ti0.025O", "TiNi39O40"),
        ("La1.86Sr0.14CuO4", "Sr7La93Cu50O200"),
        ("Li0.30000000000000004O", "Li3O10"),
        ("Li1.0Co1.0O2.00", "LiCoO2"),
        ("K0.0625WO3", "KW16O48"),
        ("Li1.5HFeO4", "Li3Fe2H2O8"),
        # thirds and sixths
        ("LiNi0.33Mn0.33Co0.33O2", "Li3MnCoNiO6"),
        ("LiNi0.33Mn0.33Co0.34O2", "Li3MnCoNiO6"),
        ("LiNi0.3333Mn0.3333Co0.3333O2", "Li3MnCoNiO6"),
        ("Mn0.66Fe0.34O", "Mn2FeO3"),
        ("Li0.167La0.611TiO3", "Li3La11Ti18O54"),
        # a third and a hundredth have no small denominator: taken literally
        ("Li0.33La0.57TiO3", "Li33La57Ti100O300"),
        # other scripts
        ("Li₂O", "Li2O"),
        ("Li<sub>2</sub>O", "Li2O"),
        ("Li$_{2}$O", "Li2O"),
        ("Li_2O", "Li2O"),
        ("Li_{0.5}CoO_2", "LiCo2O4"),
        (" Li2 O1\n", "Li2O"),
        ("Li 2 O", "Li2O"),
        # hydrogen's isotopes
        ("D2O", "H2O"),
        ("HDO", "H2O"),
        ("LiT", "LiH"),
        # what looks like no formula
        ("NaN", "NaN"),
        ("No", "No"),
        ("In", "In"),
    ],
)
def test_is_read_as(text: str, formula: str) -> None:
    assert read(text) == formula


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no formula"),
        ("", "no formula"),
        ("  ", "no formula"),
        ("nan", "no formula"),
        ("None", "no formula"),
        ("-", "no formula"),
        ("12", "no element"),
        ("()", "no element"),
        ("Li()", "no element"),
        ("Li2O·", "no element"),
        ("·Li2O", "no element"),
        ("Fe3+", "ion: '3+'"),
        ("Fe+3", "ion: '+3'"),
        ("Na+", "ion: '+'"),
        ("OH-", "ion: '-'"),
        ("OH−", "ion: '-'"),
        ("SO4 2-", "ion: '2-'"),
        ("SO4^2-", "ion"),
        ("SO4²⁻", "ion: '²⁻'"),
        ("NH4<sup>+</sup>", "ion"),
        ("[Fe(CN)6]4-", "ion: '4-'"),
        ("[Fe(CN)6]-4", "ion: '-4'"),
        ("Ca(2+)", "ion: '2+'"),
        ("Li+ Cl-", "ion: '+'"),
        ("Fe(III)2O3", "oxidation state: leave (III) out"),
        ("Cu(I)2O", "oxidation state: leave (I) out"),
        ("LixCoO2", "variable amount: 'x'"),
        ("FeOx", "variable amount: 'x'"),
        ("Li1-xCoO2", "variable amount: 'x'"),
        ("YBa2Cu3O7-δ", "variable amount: 'δ'"),
        ("CoCl2·nH2O", "variable amount: 'n'"),
        ("(Fe,Mg)2SiO4", "open choice: ','"),
        ("CuSO4.5H2O", "unclear dot: '4.5H2O'"),
        ("KAl(SO4)2.12H2O", "unclear dot: '2.12H2O'"),
        ("NaOH.5H2O", "unclear dot: '.5H2O'"),
        ("MgCl2.6(H2O)", "unclear dot: '2.6(H2O'"),
        ("MgCl2.6NH3", "unclear dot: '2.6NH3'"),
        ("CaSO4.0.5H2O", "unclear dot: '4.0.5'"),
        ("Fe2 3O4", "unclear blank: '2 3'"),
        ("C o2", "unclear blank: ' o'"),
        ("Li0O", "amount of 0"),
        ("Li0.0O", "amount of 0"),
        ("(LiO)0H", "amount of 0"),
        ("Li65536O", "too many atoms: more than 65535 of Li"),
        ("Li" + "9" * 900 + "O", "too many atoms: more than 65535 of Li"),
        ("Li0.999Na0.001Cl", "no whole numbers"),
        ("Xx2O", "unknown element: 'Xx'"),
        ("LI2O", "unknown element: 'L'"),
        ("Lico", "unknown element: 'Lico'"),
        ("li2o", "unexpected character: 'l'"),
        ("Li-Co-O", "unexpected character: '-'"),
        ("Li2O+SiO2", "unexpected character: '+'"),
        ("SiO2(s)", "unexpected character: 's'"),
        ("Li1e-05O", "unexpected character: 'e'"),
        ("(Li", "brackets: one is not closed"),
        ("Li)", "brackets: one is closed that was not opened"),
        ("Li2O" * 300, "too long: 1200 characters"),
        ("(" * 999, "brackets: one is not closed"),
    ],
)
def test_is_rejected_because(text: str | None, reason: str) -> None:
    with pytest.raises(FormulaError, match=re.escape(reason)) as error:
        parse_formula(text)
    assert "\n" not in str(error.value)


def formulas(amounts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Nested formulas: symbols and brackets of any kind, each with an amount."""
    atom = st.builds("{}{}".format, SYMBOLS, amounts)
    brackets = st.sampled_from(["({}){}", "[{}]{}", "{{{}}}{}"])

    def group(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        several = st.lists(inner, min_size=1, max_size=4).map("".join)
        return st.builds(lambda form, text, n: form.format(text, n), brackets, several, amounts)

    part = st.recursive(atom, group, max_leaves=6)
    return st.lists(part, min_size=1, max_size=4).map("".join)


@settings(max_examples=200, deadline=None)
@given(formulas(st.integers(1, 12).map(lambda n: "" if n == 1 else str(n))))
def test_whole_numbers_and_brackets_mean_what_they_mean_to_pymatgen(text: str) -> None:
    if re.search(r"[(\[{](?:I{1,3}|I?V|VI{0,3})[)\]}]", text):
        return  # an oxidation state to us
    expected = _pymatgen(text)
    largest = max(expected.values()) / min(expected.values())
    if largest > 60_000:
        return
    found = {symbols()[number]: count for number, count in parse_formula(text).items()}
    unit = min(expected.values()) / found[min(expected, key=expected.__getitem__)]
    assert found == {symbol: round(amount / unit) for symbol, amount in expected.items()}
    assert Compositions.from_mappings([parse_formula(text)]).reduced().mapping(0) == dict(
        sorted(parse_formula(text).items())
    )


@settings(max_examples=200, deadline=None)
@given(formulas(st.sampled_from(["", "2", "0.5", "1.5", "0.25", "0.2", "1.8"])))
def test_fractions_keep_the_ratios_of_pymatgen(text: str) -> None:
    if re.search(r"\((?:I{1,3}|I?V|VI{0,3})\)", text.translate(str.maketrans("[]{}", "()()"))):
        return
    try:
        found = parse_formula(text)
    except FormulaError as error:
        # Products of many fractions, or a chance H2O behind a decimal.
        assert str(error).startswith(("no whole numbers", "unclear dot", "too many"))  # noqa: PT017
        return
    expected = _pymatgen(text)
    total, whole = sum(expected.values()), sum(found.values())
    assert {symbols()[n]: count / whole for n, count in found.items()} == pytest.approx(
        {symbol: amount / total for symbol, amount in expected.items()}, rel=1e-9
    )


@settings(max_examples=300, deadline=None)
@given(
    st.fractions(Fraction(1, 10), 3, max_denominator=12),
    st.integers(3, 17),
)
def test_a_rounded_fraction_comes_back_from_three_decimals_or_more(
    amount: Fraction, decimals: int
) -> None:
    """Fractions of denominators up to 12 differ by more than a unit of the third decimal."""
    found = parse_formula(f"Li{float(amount):.{decimals}f}O")
    assert Fraction(found[3], found[8]) == amount
    assert found[8] <= LARGEST_DENOMINATOR


@given(st.text(alphabet="LiOHCo0123456789.()·x +-·, ", max_size=25))
def test_any_text_is_read_or_rejected_in_one_line(text: str) -> None:
    try:
        found = parse_formula(text)
    except FormulaError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert all(0 < count < 65_536 for count in found.values())
        assert found


def _pymatgen(text: str) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(Composition(text).get_el_amt_dict())
