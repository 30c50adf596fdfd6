"""Rules: what is named or new is held out entirely, with its copies; and the record says so."""

import hashlib
import json
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tfmat.datasets import dates
from tfmat.datasets.splits.groups import system
from tfmat.datasets.splits.rules import SplitRule, hold_out, read_name, rows_hash, sentence
from tfmat.errors import InputError

SYMBOLS = {"H": 1, "O": 8, "Co": 27, "Se": 34, "Hf": 72, "Bi": 83}
COUNTS = st.dictionaries(
    st.sampled_from(sorted(SYMBOLS)), st.integers(1, 4), min_size=1, max_size=3
)


def key(counts):
    """The reduced formula as the datasets have it."""
    divisor = math.gcd(*counts.values())
    return tuple(sorted((SYMBOLS[symbol], n // divisor) for symbol, n in counts.items()))


FORMULAS = st.lists(COUNTS.map(key), min_size=2, max_size=40)
FAMILIES = st.randoms(use_true_random=False)


@given(COUNTS, st.integers(1, 6), st.randoms(use_true_random=False))
def test_a_name_means_its_reduced_formula(counts, times, random):
    items = [(symbol, count * times) for symbol, count in counts.items()]
    random.shuffle(items)
    text = "".join(f"{symbol}{count}" for symbol, count in items)
    assert read_name(text) == key(counts)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Co-Hf", (27, 72)),
        (" Hf – Co ", (27, 72)),
        ("D2O", ((1, 2), (8, 1))),
        ("Se6 Bi4", ((34, 3), (83, 2))),
        ("Bi₂Se₃", ((34, 3), (83, 2))),
        ("Bi0.4Se0.6", ((34, 3), (83, 2))),
        ("O-D", (1, 8)),
    ],
)
def test_names_as_people_write_them(name, expected):
    assert read_name(name) == expected


@pytest.mark.parametrize("name", ["", "BiSx", "Bi-Xx", "Bi2-Se3", "-", "Bi--Se", "bise"])
def test_names_that_are_none(name):
    with pytest.raises(InputError, match=r"write a formula such as Bi2Se3 or a system"):
        read_name(name)


@given(FORMULAS, st.data(), FAMILIES)
def test_what_is_named_is_held_out_with_its_copies(formulas, data, random):
    families = [random.randint(0, 2 * len(formulas)) for _ in formulas]
    names = data.draw(st.lists(st.sampled_from(["Bi2Se3", "Co-Hf", "H2O", "OH"]), min_size=1))
    some = data.draw(st.sampled_from(formulas))
    wanted = {some, *(read_name(name) for name in names)}
    text = "".join(f"{dict(map(reversed, SYMBOLS.items()))[z]}{n}" for z, n in some)
    named = [f in wanted or system(f) in wanted for f in formulas]
    held = {families[i] for i, hit in enumerate(named) if hit}
    rule = SplitRule("leave-out", leave_out=(text, *names))
    if held == set(families):
        with pytest.raises(InputError, match="nothing is left to learn from"):
            hold_out(rule, formulas, 0, families)
        return
    found = hold_out(rule, formulas, 0, families)
    assert found.test.tolist() == [i for i, family in enumerate(families) if family in held]
    assert sorted([*found.train, *found.test]) == list(range(len(formulas)))
    # Said in as many words: nothing of what was named is learned from.
    assert not wanted & {formulas[i] for i in found.train}
    assert not wanted & {system(formulas[i]) for i in found.train}
    record = found.record
    assert record["structures"] == len(found.test) == sum(named) + record["copies_besides"]
    assert record["leave_out"][text] == formulas.count(some)
    assert record["formulas"] == len({formulas[i] for i in found.test})
    json.dumps(record)


DAYS = st.lists(
    st.one_of(st.just(math.nan), st.integers(17000, 17020).map(float), st.floats(17000, 17020)),
    min_size=2,
    max_size=40,
)


@given(DAYS, st.integers(16999, 17021), st.sampled_from(["train", "test"]), FAMILIES)
def test_from_a_date_on(created, first, undated, random):
    families = [random.randint(0, 2 * len(created)) for _ in created]
    rule = SplitRule("created", from_date=dates.iso(first), undated=undated)
    columns = [((1, 1),)] * len(created), 0, families, np.array(created)
    new = {family for family, day in zip(families, created, strict=True) if day >= first}
    known = {f for f, day in zip(families, created, strict=True) if not math.isnan(day)}
    other = set() if undated == "train" else set(families) - known
    expected = [i for i, family in enumerate(families) if family in new | other]
    if not new or len(expected) == len(created):
        with pytest.raises(InputError, match="split created"):
            hold_out(rule, *columns)
        return
    found = hold_out(rule, *columns)
    assert found.test.tolist() == expected
    assert found.record["from_date"] == dates.iso(first)
    assert found.record["undated"] == {
        "side": undated,
        "structures": sum(family not in known for family in families),
    }
    older = [i for i in expected if created[i] < first]
    assert found.record["older_copies"] == len(older)


@given(DAYS, st.floats(0.05, 0.9), FAMILIES)
def test_the_newest_share(created, share, random):
    families = [random.randint(0, 2 * len(created)) for _ in created]
    columns = [((1, 1),)] * len(created), 0, families, np.array(created)
    assume(np.isfinite(created).any())
    dated = np.isfinite(created)
    days = np.floor(np.array(created)[dated])
    newest_families = {f for f, day in zip(families, created, strict=True) if day >= days.max()}
    if newest_families == set(families):
        with pytest.raises(InputError, match="nothing is left to learn from"):
            hold_out(SplitRule("created", share), *columns)
        return
    found = hold_out(SplitRule("created", share), *columns)
    first = dates.days(found.record["from_date"])
    # The share is that of a day, found for the user: the same rule with that day says the same.
    again = hold_out(SplitRule("created", from_date=found.record["from_date"]), *columns)
    np.testing.assert_array_equal(found.test, again.test)
    wanted = round(share * dated.sum())
    assert (~dated[found.train] | (np.array(created)[found.train] < first)).all()
    assert dated[found.test].sum() <= wanted or first == days.max()


@given(FORMULAS, st.data(), FAMILIES)
def test_neither_depends_on_the_order_of_the_rows(formulas, data, random):
    families = [random.randint(0, 2 * len(formulas)) for _ in formulas]
    created = np.array([random.choice([math.nan, 17000.0, 17001.5, 17400.0]) for _ in formulas])
    order = list(range(len(formulas)))
    random.shuffle(order)
    symbols = {number: symbol for symbol, number in SYMBOLS.items()}
    name = "-".join(symbols[number] for number in system(data.draw(st.sampled_from(formulas))))
    name = name if "-" in name else f"{name}-{name}"
    for rule in (SplitRule("leave-out", leave_out=(name,)), SplitRule("created", 0.3)):
        try:
            found = hold_out(rule, formulas, 1, families, created)
        except InputError:
            continue
        moved = [formulas[i] for i in order], 2, [families[i] for i in order], created[order]
        assert sorted(order[i] for i in hold_out(rule, *moved).test) == found.test.tolist()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"kind": "other"}, "give one of random, formula, system, leave-out, created"),
        ({"kind": "leave-out"}, "nothing to leave out; name formulas"),
        ({"leave_out": ("Bi2Se3",)}, "leave_out belongs to split leave-out; give"),
        ({"kind": "leave-out", "leave_out": ("Bi2Sx",)}, "leave out 'Bi2Sx': "),
        ({"from_date": "2018-01-01"}, "belong to split created"),
        ({"kind": "created", "from_date": "soon"}, "from_date: 'soon' is no date"),
        ({"test_fraction": 1.0}, "between 0 and 1"),
        ({"kind": "created", "test_fraction": math.nan}, "between 0 and 1"),
        ({"kind": "created", "undated": "both"}, "train or test"),
    ],
)
def test_rules_that_contradict_themselves(words, message):
    with pytest.raises(InputError, match=message):
        SplitRule(**words)


def test_what_cannot_be_held_out():
    formulas = [((34, 1),), ((34, 3), (83, 2))]
    with pytest.raises(InputError, match="none of 2 structures is of BiSe, Co-Hf"):
        hold_out(SplitRule("leave-out", leave_out=("BiSe", "Co-Hf")), formulas, 0)
    for created in (None, np.full(2, math.nan)):
        with pytest.raises(InputError, match="have no dates"):
            hold_out(SplitRule("created"), formulas, 0, None, created)
    with pytest.raises(InputError, match="reach from 2018-07-13 to 2018-07-14"):
        late = SplitRule("created", from_date="2019-01-01")
        hold_out(late, formulas, 0, None, np.array([17725.0, 17726.0]))


def test_records_in_words():
    formulas = [((34, 1),), ((34, 3), (83, 2)), ((34, 2), (83, 1)), ((83, 1),)]
    created = np.array([10.0, 20.0, math.nan, 5.0])
    rule = SplitRule("leave-out", leave_out=("Bi2Se3", "BiSe"))
    found = hold_out(rule, formulas, 0, [0, 1, 1, 2])
    assert sentence(found.record) == "leave-out split: Bi2Se3 1, BiSe 0, 1 copies of these besides"
    found = hold_out(SplitRule("created", 0.4), formulas, 0, [0, 0, 1, 2], created)
    assert sentence(found.record) == (
        "created split: from 1970-01-21 on, with 1 older copies; 1 without a date are learned from"
    )
    assert sentence(hold_out(SplitRule(), formulas, 0).record) == "random split"
    rows = np.array([1, 5])
    assert rows_hash(rows) == hashlib.sha256(b"\1" + bytes(7) + b"\5" + bytes(7)).hexdigest()
