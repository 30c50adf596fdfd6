"""The end-to-end network beside the chain of its parts and tfmat's own decoder of lattices."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import known_crystal
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.ccdcgan.chain import CcdcganChain
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.networks.lattice_layer import LatticeParameters
from tfmat.ccdcgan.parts import package_tensors
from tfmat.ccdcgan.voxels.cell import lattice_from_parameters, parameters
from tfmat.ccdcgan.voxels.lattice import decode_lattice, encode_lattice
from tfmat.ccdcgan.voxels.reasons import DecodeError
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.errors import InputError
from tfmat.inference.noise import vector_noise
from tfmat.inference.package import load
from tfmat.training.networks import Networks

pytestmark = pytest.mark.train
SPECS = {
    "compact": VoxelSpec(lattice_grid=16, lattice_sigma=1.0),
    "reference": VoxelSpec(),
}
LAYERS = {
    name: tf.function(
        LatticeParameters(spec).call,
        input_signature=[tf.TensorSpec((None, *(spec.lattice_grid,) * 3))],
    )
    for name, spec in SPECS.items()
}


def compare(form, voxels):
    """Returns rows of the layer and of `decode_lattice`, NaN where it refuses."""
    expected = np.full((len(voxels), 6), np.nan)
    for row, voxel in zip(expected, voxels, strict=True):
        with contextlib.suppress(DecodeError):
            row[:] = parameters(decode_lattice(voxel, SPECS[form]))
    return LAYERS[form](voxels).numpy(), expected


def cells(longest):
    """Cells with edges of 2.5 Å or more and angles as Niggli cells have them."""
    number = st.floats(0, 1)
    return st.lists(
        st.tuples(*[number] * 6).map(
            lambda row: (2.5 + (longest - 2.5) * np.array(row[:3]), 60 + 60 * np.array(row[3:]))
        ),
        min_size=8,
        max_size=8,
    )


def draw_voxels(form, shapes):
    lattices = []
    for lengths, angles in shapes:
        try:
            lattices.append(lattice_from_parameters(lengths, angles))
        except InputError:  # no cell has these angles
            lattices.append(np.diag(lengths))
    return np.stack([encode_lattice(lattice, SPECS[form]) for lattice in lattices])


@pytest.mark.parametrize(("form", "longest"), [("compact", 14.0), ("reference", 7.0)])
@pytest.mark.parametrize("saturated", [False, True])
def test_drawn_cells_are_read_as_by_the_decoder(form, longest, saturated):
    @settings(max_examples=10, deadline=None, derandomize=True)
    @given(cells(longest))
    def check(shapes):
        voxels = draw_voxels(form, shapes)
        if saturated:  # as a decoder's steep threshold leaves them
            voxels = np.clip((voxels - 0.5) * 2500 + 0.5, 0, 1).astype(np.float32)
        found, expected = compare(form, voxels)
        known = np.isfinite(expected[:, 0])
        np.testing.assert_allclose(found[known], expected[known], atol=1e-3)
        if not saturated:
            assert known.all()

    check()


def test_noisy_cells_are_read_nearly_as_by_the_decoder():
    random = np.random.default_rng(0)
    shapes = [(random.uniform(3, 9, 3), random.uniform(70, 110, 3)) for _ in range(100)]
    voxels = draw_voxels("compact", shapes)
    noisy = np.clip(voxels + random.normal(0, 0.1, voxels.shape), 0, 1).astype(np.float32)
    found, expected = compare("compact", noisy)
    gap = np.abs(found - expected)
    assert np.isfinite(gap).all()
    good = (gap[:, :3].max(axis=1) < 0.01) & (gap[:, 3:].max(axis=1) < 0.1)
    assert good.mean() >= 0.97


@pytest.mark.parametrize("form", SPECS)
def test_what_shows_no_cell_is_nan(form):
    grid = SPECS[form].lattice_grid
    shape = (grid,) * 3
    random = np.random.default_rng(0)
    flat = lattice_from_parameters(np.array([3.0, 4.0, 3.0]), np.array([90.0, 90.0, 12.0]))
    voxels = np.stack(
        [
            np.zeros(shape),
            np.full(shape, -1.0),
            np.full(shape, np.nan),
            encode_lattice(flat, SPECS[form]),
            random.normal(size=shape) * (np.indices(shape).sum(axis=0) > grid),
        ]
    ).astype(np.float32)
    found, expected = compare(form, voxels)
    assert np.isnan(expected).all()
    assert np.isnan(found).all()


def test_the_cell_of_one_voxel_does_not_depend_on_its_neighbours():
    shapes = [((4.0, 5.0, 6.0), (80.0, 95.0, 110.0)), ((3.0, 9.0, 3.5), (90.0, 90.0, 120.0))]
    voxels = draw_voxels("compact", shapes)
    together = LAYERS["compact"](voxels).numpy()
    alone = np.concatenate([LAYERS["compact"](voxels[i : i + 1]).numpy() for i in range(2)])
    np.testing.assert_allclose(together, alone, rtol=1e-6)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return known_crystal.networks(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="module")
def network(models):
    return known_crystal.generate(*models)


@pytest.fixture(scope="module")
def package(known_package):
    return load(known_package, threads=1)


@pytest.mark.parametrize("batch", [1, 5])
def test_keras_saved_model_and_onnx_runtime_agree(network, package, batch):
    module = tf.saved_model.load(str(package.folder / "serving" / "generate" / "1"))
    assert set(module.signatures) == {"serving_default", "generate"}
    random = np.random.default_rng(2)
    for latents in (vector_noise(3, 0, batch, 8), 3 * random.random((batch, 8), np.float32) - 1):
        expected = network(latents, training=False)
        signature = module.signatures["generate"](noise=tf.constant(latents))
        onnx = package.run_all("generate", latents)
        assert expected.keys() == signature.keys() == onnx.keys()
        assert list(expected) == list(package.metadata["parts"]["generate"]["outputs"])
        for name, tensor in expected.items():
            array = tensor.numpy()
            for found in (signature[name].numpy(), onnx[name]):
                assert found.dtype == array.dtype
                assert found.shape == array.shape
                error = np.abs(found.astype(float) - array) / np.maximum(1, np.abs(array))
                assert error.max() <= 1e-5, name


def test_it_gives_what_the_chain_of_single_parts_gives(package):
    codec = Codec.from_package(package)
    latents = vector_noise(4, 0, 12, 8)
    whole = package.run_all("generate", latents)
    graphs = package.run("generator", latents)
    np.testing.assert_allclose(whole["crystal_graph"], graphs, atol=1e-6)
    energy = package.run("constraint", graphs)
    np.testing.assert_allclose(whole["formation_energy"], energy, atol=1e-6)
    present = codec.presence.of(codec.layout, graphs)
    np.testing.assert_array_equal(whole["present"], present)
    assert 0 < present.mean() < 1
    slots = codec.layout.unpack_slots(graphs, present)
    for i, (channels, voxel) in enumerate(codec.voxels(slots)):
        np.testing.assert_allclose(whole["lattice_voxel"][i], voxel, atol=1e-6)
        for slot, number in enumerate(codec.layout.numbers):
            expected = channels.get(number, 0.0)
            atol = 1e-6 if number in channels else 0.0
            np.testing.assert_allclose(whole["sites_voxels"][i, slot], expected, atol=atol)
        cell = parameters(decode_lattice(voxel, codec.recipe.voxels))
        np.testing.assert_allclose(whole["lattice_parameters"][i], cell, atol=1e-4)
    truth = parameters(known_crystal.crystal().lattice)
    np.testing.assert_allclose(whole["lattice_parameters"].mean(axis=0), truth, rtol=0.05)


def test_the_metadata_say_what_comes_out(package):
    entry = package.metadata["parts"]["generate"]
    outputs = {name: tuple(record.values()) for name, record in entry["outputs"].items()}
    assert outputs == {
        "crystal_graph": (["batch", 8, 8, 1], "float32", "1"),
        "present": (["batch", 2], "bool", "1"),
        "sites_voxels": (["batch", 2, 16, 16, 16], "float32", "1"),
        "lattice_voxel": (["batch", 16, 16, 16], "float32", "1"),
        "lattice_parameters": (["batch", 6], "float32", "Å, Å, Å, degrees, degrees, degrees"),
        "formation_energy": (["batch", 1], "float32", "eV/atom"),
    }
    assert "keras" not in entry


def test_it_is_left_out_where_voxels_of_all_elements_would_be_too_large(models):
    networks, recipe, _ = models
    elements = ("Bi", "Se", "O", "S", "Li", "Na", "K", "Cl", "F")
    layout = {"lattice_slot": 8, "height": 10, "width": 10}
    large = replace(recipe, graph=replace(recipe.graph, **layout))
    tensors = package_tensors([*networks, "generate"], large)
    details = {"presence_threshold": [0.1] * 9}
    chain = CcdcganChain()
    assert chain.end_to_end(Networks(networks, tensors, elements, details), large) is None
    few = Networks(networks, tensors, elements[:2], details | {"presence_threshold": [0.1, None]})
    network = chain.end_to_end(few, recipe)
    # An element that never occurred has no threshold, and is never there.
    assert not network(vector_noise(1, 0, 4, 8), training=False)["present"].numpy()[:, 1].any()
    parts = {part: model for part, model in networks.items() if part != "sites_decoder"}
    assert chain.end_to_end(replace(few, models=parts), recipe) is None
