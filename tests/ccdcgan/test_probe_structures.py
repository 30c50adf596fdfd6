"""Inputs of the parts of a CCDCGAN, chained through networks of random numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
import tiny

from tfmat.ccdcgan.probe import batch_size, probe_inputs
from tfmat.ccdcgan.recipe import load_recipe
from tfmat.inference.noise import vector_noise
from tfmat.inference.package import NetworkSet
from tfmat.recipes.loader import to_mapping

SHAPES = {
    "generator": ((8,), (8, 8, 1)),
    "discriminator": ((8, 8, 1), (1,)),
    "constraint": ((8, 8, 1), (1,)),
    "lattice_encoder": ((16, 16, 16, 1), (6,)),
    "lattice_decoder": ((6,), (16, 16, 16, 1)),
    "sites_encoder": ((16, 16, 16, 1), (10,)),
    "sites_decoder": ((10,), (16, 16, 16, 1)),
    "generate": ((8,), (1,)),
}


class Random(NetworkSet):
    """Networks that multiply by matrices of random numbers."""

    def _run(self, part, name, batch):
        before, after = (int(np.prod(shape)) for shape in SHAPES[part])
        matrix = np.random.default_rng(len(part)).normal(size=(before, after)) / before
        made = batch.reshape(len(batch), before) @ matrix
        return {"y": made.reshape(len(batch), *SHAPES[part][1]).astype(np.float32)}


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    recipe = load_recipe(str(tiny.write_recipe(folder / "tiny.toml")))

    def make(*parts):
        entries = {
            part: {
                kind: {name: {"shape": ["batch", *shape]}}
                for kind, name, shape in zip(("inputs", "outputs"), "xy", SHAPES[part], strict=True)
            }
            for part in parts
        }
        if "constraint" in entries:
            entries["constraint"]["property"] = "formation_energy_per_atom"
        metadata = {
            "name": "random",
            "family": "ccdcgan",
            "elements": ["Bi", "Se"],
            "presence_threshold": [0.3, 0.4],
            "recipe": to_mapping(recipe),
            "parts": entries,
        }
        return Random(folder, metadata)

    return make


def test_each_part_gets_what_those_before_it_make(networks):
    package = networks(*SHAPES)
    inputs = probe_inputs(package, 70, seed=3)
    assert {part: array.shape for part, array in inputs.items()} == {
        part: (70, *shapes[0]) for part, shapes in SHAPES.items()
    }
    assert {array.dtype for array in inputs.values()} == {np.dtype(np.float32)}
    assert np.array_equal(inputs["generator"], vector_noise(3, 0, 70, 8))
    assert np.array_equal(inputs["generate"], inputs["generator"])
    graphs = package.run("generator", inputs["generator"])
    assert np.allclose(inputs["constraint"], graphs, atol=1e-6)
    assert np.allclose(inputs["lattice_decoder"], graphs.reshape(70, 64)[:, :6], atol=1e-6)
    for kind in ("lattice", "sites"):
        voxels = package.run(f"{kind}_decoder", inputs[f"{kind}_decoder"])
        assert np.allclose(inputs[f"{kind}_encoder"], voxels, atol=1e-6)
    # Latents of elements that are there come first, in the order of the graphs.
    slots = graphs.reshape(70, 64)[:, 8:28].reshape(70, 2, 10)
    # The noise is that of the cells that hold nothing.
    cells = graphs.reshape(70, 64).astype(float)
    noise = np.sqrt(np.mean(cells[:, [6, 7, *range(28, 64)]] ** 2, axis=1))[:, None]
    limits = (noise + np.sqrt(noise**2 + np.array([0.6, 0.8]) ** 2)) / 2
    there = np.sqrt(np.mean(slots**2, axis=2)) > limits
    assert 0 < there.sum() < there.size
    first = slots[there][:70]
    assert np.allclose(inputs["sites_decoder"][: len(first)], first, atol=1e-6)


def test_the_seed_settles_them(networks):
    package = networks("sites_encoder", "constraint")
    first, again, other = (probe_inputs(package, 4, seed) for seed in (1, 1, 2))
    for part in package.parts:
        assert np.array_equal(first[part], again[part])
        assert not np.array_equal(first[part], other[part])


def test_what_no_network_makes_is_drawn(networks):
    inputs = probe_inputs(networks("lattice_encoder", "lattice_decoder"), 3)
    assert {part: array.shape for part, array in inputs.items()} == {
        "lattice_encoder": (3, 16, 16, 16, 1),
        "lattice_decoder": (3, 6),
    }
    alone = probe_inputs(networks("sites_encoder"), 3)["sites_encoder"]
    assert alone.min() >= 0
    assert alone.max() <= 1


def test_voxels_go_in_small_batches():
    graphs, written = SimpleNamespace(parts=["generator"]), SimpleNamespace(parts=["writer"])
    for part in ("generator", "constraint-band_gap"):
        assert batch_size(part, graphs) == 64
    for part in ("sites_decoder", "sites_decoder-Bi", "generate"):
        assert batch_size(part, graphs) == 4
    # A writer makes no voxels.
    assert batch_size("generate", written) == 64
