"""A Keras functional model as an ONNX file with named tensors, a free batch size and its origin."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmat.errors import TfmatError, require
from tfmat.export.canonical import make_canonical
from tfmat.export.graph import input_shape, named_graph
from tfmat.files import replacing
from tfmat.inference.tensors import Tensors
from tfmat.quiet import muted_stderr

if TYPE_CHECKING:
    import keras

# The newest opset that tf2onnx 1.17 writes and every supported ONNX Runtime reads.
OPSET = 18


def export_onnx(
    network: keras.Model,
    path: Path,
    tensors: Tensors,
    *,
    origin: Mapping[str, str] | None = None,
    opset: int = OPSET,
) -> None:
    """Writes a model as ONNX, atomically.

    Shapes are fixed except for the batch axis, which is named ``batch``. The network runs as in
    inference: no dropout, moving averages in batch normalisation.

    Args:
        network: A functional Keras model in float32 (:func:`tfmat.export.graph.in_float32`) with
            one input, and one output or a dict of them.
        path: File to write.
        tensors: Names of the input and of the outputs.
        origin: Texts stored in the file's ``metadata_props``.
        opset: ONNX operator set, at most 18.

    Raises:
        MissingExtraError: TensorFlow, onnx or tf2onnx is not installed.
        TfmatError: The written graph fails ONNX's own checks.
    """
    with muted_stderr():  # TensorFlow and tf2onnx tell every step
        tensorflow = require("tensorflow", "train", "exporting a model")
        tf2onnx = require("tf2onnx", "train", "exporting a model")
        require("onnx", "train", "exporting a model")
        shape = input_shape(network)
        signature = [
            tensorflow.TensorSpec((None, *shape), tensorflow.float32, name=tensors.input_name)
        ]
        convert = partial(
            tf2onnx.convert.from_function,
            tensorflow.function(named_graph(network, tensors)),
            input_signature=signature,
            opset=opset,
        )
        try:
            with _without_copies():
                proto, _ = convert()
        except Exception:  # whatever an optimisation raises: once more, and skip that one
            proto, _ = convert()
        for tensor in (*proto.graph.input, *proto.graph.output):
            tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
        make_canonical(proto)
        for key, value in sorted((origin or {}).items()):
            proto.metadata_props.add(key=key, value=value)
        check(proto, path.name)
        with replacing(path) as temporary:
            temporary.write_bytes(proto.SerializeToString(deterministic=True))


@contextmanager
def _without_copies() -> Iterator[None]:
    """Lets tf2onnx optimise the graph itself and not a copy of it: half the time of a loop's graph.

    A copy before each of its passes is what an optimisation that fails is undone with. Any value of
    the variable switches them off.
    """
    before = os.environ.get("TF2ONNX_CATCH_ERRORS")
    os.environ["TF2ONNX_CATCH_ERRORS"] = "FALSE"
    try:
        yield
    finally:
        del os.environ["TF2ONNX_CATCH_ERRORS"]
        if before is not None:
            os.environ["TF2ONNX_CATCH_ERRORS"] = before


def check(proto: Any, name: str) -> None:
    """Runs ONNX's checker with shape inference over a model.

    Args:
        proto: An ``onnx.ModelProto``.
        name: What it is called in the message.

    Raises:
        TfmatError: The model is not valid.
    """
    import onnx

    try:
        onnx.checker.check_model(proto, full_check=True)
    except Exception as error:
        raise TfmatError(f"{name}: the exported graph is not valid ONNX: {error}") from error
