import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("torch")

pytestmark = pytest.mark.train


def test_autoencoder_and_constraint_run_on_another_keras_backend(tmp_path):
    rng = np.random.default_rng(0)
    voxels = rng.uniform(0, 1, (4, 8, 8, 8, 1)).astype("float32")
    data = {
        "autoencoder_x": voxels,
        "autoencoder_y": voxels,
        "constraint_x": rng.uniform(-1, 1, (4, 8, 8, 1)).astype("float32"),
        "constraint_y": rng.normal(size=(4, 1)).astype("float32"),
    }
    wanted = {}
    script = Path(__file__).with_name("torch_networks.py")
    for name, model in runpy.run_path(str(script))["build"]().items():
        for i, weight in enumerate(model.get_weights()):
            data[f"{name}_{i}"] = rng.uniform(0.1, 0.3, weight.shape).astype("float32")
        model.set_weights([data[f"{name}_{i}"] for i in range(len(model.weights))])
        wanted[name] = model(data[f"{name}_x"]).numpy()
    np.savez(tmp_path / "in.npz", **data)

    subprocess.run(
        [sys.executable, script, tmp_path / "in.npz", tmp_path / "out.npz"],
        env=os.environ | {"KERAS_BACKEND": "torch"},
        check=True,
        timeout=300,
    )
    with np.load(tmp_path / "out.npz") as out:
        for name, value in wanted.items():
            np.testing.assert_allclose(out[name], value, rtol=1e-4, atol=1e-5)
            losses = out[f"{name}_losses"]
            assert losses[-1] < losses[0]
