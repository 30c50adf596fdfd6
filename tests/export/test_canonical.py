"""Two exports of a network are the same bytes, and compute what the network computes."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import keras
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from tfmat.export.canonical import make_canonical
from tfmat.export.onnx import check

pytestmark = pytest.mark.train


def summing_graph(names, swapped):
    """A sum of 2x and of x summed three times in a loop, under any names and in any order."""
    x, twice, looped, constant, twin, spare, state, body_sum, trips, cond, body_cond = names
    floats = lambda name, length="batch": helper.make_tensor_value_info(  # noqa: E731
        name, TensorProto.FLOAT, [length]
    )
    body = helper.make_graph(
        [
            helper.make_node("Identity", [f"{cond}_in"], [body_cond], name=f"{body_cond}_node"),
            helper.make_node("Add", [state, x], [body_sum]),
        ][:: -1 if swapped else 1],
        f"body_{state}",
        [
            helper.make_tensor_value_info(f"{state}_count", TensorProto.INT64, []),
            helper.make_tensor_value_info(f"{cond}_in", TensorProto.BOOL, []),
            floats(state, f"unk__{state}"),
        ],
        [
            helper.make_tensor_value_info(body_cond, TensorProto.BOOL, []),
            floats(body_sum, f"unk__{twice}"),
        ],
    )
    branches = [
        helper.make_node("Mul", [x, constant], [twice], name=f"{twice}_node"),
        helper.make_node("Loop", [trips, cond, x], [looped], body=body, doc_string=looped),
    ]
    constants = [
        numpy_helper.from_array(np.float32([2]), constant),
        numpy_helper.from_array(np.int64(3), trips),
        numpy_helper.from_array(np.bool_(True), cond),
        numpy_helper.from_array(np.float32([2]), twin),
    ]
    nodes = [
        *(reversed(branches) if swapped else branches),
        helper.make_node("Mul", [x, twin], [spare]),  # nobody reads it
        helper.make_node("Add", [twice, looped], ["total"]),
    ]
    graph = helper.make_graph(
        nodes,
        "sum",
        [floats(x)],
        [floats("total")],
        constants[:: -1 if swapped else 1],
        doc_string=f"made from {twice}",
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def test_names_and_order_do_not_matter():
    letters = [f"{letter}__{i}" for i, letter in enumerate("abcdefghij")]
    graphs = [
        summing_graph(["x", *letters], swapped=False),
        summing_graph(["x", *reversed(letters)], swapped=True),
    ]
    values = np.float32([1, -2.5])
    for graph in graphs:
        make_canonical(graph)
        check(graph, "sum")
        session = onnxruntime.InferenceSession(
            graph.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        (total,) = session.run(["total"], {"x": values})
        assert total.tolist() == (6 * values).tolist()
    texts = {graph.SerializeToString(deterministic=True) for graph in graphs}
    assert len(texts) == 1
    assert sorted(node.op_type for node in graphs[0].graph.node) == ["Add", "Loop", "Mul"]
    assert len(graphs[0].graph.initializer) == 3


EXPORT = """
import sys
from pathlib import Path
from tfmat.training.quiet import load_keras
keras = load_keras(1)
from keras import layers
for _ in range(int(sys.argv[2])):  # names and counters differ from process to process
    layers.Dense(1)(keras.Input((4,)))
keras.utils.set_random_seed(3)
from tfmat.export.keras_file import export_keras
from tfmat.export.onnx import export_onnx
from tfmat.inference.tensors import Tensors
x = keras.Input((6, 6, 2), name="x")
sides = []
for i in range(3):
    side = layers.ZeroPadding2D(name=f"pad_{i}")(x)
    side = layers.Conv2DTranspose(3, 3, strides=2, name=f"up_{i}")(side)
    sides.append(layers.Reshape((-1, 3), name=f"rows_{i}")(side))
network = keras.Model(x, layers.Concatenate(axis=1, name="all")(sides), name="network")
out = Path(sys.argv[1])
out.mkdir()
export_onnx(network, out / "a.onnx", Tensors("x", {"y": "1"}))
export_keras(network, out / "a.keras")
"""


def test_two_processes_write_the_same_bytes(tmp_path):
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", EXPORT, str(tmp_path / seed), seed],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
    for file in ("a.onnx", "a.keras"):
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes()
    values = np.random.default_rng(0).random((3, 6, 6, 2), dtype=np.float32)
    network = keras.models.load_model(tmp_path / "1" / "a.keras")
    session = onnxruntime.InferenceSession(
        str(tmp_path / "2" / "a.onnx"), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(None, {"x": values})
    assert np.allclose(found, network.predict(values, verbose=0), atol=1e-6)
    assert all("__" not in node.name for node in onnx.load(tmp_path / "1" / "a.onnx").graph.node)
