"""Whether the forms of a package's networks agree: Keras, SavedModel, ONNX Runtime.

Differences are |y - y₀| / max(1, |y₀|), where y₀ is what the network gives in Keras.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import TfmatError, require
from tfmat.inference.keras_weights import load_network
from tfmat.inference.metadata import DEFAULT_SIGNATURE
from tfmat.inference.package import ModelPackage
from tfmat.paths import inside
from tfmat.quiet import muted_stderr

if TYPE_CHECKING:
    import keras

Outputs = dict[str, NDArray[Any]]
Run = Callable[[NDArray[np.float32]], Outputs]

TOLERANCE = 1e-5


def forms(package: ModelPackage, part: str) -> dict[str, Run]:
    """Returns what runs a part, for each form in which a package has it.

    Args:
        package: The package.
        part: Name of a part.

    Returns:
        Functions from an input batch to outputs by name: ``keras`` (the ``.keras`` file),
        ``saved_model`` (loaded by TensorFlow), ``saved_model_cli`` (TensorFlow's command ``run``)
        and ``onnx`` (ONNX Runtime).

    Raises:
        InputError: The package holds no such part.
        MissingExtraError: The ``[train]`` extra is not installed.
    """
    name, _ = package.input(part)
    entry = package.metadata["parts"][part]
    found: dict[str, Run] = {}
    file = inside(package.folder, entry.get("keras", {}).get("file", "none"), package.folder)
    if file.is_file():
        require("keras", "train", "comparing with Keras")
        found["keras"] = of_keras(load_network(file), list(entry["outputs"]))
    folder = package.folder / entry.get("saved_model", {}).get("folder", "none")
    if folder.is_dir():
        found["saved_model"] = _loaded(folder, name)
        found["saved_model_cli"] = lambda batch: saved_model_cli(folder, name, batch)
    found["onnx"] = lambda batch: package.run_all(part, batch)
    return found


def of_keras(network: keras.Model, outputs: Sequence[str]) -> Run:
    """Returns a network as a function from an input batch to outputs by name.

    Args:
        network: A Keras model with one output or a dict of them.
        outputs: Names of the outputs; the name of the one output.
    """

    def run(batch: NDArray[np.float32]) -> Outputs:
        result = network(batch, training=False)
        if not isinstance(result, Mapping):
            (name,) = outputs
            result = {name: result}
        return {name: np.asarray(result[name]) for name in outputs}

    return run


def saved_model_cli(folder: Path, name: str, batch: NDArray[np.float32]) -> Outputs:
    """Runs the default signature of a SavedModel by TensorFlow's own ``saved_model_cli run``.

    Args:
        folder: Folder of the SavedModel.
        name: Name of the input.
        batch: The input.

    Returns:
        Outputs by name.

    Raises:
        TfmatError: The command fails.
    """
    with muted_stderr():
        tensorflow = require("tensorflow", "train", "running a SavedModel")
        from tensorflow.python.tools import saved_model_cli as command
    logger = tensorflow.get_logger()
    level = logger.level
    with tempfile.TemporaryDirectory() as scratch:
        file, out = Path(scratch, "input.npy"), Path(scratch, "out")
        np.save(file, batch)
        arguments = ["--tag_set", "serve", "--signature_def", DEFAULT_SIGNATURE]
        arguments += ["--inputs", f"{name}={file}", "--outdir", str(out)]
        before, sys.argv = sys.argv, ["saved_model_cli", "run", "--dir", str(folder), *arguments]
        try:
            with muted_stderr(), contextlib.redirect_stdout(io.StringIO()):
                command.main()
        except SystemExit as end:
            if end.code:
                raise TfmatError(f"{folder}: saved_model_cli run fails ({end.code})") from end
        finally:
            sys.argv = before
            logger.setLevel(level)  # the command makes TensorFlow talkative
        return {file.stem: np.load(file) for file in out.iterdir()}


def difference(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Returns the largest difference of two outputs, relative above 1 and absolute below.

    Args:
        found: An output.
        expected: The same as Keras gives it.
    """
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return float("inf")
    y, y0 = found.astype(np.float64), expected.astype(np.float64)
    return float((np.abs(y - y0) / np.maximum(1, np.abs(y0))).max(initial=0.0))


def rows_that_differ(found: NDArray[Any], expected: NDArray[Any], within: float = 0.0) -> float:
    """Returns the share of rows that are not the same, for outputs that are drawn or decided.

    Args:
        found: An output ``(n, ...)``.
        expected: The same as Keras gives it.
        within: Difference up to which numbers are the same.
    """
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return 1.0
    gap = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    return float((gap.reshape(len(gap), -1).max(axis=1) > within).mean())


def inner_forms(package: ModelPackage, part: str, kind: str) -> dict[str, Run]:
    """Returns what runs a part up to certain operations inside it, for each form of the package.

    The outputs of a reference decoder and of the autoregressive generator are decisions that a last
    bit can turn; what they rest on is compared instead.

    Args:
        package: The package; the part must be there as ``.keras`` and as SavedModel.
        part: Name of a part.
        kind: ``Sigmoid`` (before the steep threshold of a decoder) or ``Softmax`` (before a draw).

    Returns:
        Functions as in :func:`forms`, but for the command line, which runs whole networks only; the
        outputs are named ``0``, ``1``, ... in the order of computation.
    """
    import onnx

    entry = package.metadata["parts"][part]
    with muted_stderr():
        keras = require("keras", "train", "comparing with Keras")
    network = load_network(inside(package.folder, entry["keras"]["file"], package.folder))
    wanted = [op.output for op in network.operations if op.name.startswith(kind.lower())]
    names = [str(i) for i in range(len(wanted))]
    proto = onnx.load(package.folder / package.file(part)["file"])
    nodes = [node.output[0] for node in proto.graph.node if node.op_type == kind]
    for node in nodes:
        proto.graph.output.add().name = node
    session = _session(proto.SerializeToString())
    source = session.get_inputs()[0].name

    def onnx_runtime(batch: NDArray[np.float32]) -> Outputs:
        values = session.run(nodes, {source: batch})
        # The one channel of a voxel may still stand before the axes of space.
        shapes = [(len(batch), *symbol.shape[1:]) for symbol in wanted]
        return {n: np.reshape(*pair) for n, *pair in zip(names, values, shapes, strict=True)}

    return {
        "keras": of_keras(keras.Model(network.input, dict(zip(names, wanted, strict=True))), names),
        "saved_model": _frozen(package.folder / entry["saved_model"]["folder"], kind),
        "onnx": onnx_runtime,
    }


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _frozen(folder: Path, kind: str) -> Run:
    """Reaches into a SavedModel, whose signature gives its outputs alone."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    with muted_stderr():
        tensorflow = require("tensorflow", "train", "loading a SavedModel")
        module = tensorflow.saved_model.load(str(folder))
        frozen = convert_variables_to_constants_v2(module.signatures[DEFAULT_SIGNATURE])
    nodes = [node.outputs[0] for node in frozen.graph.get_operations() if node.type == kind]
    function = frozen.prune(frozen.inputs, nodes)

    def run(batch: NDArray[np.float32]) -> Outputs:
        return {str(i): y.numpy() for i, y in enumerate(function(tensorflow.constant(batch)))}

    return run


def _loaded(folder: Path, name: str) -> Run:
    with muted_stderr():
        tensorflow = require("tensorflow", "train", "loading a SavedModel")
        # Kept: the signature alone does not hold the variables.
        module = tensorflow.saved_model.load(str(folder))
    signature = module.signatures[DEFAULT_SIGNATURE]

    def run(batch: NDArray[np.float32], _: Any = module) -> Outputs:
        outputs = signature(**{name: tensorflow.constant(batch)})
        return {key: tensor.numpy() for key, tensor in outputs.items()}

    return run
