"""A Keras functional model as a SavedModel that TensorFlow Serving reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tfmat.errors import require
from tfmat.export.graph import input_shape, named_graph
from tfmat.inference.metadata import DEFAULT_SIGNATURE, GENERATE
from tfmat.inference.tensors import Tensors
from tfmat.quiet import muted_stderr

if TYPE_CHECKING:
    import keras


def export_saved_model(
    network: keras.Model,
    folder: Path,
    tensors: Tensors,
    signatures: tuple[str, ...] = (DEFAULT_SIGNATURE,),
) -> None:
    """Writes a model as a SavedModel with named tensors and a free batch size.

    Keras's own export stores every variable twice, so this is a plain ``tf.Module``. The files of
    two exports differ: TensorFlow names its functions by counters and by chance.

    Args:
        network: A functional Keras model in float32 with one input, and one output or a dict of
            them.
        folder: Folder to write; the version directory of TensorFlow Serving.
        tensors: Names of the input and of the outputs.
        signatures: Names that the same signature gets (:func:`signatures_of`).

    Raises:
        MissingExtraError: TensorFlow is not installed.
    """
    with muted_stderr():
        tensorflow = require("tensorflow", "train", "exporting a model")
        module = tensorflow.Module()
        # Tracked one by one: the Keras model itself would drag its layers' metadata along.
        module.weights = [weight.value for weight in network.weights]
        signature = tensorflow.TensorSpec(
            (None, *input_shape(network)), tensorflow.float32, name=tensors.input_name
        )
        function = tensorflow.function(
            named_graph(network, tensors), input_signature=[signature]
        ).get_concrete_function()
        tensorflow.saved_model.save(
            module,
            str(folder),
            signatures=dict.fromkeys(signatures, function),
        )


def signatures_of(part: str) -> tuple[str, ...]:
    """Returns the names of a part's signature; the end-to-end network is also called after itself.

    Args:
        part: Name of a part.
    """
    return (DEFAULT_SIGNATURE, GENERATE) if part == GENERATE else (DEFAULT_SIGNATURE,)
