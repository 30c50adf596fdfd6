"""Enumerating the space, its valid share and enrichment, against smact formula by formula."""

from __future__ import annotations

import math

import numpy as np
import pyarrow.parquet
import pytest
from smact.screening import smact_validity

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.readers.formulas import read_formulas
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.matgan.space.common_ions import common_ions, draw, simplest_formulas
from tfmat.matgan.space.enrichment import enrichment
from tfmat.matgan.space.enumerating import enumerate_simplest, enumerate_to
from tfmat.matgan.space.enumeration import EnumerationOptions, enumerate_space
from tfmat.matgan.space.formulas import Space
from tfmat.matgan.validity.checker import ValidityChecker
from tfmat.metric import find, metric_of

ELEMENTS = ("H", "Li", "O", "S", "Fe", "Cu")
NUMBERS = np.array([symbols().index(symbol) for symbol in ELEMENTS], np.uint8)


def literally(size: int, largest: int) -> tuple[int, int, int]:
    formulas = [f for block in Space(size, largest, NUMBERS).blocks() for f in block.formulas()]
    settings = {"oxidation_states_set": "smact14", "include_alloys": False}
    neutral = sum(smact_validity(f, use_pauling_test=False, **settings) for f in formulas)
    balanced = sum(smact_validity(f, use_pauling_test=True, **settings) for f in formulas)
    return len(formulas), neutral, balanced


def test_shares_of_formulas_are_smacts():
    found = enumerate_space(EnumerationOptions((2, 4), 2, ELEMENTS))
    expected = [literally(size, 2) for size in (2, 3, 4)]
    for (size, part), (formulas, neutral, balanced) in zip(
        found["by_elements"].items(), expected, strict=True
    ):
        assert part["how"] == "all"
        assert part["space"] == part["examined"] == formulas
        assert (part["neutral"], part["balanced"]) == (neutral, balanced)
        subset = {"n_elements": size}
        assert metric_of(found, "neutral", **subset).value == neutral / formulas
        assert metric_of(found, "balanced", **subset).standard_error == 0
        combinations = part["combinations"]
        of_combinations = metric_of(found, "balanced_of_combinations", **subset)
        assert of_combinations.value == combinations["balanced"] / combinations["total"]
    formulas, neutral, balanced = np.sum(expected, axis=0)
    assert found["total"]["space"] == formulas
    assert metric_of(found, "neutral").value == pytest.approx(neutral / formulas)
    assert metric_of(found, "balanced").value == pytest.approx(balanced / formulas)
    assert found["settings"]["oxidation_states"] == "smact14"


def test_an_estimate_is_as_good_as_it_says():
    exact = metric_of(enumerate_space(EnumerationOptions((3, 3), 8, ELEMENTS)), "balanced").value
    deviations = []
    for seed in range(20):
        options = EnumerationOptions((3, 3), 8, ELEMENTS, sample=2000, seed=seed)
        found = enumerate_space(options)
        part = found["by_elements"]["3"]
        assert (part["how"], part["examined"]) == ("sample", 2000)
        metric = metric_of(found, "balanced", n_elements="3")
        rate, error = metric.value, metric.standard_error
        size = part["space"]
        assert error == pytest.approx(math.sqrt(rate * (1 - rate) / 2000 * (1 - 2000 / size)))
        deviations.append((rate - exact) / error)
    assert 0.5 < np.std(deviations) < 1.6
    assert abs(np.mean(deviations)) < 1


def test_a_large_space_is_sampled_unless_all_of_it_is_wanted():
    options = EnumerationOptions((4, 4), 8, ELEMENTS)
    assert enumerate_space(options)["by_elements"]["4"]["how"] == "all"
    taken = []
    everything = EnumerationOptions((4, 4), limit=10)
    found = enumerate_space(everything, lambda block, _: taken.append(len(block)))
    assert sum(taken) == found["written"] == 10
    part = found["by_elements"]["4"]
    assert part["space"] == 7_740_753_055
    assert part["how"] == "first"
    assert metric_of(found, "balanced", n_elements="4").value is None
    assert metric_of(found, "balanced").value is None
    assert part["combinations"]["total"] == 2_989_643_348_823


def test_what_is_handed_on_is_what_was_asked_for():
    got: list[Compositions] = []
    options = EnumerationOptions((2, 3), 4, ELEMENTS, valid_only=True)
    found = enumerate_space(options, lambda block, verdict: got.append(block[verdict.balanced]))
    formulas = Compositions.concatenate(got)
    assert len(formulas) == found["written"]
    assert len(formulas) == sum(part["balanced"] for part in found["by_elements"].values())
    assert ValidityChecker().check(formulas).balanced.all()


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.csv.gz", "dataset"])
def test_files_hold_the_formulas(tmp_path, name):
    options = EnumerationOptions((2, 3), 2, ELEMENTS)
    summary = enumerate_to(options, tmp_path / name)
    table = read_formulas(tmp_path / name)
    assert len(table.compositions) == summary["written"] == 45 + 140
    assert len(np.unique(table.compositions.keys())) == 185
    if name.endswith(".parquet"):
        columns = pyarrow.parquet.read_table(tmp_path / name)
        verdict = ValidityChecker().check(table.compositions)
        assert columns["charge_neutral"].to_pylist() == verdict.neutral.tolist()
        assert columns["balanced"].to_pylist() == verdict.balanced.tolist()
    if name == "dataset":
        source = CompositionDataset.open(tmp_path / name).metadata["source"]
        assert source["name"] == "tfmat data enumerate"
        assert source["elements"] == list(ELEMENTS)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_enrichment_divides_rates():
    space = enumerate_space(EnumerationOptions((2, 3), 4, ELEMENTS))
    formulas = Compositions.from_mappings(
        [{1: 2, 8: 1}, {3: 2, 8: 1}, {1: 1, 8: 4}, {26: 2, 8: 3, 16: 1}, {8: 2}, {1: 1}]
    )
    checker = ValidityChecker()
    left_out, found = enrichment(space, formulas, checker)
    assert left_out == 2
    given = {"formulas": "given"}
    rate = checker.check(formulas[:4]).balanced.mean()
    balanced = find(found, "balanced", **given)
    assert (balanced.value, balanced.denominator) == (rate, 4)
    for over, name in (("formulas", "balanced"), ("combinations", "balanced_of_combinations")):
        ratio = find(found, f"balanced_over_{over}", **given).value
        assert ratio == pytest.approx(rate / metric_of(space, name).value)
    assert {metric.subset.get("n_elements") for metric in found} == {None, "2", "3"}
    assert find(found, "balanced", **given, n_elements="2").denominator == 3
    binaries = enumerate_space(EnumerationOptions((2, 2), 4, ELEMENTS))
    left_out, found = enrichment(binaries, formulas, checker)
    assert left_out == 3
    for name in ("balanced", "balanced_over_combinations"):
        of_two = find(found, name, **given, n_elements="2").value
        assert find(found, name, **given).value == of_two
    _, nothing = enrichment(binaries, formulas[3:4], checker)
    assert find(nothing, "balanced", **given).value is None


def test_the_simplest_formulas_of_common_ions(tmp_path):
    options = EnumerationOptions((2, 3), sample=100, seed=3)
    summary = enumerate_simplest(options, tmp_path / "a")
    again = enumerate_simplest(options, tmp_path / "b")
    first, second = CompositionDataset.open(tmp_path / "a"), CompositionDataset.open(tmp_path / "b")
    assert first.sha256 == second.sha256
    assert len(first) == summary["written"] == again["written"] == 200
    assert summary["by_elements"]["3"]["formulas"] == 53_068
    assert summary["ions"]["count"] == 119
    fewer = enumerate_simplest(EnumerationOptions((2, 3), elements=("Li", "Na", "O"), limit=3))
    assert fewer["by_elements"]["2"] == {
        "formulas": 2,
        "written": 2,
        "neutral": 2,
        "balanced": 2,
    }
    assert fewer["by_elements"]["3"]["written"] == 1


def test_a_sample_prefers_common_ions():
    every, commonness = simplest_formulas(common_ions(), 3)
    sample = draw(every, commonness, 2000, seed=0)
    oxygen, in_sample = (float((f.numbers == 8).any(axis=1).mean()) for f in (every, sample))
    assert in_sample > 1.5 * oxygen
    assert len(np.unique(sample.keys())) == 2000
    assert draw(every, commonness, None, seed=0) is every


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_elements": (2, 5)}, "give a range within 2-4"),
        ({"n_elements": (3, 2)}, "give a range within 2-4"),
        ({"max_count": 9}, "`max_count` 9"),
        ({"elements": ("Li", "Xx")}, "`elements` Xx: no element"),
        ({"elements": ("Li", "He")}, "not one of MatGAN's 85"),
        ({"sample": 5, "exhaustive": True}, "give one of them"),
        ({"n_elements": (2, 4), "elements": ("Li", "O")}, "2-4: only 2 .* `n_elements` 2,"),
        ({"n_elements": (2, 4), "elements": ("Li", "F", "O")}, "give `n_elements` 2-3, or name"),
        ({"n_elements": (3, 3), "elements": ("Li", "O")}, "but a formula needs 3; name more"),
        ({"elements": ("Li",)}, "but a formula needs 2; name more"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(InputError, match=message):
        EnumerationOptions(**options)


@pytest.mark.parametrize(
    ("elements", "sizes"),
    [
        (("Li", "O"), ["2"]),
        (("Li", "Mn", "O", "O"), ["2", "3"]),
        (("Li", "Mn", "O", "F", "Na"), ["2", "3", "4"]),
    ],
)
def test_as_many_elements_as_there_are(elements, sizes):
    options = EnumerationOptions(max_count=2, elements=elements)
    found = enumerate_space(options)
    assert list(found["by_elements"]) == sizes
    asked = EnumerationOptions((2, int(sizes[-1])), 2, elements)
    assert options.record() == asked.record()
    assert found == enumerate_space(asked)
    assert list(enumerate_simplest(options)["by_elements"]) == sizes


@pytest.mark.parametrize("make", [enumerate_to, enumerate_simplest])
@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a"])
def test_what_is_there_is_replaced_only_on_demand(tmp_path, name, make):
    options = EnumerationOptions((2, 2), 3, ELEMENTS)
    out = tmp_path / name
    make(options, out)
    before = read_formulas(out).compositions.formulas()
    fewer = EnumerationOptions((2, 2), 3, ELEMENTS, limit=2)
    with pytest.raises(InputError, match=r"is there already|exists and is not empty"):
        make(fewer, out)
    assert read_formulas(out).compositions.formulas() == before
    make(fewer, out, overwrite=True)
    assert len(read_formulas(out).compositions) == 2


@pytest.mark.parametrize("name", ["a.csv", "a"])
def test_nothing_is_written_where_nothing_is_valid(tmp_path, name):
    options = EnumerationOptions((2, 2), elements=("Li", "Na"), valid_only=True)
    with pytest.raises(InputError, match="no valid formula to write"):
        enumerate_to(options, tmp_path / name)
    with pytest.raises(InputError, match="no valid formula to write"):
        enumerate_simplest(options, tmp_path / name)
    with pytest.raises(InputError, match="must end in"):
        enumerate_to(options, tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [enumerate_to, enumerate_simplest])
def test_only_tables_of_its_own_are_replaced(tmp_path, make):
    options = EnumerationOptions((2, 2), 3, ELEMENTS)
    for name, content in (
        ("a.csv", b"formula\nNaCl\n"),
        ("a.csv.gz", b"no gzip"),
        ("a.parquet", b"PAR1"),
        ("b.csv", b""),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="is nothing that this command has written"):
            make(options, tmp_path / name, overwrite=True)
        assert (tmp_path / name).read_bytes() == content
    # A summary beside it would be that of another table.
    make(options, tmp_path / "new.csv")
    (tmp_path / "new.csv.json").write_text('{"table_sha256": "0"}')
    with pytest.raises(InputError, match=r"new\.csv\.json: is nothing that this command"):
        make(options, tmp_path / "new.csv", overwrite=True)
