"""ElemNet from the recipe to energies: published layers, training, package, both formats."""

import csv
import json

import numpy as np
import pytest
import tiny_energies
from tfmat.cli.main import main

import tfmat
from tfmat.elemnet.fractions import fractions
from tfmat.elemnet.recipe import load_recipe
from tfmat.errors import InputError
from tfmat.formulas.parsing import parse_formulas
from tfmat.metric import metric_of

pytestmark = pytest.mark.train
FORMULAS = ["Li2O", "NaCl", "Fe2O3", "CaZn2S3"]


def run(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    pytest.importorskip("tensorflow")
    place = tmp_path_factory.mktemp("elemnet")
    tiny_energies.write_recipe(place / "tiny.toml")
    tiny_energies.write_dataset(place / "data")
    return place


def train(place, out, *more):
    words = ["--recipe", place / "tiny.toml", "--data", place / "data", "--threads", 1]
    return ["train", "elemnet", "--out", place / out, *words, *more]


@pytest.fixture(scope="module")
def trained(place):
    """A run, and the package that was exported of it in all formats."""
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in train(place, "run", "--seed", 5)])
    assert end.value.code == 0
    package = place / "mine"
    words = ["export", place / "run", "--out", package, "--keras", "--saved-model"]
    words += ["--precision", "float32", "--precision", "int8"]
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert end.value.code == 0
    return place / "run", package


def test_the_published_network_has_17_dense_layers():
    pytest.importorskip("tensorflow")
    import keras

    from tfmat.elemnet.network import build_network

    model = build_network(load_recipe("elemnet").network)
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    widths = [1024] * 4 + [512] * 3 + [256] * 3 + [128] * 3 + [64] * 2 + [32, 1]
    assert [layer.units for layer in dense] == widths
    sizes = zip([86, *widths], widths, strict=False)
    assert model.count_params() == sum((i + 1) * o for i, o in sizes) == 4_631_361
    rates = [x.rate for x in model.layers if isinstance(x, keras.layers.Dropout)]
    assert rates == [0.2, 0.1, 0.3, 0.2]
    assert [layer.activation.__name__ for layer in dense] == ["relu"] * 16 + ["linear"]
    # Dropout follows the last layer of each of the first four widths.
    names = [type(layer).__name__ for layer in model.layers]
    assert [i for i, name in enumerate(names) if name == "Dropout"] == [5, 9, 13, 17]


def test_it_learns_more_than_the_mean(trained):
    record = json.loads((trained[0] / "run.json").read_text("utf-8"))
    metrics = record["stages"]["elemnet"]["metrics"]
    assert metrics["test_mae"]["value"] < 0.3 * metrics["test_mae_mean"]["value"]
    assert metrics["test_mae"]["standard_error"] > 0
    assert {"kept_step", "test_mae_linear", "test_r2"} <= set(metrics)
    # The energies of the tests are linear in the fractions.
    assert metrics["test_mae_linear"]["value"] < 1e-6
    assert (trained[0] / "figures" / "elemnet.png").exists()


def test_metrics_are_those_of_the_table_and_of_the_package(trained):
    folder, package = trained
    with (folder / "stages" / "elemnet" / "test.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    true, predicted = (np.array([float(row[key]) for row in rows]) for key in ("true", "predicted"))
    record = json.loads((folder / "run.json").read_text("utf-8"))
    mae = record["stages"]["elemnet"]["metrics"]["test_mae"]["value"]
    assert mae == pytest.approx(np.abs(true - predicted).mean(), abs=1e-5)
    found = tfmat.load(package).predict([row["formula"] for row in rows])
    np.testing.assert_allclose(found, predicted, atol=1e-4)


def test_linear_fit_is_scikit_learns():
    from sklearn.linear_model import LinearRegression

    from tfmat.elemnet.linear import linear_fit

    random = np.random.default_rng(0)
    inputs = np.zeros((300, 86), np.float32)
    inputs[:, :20] = random.dirichlet(np.full(20, 0.2), 300)
    energies = random.normal(size=300)
    wanted = LinearRegression(fit_intercept=False).fit(inputs, energies).predict(inputs)
    np.testing.assert_allclose(inputs @ linear_fit(inputs, energies), wanted, atol=1e-5)


@pytest.mark.parametrize("count", [1, 7])
def test_all_forms_give_the_same(trained, count):
    import keras
    import onnxruntime
    import tensorflow as tf

    _, package = trained
    metadata = json.loads((package / "metadata.json").read_text("utf-8"))
    part = metadata["parts"]["elemnet"]
    assert part["outputs"]["formation_energy_per_atom"]["unit"] == "eV/atom"
    assert part["property"] == "formation_energy_per_atom"
    inputs = fractions(parse_formulas((FORMULAS * 2)[:count]).compositions)
    wanted = keras.models.load_model(package / part["keras"]["file"])(inputs).numpy()
    session = onnxruntime.InferenceSession(package / part["onnx"]["float32"]["file"])
    (found,) = session.run(None, {"element_fractions": inputs})
    assert np.abs(found - wanted).max() < 1e-5
    module = tf.saved_model.load(str(package / part["saved_model"]["folder"]))
    served = module.signatures["serving_default"](element_fractions=tf.constant(inputs))
    assert np.abs(served["formation_energy_per_atom"].numpy() - wanted).max() < 1e-5
    assert np.abs(tfmat.load(package).predict((FORMULAS * 2)[:count]) - wanted[:, 0]).max() < 1e-5


def test_what_it_has_not_learned_of_is_not_predicted(trained):
    model = tfmat.load(trained[1])
    assert model.elements == ("Li", "O", "F", "Na", "Mg", "S", "Cl", "Ca", "Fe", "Zn")
    found = model.predict(["Li2O", "Bi2Se3", "HeO", "no formula", "2Li2O"])
    assert np.isnan(found).tolist() == [False, True, True, True, False]
    assert found[0] == found[4]
    assert model.predict("Li2O")[0] == found[0]
    assert len(model.predict([])) == 0


def test_predict_writes_a_table(trained, tmp_path, capsys):
    _, package = trained
    (tmp_path / "in.csv").write_text("name,formula\na,Li2O\nb,Bi2Se3\nc,xyz\n", "utf-8")
    out = tmp_path / "out.csv"
    words = ["predict", "--package", package, tmp_path / "in.csv", "--out", out]
    code, stdout, stderr = run(capsys, *words, "--json")
    assert code == 0, stderr
    summary = json.loads(stdout)
    assert summary["rejected_rows"] == 1
    assert metric_of(summary, "predicted").numerator == 1
    with out.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["formula"] for row in rows] == ["Li2O", "Bi2Se3"]
    energy = tfmat.load(package).predict("Li2O")[0]
    assert float(rows[0]["predicted_formation_energy_per_atom"]) == pytest.approx(energy, abs=1e-6)
    assert rows[1]["predicted_formation_energy_per_atom"] == ""
    # What is there stays, and only a table of its own is replaced.
    code, _, stderr = run(capsys, *words)
    assert (code, "is there already" in stderr) == (2, True)
    assert run(capsys, *words, "--overwrite")[0] == 0
    code, _, stderr = run(capsys, *words[:3], out, "--out", tmp_path / "in.csv", "--overwrite")
    assert (code, "no table that this command has written" in stderr) == (2, True)
    code, _, stderr = run(capsys, *words[:3], tmp_path / "in.csv", "--out", tmp_path / "in.csv")
    assert (code, "is read and would be replaced" in stderr) == (2, True)


def test_wrong_packages_are_one_line(trained, tmp_path, capsys):
    with pytest.raises(InputError, match="package of matgan, which predicts no energies"):
        from tfmat.elemnet.model import EnergyModel

        EnergyModel.load("matgan-plus-oqmd")
    code, _, stderr = run(
        capsys, "predict", "--package", "matgan-plus-oqmd", "--out", tmp_path / "new.csv"
    )
    assert code == 2
    assert "--url is missing" in stderr


def test_killed_and_resumed_is_as_never_stopped(place, trained, capsys):
    words = train(place, "stopped", "--seed", 5, "--no-figures")
    assert run(capsys, *words, "--minutes", 1e-6)[0] == 75
    assert run(capsys, *words, "--resume")[0] == 0
    whole, resumed = (
        json.loads((place / name / "run.json").read_text("utf-8"))["stages"]["elemnet"]["metrics"]
        for name in ("run", "stopped")
    )
    assert whole == resumed
    first, second = (
        (place / name / "package" / "elemnet.onnx").read_bytes() for name in ("run", "stopped")
    )
    assert first == second


def test_light_install_predicts(trained, tmp_path):
    from fresh import run_and_list_modules

    (tmp_path / "in.txt").write_text("Li2O\nNaCl\n", "utf-8")
    code, modules, output = run_and_list_modules(
        "predict", "--package", trained[1], tmp_path / "in.txt", "--out", tmp_path / "out.csv"
    )
    assert code == 0, output
    assert modules.isdisjoint(("tensorflow", "keras", "onnx", "sklearn"))
