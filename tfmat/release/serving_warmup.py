"""Warm-up requests: what TensorFlow Serving runs through a model before anybody may ask it."""

from __future__ import annotations

from pathlib import Path

from tfmat.export.saved_model import signatures_of
from tfmat.quiet import muted_stderr
from tfmat.release.serving_files import ServedPart

# Where the server looks for them, within a version directory.
WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"


def write_warmup(version: Path, part: ServedPart) -> None:
    """Writes a TFRecord file of ``PredictionLog``: one row and a full batch, for each signature.

    Args:
        version: Version directory of the model.
        part: What is served.
    """
    with muted_stderr():
        import tensorflow
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    file = version / WARMUP
    file.parent.mkdir(exist_ok=True)
    with tensorflow.io.TFRecordWriter(str(file)) as writer:
        for signature in signatures_of(part.part):
            for size in sorted({1, part.batch}):
                request = predict_pb2.PredictRequest()
                request.model_spec.name = part.model
                request.model_spec.signature_name = signature
                request.inputs[part.input_name].CopyFrom(
                    tensorflow.make_tensor_proto(part.inputs[:size])
                )
                log = prediction_log_pb2.PredictionLog()
                log.predict_log.request.CopyFrom(request)
                writer.write(log.SerializeToString(deterministic=True))
