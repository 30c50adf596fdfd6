"""What both export formats need of a network: float32 arithmetic and named outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tfmat.inference.tensors import Tensors

if TYPE_CHECKING:
    import keras


def in_float32(network: keras.Model) -> keras.Model:
    """Returns the model itself, or a float32 copy of one with mixed precision.

    ONNX graphs made from bfloat16 layers convert but fail the checker.

    Args:
        network: A functional Keras model of any dtype policy.
    """
    import keras

    if all(layer.dtype_policy.compute_dtype == "float32" for layer in network.layers):
        return network

    def rebuild(layer: Any) -> Any:
        return layer.__class__.from_config({**layer.get_config(), "dtype": "float32"})

    copy = keras.models.clone_model(network, clone_function=rebuild)
    copy.set_weights(network.get_weights())
    return copy


def input_shape(network: keras.Model) -> tuple[int, ...]:
    """Returns the shape of a network's one input without the batch axis."""
    return tuple(int(size) for size in network.inputs[0].shape[1:])


def output_tensors(network: keras.Model, tensors: Tensors) -> dict[str, Any]:
    """Returns the symbolic outputs of a network by the names that they are exported under.

    Args:
        network: A functional Keras model with one output, or a dict of them.
        tensors: Names of the outputs.

    Raises:
        ValueError: The network's outputs are not those of the part.
    """
    if len(tensors.outputs) == 1 and len(network.outputs) == 1:
        return dict(zip(tensors.outputs, network.outputs, strict=True))
    outputs = network.output
    if not isinstance(outputs, dict) or set(outputs) != set(tensors.outputs):
        raise ValueError(f"{network.name} gives {outputs}, not a dict of {[*tensors.outputs]}")
    return {name: outputs[name] for name in tensors.outputs}


def named_graph(network: keras.Model, tensors: Tensors) -> Callable[[Any], dict[str, Any]]:
    """Returns a function from an input batch to a dict of named outputs, as in inference.

    Args:
        network: A functional Keras model with one output, or a dict of them.
        tensors: Names of the outputs.
    """
    names = list(output_tensors(network, tensors))

    def graph(batch: Any) -> dict[str, Any]:
        outputs = network(batch, training=False)
        if not isinstance(outputs, dict):
            return {names[0]: outputs}
        return {name: outputs[name] for name in names}

    return graph


def weights_sha256(network: keras.Model) -> str:
    """Returns the SHA-256 of all weights, in the order of ``get_weights``."""
    digest = hashlib.sha256()
    for array in network.get_weights():
        digest.update(array.tobytes())
    return digest.hexdigest()
