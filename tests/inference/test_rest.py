"""What is particular to REST: tensors as JSON, and what can go wrong in HTTP."""

import gzip
import http.server
import json
import socket
import threading
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tfmat.errors import InputError, TfmatError
from tfmat.inference.remote import RemotePackage
from tfmat.inference.rest import RestTransport
from tfmat.inference.rest_json import decode, encode
from tfmat.inference.transport import Retries, ServedModel, ServerError, TensorInfo, TransientError

FLOATS = arrays(np.float32, array_shapes(max_dims=4, max_side=4), elements=st.floats(width=32))
MODEL = ServedModel("m")


def info(array):
    return TensorInfo(str(array.dtype), array.shape)


@given(FLOATS)
@settings(deadline=None)
def test_floats_survive_the_way_there(array):
    sent = json.loads(encode('a "name"', {"x": array}))
    assert sent["signature_name"] == 'a "name"'
    found = np.array(sent["inputs"]["x"], np.float64).astype(np.float32)
    assert np.array_equal(found, array, equal_nan=True)
    # A whole number that no float32 may hold is refused by the server, so it is no whole number.
    text = json.dumps(sent["inputs"]["x"]).strip("[]").replace("[", "").replace("]", "")
    for number in text.split(", "):
        assert (
            "." in number
            or "e" in number
            or "N" in number
            or "I" in number
            or (abs(int(number)) < 2**24)
        )


@given(FLOATS, st.sampled_from([None, 1, 4]))
@settings(deadline=None)
def test_floats_survive_the_way_back(array, indent):
    both = {"b": array, "a": -array}
    outputs = {name: info(value) for name, value in both.items()}
    answer = {name: value.astype(float).tolist() for name, value in both.items()}
    found = decode(json.dumps({"outputs": answer}, indent=indent).encode(), outputs)
    assert list(found) == ["b", "a"]
    for name, value in both.items():
        assert np.array_equal(found[name], value, equal_nan=True)
        assert found[name].dtype == np.float32
    # Of one output the name is left out.
    one = json.dumps({"outputs": answer["b"]}, indent=indent).encode()
    assert np.array_equal(decode(one, {"b": outputs["b"]})["b"], array, equal_nan=True)
    assert np.array_equal(
        decode(json.dumps({"outputs": answer}).encode(), {"a": outputs["a"]})["a"],
        -array,
        equal_nan=True,
    )


def test_whole_numbers_and_booleans():
    outputs = {"counts": TensorInfo("uint8", (1, 3)), "present": TensorInfo("bool", (2,))}
    body = b'{"outputs": {"counts": [[0, 8, 255]], "present": [true, false]}}'
    found = decode(body, outputs)
    assert found["counts"].tolist() == [[0, 8, 255]]
    assert found["present"].tolist() == [True, False]
    assert [array.dtype for array in found.values()] == [np.uint8, np.bool_]


WANTED = {"x": TensorInfo("float32", (2, 2))}
WHOLE = b'{"outputs": [[0.5, 1.5], [2.0, 3.0]]}'


@pytest.mark.parametrize("cut", range(len(WHOLE)))
def test_a_cut_answer_is_never_taken_for_whole(cut):
    with pytest.raises(TransientError, match="no whole JSON"):
        decode(WHOLE[:cut], WANTED)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b'{"outputs": [[0.5, 1.5]]}',
            r"answered x as numbers of shape \(1, 2\) .* float32 \(2, 2\)",
        ),
        (b'{"outputs": [[0.5, 1.5], [1.0]]}', "of unequal length"),
        (b'{"outputs": [["a", "b"], ["c", "d"]]}', "answered x as texts"),
        (b'{"outputs": {"y": [[1.0, 2.0], [1.0, 2.0]]}}', "without the output x"),
        (b'{"predictions": [[1.0, 2.0], [1.0, 2.0]]}', "without outputs"),
        (b'{"outputs": null}', "answered x as nothing"),
        (b"[1]", "without outputs"),
        (
            b'{"outputs": [[[1], [2]], [[3], [4]]]}',
            r"as whole numbers of shape \(2, 2, 1\)",
        ),
        (b'{"outputs": ["ab", "cd"]}', "answered x as texts"),
        (b'{"outputs": 1.5}', r"answered x as numbers of shape \(\)"),
        (b'{"outputs": [[1 2, 3], [4, 5]]}', "no whole JSON"),
        (b'{"outputs": [[-, 1], [4, 5]]}', "no whole JSON"),
        (b'{"outputs": [[1' + 400 * b"0" + b", 1.5], [4, 5]]}", "beyond float32"),
        (b'{"outputs": ' + 100_000 * b"[", "lists in lists without end"),
        (b'{"outputs": [[1' + 5000 * b"0" + b", 1.5], [4, 5]]}", "cannot be read"),
        (b'{"outputs": [[1, 2], [true, 5]]}', "answered x as whole numbers"),
        (b'{"outputs": [[1, 2], [3, "\xff"]]}', "cannot be read"),
    ],
)
def test_another_answer_is_named(body, message):
    with pytest.raises(ServerError, match=message):
        decode(body, WANTED)


def test_numbers_beyond_their_type_are_not_wrapped():
    with pytest.raises(ServerError, match="beyond uint8"):
        decode(b'{"outputs": [1, 256]}', {"counts": TensorInfo("uint8", (2,))})


@contextmanager
def answering(status=200, body=b"{}", headers=()):
    """A web server that always gives the same answer and remembers what it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers))
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "headers", "message"),
    [
        (301, b"", [("Location", "https://b/")], "sends us to https://b/; give that as `url`"),
        (401, b"who?", [], "HTTP 401: who.; put user and password into `url`"),
        (404, b"<html>nothing\n here", [], "<html>nothing here"),
        (413, b"", [], "HTTP 413: .*; give a smaller `batch_size`"),
        (500, b'{"error": "a\\tb"}', [], "HTTP 500: a b; look into the server's log"),
        (200, b"<html>It works!</html>", [("Content-Type", "text/html")], r"JSON \(text/html\)"),
        (200, b'{"status": "ok"}', [], "not with the status of a TensorFlow Serving"),
        (200, b'{"error": "\\\'"}', [], "no whole JSON"),
    ],
)
def test_other_web_servers(status, body, headers, message):
    with answering(status, body, headers) as (host, _):
        transport = RestTransport(f"http://{host}", 1)
        with pytest.raises(TfmatError, match=message) as error:
            transport.versions(MODEL, 5)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("packed", [False, True])
def test_endless_answers(packed):
    message = r"its answer is longer than the [\d,]+ bytes expected"
    # Packed they are a thousand times shorter on the way.
    body = gzip.compress(bytes(1 << 28), 1) if packed else bytes(3 << 20)
    headers = [("Content-Encoding", "gzip")] if packed else []
    with answering(200, body, headers) as (host, _):
        transport = RestTransport(f"http://{host}", 1)
        tracemalloc.start()
        try:
            for ask in (transport.versions, transport.describe):
                with pytest.raises(ServerError, match=message):
                    ask(MODEL, 30)
            with pytest.raises(ServerError, match=message):
                transport.predict(MODEL, "s", {"x": np.zeros((2, 2), np.float32)}, WANTED, 30)
            assert tracemalloc.get_traced_memory()[1] < 100 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("status", "body", "packing", "message"),
    [
        (200, b"{}", "gzip, gzip", "answers in gzip, gzip, which was not asked for"),
        (200, b'{"a": ' + 100_000 * b"[", "identity", "lists in lists without end"),
        (500, 100_000 * b"[", "identity", r"HTTP 500: \[\["),
    ],
)
def test_answers_made_to_break_the_reader(status, body, packing, message):
    with (
        answering(status, body, [("Content-Encoding", packing)]) as (host, _),
        pytest.raises(ServerError, match=message),
    ):
        RestTransport(f"http://{host}", 1).versions(MODEL, 5)


def test_pause_that_the_server_asks_for():
    with answering(429, b"slower", [("Retry-After", "7")]) as (host, _):
        with pytest.raises(TransientError, match="HTTP 429: slower") as error:
            RestTransport(f"http://{host}", 1).versions(MODEL, 5)
        assert error.value.pause == 7


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/models", "/v1/models/"])
def test_paths_copied_from_examples_are_cut(path):
    assert RestTransport(f"http://h:8501{path}", 1).where == "http://h:8501"


def test_proxy_with_path_password_and_compression():
    states = {"version": "3", "state": "AVAILABLE", "status": {"error_code": "OK"}}
    body = gzip.compress(json.dumps({"model_version_status": [states]}).encode())
    with answering(200, body, [("Content-Encoding", "gzip")]) as (host, asked):
        transport = RestTransport(f"http://me:secret@{host}/models/v1/", 1)
        assert list(transport.versions(ServedModel("a b/c"), 5)) == [3]
        assert "secret" not in transport.where
        ((path, headers),) = asked
        assert path == "/models/v1/models/a%20b%2Fc"
        assert headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (socket.EAI_NONAME, InputError, "there is no such host; give another `url`"),
        (socket.EAI_AGAIN, TransientError, "its name cannot be resolved now"),
    ],
)
def test_name_that_cannot_be_resolved(monkeypatch, code, kind, message):
    def fail(*_arguments, **_options):
        raise socket.gaierror(code, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(kind, match=message):
        RestTransport("http://nowhere.invalid:8501", 1).versions(MODEL, 5)


def test_tls_where_there_is_none():
    with answering() as (host, _), pytest.raises(InputError, match=r"no TLS .*write http://"):
        RestTransport(f"https://{host}", 1).versions(MODEL, 5)


@pytest.mark.train
class TestFaults:
    """Faults of a real server's connections."""

    @pytest.fixture
    def remote(self, serving):
        serving.clear()
        with RemotePackage.connect(serving.rest_url, serving.formulas, timeout=5) as remote:
            remote.check("generate")
            remote.retries = Retries(2, first_pause=0.01, longest_pause=0.02)
            yield remote

    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            ("hang-up", "closed the connection without an answer"),
            ("reset", "closed the connection without an answer"),
            ("half", "closed the connection in the middle of its answer"),
            ("truncated", "no whole JSON"),
            ("drip", "no whole answer within 0.5 s"),
        ],
    )
    def test_survived_or_said(self, remote, serving, kind, message):
        batch = np.random.default_rng(0).standard_normal((3, 16))
        expected = remote.run("generate", batch)
        remote.timeout = 0.5
        serving.inject(kind, times=2, seconds=0.02)
        assert np.array_equal(remote.run("generate", batch), expected)
        serving.inject(kind, times=3, seconds=0.02)
        with pytest.raises(ServerError, match=rf"{message}.* \(3 tries\); "):
            remote.run("generate", batch)
        assert np.array_equal(remote.run("generate", batch), expected)

    def test_garbage_is_no_server(self, remote, serving):
        serving.inject("garbage", times=3)
        with pytest.raises(InputError, match=r"not in JSON \(text/html\); give the `url`"):
            remote.run("generate", np.zeros((1, 16)))
        serving.clear()

    def test_grpc_port_is_recognised(self, serving):
        address = serving.grpc_url.replace("grpc://", "http://")
        with pytest.raises(TfmatError, match="for a gRPC port write grpc:// in `url`"):
            RestTransport(address, 1).versions(MODEL, 5)
