"""The writer with critic and constraint, end to end, with a potential that needs no extra: EMT."""

import csv
import json
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import tiny
import tiny_alloys

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

from tfmat.ccdcgan import rejecting
from tfmat.ccdcgan.chain import CcdcganChain
from tfmat.ccdcgan.environments import stages
from tfmat.ccdcgan.environments.adversarial_stage import CrystalWriter
from tfmat.ccdcgan.environments.labels import KINDS, Labels
from tfmat.ccdcgan.environments.parts import CONSTRAINT, CRITIC
from tfmat.ccdcgan.model import CrystalModel
from tfmat.ccdcgan.writer.exporting import writing_network
from tfmat.ccdcgan.writer.training import LIKELIHOOD, WrittenFrom
from tfmat.crystals.structures import crystals_of
from tfmat.errors import InputError
from tfmat.release.exporting import write_run
from tfmat.training import checkpoints
from tfmat.training.chain import Order, open_run, train
from tfmat.training.strategy import Devices
from tfmat.work import chunks

pytestmark = pytest.mark.train
ENERGY = "formation_energy_per_atom"
STAGES = ["writer", *stages.STAGES]


def run_of(place, name, target="ccdcgan", settings=(), **options):
    order = Order(target, place / name, "ccdcgan-plus", [*tiny_alloys.SETTINGS, *settings],
                  str(place / "data"), **({"seed": 3} | options))  # fmt: skip
    return train(CcdcganChain(), order, lambda: Devices("one"), lambda line: None)


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    tiny_alloys.write_dataset(folder / "data")
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    yield folder
    os.environ.pop("XDG_CACHE_HOME")
    if before is not None:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture(scope="module")
def whole(place):
    return run_of(place, "whole")


@pytest.fixture(scope="module")
def package(whole, place):
    run = open_run(CcdcganChain(), place / "whole")
    recipe = CcdcganChain().load_recipe(str(place / "whole" / "recipe.toml"), ())
    write_run(CcdcganChain(), run, recipe, place / "mine", end_to_end=False)
    return place / "mine"


def command(*words):
    from tfmat.cli.main import main

    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code or 0


def test_what_is_labelled_and_trained(whole, place):
    assert whole["stages"] == dict.fromkeys(STAGES, "trained")
    run = open_run(CcdcganChain(), place / "whole")
    labels = Labels.open(run.stage_folder("labels") / "dataset")
    counts = {kind: int((labels.kinds == number).sum()) for number, kind in enumerate(KINDS)}
    assert counts == run.stage("labels")["labelled"]
    assert counts["relaxed"] == counts["disturbed"] == 30
    assert 0 < counts["written"] <= 40
    names = {metric["name"] for metric in whole["metrics"]}
    assert {"test_mae_relaxed", "test_mae_as_made", "test_told_apart"} <= names
    # It has learned: its error is far below the spread of the energies.
    (error,) = [one["value"] for one in whole["metrics"] if one["name"] == "test_mae_as_made"]
    assert error < 0.7 * np.std(labels.energies)


@pytest.mark.slow
def test_killed_while_labelling_it_goes_on_to_the_same(whole, place, monkeypatch):
    write, done = chunks._write, []

    def dying(*arguments):
        write(*arguments)
        done.append(arguments[0])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(chunks, "_write", dying)
        with pytest.raises(KeyboardInterrupt):
            run_of(place, "killed")
    again = run_of(place, "killed", resume=True)
    assert again["stages"] == {"writer": "finished before"} | dict.fromkeys(STAGES[1:], "trained")
    runs = [open_run(CcdcganChain(), place / name) for name in ("whole", "killed")]
    sets = [Labels.open(run.stage_folder("labels") / "dataset") for run in runs]
    assert np.array_equal(sets[0].energies, sets[1].energies)
    for part in (CONSTRAINT, CRITIC):
        weights = [run.network(part).get_weights() for run in runs]
        assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))


def test_another_run_takes_writer_and_labels(whole, place):
    settings = ["energies.steps=5"]
    found = run_of(place, "from", settings=settings, source=place / "whole", seed=None)
    wanted = {**dict.fromkeys(STAGES, "reused"), "environment-constraint": "trained"}
    assert found["stages"] == wanted


def test_a_writer_that_draws_otherwise_is_not_trained_anew(whole, place):
    settings = ["writer.temperature=0.2", "writer.attempts=9"]
    found = run_of(place, "cool", "dcgan", settings, source=place / "whole", seed=None)
    assert found["stages"] == {"writer": "reused"}
    chain = CcdcganChain()
    written = []
    for name in ("whole", "cool"):
        recipe = chain.load_recipe(str(place / name / "recipe.toml"), ())
        network, _ = writing_network(open_run(chain, place / name), recipe)
        written.append((network.get_layer("writing").temperature, network.get_weights()))
    (warm, weights), (cool, same) = written
    assert (warm, cool) == (0.5, 0.2)
    assert all(np.array_equal(*pair) for pair in zip(weights, same, strict=True))
    with pytest.raises(InputError, match=r"trained with writer\.width"):
        run_of(place, "wider", "dcgan", ["writer.width=8"], source=place / "whole", seed=None)


@pytest.mark.slow
def test_the_writer_learns_from_both_where_the_recipe_gives_it_steps(place, whole, monkeypatch):
    settings = ["adversarial.steps=12", "adversarial.batch_size=8", "adversarial.refresh=5"]
    settings += ["adversarial.learning_rate=1e-3"]
    options = {"settings": settings, "source": place / "whole", "seed": None}
    found = run_of(place, "against", **options)
    assert found["stages"] == dict.fromkeys(STAGES, "reused") | {"adversarial": "trained"}
    run = open_run(CcdcganChain(), place / "against")
    parts = ("likelihood", CONSTRAINT, CRITIC)
    for part in parts:
        before, after = (run.network(name).get_weights() for name in (part, f"adversarial_{part}"))
        assert not all(np.array_equal(*pair) for pair in zip(before, after, strict=True))
    save = checkpoints.save

    def dying(*arguments, **options):
        save(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", dying)
        with pytest.raises(KeyboardInterrupt):
            run_of(place, "stopped", **options)
    run_of(place, "stopped", **options | {"resume": True, "source": None})
    other = open_run(CcdcganChain(), place / "stopped")
    for part in parts:
        weights = [one.network(f"adversarial_{part}").get_weights() for one in (run, other)]
        assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))
    recipe = CcdcganChain().load_recipe(str(place / "against" / "recipe.toml"), ())
    write_run(CcdcganChain(), run, recipe, place / "against-package", end_to_end=False)
    model = CrystalModel.load(place / "against-package", threads=1)
    found = model.generate(20, keep=0.5)
    rows = model.codec.descriptor.padded(list(crystals_of(found, "found")), 4)
    predicted = [one.properties[f"predicted_{ENERGY}"] for one in found]
    network = run.network(f"adversarial_{CONSTRAINT}")
    np.testing.assert_allclose(np.asarray(network(rows))[:, 0], predicted, atol=1e-5)


def test_below_temperature_one_it_learns_from_what_is_more_probable(place, whole):
    run = open_run(CcdcganChain(), place / "whole")
    likelihood, known = run.network(LIKELIHOOD), WrittenFrom.open(run)
    mean = {}
    for temperature in (1.0, 0.3):
        settings = [*tiny_alloys.SETTINGS, f"adversarial.temperature={temperature}"]
        recipe = CcdcganChain().load_recipe("ccdcgan-plus", settings)
        writer = CrystalWriter(likelihood, recipe, known)
        noise = np.random.default_rng(5).normal(size=(64, writer.noise_length))
        written = writer.sample(noise.astype(np.float32))
        mean[temperature] = float(np.mean(writer.log_probability(written.tokens)))
    assert mean[0.3] > mean[1.0] + 3


def test_a_dcgan_is_the_writer_alone(place, whole):
    assert run_of(place, "alone", "dcgan")["stages"] == {"writer": "trained"}
    run = open_run(CcdcganChain(), place / "alone")
    recipe = CcdcganChain().load_recipe(str(place / "alone" / "recipe.toml"), ())
    write_run(CcdcganChain(), run, recipe, place / "alone-package", end_to_end=False)
    model = CrystalModel.load(place / "alone-package", threads=1)
    assert model.properties == ()
    assert "predicted_" not in str(model.generate(5)[0].properties)
    with pytest.raises(InputError, match="keep"):
        model.generate(5, keep=0.5)
    # It gets a constraint like every other DCGAN.
    order = Order("constraint", place / "alone", resume=True)
    later = train(CcdcganChain(), order, lambda: Devices("one"), lambda line: None)
    assert later["stages"] == {"writer": "finished before"} | dict.fromkeys(STAGES[1:], "trained")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("labels.potential=chgnet", r"labels.potential chgnet needs .*\[relax\].*train dcgan"),
        ("labels.potential=emtt", "emtt: not known"),
    ],
)
def test_a_potential_that_is_not_there_is_refused_at_once(place, monkeypatch, settings, words):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=words):
        run_of(place, "refused", settings=[settings])
    assert not (place / "refused").exists()


def test_elements_that_the_potential_does_not_know_are_refused_at_once(tmp_path):
    tiny.write_dataset(tmp_path / "data")
    with pytest.raises(InputError, match="has not learned Bi"):
        run_of(tmp_path, "refused", settings=['data.elements=["Bi", "Se"]'])
    assert not (tmp_path / "refused").exists()


def test_structures_have_the_energy_that_the_constraint_predicts(package):
    model = CrystalModel.load(package, threads=1)
    assert model.codec.package.parts == ["writer", CONSTRAINT, CRITIC]
    assert model.properties == (ENERGY,)
    found = model.generate(40, seed=4)
    predicted = [one.properties[f"predicted_{ENERGY}"] for one in found]
    np.testing.assert_allclose(model.predict(found), predicted, atol=1e-5)
    assert {one.properties["domain"].partition(":")[0] for one in found} <= {"inside", "outside"}
    # Its constraint has learned the potential's energies, whatever the data's are.
    assert model.codec.trained_on["energy_scale"] == "as EMT gives it"
    # The network as trained says the same of the environments.
    network = open_run(CcdcganChain(), package.parent / "whole").network(CONSTRAINT)
    rows = model.codec.descriptor.padded(list(crystals_of(found, "found")), 4)
    np.testing.assert_allclose(np.asarray(network(rows))[:, 0], predicted, atol=1e-5)


def test_the_better_share_of_like_compositions_is_kept(package):
    model = CrystalModel.load(package, threads=1)
    every = {one.properties["id"]: one for one in model.generate(60, seed=4, formula="Cu2Au2")}
    energies = {name: one.properties[f"predicted_{ENERGY}"] for name, one in every.items()}
    half = model.generate(60, seed=4, formula="Cu2Au2", keep=0.5, batch_size=7)
    names = [one.properties["id"] for one in half]
    # Of one composition the better half is that of the lower energies.
    assert set(names) == set(sorted(energies, key=energies.get)[: round(len(energies) / 2)])
    assert names == sorted(names)
    assert len(half.failed) == 60 - len(half)
    rejected = [name for name, why in half.failed.items() if why.startswith("not kept")]
    assert {*names, *rejected} == set(every)
    # Of several compositions each keeps its share.
    by_critic = model.generate(200, seed=4, keep=0.25, keep_by="critic")
    kinds = [Counter(one.composition.reduced_formula for one in many)
             for many in (model.generate(200, seed=4), by_critic)]  # fmt: skip
    assert len(kinds[0]) >= 3
    assert all(abs(kinds[1][kind] - count / 4) <= 1.5 for kind, count in kinds[0].items())
    for wrong in ({"keep": 0.0}, {"keep": 1.5}, {"keep": 0.5, "keep_by": "energy"}):
        with pytest.raises(InputError, match="keep"):
            model.generate(2, **wrong)


def test_ranks_are_taken_in_blocks_of_like_size(package, monkeypatch):
    model = CrystalModel.load(package, threads=1)
    monkeypatch.setattr(rejecting, "RANKED", 20)
    found = model.generate(45, seed=4, keep=0.5)
    parts = [
        one.properties["id"]
        for first in (0, 15, 30)
        for one in model.generate(15, seed=4, first=first, keep=0.5)
    ]
    assert [one.properties["id"] for one in found] == parts


def test_the_command_keeps_says_what_it_cost_and_is_screened(package, place, capsys):
    start = ["generate", "ccdcgan", "--model", package, "-n", 50, "--seed", 7, "--threads", 1]
    assert command(*start, "--out", place / "all") == 0
    assert "structures from 50 crystals begun" in capsys.readouterr().out
    for name in ("one", "two"):
        assert command(*start, "--keep", 0.5, "--out", place / name) == 0
    text = capsys.readouterr().out
    tables = [(place / name / "results.csv").read_bytes() for name in ("one", "two", "all")]
    assert tables[0] == tables[1]
    for name in ("summary.json", "structures.extxyz"):
        assert (place / "one" / name).read_bytes() == (place / "two" / name).read_bytes()
    rows, every = (list(csv.DictReader(one.decode().splitlines())) for one in tables[1:])
    column = f"predicted_{ENERGY}"
    made = [row for row in every if row["status"] == "structure"]
    kept = [row for row in rows if row["status"] == "structure"]
    assert len(rows) == 50
    assert len(kept) == round(len(made) / 2)
    # What was not kept still has its energy, and the same one.
    assert [row[column] for row in rows] == [row[column] for row in every]
    assert [row["id"] for row in rows if row[column]] == [row["id"] for row in made]
    cost = f"kept {len(kept)} of {len(made)} structures, by the constraint: "
    assert f"{cost}{50 / len(kept):.1f} crystals begun for each" in text
    for row in kept:
        cif = (place / "one" / "cif" / f"{row['id']}.cif").read_text("utf-8")
        assert f"{column} {row[column]}" in cif
    frames = (place / "one" / "structures.extxyz").read_text("utf-8")
    assert frames.count(f"{column}=") == len(kept)
    assert command("screen", place / "one", "--tolerance", 5, "--any-domain", "--hull", "elements",
                   "--out", place / "screened") == 0  # fmt: skip
    summary = json.loads((place / "screened" / "summary.json").read_text("utf-8"))
    assert summary["kept"] == summary["structures"] == len(kept)


def test_generating_and_keeping_need_no_tensorflow(package):
    code = (
        "import sys, tfmat\n"
        f"found = tfmat.load({str(package)!r}).generate(20, keep=0.5)\n"
        "assert len(found)\n"
        "assert not {'keras', 'tensorflow', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_process_exports_the_run(whole, place):
    # Nothing there has imported the layers of critic and constraint.
    code = (
        "from pathlib import Path\n"
        "from tfmat.ccdcgan.chain import CcdcganChain\n"
        "from tfmat.training.chain import open_run\n"
        f"place, chain = Path({str(place)!r}), CcdcganChain()\n"
        "recipe = chain.load_recipe(str(place / 'whole' / 'recipe.toml'), ())\n"
        "print(*chain.networks(open_run(chain, place / 'whole'), recipe).models)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["writer", CONSTRAINT, CRITIC]
