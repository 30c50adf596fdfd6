"""Generation end to end with real networks of random weights."""

import csv
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from random_matgan import make_run

from tfmat.errors import InputError
from tfmat.formulas.parsing import parse_formulas
from tfmat.inference.noise import block_noise
from tfmat.matgan.generating import generate as generate_module
from tfmat.matgan.generating.generate import FormulaRequest, FormulaSampler
from tfmat.matgan.generating.masks import Masks
from tfmat.matgan.generating.model import CompositionModel
from tfmat.matgan.generating.pattern import Pattern
from tfmat.matgan.generating.results import Amount, generate_into
from tfmat.matgan.generating.unique import KeyTable
from tfmat.matgan.matrix import accept, decode
from tfmat.matgan.validity.checker import ValidityChecker, ValiditySettings
from tfmat.metric import metric_of

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")
pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "random")


@pytest.fixture(scope="module")
def model(run):
    return CompositionModel.load(run, backend="onnx", threads=2)


@pytest.fixture(scope="module")
def checker():
    return ValidityChecker()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(generate_module, "CHUNK", 1000)


def formulas(sampler, first, count):
    chunks = list(sampler.chunks(first, count))
    assert sum(chunk.samples for chunk in chunks) == count
    return [text for chunk in chunks for text in chunk.kept.formulas()]


def rows_of(file):
    return list(csv.DictReader(file.read_text("utf-8").splitlines()))


def within(masks, texts):
    fits = masks.matches(parse_formulas(texts).compositions)
    return [text for text, kept in zip(texts, fits, strict=True) if kept]


def test_formulas_are_those_of_the_whole_network_at_once(model, checker):
    noise = block_noise(7, 0, 3000, model.latent)
    expected = decode(model.generate(noise)).compositions.formulas()
    assert len(expected) > 500
    assert formulas(FormulaSampler(model, 7, checker), 0, 3000) == expected


@pytest.mark.parametrize("batch_size", [1, 7, 333, 5000])
def test_batch_size_and_threads_do_not_matter(model, checker, batch_size):
    expected = formulas(FormulaSampler(model, 7, checker), 0, 1500)
    for threads in (1, 3):
        other = replace(model, workers=threads)
        assert (
            formulas(FormulaSampler(other, 7, checker, batch_size=batch_size), 0, 1500) == expected
        )


def test_first_goes_on_where_another_call_ended(model, checker):
    sampler = FormulaSampler(model, 3, checker)
    whole = formulas(sampler, 0, 5000)
    assert formulas(sampler, 0, 1234) + formulas(sampler, 1234, 3766) == whole
    assert formulas(FormulaSampler(model, 4, checker), 0, 5000) != whole


def test_tensorflow_gives_the_same_counts(run, model):
    other = CompositionModel.load(run, backend="tensorflow")
    noise = block_noise(1, 0, 2000, model.latent)
    expected = model.read(model.generate(noise))
    assert other.backend == "tensorflow"
    assert accept(expected).accepted.any()
    assert (other.read(other.generate(noise)) == expected).all()
    matrices = model.generate(noise)
    np.testing.assert_allclose(other.score(matrices), model.score(matrices), atol=1e-4)


def test_the_end_to_end_network_gives_the_same_counts(tmp_path, model):
    only = make_run(tmp_path / "only", parts=("generate",))
    sampler = CompositionModel.load(only, backend="onnx")
    noise = block_noise(1, 0, 2000, model.latent)
    assert sampler.score is None
    assert (sampler.read(sampler.generate(noise)) == model.read(model.generate(noise))).all()


MASKS = [
    Masks(required=("Li",)),
    Masks(excluded=("O", "F", "Li", "Fe")),
    Masks(n_elements=(3, 3), max_count=4),
    Masks(pattern=Pattern.parse("XZ")),
    Masks(n_elements=(2, 4), pattern=Pattern.parse("X2Z3")),
]


@pytest.mark.parametrize("masks", MASKS, ids=lambda masks: str(masks.describe()))
def test_masks_have_no_violation_and_lose_nothing(model, checker, masks):
    every = formulas(FormulaSampler(model, 7, checker), 0, 20_000)
    expected = within(masks, every)
    assert 0 < len(expected) < len(every)
    assert formulas(FormulaSampler(model, 7, checker, FormulaRequest(masks)), 0, 20_000) == expected


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
@pytest.mark.parametrize("unique", [False, True])
def test_table(tmp_path, model, ending, unique):
    checker = ValidityChecker(ValiditySettings("icsd24", alloys=True))
    known = KeyTable()
    every = parse_formulas(formulas(FormulaSampler(model, 7, checker), 0, 5000)).compositions
    known.add(np.unique(every.keys()[::3]))
    sampler = FormulaSampler(model, 7, checker, FormulaRequest(known=known))
    out = tmp_path / f"table{ending}"
    summary = generate_into(out, sampler, Amount(5000, unique=unique))
    if ending == ".parquet":
        table = pyarrow.parquet.read_table(out)
        settings = json.loads(table.schema.metadata[b"tfmat"])
        assert settings["validity"]["oxidation_states"] == "icsd24"
        table = table.to_pydict()
    else:
        table = pyarrow.csv.read_csv(
            out, convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True)
        ).to_pydict()
    texts = every.formulas()
    counted = Counter(texts)
    assert table["formula"] == (list(counted) if unique else texts)
    assert sum(table["times_generated"]) == summary["kept"] == summary["accepted"] == len(texts)
    if unique:
        assert table["times_generated"] == list(counted.values())
    rows = parse_formulas(table["formula"]).compositions
    verdict = checker.check(rows)
    assert table["charge_neutral"] == verdict.neutral.tolist()
    assert table["balanced"] == verdict.balanced.tolist()
    assert table["novel"] == (known.find(rows.keys()) < 0).tolist()
    assert table["n_elements"] == rows.n_elements.tolist()
    for row in range(len(rows)):
        counts = dict(part.split(":") for part in table["counts"][row].split())
        assert (
            "".join(f"{s}{'' if n == '1' else n}" for s, n in counts.items())
            == (table["formula"][row])
        )
        states = table["oxidation_states"][row]
        likelihood = table["oxidation_states_likelihood"][row]
        assert (states is not None) == (likelihood is not None)
        assert states is None or (table["charge_neutral"][row] and 0 < likelihood <= 1)
        if states is not None:
            charges = dict(part.split(":") for part in states.split())
            assert list(charges) == list(counts)
            assert sum(int(charges[s]) * int(counts[s]) for s in counts) == 0
    assert json.loads((tmp_path / f"table{ending}.json").read_text("utf-8")) == summary
    assert {path.name for path in tmp_path.iterdir()} == {out.name, f"{out.name}.json"}


def test_summary_counts(tmp_path, model, checker):
    known = KeyTable()
    every = parse_formulas(formulas(FormulaSampler(model, 7, checker), 0, 5000)).compositions
    verdict, keys = checker.check(every), every.keys()
    known.add(np.unique(keys[:500]))
    sampler = FormulaSampler(model, 7, checker, FormulaRequest(valid_only=True, known=known))
    summary = generate_into(tmp_path / "a.csv", sampler, Amount(5000, unique=True))
    kept = keys[verdict.balanced]
    novel = set(kept.tolist()) - set(keys[:500].tolist())
    assert summary["samples"] == 5000
    assert summary["accepted"] == len(every)
    assert summary["neutral"] == verdict.neutral.sum()
    assert summary["balanced"] == summary["kept"] == len(kept)
    assert summary["unique"] == summary["rows"] == len(set(kept.tolist()))
    assert summary["novel"] == len(novel)
    assert metric_of(summary, "balanced").value == len(kept) / len(every)
    assert metric_of(summary, "balanced_of_drawn").value == len(kept) / 5000
    assert metric_of(summary, "unique").value == summary["unique"] / len(kept)
    assert metric_of(summary, "novel").value == len(novel) / summary["unique"]
    request = replace(sampler.request, novel_only=True)
    only = generate_into(
        tmp_path / "b.csv", FormulaSampler(model, 7, checker, request), Amount(5000, unique=True)
    )
    assert only["rows"] == len(novel)
    assert all(row["novel"] == "true" for row in rows_of(tmp_path / "b.csv"))


@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize("wanted", [1, 37, 700])
def test_rows_stop_at_the_sample_that_gives_the_last(tmp_path, model, checker, unique, wanted):
    sampler = FormulaSampler(model, 7, checker, FormulaRequest(valid_only=True))
    full = generate_into(tmp_path / "full.csv", sampler, Amount(20_000, unique=unique))
    part = generate_into(tmp_path / "part.csv", sampler, Amount(20_000, 0, wanted, unique))
    assert full["rows"] > part["rows"] == wanted
    names = [row["formula"] for row in rows_of(tmp_path / "full.csv")]
    assert [row["formula"] for row in rows_of(tmp_path / "part.csv")] == names[:wanted]
    # One sample fewer gives one row fewer.
    less = Amount(part["samples"] - 1, unique=unique)
    if wanted > 1:
        assert generate_into(tmp_path / "less.csv", sampler, less)["rows"] == wanted - 1
    # The next call goes on behind that sample.
    rest = Amount(20_000 - part["samples"], part["samples"], unique=False)
    if not unique:
        generate_into(tmp_path / "rest.csv", sampler, rest)
        assert [row["formula"] for row in rows_of(tmp_path / "rest.csv")] == names[wanted:]


def test_critic_keeps_the_best_part(model, checker):
    noise = block_noise(7, 0, 20_000, model.latent)
    matrices = model.generate(noise)
    scores, decoded = model.score(matrices), decode(matrices)
    sampler = FormulaSampler(model, 7, checker, FormulaRequest(critic_keep=0.1))
    kept = formulas(sampler, 0, 20_000)
    best = scores[decoded.accepted] >= sampler.lowest_score
    assert kept == decoded.compositions[best].formulas()
    assert abs(best.mean() - 0.1) < 0.02
    # Each is kept or not by itself, wherever a call begins.
    assert formulas(sampler, 0, 777) + formulas(sampler, 777, 19_223) == kept


def test_without_a_critic_nothing_can_be_preferred(tmp_path, checker):
    plain = make_run(tmp_path / "plain", parts=("generator",))
    model = CompositionModel.load(plain, backend="onnx")
    with pytest.raises(InputError, match="holds no critic"):
        FormulaSampler(model, 7, checker, FormulaRequest(critic_keep=0.5))


def test_nothing_that_fits_leaves_no_file(tmp_path, model, checker):
    for request, message in (
        (FormulaRequest(Masks(elements=("Xe", "Pu"))), "fulfils the masks"),
        (
            FormulaRequest(Masks(elements=("Xe", "Pu"), pattern=Pattern.parse("Xe8Pu"))),
            "draw more with -n",
        ),
    ):
        with pytest.raises(InputError) as error:
            generate_into(
                tmp_path / "a.csv", FormulaSampler(model, 7, checker, request), Amount(2000)
            )
        assert message in str(error.value)
        assert "\n" not in str(error.value)
        assert not list(tmp_path.iterdir())


def test_an_error_in_the_middle_stops_the_threads(tmp_path, model, checker):
    calls = []

    def generate(noise):
        calls.append(len(noise))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return model.generate(noise)

    sampler = FormulaSampler(replace(model, generate=generate), 7, checker, batch_size=500)
    with pytest.raises(KeyboardInterrupt):
        generate_into(tmp_path / "a.csv", sampler, Amount(10_000_000))
    assert len(calls) < 20
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("masks", "alloys", "possible"),
    [
        ({"elements": ("Li", "Na")}, False, False),
        ({"elements": ("Li", "Na")}, True, True),
        ({"elements": ("Li", "Na", "O"), "required": ("Na",)}, False, True),
        ({"elements": ("Ba", "F"), "max_count": 1}, False, False),
        ({"elements": ("Ba", "F"), "max_count": 2}, False, True),
        ({"pattern": Pattern.parse("Li2O3")}, False, False),
        ({"pattern": Pattern.parse("Li2O")}, False, True),
        ({"pattern": Pattern.parse("Ca5X")}, False, False),
        ({"excluded": ("O",), "n_elements": (8, 8)}, False, True),
    ],
)
def test_valid_formulas_that_cannot_be_are_refused(model, masks, alloys, possible):
    checker = ValidityChecker(ValiditySettings("smact14", alloys))
    asked = FormulaRequest(Masks(**masks), valid_only=True)
    if possible:
        FormulaSampler(model, 0, checker, asked)
    else:
        with pytest.raises(InputError, match="no formula that the masks allow is balanced"):
            FormulaSampler(model, 0, checker, asked)
    FormulaSampler(model, 0, checker, replace(asked, valid_only=False))
