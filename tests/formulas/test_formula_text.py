"""Formulas as people write them: what they mean, and why some are rejected."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
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
        ("1.5Li2O·SiO2", "Li6Si2O7"),
        ("1.5Li2O.SiO2", "Li6Si2O7"),
        ("Ca0.84La0.16FeAs2", "Ca21La4Fe25As50"),
        ("CaSO4·½H2O", "Ca2H2S2O9"),
        ("CaSO4·1/2H2O", "Ca2H2S2O9"),
        ("Na2CO3·2½H2O", "Na4H10C2O11"),
        ("LiNi1/3Mn1/3Co1/3O2", "Li3MnCoNiO6"),
        ("CaSO4·1⁄2H2O", "Ca2H2S2O9"),
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
        ("Ｌｉ２Ｏ", "Li2O"),
        ("\ufeffLi2O", "Li2O"),
        ("Li\u200b2\u00a0O", "Li2O"),
        ("CuSO4×5H2O", "CuH10SO9"),
        ("CuSO4&middot;5H2O", "CuH10SO9"),
        ("CuSO4・5H2O", "CuH10SO9"),
        (r"$\mathrm{CuSO_4 \cdot 5H_2O}$", "CuH10SO9"),
        (r"\ce{Li_2O}", "Li2O"),
        ("B_12H_12", "BH"),
        ("Li<inf>2</inf>O", "Li2O"),
        # huge numbers of one element
        ("H99999999999", "H"),
        ("Li" + "9" * 900, "Li"),
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
        ("CuIIO", "oxidation state: leave II out"),
        ("FeIIFeIII2O4", "oxidation state: leave II out"),
        ("Zn(OAc)2", "abbreviation: (OAc) is acetate"),
        ("Pb[AcO]2", "abbreviation: (AcO) is acetate"),
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
        ("MgO.3.5SiO2", "unclear dot: '.3.5'"),
        ("Fe2 3O4", "unclear blank: '2 3'"),
        ("NaCl 2H2O", "unclear blank: 'l 2H'"),
        ("F\u200be2O3", "unclear blank"),
        ("TiO2/3Ag", "unclear slash"),
        ("Fe/Al2O3", "unclear slash"),
        ("Li1/0O", "unclear slash"),
        ("Fe2O3_2", "unclear underscore"),
        ("MgO_225", "unclear underscore"),
        ("Al-5%Cu", "percentage"),
        ("Al-5Cu", "unexpected character: '-'"),
        ("H2[18O]", "isotope: leave the number in '(18O)' out"),
        ("(Li]2O", "brackets: one is closed by another kind"),
        ("e-", "ion: '-'"),
        ("Ca2N:e-", "ion: '-'"),
        ("Vac", "unknown element: 'Vac'"),
        ("Wat", "unknown element: 'Wat'"),
        ("□O2", "unexpected character: '□' (U+25A1)"),
        ("СO2", "unexpected character: 'С' (U+0421)"),
        ("Li₁₋ₓCoO₂", "variable amount: 'x'"),
        ("LiCoO2-$\\delta$", "variable amount: 'δ'"),
        ("CuSO4\ufffd5H2O", "encoding: a character of it is lost"),
        ("Li\ud800O", "encoding: a character of it is lost"),
        ("Li2O\x00", "unexpected character: '\\x00'"),
        ("\u202eO2iL", "unexpected character: '\\u202e' (U+202E)"),
        ("H1e400", "unexpected character: 'e'"),
        ("H99999999999Li", "too many atoms"),
        ("#VALUE!", "no formula"),
        ("Li٢O", "unexpected character: '٢' (U+0662)"),
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


# A plain dot in a number: taken apart, one side of it is no compound.
DECIMALS = re.findall(
    r"\S+",
    """
    La.7Sr.3MnO3 Li.5CoO2 Mn.98O (Mg.9Fe.1)SiO3 Mg.9Fe.1SiO3 Mg1.5Fe.5SiO4 Na.76K.22AlSiO4
    LiMn1.5Ni0.5O4 LiMn1.9Ni0.1O4 Y3Al4.9Ga0.1O12 YBa2Cu2.9Fe0.1O7 Na3.4Zr2Si2.4P0.6O12
    Na3Zr2Si2.1P0.9O12 Na3.3Si2.3P.7Zr2O12 Li1.3Al0.3Ti1.7P3O12 Li6.4La3Zr1.4Ta0.6O12
    Bi1.8Pb0.2Sr2CaCu2O8 Bi2Sr1.9La0.1CuO6 Bi2Te2.7Se0.3 GeSb2.5Bi1.5Te7 AgSb1.1Te2.2
    CsPbBr2.5Cl.5 KCl.5Br.5 NH4Cl.5Br.5 CH3NH3PbI2.5Cl0.5 SbSI.5Br.5 BaTiO2.9N0.1
    LiFePO3.9F0.1 Ca2Cu1Cl2.2O2 Sr2Cu1F2.6O2 Y2I0.6Br1.4C2 Pb1.16Ti2Se5.16 Na2.9PS3.9Cl0.1
    K2Ti7.9Fe0.1O16 BaMgAl9.9Mn0.1O17 Ba(Fe1.9Co0.1)2As2 Nd1.85Ce0.15CuO4 Sm2Fe17N2.7
    Mg1.2C1.44B0.16Ni3 Sr2Fe1.5Mo0.5O6 SiC1.5O.5 In.53Ga.47As W.465 H2O.5
""",
)
# On both sides a compound: nobody can tell.
ADDUCTS = re.findall(
    r"\S+",
    """
    K2SO4.2MgSO4 CaO.6Al2O3 12CaO.7Al2O3 3Al2O3.2SiO2 CaO.2Al2O3 Na2O.Al2O3.6SiO2 KCl.2MgCl2
    CaO.Al2O3.2SiO2 2Na2CO3.3H2O2 Na2CO3.2Na2SO4 Al2(SO4)3.3K2SO4 CdSO4.2NH4Cl FeCl3.2C6H6
    NiBr2.2C2H5OH Cu(NO3)2.3C5H5N Fe3O4.2SiO2 Mn3O4.2TiO2 Pb3O4.2PbO Li2O.2B2O3 NaN3.2LiN3
    LiBH4.2LiNH2 NaAlH4.2NaH 2LiF.3AlF3 K2S.2As2S3 Ag2S.3Sb2S3 SbCl5.2POCl3 XeF2.2SbF5
    C4H8O2.2I2 (K2SO4.2MgSO4)2 La2O3.11Al2O3 P2O5.24WO3 Ca(OH)2.4SiO2 C6H12O6.2NaCl
    ((CaO.6Al2O3)2(NaCl)3)2 [CaO.6Al2O3]
""",
)


@pytest.mark.parametrize("text", DECIMALS)
def test_a_dot_that_joins_no_two_compounds_is_a_decimal_point(text: str) -> None:
    """Beside pymatgen, which takes every dot in a number so."""
    assert _shares(parse_formula(text)) == pytest.approx(_ratios(_pymatgen(text)), rel=1e-9)


@pytest.mark.parametrize("text", ADDUCTS)
def test_a_dot_between_two_compounds_is_unclear_and_with_a_raised_dot_it_is_not(text: str) -> None:
    with pytest.raises(FormulaError, match="unclear dot") as error:
        parse_formula(text)
    assert "\n" not in str(error.value)
    raised = re.sub(r"\.(?=\d)", "·", text)
    if text[0] in "([":
        assert parse_formula(raised)
        return
    expected: dict[str, float] = {}
    for part in text.split("."):
        factor = re.match(r"\d*", part)
        assert factor is not None
        for symbol, amount in _pymatgen(part[factor.end() :]).items():
            expected[symbol] = expected.get(symbol, 0) + amount * int(factor[0] or 1)
    assert _shares(parse_formula(raised)) == pytest.approx(_ratios(expected), rel=1e-9)


# Where pymatgen says otherwise, and why that is wanted.
DIFFERENCES: list[tuple[str, str, dict[str, float] | None]] = [
    # It drops what is there zero times, and all that it does not know how to read.
    ("Li0O", "amount of 0", {"O": 1.0}),
    # It takes every dot for a decimal point, and with it half a molecule away.
    ("CuSO4.5H2O", "unclear dot", {"Cu": 1.0, "S": 1.0, "O": 5.5, "H": 2.0}),
    ("K2SO4.2MgSO4", "unclear dot", {"K": 2.0, "S": 2.0, "O": 8.2, "Mg": 1.0}),
    # A third is written as 0.33.
    ("LiNi0.33Mn0.33Co0.33O2", "Li3MnCoNiO6", {"Li": 1.0, "Ni": 0.33, "Mn": 0.33}),
    # It reads no wide letters and no ½.
    ("Ｌｉ２Ｏ", "Li2O", None),
    ("CaSO4·½H2O", "Ca2H2S2O9", None),
]


@pytest.mark.parametrize(("text", "ours", "theirs"), DIFFERENCES)
def test_where_pymatgen_says_otherwise(
    text: str, ours: str, theirs: dict[str, float] | None
) -> None:
    try:
        found = read(text)
    except FormulaError as error:
        found = str(error)
    assert found.startswith(ours)
    try:
        composition = _pymatgen(text)
    except ValueError:
        assert theirs is None
    else:
        assert theirs is not None
        assert {key: composition[key] for key in theirs} == pytest.approx(theirs)


# Oxidation states and acetate to us.
_OURS = re.compile(r"\((?:I{1,3}|I?V|VI{0,3}|OAc|AcO)\)|II")
_ROUND = str.maketrans("[]{}", "()()")


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
    if _OURS.search(text.translate(_ROUND)):
        return
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
    if _OURS.search(text.translate(_ROUND)):
        return
    try:
        found = parse_formula(text)
    except FormulaError as error:
        # Products of many fractions, or a chance H2O behind a decimal.
        assert str(error).startswith(("no whole numbers", "unclear dot", "too many"))  # noqa: PT017
        return
    assert _shares(found) == pytest.approx(_ratios(_pymatgen(text)), rel=1e-9)


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


def _shares(found: dict[int, int]) -> dict[str, float]:
    return _ratios({symbols()[number]: count for number, count in found.items()})


def _ratios(amounts: Mapping[str, float]) -> dict[str, float]:
    return {symbol: amount / sum(amounts.values()) for symbol, amount in amounts.items()}


def _pymatgen(text: str) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(Composition(text).get_el_amt_dict())
