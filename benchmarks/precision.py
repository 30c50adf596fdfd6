"""Ways to make the networks of a package smaller, side by side: size, speed, difference.

For every part: weights stored in float16 or int8 and computed with in float32, which is what
`tfmat export --precision` writes; the same int8 weights behind DequantizeLinear; arithmetic in
float16; arithmetic in int8 for matrix products (dynamic: scales of the activations from each
batch) and for all that has such a kernel (static: scales from inputs that were looked at before).
Speed is a ratio to float32 in the same run, on one core, by processor time, at the batch size of
`tfmat generate`; the difference is the largest on 64 inputs, over max(1, |y|); "neighbours" is
how much the result of one sample changes with what else is in its batch.

    tfmat export runs/bi-se --out bi-se
    python benchmarks/precision.py bi-se
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime import quantization
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from tfmat import families
from tfmat.export import storage
from tfmat.inference.package import load

TURNS = 8
Form = Callable[[onnx.ModelProto, str, Any, Path], onnx.ModelProto]


def dequantised(proto: onnx.ModelProto, *_: Any) -> onnx.ModelProto:
    """Returns int8 weights behind DequantizeLinear, with the scales of `tfmat export`."""
    copy = storage.with_int8_weights(proto)
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in copy.graph.initializer}
    scales = {node.input[1]: node for node in copy.graph.node if node.name.endswith("/scaled")}
    casts = {node.output[0]: node.input[0] for node in copy.graph.node}
    nodes = []
    for name, node in scales.items():
        axis = int(np.argmax(arrays[name].shape))
        flat = onnx.numpy_helper.from_array(arrays[name].reshape(-1), name)
        next(t for t in copy.graph.initializer if t.name == name).CopyFrom(flat)
        inputs = [casts[node.input[0]], name]
        nodes.append(onnx.helper.make_node("DequantizeLinear", inputs, node.output, axis=axis))
    made = {*scales} | {node.input[0] for node in scales.values()}
    rest = [n for n in copy.graph.node if n not in scales.values() and n.output[0] not in made]
    del copy.graph.node[:]
    copy.graph.node.extend([*nodes, *rest])
    return copy


def half_arithmetic(proto: onnx.ModelProto, *_: Any) -> onnx.ModelProto:
    """Returns a graph that computes in float16."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    model = OnnxModel(convert_float_to_float16(copy, keep_io_types=True))
    model.topological_sort()
    return model.model


def dynamic(proto: onnx.ModelProto, _name: str, _inputs: Any, folder: Path) -> onnx.ModelProto:
    """Returns a graph with matrix products in int8."""
    source, target = folder / "source.onnx", folder / "dynamic.onnx"
    onnx.save(proto, source)
    quantization.quantize_dynamic(
        source,
        target,
        per_channel=True,
        weight_type=quantization.QuantType.QInt8,
        op_types_to_quantize=["MatMul"],
    )
    return onnx.load(target)


class Seen(quantization.CalibrationDataReader):
    """Inputs that a static quantisation looks at."""

    def __init__(self, name: str, inputs: Any) -> None:
        self._rows: Iterator[Any] = iter({name: row[None]} for row in inputs)

    def get_next(self) -> Any:
        """Returns the next input."""
        return next(self._rows, None)


def static(proto: onnx.ModelProto, name: str, inputs: Any, folder: Path) -> onnx.ModelProto:
    """Returns a graph with all arithmetic in int8 that has a kernel for it."""
    source, target = folder / "source.onnx", folder / "static.onnx"
    onnx.save(proto, source)
    quantization.quantize_static(
        source,
        target,
        Seen(name, inputs),
        per_channel=True,
        weight_type=quantization.QuantType.QInt8,
        activation_type=quantization.QuantType.QUInt8,
    )
    return onnx.load(target)


FORMS: dict[str, Form] = {
    "float32": lambda proto, *_: proto,
    "float16 weights": lambda proto, *_: storage.with_half_weights(proto),
    "int8 weights": lambda proto, *_: storage.with_int8_weights(proto),
    "int8 weights, DequantizeLinear": dequantised,
    "float16 arithmetic": half_arithmetic,
    "int8 arithmetic, dynamic": dynamic,
    "int8 arithmetic, static": static,
}


def session(proto: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Returns a session on one core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def main() -> None:
    """Prints a line for every part and form."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("package", nargs="+")
    logging.disable(logging.WARNING)  # the quantiser recommends its preprocessing
    for name in parser.parse_args().package:
        package = load(name, threads=1)
        check = families.get(package.metadata["family"]).precision_check(package)
        for part in package.parts:
            if part != "generate":
                measure(part, package, check)


def measure(part: str, package: Any, check: Any) -> None:
    """Prints the lines of one part."""
    source, size = package.input(part)[0], check.probe.batch_size(part, package)
    inputs = check.inputs[part]
    batch = np.resize(inputs, (size, *inputs.shape[1:]))
    proto = onnx.load(package.folder / package.file(part)["file"])
    sessions, sizes = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, form in FORMS.items():
            try:
                made = form(proto, source, inputs, Path(folder))
                sizes[name] = made.ByteSize()
                sessions[name] = session(made)
            except Exception as error:  # each tool fails in its own way
                print(f"{package.name} {part} {name}: {str(error).splitlines()[0][:80]}")
    seconds = dict.fromkeys(sessions, np.inf)
    for _ in range(TURNS):
        for name, runner in sessions.items():
            calls, began = 0, time.process_time()
            while time.process_time() - began < 0.05:
                runner.run(None, {source: batch})
                calls += 1
            seconds[name] = min(seconds[name], (time.process_time() - began) / calls)
    exact = sessions["float32"].run(None, {source: inputs})[0]
    for name, runner in sessions.items():
        found = runner.run(None, {source: inputs})[0]
        alone = runner.run(None, {source: inputs[:1]})[0]
        difference = np.max(np.abs(found - exact) / np.maximum(1, np.abs(exact)))
        neighbours = np.max(np.abs(found[:1] - alone) / np.maximum(1, np.abs(alone)))
        print(
            f"{package.name} {part} {name}: {sizes[name] / 1e6:.2f} MB, speed "
            f"{seconds['float32'] / seconds[name]:.2f}, difference {difference:.1e}, "
            f"neighbours {neighbours:.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
