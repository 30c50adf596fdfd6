"""Weights in 16 and 8 bits, against ONNX Runtime and NumPy."""

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from tfmat.export.onnx import check
from tfmat.export.storage import with_half_weights, with_int8_weights


def graph(nodes, weights, shape, out_shape):
    """Returns a model from ``x`` to ``y``."""
    proto = helper.make_model(
        helper.make_graph(
            nodes,
            "graph",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", *out_shape])],
            [numpy_helper.from_array(array, name) for name, array in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=8,
    )
    proto.metadata_props.add(key="weights_sha256", value="abc")
    return proto


def product(weight):
    """Returns a model that multiplies by a matrix."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    return graph(nodes, {"w": weight}, weight.shape[:1], weight.shape[1:])


def run(proto, array):
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": array})[0]


def stored(proto):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}


@pytest.fixture(scope="module")
def convolutions():
    """A convolution and a transposed one, as the autoencoders have them."""
    random = np.random.default_rng(0)
    weights = {
        "down": random.normal(size=(8, 2, 4, 4, 4)).astype(np.float32),
        "up": random.normal(size=(8, 3, 4, 4, 4)).astype(np.float32),
        "shift": np.float32(np.pi).reshape(1),
    }
    nodes = [
        helper.make_node("Conv", ["x", "down"], ["h"], strides=[2] * 3, pads=[1] * 6),
        helper.make_node("Add", ["h", "shift"], ["s"]),
        helper.make_node("ConvTranspose", ["s", "up"], ["y"], strides=[2] * 3, pads=[1] * 6),
    ]
    x = random.normal(size=(2, 2, 8, 8, 8)).astype(np.float32)
    return graph(nodes, weights, (2, 8, 8, 8), (3, 8, 8, 8)), weights, x


def test_half_weights_are_those_of_numpy(convolutions):
    proto, weights, x = convolutions
    half = with_half_weights(proto)
    check(half, "half")
    rounded = onnx.ModelProto()
    rounded.CopyFrom(proto)
    for tensor in rounded.graph.initializer:
        if tensor.name != "shift":
            array = weights[tensor.name].astype(np.float16).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    assert np.array_equal(run(half, x), run(rounded, x))
    assert not np.array_equal(run(half, x), run(proto, x))
    assert len(half.SerializeToString()) < 0.6 * len(proto.SerializeToString())


def test_int8_weights_have_a_scale_for_each_output_channel(convolutions):
    proto, weights, x = convolutions
    small = with_int8_weights(proto)
    check(small, "int8")
    rounded = onnx.ModelProto()
    rounded.CopyFrom(proto)
    for tensor in rounded.graph.initializer:
        if tensor.name == "shift":
            continue
        array = weights[tensor.name].copy()
        # Outputs lie along the first axis of a convolution, the second of a transposed one.
        channels = np.moveaxis(array, 0 if tensor.name == "down" else 1, 0)
        for channel in channels:
            step = np.float32(np.abs(channel).max() / 127)
            channel[...] = np.round(channel / step) * step
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    expected = run(rounded, x)
    assert np.allclose(run(small, x), expected, atol=1e-4 * np.abs(expected).max())
    assert {array.dtype for array in stored(small).values()} == {np.dtype("f4"), np.dtype("i1")}
    assert len(small.SerializeToString()) < 0.4 * len(proto.SerializeToString())


@pytest.mark.parametrize("store", [with_half_weights, with_int8_weights])
def test_what_the_file_says_of_itself_is_kept(convolutions, store):
    said = {entry.key: entry.value for entry in store(convolutions[0]).metadata_props}
    assert said["weights_sha256"] == "abc"
    assert said["precision"] == ("float16" if store is with_half_weights else "int8")
    assert [entry.key for entry in convolutions[0].metadata_props] == ["weights_sha256"]


@pytest.mark.parametrize("store", [with_half_weights, with_int8_weights])
def test_small_constants_and_those_of_other_types_stay(convolutions, store):
    shift = stored(store(convolutions[0]))["shift"]
    assert shift.dtype == np.float32
    assert shift == np.float32(np.pi)
    table = np.arange(1024, dtype=np.float64).reshape(32, 32) / 3
    nodes = [
        helper.make_node("Cast", ["x"], ["d"], to=TensorProto.DOUBLE),
        helper.make_node("MatMul", ["d", "w"], ["e"]),
        helper.make_node("Cast", ["e"], ["y"], to=TensorProto.FLOAT),
    ]
    exact = store(graph(nodes, {"w": table}, (32,), (32,)))
    assert np.array_equal(stored(exact)["w"], table)


@pytest.mark.parametrize("store", [with_half_weights, with_int8_weights])
def test_tables_of_whole_numbers_are_exact(store):
    # Cumulative sums by a matrix of ones, as in the autoregressive generator.
    ones = np.triu(np.ones((32, 32), np.float32))
    x = np.random.default_rng(0).normal(size=(4, 32)).astype(np.float32)
    small = store(product(ones))
    assert "w" not in stored(small)
    assert np.array_equal(run(small, x), run(product(ones), x))
    # Neither type holds these: they stay.
    atoms = (np.arange(1024, dtype=np.float32) * 101).reshape(32, 32)
    assert np.array_equal(stored(store(product(atoms)))["w"], atoms)


def test_values_that_half_precision_cannot_hold_stay():
    masked = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    masked[0, 0] = -1e9
    assert np.array_equal(stored(with_half_weights(product(masked)))["w"], masked)


def test_a_channel_of_zeros_stays_zero():
    weight = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    weight[:, 3] = 0
    found = run(with_int8_weights(product(weight)), np.eye(32, dtype=np.float32))
    assert not found[:, 3].any()
    step = np.abs(weight).max(axis=0) / 127
    assert (np.abs(found - weight) <= 0.501 * step).all()
