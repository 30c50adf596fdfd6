"""``tfmat predict`` for generators that write crystals: what ``tfmat generate`` gives."""

import csv
import json

import numpy as np
import pytest
import tiny_packages
from ase.io import read as read_frames

pytest.importorskip("tensorflow_serving.apis")

pytestmark = pytest.mark.train
ENERGY = "predicted_formation_energy_per_atom"
# Energies come of environments, or of crystal graphs where the package has no such constraint.
PARTS = {
    "environments": tiny_packages.WRITTEN,
    "graphs": ("writer", *tiny_packages.GRAPHS),
}
ASKED = {
    "environments": {"writer", "environment_constraint"},
    "graphs": {"writer", "constraint", "lattice_encoder", "sites_encoder"},
}


@pytest.fixture(scope="module")
def server(crystals_package):
    from serving_server import ServingServer, served

    with ServingServer(served(crystals_package, crystals_package.name)) as server:
        yield server


def tfmat(capsys, *words):
    from tfmat.cli.main import main

    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    captured = capsys.readouterr()
    assert not end.value.code, captured.err
    return json.loads(captured.out)


def rows(folder):
    with (folder / "results.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize("protocol", ["rest_url", "grpc_url"])
def test_structures_are_those_of_generate(
    capsys, server, crystals_package, tmp_path, kind, protocol
):
    package = tiny_packages.lesser(
        crystals_package, tmp_path / "package", PARTS[kind], ("onnx", "saved_model")
    )
    words = ["-n", 80, "--seed", 3, "--unfiltered", "--json"]
    words += ["--keep", 0.5] * (kind == "environments")
    here, there = tmp_path / "here", tmp_path / "there"
    tfmat(capsys, "generate", "ccdcgan", "--model", package, "--out", here, *words)
    url = getattr(server, protocol)
    found = tfmat(capsys, "predict", "--url", url, "--package", package, "--out", there, *words)
    parts = ASKED[kind] | ({"environment_critic"} if kind == "environments" else set())
    assert found["served_models"] == {part: f"crystals-{part} version 1" for part in parts}
    assert found["structures"] > 5
    for one, other in zip(rows(here), rows(there), strict=True):
        for name in ("id", "status", "formula", "atoms", "latent_sha256"):
            assert one[name] == other[name]
        assert bool(one[ENERGY]) == bool(other[ENERGY]) == bool(one["min_distance"])
        if one[ENERGY]:
            assert float(one[ENERGY]) == pytest.approx(float(other[ENERGY]), abs=1e-5)
    frames = [read_frames(folder / "structures.extxyz", ":") for folder in (here, there)]
    for one, other in zip(*frames, strict=True):
        assert np.abs(one.cell.array - other.cell.array).max() < 1e-4
        assert np.abs(one.positions - other.positions).max() < 1e-4


def test_what_is_served_by_default_is_what_generating_asks_for(server, crystals_package, tmp_path):
    from tfmat import families
    from tfmat.inference.package import load

    family = families.get("ccdcgan")
    for kind, parts in PARTS.items():
        package = load(
            tiny_packages.lesser(crystals_package, tmp_path / kind, parts, ("onnx",)), threads=1
        )
        more = {"environment_critic", "generate"} if kind == "environments" else set()
        assert set(family.generating(package)) == ASKED[kind] | more
    judges = tiny_packages.lesser(
        crystals_package, tmp_path / "judges", tiny_packages.WRITTEN[1:3], ("onnx",)
    )
    assert family.generating(load(judges)) == []
