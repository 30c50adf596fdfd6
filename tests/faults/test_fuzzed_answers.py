"""Answers that are damaged at random, by a real server: an error of tfmat or a result, no other.

The short form runs always, the long one with ``-m slow``; both are seeded.
"""

import copy
import json

import numpy as np
import pytest
from hostile_server import answer, hostile
from hostile_services import described, document, entry, page
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

from tfmat.errors import InputError, TfmatError
from tfmat.inference.rest import RestTransport
from tfmat.inference.transport import ServedModel, TensorInfo

SHORT, LONG = 50, 3000
MODEL = ServedModel("m", 1)
OUTPUTS = {"a": TensorInfo("float32", (2, 3)), "b": TensorInfo("uint8", (2,))}
NASTY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(2**63), 2**64, 1e308, float("nan"), float("inf"), -0.0]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["\x1b]0;evil\x07", "\ud800", "1e400", "nan", "x" * 3000, "", "../..", "=1+1"]),
    st.just([]),
    st.just({}),
    st.builds(lambda depth: json.loads("[" * depth + "]" * depth), st.integers(1, 400)),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    ),
)


def places(value, path=()):
    """All places within a document, the whole of it included, but not those deep down."""
    yield path
    if len(path) < 8 and isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(one, (*path, key))


@st.composite
def damaged(draw, good):
    """A document in which some places hold something else, or are gone; as bytes, at times cut."""
    value = [copy.deepcopy(good)]
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([(0, *path) for path in places(value[0])]))
        place = value
        for key in way:
            place = place[key]
        if draw(st.booleans()) or place is value:
            place[last] = draw(NASTY)
        else:
            del place[last]
    body = json.dumps(value[0]).encode()
    kind = draw(st.sampled_from(["whole", "whole", "whole", "cut", "flipped"]))
    if kind == "cut":
        return body[: draw(st.integers(0, len(body)))]
    if kind == "flipped" and body:
        at = draw(st.integers(0, len(body) - 1))
        return body[:at] + bytes([body[at] ^ (1 << draw(st.integers(0, 7)))]) + body[at + 1 :]
    return body


def tried(strategy, check, count):
    """Runs a check on many examples, the same ones each time."""

    @seed(13)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(body):
        check(body)

    run()


LENGTHS = [SHORT, pytest.param(LONG, marks=[pytest.mark.slow, pytest.mark.timeout(0)])]


@pytest.fixture(autouse=True)
def _loopback(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server():
    """A server that answers with ``server.body``."""
    with hostile(lambda path: answer(started.body)) as started:
        started.body = b""
        yield started


def checked(call):
    """Calls; returns the result, ``None`` for an error of tfmat, which must be one short line."""
    try:
        return call()
    except TfmatError as error:
        line = str(error)
        assert line.isprintable()
        assert len(line) < 1500
        return None


@pytest.mark.parametrize("count", LENGTHS)
def test_predictions_by_rest(server, count):
    transport = RestTransport(server.url, 1)
    good = {"outputs": {"a": [[0.5, 1, -2e-3], [1, 2, 3]], "b": [1, 255]}}

    def check(body):
        server.body = body
        found = checked(
            lambda: transport.predict(MODEL, "s", {"x": np.zeros((2, 1), "f4")}, OUTPUTS, 20)
        )
        for name, array in (found or {}).items():
            assert (str(array.dtype), array.shape) == (OUTPUTS[name].dtype, OUTPUTS[name].shape)
            # What is taken is what stands there.
            stated = np.array(json.loads(body)["outputs"][name], float)
            assert np.array_equal(array, stated.astype(array.dtype), equal_nan=True)

    tried(damaged(good), check, count)


@pytest.mark.parametrize("count", LENGTHS)
def test_descriptions_by_rest(server, count):
    transport = RestTransport(server.url, 1)
    tensor = {"dtype": "float32", "shape": ["batch", 3]}
    good = described("generate", {"inputs": {"x": tensor}, "outputs": {"y": tensor}})

    def check(body):
        server.body = body
        found = checked(lambda: transport.describe(MODEL, 20))
        assert found is None or 0 <= found.version < 2**63
        for signature in found.signatures.values() if found else ():
            assert all(map(str, (*signature.inputs.values(), *signature.outputs.values())))

    tried(damaged(good), check, count)


@pytest.mark.parametrize("count", LENGTHS)
def test_states_by_rest(server, count):
    transport = RestTransport(server.url, 1)
    status = {"error_code": "OK", "error_message": "no"}
    good = {"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": status}]}

    def check(body):
        server.body = body
        found = checked(lambda: transport.versions(MODEL, 20))
        for state in (found or {}).values():
            assert f"{state.state}{state.reason}".isprintable()

    tried(damaged(good), check, count)


@pytest.mark.train
@pytest.mark.parametrize("count", LENGTHS)
def test_tensors_by_grpc(count):
    pytest.importorskip("tensorflow_serving.apis")
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import predict_pb2

    from tfmat.inference.grpc_client import _array

    good = predict_pb2.PredictResponse()
    good.outputs["a"].CopyFrom(tf.make_tensor_proto(np.ones((2, 3), np.float32)))
    good.outputs["b"].CopyFrom(tf.make_tensor_proto(np.ones(2, np.uint8)))
    content = good.SerializeToString()

    def check(changes):
        body = bytearray(content)
        for at, value in changes:
            body[at % len(body)] = value
        try:
            found = predict_pb2.PredictResponse.FromString(bytes(body))
        except DecodeError:
            return  # gRPC says so itself
        for name, info in OUTPUTS.items():
            array = checked(lambda name=name, info=info: _array(found, name, info))
            assert array is None or (str(array.dtype), array.shape) == (info.dtype, info.shape)

    changes = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), min_size=1, max_size=4)
    tried(changes, check, count)


def rows_of(source, found):
    """Reads all entries of a page as a fetch does."""
    from tfmat.datasets.fetching.fetch import _row

    for one in found.entries:
        row = _row(source, json.loads(json.dumps(one)))
        assert (row.crystal is None) == bool(row.reason)
        if row.crystal is not None:
            assert np.isfinite(row.crystal.positions).all()
            assert row.name.isprintable()
            assert 0 < len(row.name) <= 200


@pytest.mark.parametrize("count", LENGTHS)
def test_pages_of_optimade(server, count):
    pytest.importorskip("optimade.client")
    from tfmat.datasets.fetching.fetch import _asked_page
    from tfmat.datasets.fetching.http import Pace
    from tfmat.datasets.fetching.optimade import OptimadeSource
    from tfmat.datasets.fetching.query import Wanted

    pace = Pace(1e6, timeout=20, retries=0)
    pace.delay = lambda seconds: None  # a wait is no answer
    source = OptimadeSource(server.url, Wanted(max_atoms=5), pace=pace)

    def check(body):
        server.body = body
        found = checked(lambda: _asked_page(source, None))
        if found is not None:
            assert found.next is None or found.next.startswith(server.url)
            assert found.problem is None or found.problem.isprintable()
            assert found.total is None or found.total >= 0
            rows_of(source, found)

    tried(damaged(page(server.url, 1)), check, count)


@pytest.mark.parametrize("count", LENGTHS)
def test_entries_of_optimade(count):
    from tfmat.datasets.fetching.entry import DAMAGED, crystal_of_entry, identifier, plain_entry

    def check(body):
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return
        try:
            kept = plain_entry(value)
            identifier(kept)
            crystal = crystal_of_entry(kept["attributes"])
        except (InputError, *DAMAGED):
            return
        assert crystal.numbers.tolist() == [55, 17]

    tried(damaged(entry("a")), check, 20 * count)


@pytest.mark.parametrize("count", LENGTHS)
def test_pages_of_the_materials_project(server, monkeypatch, count):
    pytest.importorskip("mp_api.client")
    from hostile_services import KEY

    from tfmat.datasets.fetching.fetch import _asked_page
    from tfmat.datasets.fetching.http import Pace
    from tfmat.datasets.fetching.materials_project import MaterialsProjectSource
    from tfmat.datasets.fetching.query import Wanted

    source = MaterialsProjectSource(
        Wanted(("Cs", "Cl")),
        api_key=KEY,
        endpoint=f"{server.url}/",
        pace=Pace(1e6, timeout=20, retries=0),
    )
    good = {"data": [document("mp-1"), document("mp-2")], "meta": {"total_doc": 2}}
    state = {"db_version": "1", "version": "0.87.3", "access_controlled_batch_ids": []}
    server.answer = lambda path: answer(state if "heartbeat" in path else good)
    source.connect()
    server.answer = lambda path: answer(good if "provenance" in path else server.body)

    def check(body):
        server.body = body
        found = checked(lambda: _asked_page(source, None))
        if found is not None:
            rows_of(source, found)

    tried(damaged(good), check, count)


@example(b"\x00")
@seed(13)
@settings(max_examples=200, deadline=None, database=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_no_page(tmp_path_factory, body):
    """What lies in a work folder as a page is one, or is fetched again."""
    from tfmat.datasets.fetching.pages import Pages

    folder = tmp_path_factory.mktemp("pages")
    (folder / "page-000000.json.gz").write_bytes(body)
    assert Pages(folder).heads == []
    assert list(folder.iterdir()) == []
