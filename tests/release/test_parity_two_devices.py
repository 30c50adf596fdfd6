"""Networks trained under MirroredStrategy are exported like any others."""

import json
from pathlib import Path

import pytest
from logical_devices import run

pytest.importorskip("tensorflow")
pytest.importorskip("jsonschema")

from tfmat.inference.package import load
from tfmat.inference.schema import first_problem
from tfmat.inference.verify import random_inputs
from tfmat.release.parity import TOLERANCE, difference, forms, of_keras

pytestmark = pytest.mark.train


@pytest.mark.parametrize(
    ("target", "stage"),
    [pytest.param("lattice-ae", "lattice-ae", marks=pytest.mark.slow), ("matgan", "gan")],
)
def test_trained_on_two_devices_all_forms_agree(target, stage, tmp_path):
    import keras

    run(Path(__file__).with_name("export_from_two_devices.py"), target, cwd=tmp_path)
    stages = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))["stages"]
    assert stages[stage]["replicas"] == 2
    assert (tmp_path / "package" / "README.md").is_file()
    package = load(tmp_path / "package", threads=1)
    assert first_problem(package.metadata) is None
    for part, batch in random_inputs(package, 3).items():
        (output,) = package.metadata["parts"][part]["outputs"]
        runs = forms(package, part)
        assert {"saved_model", "saved_model_cli", "onnx"} <= set(runs)
        results = {form: run(batch)[output] for form, run in runs.items()}
        # The networks as they were trained, where they are exported as they are.
        file = tmp_path / "run" / "weights" / f"{part}.keras"
        if file.exists() and not part.endswith("decoder"):
            trained = of_keras(keras.models.load_model(file, compile=False), [output])
            results["trained"] = trained(batch)[output]
        for form, found in results.items():
            assert difference(found, results["saved_model"]) <= TOLERANCE, (part, form)
