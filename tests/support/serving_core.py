"""What a TensorFlow Serving of the tests serves, and what it answers, in its own protobufs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

# The states of grpc.StatusCode that the core answers with.
NOT_FOUND, INVALID, PRECONDITION = "NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION"
AVAILABLE, LOADING, END = "AVAILABLE", "LOADING", "END"


class ServingError(Exception):
    """An answer that is an error.

    Args:
        code: Name of a ``grpc.StatusCode``.
        message: The server's words.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass
class Fault:
    """Something that goes wrong with the next requests.

    Args:
        kind: ``slow``, ``status``, ``hang-up``, ``reset``, ``half``, ``garbage``, ``truncated``,
            ``drip``, ``rows``, ``dtype``, ``nan`` or ``content``; what each does is where it is
            done.
        times: Number of requests.
        only: ``predict``, ``metadata`` or ``status``; other requests are served.
        seconds: How long a slow answer takes.
        code: Name of the ``grpc.StatusCode`` of a ``status``.
        message: The text that comes with it.
        headers: Headers that come with it.
    """

    kind: str
    times: int = 1
    only: str = "predict"
    seconds: float = 0.0
    code: str = "UNAVAILABLE"
    message: str = "Servable is being moved"
    headers: Mapping[str, str] = field(default_factory=dict)


class Servable:
    """A version of a model: a session with the SavedModel, made on first use."""

    def __init__(self, name: str, version: int, folder: Path) -> None:
        from tensorflow.core.protobuf import saved_model_pb2

        self.name, self.version, self.folder = name, version, folder
        self.state, self.reason = AVAILABLE, ""
        proto = saved_model_pb2.SavedModel()
        proto.ParseFromString((folder / "saved_model.pb").read_bytes())
        (graph,) = proto.meta_graphs
        self.signatures = dict(graph.signature_def)
        self._lock, self._session = Lock(), None

    def run(self, signature: str, feed: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
        """Runs a signature on arrays by name and returns its outputs by name."""
        import tensorflow as tf

        with self._lock:
            if self._session is None:
                tf.get_logger().setLevel("ERROR")  # what it loads with is called old
                options = tf.compat.v1.ConfigProto(
                    intra_op_parallelism_threads=1, inter_op_parallelism_threads=1
                )
                self._session = tf.compat.v1.Session(graph=tf.Graph(), config=options)
                with self._session.graph.as_default():
                    tf.compat.v1.saved_model.load(self._session, ["serve"], str(self.folder))
        definition = self.signatures[signature]
        tensors = {definition.inputs[name].name: value for name, value in feed.items()}
        try:
            values = self._session.run([definition.outputs[name].name for name in wanted], tensors)
        except (ValueError, TypeError) as error:  # a shape or type that cannot be fed
            raise ServingError(INVALID, str(error)) from error
        except tf.errors.OpError as error:
            code = tf.errors.error_code_from_exception_type(type(error))
            names = {3: INVALID, 9: PRECONDITION}
            raise ServingError(names.get(code, "INTERNAL"), error.message) from error
        return dict(zip(wanted, values, strict=True))


class Core:
    """The models and what is answered, in protobufs; both surfaces put it on the wire.

    Args:
        models: Base folder of each model, with one folder for each version in it.
        labels: For each model the versions by label.
        latest_only: Serve only the highest version, as the real server does unless told otherwise.
        max_batch_size: Most rows of a request, as in the batching parameters.
    """

    def __init__(
        self,
        models: Mapping[str, Path],
        labels: Mapping[str, Mapping[str, int]] | None = None,
        *,
        latest_only: bool = True,
        max_batch_size: int | None = None,
    ) -> None:
        self.labels = labels or {}
        self.max_batch_size = max_batch_size
        self.models: dict[str, dict[int, Servable]] = {}
        for name, base in models.items():
            versions = sorted(int(path.name) for path in base.iterdir() if path.name.isdecimal())
            self.models[name] = {
                version: Servable(name, version, base / str(version))
                for version in (versions[-1:] if latest_only else versions)
            }

    def servable(self, spec: Any) -> Servable:
        """Finds what a model specification means."""
        versions = self.models.get(spec.name, {})
        ready = {n: servable for n, servable in versions.items() if servable.state == AVAILABLE}
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            wanted = self.labels.get(spec.name, {}).get(spec.version_label)
            if wanted is None:
                raise ServingError(
                    INVALID, f"Unrecognized servable version label: {spec.version_label}"
                )
        elif choice == "version":
            wanted = spec.version.value
        else:
            if not ready:
                raise ServingError(
                    NOT_FOUND, f"Servable not found for request: Latest({spec.name})"
                )
            wanted = max(ready)
        if wanted not in ready:
            request = f"Specific({spec.name}, {wanted})"
            raise ServingError(NOT_FOUND, f"Servable not found for request: {request}")
        return ready[wanted]

    def predict(self, request: Any) -> Any:
        """Answers a ``PredictRequest``."""
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        servable = self.servable(request.model_spec)
        name = request.model_spec.signature_name or "serving_default"
        if name not in servable.signatures:
            raise ServingError(PRECONDITION, f'Serving signature key "{name}" not found.')
        signature = servable.signatures[name]
        sent, wanted = set(request.inputs), set(signature.inputs)
        if sent != wanted:
            lists = [",".join(sorted(names)) for names in (sent, wanted)]
            extra, missing = ",".join(sorted(sent - wanted)), ",".join(sorted(wanted - sent))
            raise ServingError(
                INVALID,
                f"input size does not match signature: {len(sent)}!={len(wanted)} "
                f"len({{{lists[0]}}}) != len({{{lists[1]}}}). Sent extra: {{{extra}}}. "
                f"Missing but required: {{{missing}}}.",
            )
        feed = {}
        for key, proto in request.inputs.items():
            expected = signature.inputs[key].dtype
            if proto.dtype != expected:
                kinds = [tf.dtypes.as_dtype(kind).name for kind in (expected, proto.dtype)]
                raise ServingError(INVALID, f"Expects arg[0] to be {kinds[0]} but {kinds[1]}")
            try:
                feed[key] = tf.make_ndarray(proto)
            except ValueError as error:
                raise ServingError(INVALID, f"tensor parsing error: {key}") from error
            rows = len(feed[key])
            if self.max_batch_size is not None and rows > self.max_batch_size:
                raise ServingError(
                    INVALID,
                    f"Task size {rows} is larger than maximum input batch size "
                    f"{self.max_batch_size}",
                )
        outputs = list(request.output_filter) or list(signature.outputs)
        response = predict_pb2.PredictResponse()
        response.model_spec.name = servable.name
        response.model_spec.version.value = servable.version
        response.model_spec.signature_name = name
        for key, value in servable.run(name, feed, outputs).items():
            response.outputs[key].CopyFrom(as_field(value))
        return response

    def metadata(self, request: Any) -> Any:
        """Answers a ``GetModelMetadataRequest``."""
        from tensorflow_serving.apis import get_model_metadata_pb2

        if list(request.metadata_field) != ["signature_def"]:
            raise ServingError(
                INVALID, "GetModelMetadataRequest must specify at least one metadata_field"
            )
        servable = self.servable(request.model_spec)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for key, definition in servable.signatures.items():
            signatures.signature_def[key].CopyFrom(definition)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = servable.name
        response.model_spec.version.value = servable.version
        response.metadata["signature_def"].Pack(signatures)
        return response

    def status(self, request: Any) -> Any:
        """Answers a ``GetModelStatusRequest``."""
        from tensorflow_serving.apis import get_model_status_pb2

        spec = request.model_spec
        versions = self.models.get(spec.name, {})
        if spec.HasField("version"):
            number = spec.version.value
            if number not in versions:
                raise ServingError(
                    NOT_FOUND, f"Could not find version {number} of model {spec.name}"
                )
            versions = {number: versions[number]}
        elif not versions:
            raise ServingError(NOT_FOUND, f"Could not find any versions of model {spec.name}")
        response = get_model_status_pb2.GetModelStatusResponse()
        states = get_model_status_pb2.ModelVersionStatus.State
        for number, servable in versions.items():
            entry = response.model_version_status.add()
            entry.version, entry.state = number, states.Value(servable.state)
            entry.status.SetInParent()
            if servable.reason:
                entry.status.error_code = 3
                entry.status.error_message = servable.reason
        return response


def as_field(value: Any) -> Any:
    """Puts an array into a ``TensorProto`` as the real server does: values one by one."""
    import tensorflow as tf

    proto = tf.make_tensor_proto(np.asarray(value))
    plain = type(proto)(dtype=proto.dtype, tensor_shape=proto.tensor_shape)
    fields = {"f": "float_val", "b": "bool_val", "u": "int_val", "i": "int_val"}
    kind = np.asarray(value).dtype
    name = "int64_val" if kind == np.int64 else fields[kind.kind]
    getattr(plain, name).extend(np.asarray(value).reshape(-1).tolist())
    return plain
