"""The REST surface of :mod:`serving_server`."""

from __future__ import annotations

import json
import re
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
from serving_core import INVALID, ServingError

if TYPE_CHECKING:
    from serving_server import ServingServer

_MODEL = r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"
_PREDICT = re.compile(_MODEL + r":predict", re.IGNORECASE)
_STATUS = re.compile(_MODEL + r"(/metadata)?", re.IGNORECASE)
_CODES = {
    "NOT_FOUND": 404,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "UNIMPLEMENTED": 501,
    "PERMISSION_DENIED": 403,
}


def start_rest(server: ServingServer, port: int) -> ThreadingHTTPServer:
    """Starts the REST surface in a thread and returns it."""
    # The port is taken before, so that a client that comes at once waits instead of failing.
    surface = _Surface(("127.0.0.1", port), _Handler)
    surface.serving = server
    Thread(target=surface.serve_forever, args=(0.05,), daemon=True).start()
    return surface


class _Surface(ThreadingHTTPServer):
    serving: ServingServer
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: clients that give up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Surface

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        match = _STATUS.fullmatch(self.path)
        what = "status" if match is None or match[4] is None else "metadata"
        self._serve(what, match, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._serve("predict", _PREDICT.fullmatch(self.path), body)

    def _serve(self, what: str, match: re.Match[str] | None, body: bytes) -> None:

        serving = self.server.serving
        fault = serving.begin(what, unquote(match[1]) if match else self.path)
        try:
            if match is None:
                raise ServingError(INVALID, f"Malformed request: {self.command} {self.path}")
            text = getattr(self, f"_{what}")(match, body, fault)
            code = 200
        except ServingError as error:
            code = _CODES.get(error.code, 500)
            text = json.dumps({"error": error.message}, indent=4)
        finally:
            serving.end()
        self._send(code, text.encode(), fault)

    def _send(self, code: int, body: bytes, fault: Any) -> None:
        kind = "" if fault is None else fault.kind
        if kind == "hang-up":
            self.close_connection = True
            return
        if kind == "reset":  # with nothing to linger for, closing sends RST
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True
            return
        if kind == "garbage":
            body = b"<html>It works!</html>"
        if kind == "truncated":
            body = body[: len(body) // 2]
        self.send_response(code)
        self.send_header("Content-Type", "text/html" if kind == "garbage" else "application/json")
        for name, value in (fault.headers if fault is not None else {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if kind == "half":
            body = body[: len(body) // 2]
            self.close_connection = True
        if kind == "drip":  # always something, never all of it
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(fault.seconds)
        self.wfile.write(body)

    def _metadata(self, match: re.Match[str], body: bytes, fault: Any) -> str:
        from google.protobuf import json_format
        from tensorflow_serving.apis import get_model_metadata_pb2 as pb2

        request = pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        _fill(request.model_spec, match)
        response = self.server.serving.answer("metadata", request, fault)
        signatures = pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        options = {
            "preserving_proto_field_name": True,
            "always_print_fields_with_no_presence": True,
        }
        spec = json_format.MessageToDict(response.model_spec, **options)
        described = json_format.MessageToDict(signatures, **options)
        return json.dumps({"model_spec": spec, "metadata": {"signature_def": described}}, indent=1)

    def _status(self, match: re.Match[str], body: bytes, fault: Any) -> str:
        from google.protobuf import json_format
        from tensorflow_serving.apis import get_model_status_pb2 as pb2

        request = pb2.GetModelStatusRequest()
        _fill(request.model_spec, match)
        response = self.server.serving.answer("status", request, fault)
        return json_format.MessageToJson(
            response, indent=1, always_print_fields_with_no_presence=True
        )

    def _predict(self, match: re.Match[str], body: bytes, fault: Any) -> str:
        from tensorflow_serving.apis import predict_pb2 as pb2

        request = pb2.PredictRequest()
        _fill(request.model_spec, match)
        try:
            sent = json.loads(body)
        except ValueError as error:
            raise ServingError(INVALID, f"JSON Parse error: {error}") from error
        request.model_spec.signature_name = sent.get("signature_name", "")
        servable = self.server.serving.core.servable(request.model_spec)
        name = request.model_spec.signature_name or "serving_default"
        if name not in servable.signatures:
            raise ServingError(
                INVALID, f'Serving signature name: "{name}" not found in signature def'
            )
        inputs = servable.signatures[name].inputs
        for key, value in _columns(sent, inputs).items():
            if key not in inputs:
                raise ServingError(INVALID, f"JSON object: does not have named input: {key}")
            request.inputs[key].CopyFrom(_tensor(value, inputs[key].dtype))
        response = self.server.serving.answer("predict", request, fault)
        texts = {key: _text(proto) for key, proto in sorted(response.outputs.items())}
        if len(texts) == 1:
            (outputs,) = texts.values()
        else:
            lines = [f'        "{key}": {text}' for key, text in texts.items()]
            outputs = "{\n" + ",\n".join(lines) + "\n    }"
        return '{\n    "outputs": ' + outputs + "\n}"


def _fill(spec: Any, match: re.Match[str]) -> None:
    spec.name = unquote(match[1])
    if match[2]:
        spec.version.value = int(match[2])
    if match[3]:
        spec.version_label = unquote(match[3])


def _columns(sent: dict[str, Any], inputs: Any) -> dict[str, Any]:
    """Returns what was sent in columns; rows are turned into columns."""

    if ("inputs" in sent) == ("instances" in sent):
        raise ServingError(INVALID, "Missing 'inputs' or 'instances' key")
    value = sent.get("inputs", sent.get("instances"))
    if isinstance(value, dict):
        return value
    if "instances" in sent and value and isinstance(value[0], dict):
        return {key: [row[key] for row in value] for key in value[0]}
    (name,) = inputs
    return {name: value}


def _tensor(value: Any, dtype: int) -> Any:
    import tensorflow as tf

    kind = tf.dtypes.as_dtype(dtype)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ServingError(INVALID, "Encountered list at unexpected size") from error
    # The real parser takes a whole number for a float only where nothing is lost.
    if array.dtype.kind == "i" and np.abs(array).max(initial=0) >= 2**24:
        raise ServingError(INVALID, "Cannot convert JSON value to float without loss of precision.")
    if array.dtype.kind not in "fi":
        raise ServingError(INVALID, f"JSON Value is not of expected type: {kind.name}")
    return tf.make_tensor_proto(array, dtype=kind)


def _text(proto: Any) -> str:
    """Writes a tensor in the layout of the real server: one line, decimals with a point."""
    import tensorflow as tf

    array = tf.make_ndarray(proto)
    flat = array.reshape(-1).tolist()
    values = _decimals(flat) if array.dtype.kind == "f" else [json.dumps(value) for value in flat]
    form = "%s"
    for size in reversed(array.shape):
        form = "[" + ", ".join([form] * size) + "]"
    return form % tuple(values)


def _decimals(values: list[float]) -> list[str]:
    """Six digits where they give back the float32, nine elsewhere, and always a point."""
    six = ("%.6g " * len(values) % tuple(values)).split()
    again = np.fromstring(" ".join(six), np.float32, sep=" ").tolist()
    words = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    texts = []
    for value, text, same in zip(values, six, again, strict=True):
        if value != same and text != "nan":
            text = f"{value:.9g}"
        text = words.get(text, text)
        plain = "." in text or "e" in text or "n" in text.lower()
        texts.append(text if plain else text + ".0")
    return texts
