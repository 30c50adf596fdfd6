"""An ONNX graph with its weights stored in 16 or 8 bits, computing in float32 as before.

The weights become constants of the small type with a ``Cast`` (and a scale) behind them, which ONNX
Runtime computes once when it loads the graph: the file is a half or a quarter of the size, and the
network runs as fast as before. Half-precision arithmetic is slower on a CPU and less exact;
arithmetic in int8 has no kernel for transposed convolutions, and where it has one (``MatMul``) the
scale of the activations, and with it the result of a sample, depends on its neighbours in the
batch. The measurements are in ``docs/precision.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import require

if TYPE_CHECKING:
    import onnx

# Axis of a weight along which the outputs lie (of `Gather`: the rows of the table).
_AXES = {"MatMul": 1, "Gemm": 1, "Conv": 0, "ConvTranspose": 1, "Gather": 0}
# Smaller constants (biases, scales, thresholds, shapes) stay as they are: they weigh little, and
# some must be exact.
_SMALLEST = 256
_LARGEST_HALF = 65_504.0
_LARGEST_INT8 = 127

Store = Callable[[str, NDArray[np.float32], int], tuple[list[Any], list[Any]]]


def with_half_weights(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Stores the weights of a graph as float16.

    Args:
        proto: A graph in float32.

    Returns:
        A copy; constants that float16 cannot hold stay float32.
    """
    return _stored(proto, "float16", _half)


def with_int8_weights(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Stores the weights of a graph as int8 with a scale for each output channel.

    Args:
        proto: A graph in float32.

    Returns:
        A copy; tables of whole numbers keep their values exactly.
    """
    return _stored(proto, "int8", _int8)


def _stored(proto: onnx.ModelProto, precision: str, store: Store) -> onnx.ModelProto:
    onnx = require("onnx", "train", "storing a model in another precision")
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    graph = copy.graph
    axes: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            if node.op_type in _AXES:
                axes.setdefault(name, _AXES[node.op_type])
    kept, small, nodes = [], [], []
    for tensor in graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if tensor.name in axes and array.dtype == np.float32 and array.size >= _SMALLEST:
            tensors, made = store(tensor.name, array, axes[tensor.name])
            small += tensors
            nodes += made
            if made:
                continue
        kept.append(tensor)
    del graph.initializer[:]
    graph.initializer.extend([*kept, *small])
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)
    copy.metadata_props.add(key="precision", value=precision)
    return copy


def _half(name: str, array: NDArray[np.float32], axis: int) -> tuple[list[Any], list[Any]]:
    from onnx import TensorProto, helper, numpy_helper

    del axis
    whole = bool(np.all(array == np.round(array)))
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if np.abs(array).max() > _LARGEST_HALF or (whole and not np.array_equal(half, array)):
        return [], []
    stored = f"{name}/float16"
    cast = helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT, name=f"{name}/cast")
    return [numpy_helper.from_array(half, stored)], [cast]


def _int8(name: str, array: NDArray[np.float32], axis: int) -> tuple[list[Any], list[Any]]:
    from onnx import TensorProto, helper, numpy_helper

    others = tuple(other for other in range(array.ndim) if other != axis)
    largest = np.abs(array).max(axis=others, keepdims=True)
    if not np.isfinite(largest).all():
        return [], []
    if np.all(array == np.round(array)):
        if largest.max() > _LARGEST_INT8:
            return [], []
        scale = np.ones_like(largest)
    else:
        # A channel of zeros has no scale of its own.
        scale = np.where(largest > 0, largest / _LARGEST_INT8, 1).astype(np.float32)
    values = np.round(array / scale).astype(np.int8)
    stored, factor, cast = (f"{name}/{end}" for end in ("int8", "scale", "float32"))
    tensors = [numpy_helper.from_array(values, stored), numpy_helper.from_array(scale, factor)]
    nodes = [
        helper.make_node("Cast", [stored], [cast], to=TensorProto.FLOAT, name=f"{name}/cast"),
        helper.make_node("Mul", [cast, factor], [name], name=f"{name}/scaled"),
    ]
    return tensors, nodes
