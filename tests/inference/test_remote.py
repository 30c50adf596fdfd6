"""What both protocols of the client do, against a server of real SavedModels."""

import shutil
import socket
import threading
import time

import numpy as np
import pytest

from tfmat.errors import InputError, TfmatError
from tfmat.inference.package import load
from tfmat.inference.remote import RemotePackage
from tfmat.inference.transport import Retries

pytestmark = pytest.mark.train

PROTOCOLS = ["rest_url", "grpc_url"]


@pytest.fixture(params=PROTOCOLS)
def url(request, serving):
    serving.clear()
    return getattr(serving, request.param)


def connect(url, package, count=2, **options):
    remote = RemotePackage.connect(url, package, **options)
    remote.retries = Retries(count, first_pause=0.01, longest_pause=0.02)
    return remote


@pytest.fixture
def formulas(url, serving):
    with connect(url, serving.formulas) as remote:
        yield remote


def noise(rows, length=16, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, length)).astype(np.float32)


def predicts(serving):
    return [request for request in serving.requests if request.startswith("predict")]


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_every_part_equals_onnx_runtime(url, serving, rows):
    for package in (serving.crystals, serving.formulas):
        local = load(package, threads=1)
        with connect(url, package) as remote:
            for part in local.parts:
                _, shape = local.input(part)
                batch = np.random.default_rng(1).standard_normal((rows, *shape))
                expected, found = local.run(part, batch), remote.run(part, batch)
                assert found.dtype == expected.dtype
                assert found.shape == expected.shape
                assert np.allclose(found, expected, rtol=1e-5, atol=1e-5), part


def test_pieces_come_back_in_order_with_several_under_way(formulas, serving):
    serving.inject("slow", times=3, seconds=0.3)
    batch = noise(40)
    expected = load(serving.formulas).run("generate", batch)
    assert np.array_equal(formulas.run("generate", batch, batch_size=3), expected)
    assert len(predicts(serving)) == 14
    assert 2 <= serving.most_at_once <= formulas.concurrency


def test_large_batches_are_split(formulas, serving, monkeypatch):
    monkeypatch.setattr("tfmat.inference.remote._LONGEST_REQUEST", 1000)
    batch = noise(40)
    rows = 1000 // (16 * formulas.transport.bytes_per_value)
    assert np.array_equal(
        formulas.run("generate", batch), load(serving.formulas).run("generate", batch)
    )
    assert len(predicts(serving)) == -(-40 // rows)


def test_stream_asks_no_further_ahead_than_needed(formulas):
    asked = []

    def batches():
        for index in range(100):
            asked.append(index)
            yield noise(1, seed=index)

    stream = formulas.stream("generate", batches())
    next(stream)
    assert len(asked) <= formulas.concurrency + 1
    stream.close()


@pytest.mark.parametrize(
    ("options", "version"),
    [({}, 2), ({"version": 1}, 1), ({"label": "stable"}, 1), ({"label": "new"}, 2)],
)
def test_version_is_the_one_asked_for_and_kept(url, serving, options, version):
    with connect(url, serving.formulas, **options) as remote:
        (model,) = remote.check("generate").values()
        assert (model.name, model.version) == ("random-generate", version)
        # A newer one appears, and goes again.
        served = serving.core.models["random-generate"]
        served[3] = served[1]
        try:
            assert remote.run("generate", noise(2)).shape == (2, 85)
        finally:
            del served[3]


def test_all_parts_are_of_one_version(formulas, serving):
    served = serving.core.models["random-generate"]
    gone = served.pop(2)
    try:
        assert formulas.check("generate", "critic")["critic"].version == 1
        formulas._served.clear()
        with pytest.raises(InputError, match=r"generate has no version 2, only 1; wait until all"):
            formulas.check("critic", "generate")
    finally:
        served[2] = gone


def test_version_that_goes_away_while_we_work(formulas, serving):
    formulas.check("generate")
    served = serving.core.models["random-generate"]
    gone = served.pop(2)
    try:
        with pytest.raises(TfmatError, match=r"version 2 is no longer served.*run again") as error:
            formulas.run("generate", noise(2))
        assert error.value.exit_code == 1
    finally:
        served[2] = gone


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": 7}, "random-generate has no version 7, only 1, 2; give one of them"),
        ({"label": "beta"}, "Unrecognized servable version label: beta"),
        ({"prefix": "other"}, "serves no model other-generate .*; serve the folder of tfmat serve"),
    ],
)
def test_what_is_not_served_is_said_at_once(url, serving, options, message):
    with connect(url, serving.formulas, **options) as remote:
        with pytest.raises(InputError, match=message) as error:
            remote.run("generate", noise(2))
        assert str(error.value).startswith(remote.where)
        assert not predicts(serving)
        assert len(serving.requests) <= 2


def test_loading_is_waited_for(formulas, serving):
    for servable in serving.core.models["random-generate"].values():
        servable.state = "LOADING"

    def loaded():
        for servable in serving.core.models["random-generate"].values():
            servable.state = "AVAILABLE"

    timer = threading.Timer(0.2, loaded)
    formulas.retries = Retries(50, first_pause=0.02, longest_pause=0.05)
    timer.start()
    assert formulas.run("generate", noise(1)).shape == (1, 85)
    timer.join()


def test_a_model_that_failed_to_load_says_why(formulas, serving):
    for servable in serving.core.models["random-generate"].values():
        servable.state, servable.reason = "END", "Op type not registered 'Foo'"
    try:
        with pytest.raises(TfmatError, match=r"is END \(Op type not registered 'Foo'\)") as error:
            formulas.run("generate", noise(1))
        assert error.value.exit_code == 1
    finally:
        for servable in serving.core.models["random-generate"].values():
            servable.state, servable.reason = "AVAILABLE", ""


def test_another_package_on_the_server_is_seen_before_any_work(url, serving):
    core = serving.core
    core.models["swapped-generate"] = core.models["random-critic"]
    with connect(url, serving.formulas, prefix="swapped") as remote:
        message = (
            r"swapped-generate is not the generate of random: input noise should be float32 "
            r"\(batch, 16\), the server has composition_matrix float32 \(batch, 8, 85, 1\)"
        )
        with pytest.raises(InputError, match=message):
            remote.run("generate", noise(2))
        assert not predicts(serving)


def test_signature_that_is_missing_is_named(url, serving, tmp_path):
    import tensorflow as tf
    from serving_core import Core

    module = tf.Module()
    function = tf.function(lambda x: x, input_signature=[tf.TensorSpec((None, 2))])
    other = {"other": function.get_concrete_function()}
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=other)
    serving.core.models |= Core({"foreign-generate": tmp_path}).models
    with connect(url, serving.formulas, prefix="foreign") as remote:
        message = r"has no signature serving_default \(it has other\)"
        with pytest.raises(InputError, match=message):
            remote.check("generate")


@pytest.mark.parametrize("only", ["predict", "metadata"])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "status", "code": "UNAVAILABLE"}, "Servable is being moved"),
        ({"kind": "status", "code": "RESOURCE_EXHAUSTED", "message": "busy"}, "busy"),
        ({"kind": "slow", "seconds": 0.4}, "no whole answer within 0.2 s"),
    ],
)
def test_what_may_pass_is_tried_again(url, serving, only, fault, reason):
    with connect(url, serving.formulas, timeout=30) as remote:
        batch, expected = noise(2), load(serving.formulas).run("generate", noise(2))
        remote.check(*(["generate"] if only == "predict" else []))
        remote.timeout = 0.2
        serving.inject(times=2, only=only, **fault)
        assert np.array_equal(remote.run("generate", batch), expected)
        serving.clear()
        remote._served.clear()
        serving.inject(times=3, only=only, **fault)
        with pytest.raises(TfmatError, match=rf"{reason}.* \(3 tries\); ") as error:
            remote.run("generate", batch)
        assert error.value.exit_code == 1
        assert "\n" not in str(error.value)
        assert str(error.value).startswith(remote.where)
        time.sleep(fault.get("seconds", 0))  # the server's threads are still at it


@pytest.mark.parametrize(
    ("fault", "message", "exit_code"),
    [
        ({"kind": "rows"}, r"answered .*not as float32 \(2, 8, 85, 1\)", 2),
        ({"kind": "dtype"}, r"answered composition_matrix as (bool|true)", 2),
        ({"kind": "nan"}, r"answered composition_matrix with NaN or infinity", 2),
        ({"kind": "status", "code": "INTERNAL", "message": "no memory"}, "no memory", 1),
        ({"kind": "status", "code": "INVALID_ARGUMENT", "message": "odd"}, "odd", 2),
        ({"kind": "status", "code": "PERMISSION_DENIED", "message": "you"}, "you", 2),
    ],
)
def test_what_stays_is_not_tried_again(formulas, serving, fault, message, exit_code):
    formulas.check("generator")
    serving.inject(times=5, **fault)
    with pytest.raises(TfmatError, match=message) as error:
        formulas.run("generator", noise(2))
    assert error.value.exit_code == exit_code
    assert "\n" not in str(error.value)
    assert len(predicts(serving)) == 1
    serving.clear()


def test_too_many_rows_for_the_server(formulas, serving):
    serving.core.max_batch_size = 4
    try:
        with pytest.raises(InputError, match=r"Task size 5 .*give a smaller `batch_size`"):
            formulas.run("generate", noise(5))
        assert formulas.run("generate", noise(5), batch_size=4).shape == (5, 85)
    finally:
        serving.core.max_batch_size = None


def test_nobody_there(url, serving):
    with socket.socket() as free:  # bound, but nobody listens
        free.bind(("127.0.0.1", 0))
        scheme = url.split("://")[0]
        address = f"{scheme}://127.0.0.1:{free.getsockname()[1]}"
        with connect(address, serving.formulas) as remote:
            with pytest.raises(
                TfmatError, match=r"refused.*\(3 tries\); start the server"
            ) as error:
                remote.check("generate")
            assert error.value.exit_code == 1
            assert "\n" not in str(error.value)


def test_server_that_comes_back_is_used_again(serving, tmp_path):
    """Restarted on the same ports while a client is at work."""
    from serving_server import ServingServer

    for protocol in PROTOCOLS:
        with ServingServer(serving.core) as server:
            address = getattr(server, protocol)
            port = int(address.rsplit(":", 1)[1])
            remote = connect(address, serving.formulas)
            remote.retries = Retries(100, first_pause=0.05, longest_pause=0.1)
            first = remote.run("generate", noise(2))
        ports = {"rest_port": port if protocol == "rest_url" else None}
        ports["grpc_port"] = port if protocol == "grpc_url" else None
        again = ServingServer(serving.core, **ports)
        timer = threading.Timer(0.3, again.__enter__)
        timer.start()
        assert np.array_equal(remote.run("generate", noise(2)), first)
        timer.join()
        remote.close()
        again.__exit__()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "localhost:8501"}, "write http://host:8501"),
        ({"url": "ftp://localhost"}, "write http://host:8501"),
        ({"url": "http://"}, "`url` http://"),
        ({"url": "http://h:x"}, "cannot be read as an address"),
        ({"url": "grpc://h/path"}, "write it as grpc://host:8500"),
        ({"url": "grpc://h:99999"}, "cannot be read as an address"),
        ({"url": "grpc://h:0"}, "write it as grpc://host:8500"),
        ({"url": "http://h:0"}, "write it as http://host:8501"),
        ({"version": 1, "label": "a"}, "give one of them"),
        ({"timeout": 0}, "`timeout` must be above 0"),
        ({"package": "nowhere"}, "`package` nowhere: no such folder and no such package"),
    ],
)
def test_wrong_words(serving, options, message):
    arguments = {"url": "http://127.0.0.1:1", "package": serving.formulas, **options}
    with pytest.raises(InputError, match=message):
        RemotePackage.connect(**arguments)


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hush@h:x",
        "http://me:hu@/sh@h?a",
        "grpc://me:hush@h",
        "me:hush@h:1",
        "ftp://:hush@h",
    ],
)
def test_passwords_are_not_shown(serving, url):
    with pytest.raises(InputError) as error:
        RemotePackage.connect(url, serving.formulas)
    assert "***@h" in str(error.value)
    assert "hu" not in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["formation_energy_per_atom", "lattice_parameters"])
def test_numbers_that_are_none(url, serving, name, value):
    """NaN is how the end-to-end graph says that there is no cell; elsewhere it is a failure."""
    with connect(url, serving.crystals) as remote:
        remote.check("constraint")
        tensor = {"dtype": "float32", "shape": ["batch", 1]}
        remote.metadata["parts"]["constraint"]["outputs"] = {name: tensor}
        found = {name: np.array([[value]], np.float32)}
        remote.transport.predict = lambda *_: found
        if name == "lattice_parameters" and np.isnan(value):
            assert np.isnan(remote.run("constraint", np.zeros((1, *remote.input("constraint")[1]))))
            return
        with pytest.raises(TfmatError, match=f"answered {name} with NaN or infinity") as error:
            remote.run("constraint", np.zeros((1, *remote.input("constraint")[1])))
        assert error.value.exit_code == 2


def test_metadata_alone_is_enough(url, serving, tmp_path):
    shutil.copy(serving.formulas / "metadata.json", tmp_path)
    with connect(url, tmp_path) as remote:
        assert remote.run("generate", noise(1)).shape == (1, 85)
