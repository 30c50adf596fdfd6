"""Energies of sets of formulas (paper 000, Fig. 4b): which formulas count, and what is said."""

import itertools
import json

import numpy as np
import pytest
import tiny_energies
from tfmat.cli.main import main

import tfmat
from tfmat.errors import InputError
from tfmat.evaluation.formulas.energies import EDGES, histogram
from tfmat.metric import metric_of

# Balanced with lithium: Li2O and LiFeO2; Li3O is not, MgO has none; Li2O counts once.
MADE = ["Li2O", "Li2O", "Li4O2", "Li3O", "MgO", "LiFeO2"]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    pytest.importorskip("tensorflow")
    place = tmp_path_factory.mktemp("energies")
    words = ["--recipe", tiny_energies.write_recipe(place / "tiny.toml"), "--threads", 1]
    words += ["--data", tiny_energies.write_dataset(place / "data"), "--set", "network.steps=10"]
    with pytest.raises(SystemExit) as end:
        main(["train", "elemnet", "--out", str(place / "run"), *map(str, words)])
    assert end.value.code == 0
    return place / "run"


@pytest.mark.train
def test_distinct_balanced_formulas_with_the_element_are_predicted(package):
    found = tfmat.evaluate_compositions(
        {"made": MADE}, train=package.parent / "data", energy_model=package
    )
    assert found["energies"]["element"] == "Li"
    where = {"set": "made", "element": "Li"}
    wanted = tfmat.load(package).predict(["Li2O", "LiFeO2"])
    assert metric_of(found, "predicted", **where).denominator == 2
    mean = metric_of(found, "mean_predicted_formation_energy_per_atom", **where)
    assert mean.value == pytest.approx(wanted.mean())
    assert mean.unit == "eV/atom"
    assert metric_of(found, "below_0", **where).numerator == (wanted < 0).sum()
    made, training = found["results"]
    assert made["energies"]["counts"] == histogram(wanted).tolist()
    assert sum(training["energies"]["counts"]) > 2
    # All formulas: those of which it has not learned are left out, and counted.
    found = tfmat.evaluate_compositions(
        {"made": [*MADE, "Bi2Se3"]}, energy_model=package, energy_element=""
    )
    share = metric_of(found, "predicted", set="made", element="all")
    assert (share.numerator, share.denominator) == (3, 4)


@pytest.mark.train
def test_the_command_draws_them(package, tmp_path, capsys):
    made = tmp_path / "made.txt"
    made.write_text("\n".join(MADE) + "\n", "utf-8")
    words = ["evaluate", "compositions", made, "--train", package.parent / "data"]
    words += ["--energy-model", package, "--figures", tmp_path / "figures"]
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert end.value.code == 0
    assert "distinct balanced formulas with Li, by" in capsys.readouterr().out
    for ending in ("png", "svg"):
        assert (tmp_path / "figures" / f"fig4b-energies.{ending}").stat().st_size
    # Nothing that could be predicted is no error.
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in [*words[:-2], "--energy-element", "Xe", "--json"]])
    assert end.value.code == 0
    summary = json.loads(capsys.readouterr().out)
    assert metric_of(summary, "below_0", set="made.txt", element="Xe").value is None


def test_bins_hold_what_lies_beyond_them():
    random = np.random.default_rng(0)
    energies = random.normal(-1, 2, 500)
    counts = histogram(energies)
    assert counts.sum() == 500
    wanted = [
        ((energies >= low) & (energies < high)).sum()
        for low, high in itertools.pairwise(EDGES[1:-1])
    ]
    assert counts[1:-1].tolist() == wanted
    assert histogram(np.array([-9.0, 9.0]))[[0, -1]].tolist() == [1, 1]


@pytest.mark.train
def test_wrong_words_are_one_line(package):
    with pytest.raises(InputError, match="`energy_element` 'Lu2'"):
        tfmat.evaluate_compositions(MADE, energy_model=package, energy_element="Lu2")
    with pytest.raises(InputError, match="package of matgan"):
        tfmat.evaluate_compositions(MADE, energy_model="matgan-plus-oqmd")
