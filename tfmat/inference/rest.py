"""TensorFlow Serving's REST interface; needs no TensorFlow."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

import numpy as np
import urllib3
from numpy.typing import NDArray

from tfmat.bounded import StrangeEncodingError, TooLongError, bounded, bounds, cause, read_all
from tfmat.errors import InputError
from tfmat.inference.rest_json import decode, encode, parsed
from tfmat.inference.transport import (
    LOG,
    SLOW,
    SMALL_ANSWER,
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
from tfmat.retry import BUSY, retry_after

# A server that is there takes a connection at once, however long it computes.
_LONGEST_CONNECT = 10.0
_PORT = 8501
# What a description that means nothing may raise when it is read.
_DAMAGED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
_ELSEWHERE = "give the `url` of TensorFlow Serving's REST port, by default 8501"


class RestTransport(Transport):
    """The REST interface of one server.

    Args:
        url: Its address, ``http://`` or ``https://`` with a path where a proxy wants one; user
            and password are sent as basic authentication.
        connections: Requests at a time.

    Raises:
        InputError: The address cannot be read.
    """

    # Nine digits, a point, an exponent, and the brackets and commas that are between numbers.
    bytes_per_value = 16

    def __init__(self, url: str, connections: int) -> None:
        try:
            address = urllib3.util.parse_url(url)
        except urllib3.exceptions.LocationParseError as error:
            raise InputError(f"`url` {shown(url)}: cannot be read as an address") from error
        if not address.host or address.port == 0 or address.query or address.fragment:
            raise InputError(f"`url` {shown(url)}: write it as http://host:{_PORT}")
        # Without the path `/v1/models` that people copy from examples.
        base = (address.path or "").rstrip("/")
        self._base = base.removesuffix("/v1/models").removesuffix("/v1")
        self.where = f"{address.scheme}://{address.netloc}{self._base}"
        headers = urllib3.util.make_headers(accept_encoding="gzip", basic_auth=address.auth)
        self._pool = urllib3.connection_from_url(
            f"{address.scheme}://{address.netloc}",
            maxsize=connections + 1,  # a check may come beside the requests
            headers=headers,
            retries=False,
        )
        self._opened: WeakSet[Any] = WeakSet()
        # urllib3 forgets the connections that are in use.
        self._pool.ConnectionCls = bounded(self._pool.ConnectionCls, self._opened.add)

    def predict(
        self,
        model: ServedModel,
        signature: str,
        inputs: Mapping[str, NDArray[np.float32]],
        outputs: Mapping[str, TensorInfo],
        timeout: float,
    ) -> dict[str, NDArray[Any]]:
        """Runs a signature; see :meth:`Transport.predict`."""
        body = encode(signature, inputs)
        longest = self.longest_answer(outputs)
        return decode(
            self._request("POST", _path(model) + ":predict", timeout, longest, body), outputs
        )

    def describe(self, model: ServedModel, timeout: float) -> Description:
        """Asks for version and signatures; see :meth:`Transport.describe`."""
        answer = self._get(_path(model) + "/metadata", timeout)
        try:
            signatures = answer["metadata"]["signature_def"]["signature_def"]
            return Description(
                _version(answer["model_spec"]["version"]),
                {
                    name: Signature(_tensors(entry["inputs"]), _tensors(entry["outputs"]))
                    for name, entry in signatures.items()
                },
            )
        except _DAMAGED as error:
            raise InputError(
                f"answers, but not with the metadata of a TensorFlow Serving; {_ELSEWHERE}"
            ) from error

    def versions(self, model: ServedModel, timeout: float) -> dict[int, VersionState]:
        """Asks for the state of all versions; see :meth:`Transport.versions`."""
        answer = self._get(_path(ServedModel(model.name)), timeout)
        try:
            return {
                _version(entry["version"]): VersionState(
                    one_line(str(entry["state"])),
                    one_line(entry.get("status", {}).get("error_message", "")),
                )
                for entry in answer["model_version_status"]
            }
        except _DAMAGED as error:
            raise InputError(
                f"answers, but not with the status of a TensorFlow Serving; {_ELSEWHERE}"
            ) from error

    def close(self) -> None:
        """Closes all connections; requests under way end."""
        self._pool.close()
        for connection in list(self._opened):
            with suppress(OSError, AttributeError):  # it was closed before
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _get(self, path: str, timeout: float) -> Any:
        return parsed(self._request("GET", path, timeout, SMALL_ANSWER))

    def _request(
        self, method: str, path: str, timeout: float, longest: int, body: bytes | None = None
    ) -> bytes:
        """Sends a request and returns the body of an answer that is no error."""
        content_type = {"Content-Type": "application/json"} if body is not None else {}
        try:
            with bounds(timeout, longest):
                response = self._pool.urlopen(
                    method,
                    self._base + path,
                    body=body,
                    headers={**self._pool.headers, **content_type},
                    timeout=urllib3.Timeout(connect=min(timeout, _LONGEST_CONNECT), read=timeout),
                    redirect=False,
                    preload_content=False,
                    decode_content=True,
                )
                try:
                    content = read_all(response, longest)
                except BaseException:
                    # What is left of the answer must not be taken for the next one.
                    response.close()
                    raise
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _explained(error, timeout, longest) from error
        if response.status != 200:
            raise _refused(response, content)
        if not content.lstrip().startswith(b"{"):
            kind = response.headers.get("Content-Type", "no type")
            raise InputError(f"answers, but not in JSON ({one_line(kind)}); {_ELSEWHERE}")
        return content


def _path(model: ServedModel) -> str:
    path = f"/v1/models/{quote(model.name, safe='')}"
    if model.version is not None:
        return f"{path}/versions/{model.version}"
    return path if model.label is None else f"{path}/labels/{quote(model.label, safe='')}"


def _explained(error: Exception, timeout: float, longest: int) -> InputError | ServerError:
    """Says what a failed connection means."""
    exceptions = urllib3.exceptions
    if cause(error, TooLongError):
        return AnswerError(f"its answer is longer than the {longest:,} bytes expected; {LOG}")
    if packing := cause(error, StrangeEncodingError):
        words = one_line(str(packing))
        return AnswerError(f"answers in {words}, which was not asked for; {LOG}")
    if isinstance(error, exceptions.NameResolutionError):
        if getattr(error.__cause__, "errno", None) == socket.EAI_AGAIN:
            return TransientError("its name cannot be resolved now", "look into the network")
        return InputError("there is no such host; give another `url`")
    if isinstance(error, exceptions.SSLError):
        return InputError(
            f"no TLS ({one_line(str(error))}); write http:// for a server without it, or name the "
            "authority's certificate in SSL_CERT_FILE"
        )
    if isinstance(error, exceptions.NewConnectionError):
        return no_connection(f"no connection ({_reason(error)})", "REST", _PORT)
    if isinstance(error, exceptions.ConnectTimeoutError):
        return no_connection("takes no connection in time", "REST", _PORT)
    if cause(error, TimeoutError) or isinstance(error, exceptions.TimeoutError):
        return TransientError(f"no whole answer within {timeout:g} s", SLOW)
    if cause(error, ConnectionError):  # http.client's RemoteDisconnected is one
        return TransientError("closed the connection without an answer", "is it overloaded?")
    if cause(error, http.client.BadStatusLine):
        return InputError("speaks no HTTP; for a gRPC port write grpc:// in `url`")
    if isinstance(error, exceptions.DecodeError):
        return TransientError("its answer is damaged (gzip)", LOG)
    inner = cause(error, http.client.HTTPException)
    if isinstance(error, exceptions.InvalidHeader) or (
        inner is not None and not isinstance(inner, http.client.IncompleteRead)
    ):
        return AnswerError(f"answers in broken HTTP ({one_line(str(inner or error))}); {LOG}")
    return TransientError("closed the connection in the middle of its answer", "is it overloaded?")


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return one_line(str(error))


def _refused(response: urllib3.BaseHTTPResponse, content: bytes) -> InputError | ServerError:
    """Says what an answer with an error code means."""
    code = response.status
    words = _words(content) or one_line(response.reason or "") or "no reason given"
    if code in BUSY:
        return TransientError(
            f"HTTP {code}: {words}",
            "try again later",
            retry_after(response.headers.get("Retry-After")) or 0.0,
        )
    if 300 <= code < 400:
        target = shown(response.headers.get("Location", "elsewhere"))
        return InputError(f"HTTP {code}: sends us to {target}; give that as `url`")
    if code == 404:
        return NotServedError(words)
    if code in (401, 403):
        return InputError(f"HTTP {code}: {words}; put user and password into `url`")
    if code == 413 or "maximum input batch size" in words:
        return InputError(f"HTTP {code}: {words}; give a smaller `batch_size`")
    if code < 500:
        return InputError(f"HTTP {code}: {words}")
    return ServerError(f"HTTP {code}: {words}; {LOG}")


def _words(content: bytes) -> str:
    """Returns the error of an answer; old servers escape it in a way that is no JSON."""
    text = content[:10_000].decode("utf-8", "replace")
    try:
        return one_line(str(json.loads(text)["error"]))
    except _DAMAGED:
        return one_line(text)


def _version(value: Any) -> int:
    version = int(value)
    if not 0 <= version < 1 << 63:
        raise ValueError(f"{version} is no version")
    return version


def _tensors(entries: Mapping[str, Any]) -> dict[str, TensorInfo]:
    tensors = {}
    for name, entry in entries.items():
        shape = entry["tensor_shape"]
        sizes = [int(dim["size"]) for dim in shape.get("dim", [])]
        tensors[name] = TensorInfo(
            numpy_name(str(entry["dtype"])),
            None
            if shape.get("unknown_rank")
            else tuple(size if size >= 0 else None for size in sizes),
        )
    return tensors
