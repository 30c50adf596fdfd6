"""The wheel carries the packages of saved_models/, and finds them from any folder."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("setuptools", minversion="77")
pytest.importorskip("onnx")

from oracle import make_package

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("tfmat", "cli"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    (source / "saved_models").mkdir()
    for name in ("__init__.py", "README.md"):
        shutil.copy(ROOT / "saved_models" / name, source / "saved_models")
    package = make_package(source / "saved_models" / "shipped", name="shipped")
    (package / "README.md").write_text("card", "utf-8")
    (package / "prototypes.npz").write_bytes(b"crystals")
    (package / "keras").mkdir()
    (package / "keras" / "generator.keras").write_bytes(b"large")
    out = tmp_path_factory.mktemp("wheel")
    script = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (file,) = out.glob("*.whl")
    return file


def test_wheel_carries_what_generating_needs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    held = {name.rpartition("/")[2] for name in names if name.startswith("tfmat/saved_models/s")}
    wanted = {"metadata.json", "README.md", "generator.onnx", "sites_decoder.onnx"}
    assert wanted | {"prototypes.npz"} <= held
    assert not any(name.endswith(".keras") for name in names)


def test_installed_package_is_found_from_any_folder(wheel, tmp_path):
    place = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(place)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def tfmat(*words):
        script = "import sys; from tfmat.cli.main import main; main(sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", script, *words],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(place), "TFMAT_MODELS": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    (row,) = json.loads(tfmat("models", "list", "--json"))
    assert Path(row["folder"]) == place / "tfmat" / "saved_models" / "shipped"
    tfmat("generate", "ccdcgan", "--model", "shipped", "-n", "5", "--out", "new")
    assert (elsewhere / "new" / "summary.json").is_file()
    # A package of the working folder comes first.
    shutil.copytree(row["folder"], elsewhere / "saved_models" / "shipped")
    (first,) = json.loads(tfmat("models", "list", "--json"))
    assert first["folder"] == "saved_models/shipped"
    # The other one is the same.
    assert first["others"] == []
