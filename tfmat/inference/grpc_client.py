"""TensorFlow Serving's gRPC interface; its published stubs import TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError, TfmatError, require, require_installed
from tfmat.inference.transport import (
    LOG,
    SLOW,
    AnswerError,
    Description,
    NotServedError,
    ServedModel,
    ServerError,
    Signature,
    TensorInfo,
    TransientError,
    Transport,
    VersionState,
    no_connection,
    numpy_name,
    one_line,
    shown,
)
from tfmat.quiet import muted_stderr

_PORT = 8500
# Bytes; four times the answers that are asked for at most.
_LONGEST_MESSAGE = 128 << 20
# Codes of what other words would mend.
_USERS = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE", "UNIMPLEMENTED")


class _Connection(NamedTuple):
    """A channel, what calls through it, and the errors of its libraries."""

    channel: Any
    prediction: Any
    models: Any
    failed: Any
    unreadable: type[Exception]


class GrpcTransport(Transport):
    """The gRPC interface of one server, connected when it is first asked.

    Args:
        url: Its address, ``grpc://host:8500``, or ``grpcs://`` with TLS.

    Raises:
        InputError: The address cannot be read.
        MissingExtraError: The ``[serving]`` extra is not installed.
    """

    bytes_per_value = 4

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, _PORT if parts.port is None else parts.port
        except ValueError as error:
            raise InputError(f"`url` {shown(url)}: cannot be read as an address") from error
        if not host or not port or parts.path.strip("/") or parts.query or "@" in parts.netloc:
            raise InputError(f"`url` {shown(url)}: write it as {parts.scheme}://host:{_PORT}")
        # What goes wrong comes as an exception; its own log would be further lines.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        purpose = f"`url` {parts.scheme}://"
        for module in ("grpc", "tensorflow", "tensorflow_serving"):
            require_installed(module, "serving", purpose)
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._secure = parts.scheme == "grpcs"
        self.where = f"{parts.scheme}://{self._address}"

    @cached_property
    def _open(self) -> _Connection:
        """Imports the messages and opens the connection, once all other words were checked."""
        purpose = f"`url` {self.where}"
        with muted_stderr():  # TensorFlow tells how it starts
            grpc = require("grpc", "serving", purpose)
            require("tensorflow", "serving", purpose)
            protobuf = require("google.protobuf", "serving", purpose)
            require("tensorflow_serving.apis", "serving", purpose)
            from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
        options = [
            # Voxels do not fit into gRPC's 4 MB.
            ("grpc.max_receive_message_length", _LONGEST_MESSAGE),
            ("grpc.max_send_message_length", -1),
            # Each client and each test has connections of its own, and tries again by itself.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_retries", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
        ]
        if self._secure:
            credentials = grpc.ssl_channel_credentials()
            channel = grpc.secure_channel(self._address, credentials, options)
        else:
            channel = grpc.insecure_channel(self._address, options)
        return _Connection(
            channel,
            prediction_service_pb2_grpc.PredictionServiceStub(channel),
            model_service_pb2_grpc.ModelServiceStub(channel),
            grpc.RpcError,
            protobuf.message.DecodeError,
        )

    def predict(
        self,
        model: ServedModel,
        signature: str,
        inputs: Mapping[str, NDArray[np.float32]],
        outputs: Mapping[str, TensorInfo],
        timeout: float,
    ) -> dict[str, NDArray[Any]]:
        """Runs a signature; see :meth:`Transport.predict`."""
        connection = self._open
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest(output_filter=list(outputs))
        _fill(request.model_spec, model)
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(_proto(array))
        answer = self._call(connection.prediction.Predict, request, timeout)
        return {name: _array(answer, name, info) for name, info in outputs.items()}

    def describe(self, model: ServedModel, timeout: float) -> Description:
        """Asks for version and signatures; see :meth:`Transport.describe`."""
        connection = self._open
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        _fill(request.model_spec, model)
        answer = self._call(connection.prediction.GetModelMetadata, request, timeout)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        try:
            if not answer.metadata["signature_def"].Unpack(signatures):
                raise ValueError("of an unknown type")
            return Description(
                answer.model_spec.version.value,
                {
                    name: Signature(_tensors(entry.inputs), _tensors(entry.outputs))
                    for name, entry in signatures.signature_def.items()
                },
            )
        except (ValueError, connection.unreadable) as error:
            words = one_line(str(error))
            raise AnswerError(f"describes {model} in an unknown way ({words}); {LOG}") from error

    def versions(self, model: ServedModel, timeout: float) -> dict[int, VersionState]:
        """Asks for the state of all versions; see :meth:`Transport.versions`."""
        connection = self._open
        from tensorflow_serving.apis import get_model_status_pb2

        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model.name
        answer = self._call(connection.models.GetModelStatus, request, timeout)
        name = get_model_status_pb2.ModelVersionStatus.State.Name
        states = get_model_status_pb2.ModelVersionStatus.State.values()
        return {
            entry.version: VersionState(
                name(entry.state) if entry.state in states else str(entry.state),
                one_line(entry.status.error_message),
            )
            for entry in answer.model_version_status
        }

    def close(self) -> None:
        """Closes the connection; calls under way end."""
        if "_open" in vars(self):
            self._open.channel.close()

    def _call(self, method: Any, request: Any, timeout: float) -> Any:
        try:
            return method(request, timeout=timeout)
        except self._open.failed as error:
            raise _explained(error.code().name, one_line(error.details() or ""), timeout) from error
        except ValueError as error:  # of a channel that was closed meanwhile
            raise ServerError(f"the connection is closed ({one_line(str(error))})") from error


def _explained(code: str, words: str, timeout: float) -> TfmatError:
    """Says what an error of a call means."""
    if code == "DEADLINE_EXCEEDED":
        return TransientError(f"no whole answer within {timeout:g} s", SLOW)
    if f"vs. {_LONGEST_MESSAGE})" in words:
        return AnswerError(f"its answer is longer than the {_LONGEST_MESSAGE:,} bytes taken; {LOG}")
    if "larger than max" in words or "maximum input batch size" in words:
        return InputError(f"{code}: {words}; give a smaller `batch_size`")
    if "handshake failed" in words.lower():
        return InputError(
            f"no TLS ({words}); write grpc:// for a server without it, or name the authority's "
            "certificate in GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
        )
    if "domain name not found" in words.lower():
        return InputError("there is no such host; give another `url`")
    if "failed parsing http/2" in words.lower():
        return InputError("speaks no gRPC; for a REST port write http:// in `url`")
    if code == "UNAVAILABLE":
        return no_connection(f"{code}: {words}", "gRPC", _PORT)
    if code == "RESOURCE_EXHAUSTED":
        return TransientError(f"{code}: {words}", "try again later")
    if code == "NOT_FOUND":
        return NotServedError(words)
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return InputError(f"{code}: {words}; this client has no credentials to give")
    if code in _USERS:
        return InputError(f"{code}: {words}")
    return ServerError(f"{code}: {words}; {LOG}")


def _fill(spec: Any, model: ServedModel) -> None:
    spec.name = model.name
    if model.version is not None:
        spec.version.value = model.version
    elif model.label is not None:
        spec.version_label = model.label


def _proto(array: NDArray[np.float32]) -> Any:
    from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2

    sizes = [tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in array.shape]
    return tensor_pb2.TensorProto(
        dtype=types_pb2.DT_FLOAT,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=sizes),
        tensor_content=array.astype("<f4", copy=False).tobytes(),
    )


def _array(answer: Any, name: str, info: TensorInfo) -> NDArray[Any]:
    import tensorflow as tf
    from tensorflow.core.framework import types_pb2

    if name not in answer.outputs:
        raise AnswerError(f"answered without the output {name}; {LOG}")
    proto = answer.outputs[name]
    known = proto.dtype in types_pb2.DataType.values()
    dtype = numpy_name(types_pb2.DataType.Name(proto.dtype)) if known else f"type {proto.dtype}"
    # Before anything is made of it: a shape may be larger than all memory.
    found = TensorInfo(dtype, tuple(dim.size for dim in proto.tensor_shape.dim))
    if not info.admits(found):
        raise AnswerError(f"answered {name} as {one_line(str(found))}, not as {info}; {LOG}")
    try:
        array = np.asarray(tf.make_ndarray(proto))
    except (ValueError, TypeError, OverflowError) as error:
        raise AnswerError(f"answered {name} damaged ({one_line(str(error))}); {LOG}") from error
    if not info.admits(TensorInfo(str(array.dtype), array.shape)):
        raise AnswerError(f"answered {name} as {array.dtype} {array.shape}, not as {info}; {LOG}")
    return array


def _tensors(entries: Any) -> dict[str, TensorInfo]:
    from tensorflow.core.framework import types_pb2

    return {
        name: TensorInfo(
            numpy_name(types_pb2.DataType.Name(entry.dtype)),
            None
            if entry.tensor_shape.unknown_rank
            else tuple(dim.size if dim.size >= 0 else None for dim in entry.tensor_shape.dim),
        )
        for name, entry in entries.items()
    }
