"""The matrix products and convolutions of a step's graph, and the same operations alone.

A traced graph is not what runs: TensorFlow's gradient of a convolution always names both gradients,
and that by the first layer's input is then left out; transpositions become flags of the products.
So the operations are taken from the graph that the optimiser of TensorFlow's runtime has left, with
the shapes that follow there.
"""

from __future__ import annotations

import inspect
import math
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What an operation is called, by its type in the graph. `Fused` are those with a bias, which is not
# counted among what is alone.
_KINDS = {
    "MatMul": "product",
    "BatchMatMul": "product",
    "BatchMatMulV2": "product",
    "BatchMatMulV3": "product",
    "_FusedMatMul": "product",
    "Conv2D": "convolution",
    "_FusedConv2D": "convolution",
    "Conv3D": "convolution",
    "_FusedConv3D": "convolution",
    "Conv2DBackpropInput": "gradient by input",
    "Conv3DBackpropInputV2": "gradient by input",
    "Conv2DBackpropFilter": "gradient by kernel",
    "Conv3DBackpropFilterV2": "gradient by kernel",
}
# Where the kernel and the smaller of the two images stand among inputs and output (-1).
_PLACES = {
    "convolution": (1, -1),
    "gradient by input": (1, 2),
    "gradient by kernel": (-1, 2),
}
_PRODUCTS = ("transpose_a", "transpose_b", "adj_x", "adj_y")
_CONVOLUTIONS = ("strides", "padding", "data_format", "dilations", "explicit_paddings")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Contraction:
    """A matrix product or a convolution.

    Args:
        type: TensorFlow's name, without what is fused with it.
        kind: One of a few words.
        shapes: Of the inputs.
        output: Shape of the output.
        dtypes: Of the inputs.
        attributes: Strides, padding, transpositions.
        optimiser: Whether the optimiser asks for it, and not the network.
    """

    type: str
    kind: str
    shapes: tuple[Shape, ...]
    output: Shape
    dtypes: tuple[str, ...]
    attributes: tuple[tuple[str, Any], ...]
    optimiser: bool

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        if self.kind == "product":
            attributes = dict(self.attributes)
            transposed = attributes.get("transpose_a", False) or attributes.get("adj_x", False)
            return 2 * math.prod(self.output) * self.shapes[0][-2 if transposed else -1]
        kernel, image = (
            self.output if place < 0 else self.shapes[place] for place in _PLACES[self.kind]
        )
        return 2 * math.prod(kernel) * math.prod(image[:-1])

    @property
    def operands(self) -> tuple[Shape, ...]:
        """Shapes of the two tensors that are multiplied, without that of a wanted result."""
        result = {"gradient by input": 0, "gradient by kernel": 1}.get(self.kind)
        return tuple(shape for place, shape in enumerate(self.shapes) if place != result)

    def run(self, inputs: Sequence[Any], name: str) -> Any:
        """Adds it to the graph that is being made.

        Args:
            inputs: Tensors of ``shapes``.
            name: Its name in that graph.
        """
        import tensorflow as tf

        operation = getattr(tf.raw_ops, self.type)
        given = list(inputs)
        if self.kind.startswith("gradient"):
            # Of these the shape of the result is an input, whole numbers.
            given[0 if self.kind.endswith("input") else 1] = tf.constant(self.output)
        options = {*_PRODUCTS, *_CONVOLUTIONS}
        names = [word for word in inspect.signature(operation).parameters if word not in options]
        named = dict(zip(names, given, strict=False))
        return operation(**named, **dict(self.attributes), name=name)


def is_contraction(type_name: str) -> bool:
    """Tells whether a type of operation, as the runtime names it, is a product or convolution."""
    return "MatMul" in type_name or "Conv" in type_name


def executed(step: Callable[[], Any]) -> list[Contraction]:
    """Runs a step for the first time and returns the operations of the graph that ran.

    Args:
        step: A step that has not run yet, so that its graph is made now.

    Raises:
        ValueError: A loop or a branch holds operations, how often they run is not known.
    """
    import tensorflow as tf
    from tensorflow.python.eager import context

    collecting = context.context()
    collecting.ensure_initialized()
    collecting.enable_graph_collection()
    step()
    graphs = [
        found.post_optimization_graph for found in collecting.export_run_metadata().function_graphs
    ]
    collecting.disable_graph_collection()
    found = []
    for written in graphs:
        if not any(is_contraction(node.op) for node in written.node):
            continue  # e.g. of a constant
        inside = [node.op for each in written.library.function for node in each.node_def]
        called = {node.op for node in written.node} & {"While", "If", "StatelessWhile"}
        if called and any(kind in _KINDS for kind in inside):
            raise ValueError("a loop or a branch holds products")
        graph = tf.Graph()
        with graph.as_default():
            tf.import_graph_def(written, name="")
        found += [_contraction(op) for op in graph.get_operations() if op.type in _KINDS]
    return found


def _contraction(op: Any) -> Contraction:
    kind, base = _KINDS[op.type], op.type.removeprefix("_Fused")
    inputs = op.inputs[: 2 if kind in ("product", "convolution") else 3]
    wanted = _PRODUCTS if kind == "product" else _CONVOLUTIONS
    given = [(name, op.get_attr(name)) for name in wanted if name in op.node_def.attr]
    attributes = [
        (name, value.decode() if isinstance(value, bytes) else value)
        for name, value in given
        if value != []
    ]
    return Contraction(
        base,
        kind,
        tuple(tuple(tensor.shape.as_list()) for tensor in inputs),
        tuple(op.outputs[0].shape.as_list()),
        tuple(tensor.dtype.name for tensor in inputs),
        tuple(attributes),
        _updates(op),
    )


def _updates(op: Any) -> bool:
    """Tells whether an operation stands in the name scope of an optimiser."""
    scopes = op.name.lower().split("/")
    return any(scope.startswith(("muon", "adam")) for scope in scopes)


def alone(found: Sequence[Contraction]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Returns the operations alone in one graph, and the frame of that graph without them.

    Each has inputs of its own in memory. One number of each result is looked at, which TensorFlow
    cannot do without the whole; the frame looks at one of each input instead. The difference of
    both times is what the operations take, without the calls.

    Args:
        found: The operations.
    """
    import tensorflow as tf

    inputs = [
        [
            tf.random.normal(shape, dtype=kind) if "float" in kind else tf.zeros(shape, kind)
            for shape, kind in zip(each.shapes, each.dtypes, strict=True)
        ]
        for each in found
    ]

    def first(tensor: Any) -> Any:
        rank = tensor.shape.rank
        return tf.slice(tensor, [0] * rank, [1] * rank)

    # Inputs are captured: as arguments they would be looked through at every call, which takes
    # longer than the operations.
    @tf.function
    def whole(yes: Any) -> Any:
        results = [
            first(each.run(values, f"operation_{number}"))
            for number, (each, values) in enumerate(zip(found, inputs, strict=True))
        ]
        tf.raw_ops.Assert(condition=yes, data=results)
        return yes

    @tf.function
    def frame(yes: Any) -> Any:
        results = [first(values[-1]) for values in inputs]
        tf.raw_ops.Assert(condition=yes, data=results)
        return yes

    # An argument, so that the check is not known to hold while the graph is made.
    true = tf.constant(True)
    return lambda: whole(true), lambda: frame(true)


def profiled(step: Callable[[], Any], repeats: int) -> Mapping[str, Mapping[str, float]]:
    """Returns the seconds of each operation of a step, by type and name, as TensorFlow tells.

    Args:
        step: What to run; it has run before.
        repeats: How often; the median counts, since these are seconds of wall time.
    """
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    took: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as scratch:
        tf.profiler.experimental.start(scratch)
        for _ in range(repeats):
            step()
        tf.profiler.experimental.stop(save=True)
        for file in Path(scratch).rglob("*.xplane.pb"):
            space = xplane_pb2.XSpace.FromString(file.read_bytes())
            for plane in space.planes:
                names = plane.event_metadata
                for line in plane.lines:
                    for event in line.events:
                        name, _, kind = names[event.metadata_id].name.rpartition(":")
                        # Other events are named after functions of C++, `Class::Function`.
                        if name and kind.isidentifier() and not name.endswith(":"):
                            took[kind][name].append(event.duration_ps / 1e12)
    return {
        kind: {
            name: statistics.median(seconds) * len(seconds) / repeats
            for name, seconds in names.items()
        }
        for kind, names in took.items()
    }
