"""A Keras functional model as an ONNX file with named tensors, a free batch size and its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmat.errors import TfmatError, require
from tfmat.files import replacing, sha256
from tfmat.training.quiet import muted_stderr

if TYPE_CHECKING:
    import keras

# The newest opset that tf2onnx 1.17 writes and every supported ONNX Runtime reads.
OPSET = 18


@dataclass(frozen=True)
class OnnxFile:
    """What was written.

    Args:
        sha256: SHA-256 of the file.
        input_shape: Shape of the input without the batch axis.
        output_shape: Shape of the output without the batch axis.
        output_dtype: Type of the output's values, e.g. ``float32``.
        parameters: Number of weights.
    """

    sha256: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    output_dtype: str
    parameters: int


def export_onnx(
    model: keras.Model,
    path: Path,
    *,
    input_name: str,
    output_name: str,
    origin: Mapping[str, str] | None = None,
    opset: int = OPSET,
) -> OnnxFile:
    """Writes a model with one input and one output as ONNX, atomically.

    Shapes are fixed except for the batch axis, which is named ``batch``. The network runs as in
    inference: no dropout, moving averages in batch normalisation.

    Args:
        model: A functional Keras model of any dtype policy; exported in float32.
        path: File to write.
        input_name: Name of the input tensor.
        output_name: Name of the output tensor.
        origin: Texts stored in the file's ``metadata_props``.
        opset: ONNX operator set, at most 18.

    Returns:
        Hash, shapes and size.

    Raises:
        MissingExtraError: TensorFlow, onnx or tf2onnx is not installed.
        TfmatError: The written graph fails ONNX's own checks.
    """
    with muted_stderr():  # TensorFlow and tf2onnx tell every step
        tensorflow = require("tensorflow", "train", "exporting a model")
        tf2onnx = require("tf2onnx", "train", "exporting a model")
        onnx = require("onnx", "train", "exporting a model")
        network = _in_float32(model)
        shape = tuple(int(size) for size in network.inputs[0].shape[1:])

        def graph(tensor: Any) -> dict[str, Any]:
            return {output_name: network(tensor, training=False)}

        signature = [tensorflow.TensorSpec((None, *shape), tensorflow.float32, name=input_name)]
        proto, _ = tf2onnx.convert.from_function(
            tensorflow.function(graph), input_signature=signature, opset=opset
        )
        for tensor in (*proto.graph.input, *proto.graph.output):
            tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
        for key, value in sorted((origin or {}).items()):
            proto.metadata_props.add(key=key, value=value)
        try:
            onnx.checker.check_model(proto, full_check=True)
        except Exception as error:
            raise TfmatError(
                f"{path.name}: the exported graph is not valid ONNX: {error}"
            ) from error
        with replacing(path) as temporary:
            temporary.write_bytes(proto.SerializeToString(deterministic=True))
    return OnnxFile(
        sha256(path),
        shape,
        tuple(int(size) for size in network.outputs[0].shape[1:]),
        str(network.outputs[0].dtype),
        int(network.count_params()),
    )


def _in_float32(model: keras.Model) -> keras.Model:
    """Returns the model itself, or a float32 copy of one with mixed precision.

    ONNX graphs made from bfloat16 layers convert but fail the checker.
    """
    import keras

    if all(layer.dtype_policy.compute_dtype == "float32" for layer in model.layers):
        return model

    def rebuild(layer: Any) -> Any:
        return layer.__class__.from_config({**layer.get_config(), "dtype": "float32"})

    copy = keras.models.clone_model(model, clone_function=rebuild)
    copy.set_weights(model.get_weights())
    return copy
