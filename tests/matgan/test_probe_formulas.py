"""Inputs of the parts of a MatGAN, chained through networks of random numbers."""

import numpy as np

from tfmat.inference.noise import block_noise
from tfmat.inference.package import NetworkSet
from tfmat.matgan.matrix import accept, matrix_counts
from tfmat.matgan.probe import probe_inputs

MATRIX = (8, 85, 1)
SHAPES = {
    "generator": ((4,), MATRIX),
    "critic": (MATRIX, (1,)),
    "generate": ((4,), (85,)),
    "composition_encoder": (MATRIX, (5,)),
    "composition_decoder": ((5,), MATRIX),
}


class Random(NetworkSet):
    """Networks that multiply by matrices of random numbers."""

    def _run(self, part, name, batch):
        before, after = (int(np.prod(shape)) for shape in SHAPES[part])
        matrix = np.random.default_rng(len(part)).normal(size=(before, after)) / before
        made = batch.reshape(len(batch), before) @ matrix
        return {"y": made.reshape(len(batch), *SHAPES[part][1]).astype(np.float32)}


def networks(folder, *parts):
    entries = {part: {"inputs": {"x": {"shape": ["batch", *SHAPES[part][0]]}}} for part in parts}
    return Random(folder, {"name": "random", "family": "matgan", "parts": entries})


def test_each_part_gets_what_those_before_it_make(tmp_path):
    package = networks(tmp_path, *SHAPES)
    inputs = probe_inputs(package, 300, seed=3)
    assert {part: array.shape for part, array in inputs.items()} == {
        part: (300, *shapes[0]) for part, shapes in SHAPES.items()
    }
    assert np.array_equal(inputs["generator"], block_noise(3, 0, 300, 4))
    assert np.array_equal(inputs["generate"], inputs["generator"])
    matrices = package.run("generator", inputs["generator"])
    assert np.allclose(inputs["critic"], matrices, atol=1e-6)
    assert np.array_equal(inputs["composition_encoder"], inputs["critic"])
    latents = package.run("composition_encoder", matrices)
    assert np.allclose(inputs["composition_decoder"], latents, atol=1e-6)


def test_an_autoencoder_alone_gets_formulas(tmp_path):
    package = networks(tmp_path, "composition_encoder", "composition_decoder")
    matrices = probe_inputs(package, 50)["composition_encoder"]
    assert accept(matrix_counts(matrices, "argmax", 0.5)).accepted.mean() > 0.9
    again = probe_inputs(package, 50)["composition_encoder"]
    assert np.array_equal(matrices, again)
    alone = probe_inputs(networks(tmp_path, "composition_decoder"), 7)
    assert alone["composition_decoder"].shape == (7, 5)
