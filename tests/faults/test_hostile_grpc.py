"""Servers of gRPC that lie, flood and never end: one line, the right exit code, in time."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from hostile_server import WIRE, hostile
from hostile_services import PATIENT, TIMEOUT, tfmat

pytestmark = pytest.mark.train
PACKAGE = "matgan-plus-icsd-filter"
SHAPE = (2, 85)


@pytest.fixture(autouse=True, scope="module")
def _imported():
    for module in ("tensorflow", "grpc", "tensorflow_serving.apis.prediction_service_pb2_grpc"):
        pytest.importorskip(module)


@contextmanager
def serving(answers):
    """A server whose answers are any bytes.

    Args:
        answers: Name of a call to its answer: bytes, or a function that takes the call's context.
    """
    import grpc

    class Handler(grpc.GenericRpcHandler):
        def service(self, call):
            found = answers[call.method.rsplit("/", 1)[1]]

            def respond(_, context):
                return found(context) if callable(found) else found

            return grpc.unary_unary_rpc_method_handler(respond)

    with ThreadPoolExecutor(4) as pool:
        options = [("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)]
        server = grpc.server(pool, handlers=[Handler()], options=options)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"grpc://127.0.0.1:{port}"
        finally:
            server.stop(0).wait()


def predict(capsys, url, out, timeout):
    words = ["-n", 2, "--timeout", timeout, "--retries", 0, "--out", out / "out.csv"]
    found = tfmat(capsys, "predict", "--url", url, "--package", PACKAGE, *words)
    assert not list(out.iterdir())
    return found


def description(dtypes=(1, 4), kind=None, content=None):
    """What a server says of the part ``generate``."""
    from tensorflow_serving.apis import get_model_metadata_pb2

    signatures = get_model_metadata_pb2.SignatureDefMap()
    signature = signatures.signature_def["serving_default"]
    for entries, name, dtype, size in (
        (signature.inputs, "noise", dtypes[0], 16),
        (signature.outputs, "counts", dtypes[1], 85),
    ):
        entries[name].dtype = dtype
        for n in (-1, size):
            entries[name].tensor_shape.dim.add(size=n)
    answer = get_model_metadata_pb2.GetModelMetadataResponse()
    answer.model_spec.version.value = 1
    answer.metadata["signature_def"].Pack(signatures)
    if kind is not None:
        answer.metadata["signature_def"].type_url = kind
    if content is not None:
        answer.metadata["signature_def"].value = content
    return answer.SerializeToString()


def tensor(dtype=4, shape=SHAPE, name="counts", **fields):
    """An answer with one tensor; by default of zeros, which are nothing wrong but no formulas."""
    from tensorflow_serving.apis import predict_pb2

    answer = predict_pb2.PredictResponse()
    proto = answer.outputs[name]
    proto.dtype = dtype
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    for key, value in fields.items():
        if isinstance(value, bytes):
            setattr(proto, key, value)
        else:
            getattr(proto, key).extend(value)
    return answer.SerializeToString()


def aborting(code, words):
    def respond(context):
        import grpc

        context.abort(grpc.StatusCode[code], words)

    return respond


def sleeping(context):
    import time

    while context.is_active():
        time.sleep(0.05)
    return b""


PREDICTIONS = {
    "another type": (lambda: tensor(1, float_val=[0.0] * 170), 2, "not as uint8"),
    "an unknown type": (lambda: tensor(9999), 2, "type 9999"),
    "texts": (lambda: tensor(7, string_val=[b"x" * 1000] * 170), 2, "not as uint8"),
    "another shape": (lambda: tensor(shape=(3, 85), int_val=[0] * 255), 2, "not as uint8"),
    "no shape": (lambda: tensor(shape=()), 2, "not as uint8"),
    "a negative shape": (lambda: tensor(shape=(-2, -85)), 2, "not as uint8"),
    "a shape of terabytes": (lambda: tensor(shape=(1 << 40, 1 << 20), int_val=[1]), 2, "not as"),
    "a hundred dimensions": (lambda: tensor(shape=(2,) * 100), 2, "not as uint8"),
    "content that is cut": (lambda: tensor(tensor_content=b"\0\1\2"), 2, "damaged"),
    "content that is too long": (lambda: tensor(tensor_content=bytes(1000)), 2, "damaged"),
    "too many values": (lambda: tensor(int_val=[0] * 1000), 2, "damaged"),
    "values beyond the type": (lambda: tensor(int_val=[-1, 300] * 85), 2, "counts"),
    "another output": (lambda: tensor(name="\x1b]0;evil\x07"), 2, "without the output counts"),
    "nothing": (lambda: b"", 2, "without the output counts"),
    "no message": (lambda: b"\xff\xff\xff\xff garbage", 1, ""),
    "too much": (lambda: bytes(129 << 20), 2, "longer than"),
    "no answer": (lambda: sleeping, 1, "no whole answer within"),
    "commands for the terminal": (
        lambda: aborting("INTERNAL", "\x1b]0;evil\x07\nsecond " + "x" * 5000),
        1,
        "second",
    ),
    "words of another script": (lambda: aborting("UNKNOWN", "\u202e\u0007Übel"), 1, "bel"),
    "it is too busy": (lambda: aborting("RESOURCE_EXHAUSTED", "no"), 1, "try again later"),
    "it is not allowed": (lambda: aborting("PERMISSION_DENIED", "no"), 2, "no credentials"),
}


@pytest.mark.parametrize("name", PREDICTIONS)
def test_predictions(capsys, tmp_path, name):
    make, code, message = PREDICTIONS[name]
    answers = {"GetModelMetadata": description(), "Predict": make()}
    with serving(answers) as url:
        timeout = TIMEOUT if name == "no answer" else PATIENT
        found, line = predict(capsys, url, tmp_path, timeout)
    assert found == code, line
    assert message in line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtypes": (9999, 4)}, "in an unknown way"),
        ({"dtypes": (1, 1)}, "is not the generate of"),
        ({"kind": "type.googleapis.com/other"}, "in an unknown way"),
        ({"kind": "\x1b[31m"}, "in an unknown way"),
        ({"content": b"\xff\xff\xff\xff"}, "in an unknown way"),
        ({"content": b""}, "has no signature"),
    ],
)
def test_descriptions(capsys, tmp_path, change, message):
    with serving({"GetModelMetadata": description(**change)}) as url:
        code, line = predict(capsys, url, tmp_path, PATIENT)
    assert code == 2, line
    assert message in line


def test_an_unknown_state(capsys, tmp_path):
    from tensorflow_serving.apis import get_model_status_pb2

    status = get_model_status_pb2.GetModelStatusResponse()
    state = status.model_version_status.add(version=1)
    state.state = 77
    state.status.error_message = "\x1b[31mevil\nsecond"
    answers = {
        "GetModelMetadata": aborting("NOT_FOUND", "no"),
        "GetModelStatus": status.SerializeToString(),
    }
    with serving(answers) as url:
        code, line = predict(capsys, url, tmp_path, PATIENT)
    assert code == 1
    assert "is 77" in line


@pytest.mark.parametrize(
    "kind",
    ["silence", "hangs up", "resets", "no HTTP", "drips its headers", "headers without end",
     "says continue for ever", "a page for people", "a body without end"],
)  # fmt: skip
def test_what_is_no_grpc(capsys, tmp_path, kind):
    with hostile(WIRE[kind]) as server:
        code, _ = predict(capsys, f"grpc://{server.host}", tmp_path, TIMEOUT)
    assert code in (1, 2)


def test_the_good_answer_is_taken():
    """What the cases above differ from is nothing wrong."""
    from tensorflow_serving.apis import predict_pb2

    from tfmat.inference.grpc_client import _array
    from tfmat.inference.transport import TensorInfo

    answer = predict_pb2.PredictResponse.FromString(tensor(int_val=[3] * 170))
    found = _array(answer, "counts", TensorInfo("uint8", SHAPE))
    assert np.array_equal(found, np.full(SHAPE, 3, np.uint8))
