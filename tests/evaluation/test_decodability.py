"""Formulas through a composition autoencoder: beside Keras, and what a set has of either kind."""

import json

import numpy as np
import pytest
import tiny_compositions
from tfmat.cli.main import main

import tfmat
from tfmat.datasets.composition_store import CompositionDataset
from tfmat.errors import InputError
from tfmat.formulas.parsing import parse_formulas
from tfmat.matgan.decodable import CompositionAutoencoder
from tfmat.metric import metric_of

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An autoencoder that has learned so little that some formulas do not come back."""
    pytest.importorskip("tensorflow")
    place = tmp_path_factory.mktemp("decodability")
    words = ["--recipe", tiny_compositions.write_recipe(place / "tiny.toml"), "--threads", 1]
    words += ["--data", tiny_compositions.write_dataset(place / "data", 200)]
    words += ["--set", "autoencoder.steps=120", "--set", "autoencoder.epochs=0"]
    words += ["--set", "autoencoder.learning_rate=0.03", "--out", place / "run", "--no-figures"]
    with pytest.raises(SystemExit) as end:
        main(["train", "composition-ae", *map(str, words)])
    assert end.value.code == 0
    return place / "run"


@pytest.fixture(scope="module")
def known(run):
    return CompositionDataset.open(run.parent / "data").compositions


def test_it_decodes_what_keras_decodes(run, known):
    import keras

    from tfmat.matgan.recipe import DecodingRecipe
    from tfmat.matgan.training.autoencoder import exactly_decoded

    class Data:
        compositions = known

    weights = [run / "weights" / f"composition_{half}.keras" for half in ("encoder", "decoder")]
    halves = [keras.models.load_model(path) for path in weights]
    rule = DecodingRecipe(rule="argmax", threshold=0.5)
    wanted = exactly_decoded(Data, np.arange(len(known)), *halves, rule)
    found = CompositionAutoencoder.load(run).decodes(known)
    np.testing.assert_array_equal(found, wanted)
    assert 0 < found.sum() < len(found)
    # What no matrix holds does not come back.
    other = parse_formulas(["KrF2", "Li20O"]).compositions
    assert not CompositionAutoencoder.load(run).decodes(other).any()


def test_shares_are_those_counted_by_hand(run, known):
    names = known.formulas()
    made = [*names[::3], "Bi2Se3"]
    held_out = names[150:]
    found = tfmat.evaluate_compositions(
        {"made": made}, train=_list(run, names[:150]), holdout=_list(run, held_out),
        autoencoder=run,
    )  # fmt: skip
    decoded = dict(zip(names, CompositionAutoencoder.load(run).decodes(known), strict=True))
    for name, members in (("training", names[:150]), ("held_out", held_out)):
        share = metric_of(found, "decoded", list=name)
        assert share.numerator == sum(decoded[one] for one in members)
        assert share.denominator == len(members)
        for word, wanted in (("yes", True), ("no", False)):
            kind = [one for one in members if decoded[one] == wanted]
            metric = metric_of(found, f"recovery_{name}", set="made", decoded=word)
            assert metric.denominator == len(kind)
            assert metric.numerator == len(set(kind) & set(made))


def test_the_command_says_it_and_draws_maps(run, tmp_path, capsys):
    words = ["evaluate", "compositions", run / "stages" / "formulas" / "training.csv"]
    words += ["--run", run, "--autoencoder", run]
    words += ["--figures", tmp_path / "figures", "--map-sample", 40]
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "decodes, and of the others, %" in text
    assert "not decoded" in text
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    for name in ("fig3-map", "fig7-decodable"):
        assert {f"{name}.png", f"{name}.svg", f"{name}.csv"} <= drawn
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in [*words, "--json"]])
    assert json.loads(capsys.readouterr().out)["autoencoder"]["model"] == "run"


def test_wrong_words_are_one_line(run):
    with pytest.raises(InputError, match="`autoencoder` decodes training formulas"):
        tfmat.evaluate_compositions(["NaCl"], autoencoder=run)
    with pytest.raises(InputError, match="holds no autoencoder of compositions"):
        tfmat.evaluate_compositions(["NaCl"], train="formulas", autoencoder="matgan-plus-oqmd")
    with pytest.raises(InputError, match="`map_sample` is for pictures"):
        tfmat.evaluate_compositions(["NaCl"], map_sample=10)


def _list(run, names):
    path = run.parent / f"list-{len(names)}.txt"
    path.write_text("\n".join(names) + "\n", "utf-8")
    return path
