"""What is particular to gRPC."""

import re
import sys

import numpy as np
import pytest

from tfmat.errors import InputError, MissingExtraError
from tfmat.inference.package import load
from tfmat.inference.remote import RemotePackage
from tfmat.inference.transport import Retries, ServerError
from tfmat.installing import command

pytestmark = pytest.mark.train


@pytest.fixture
def remote(serving):
    serving.clear()
    with RemotePackage.connect(serving.grpc_url, serving.crystals) as remote:
        remote.retries = Retries(1, first_pause=0.01)
        yield remote


def test_messages_of_more_than_four_megabytes(remote, serving):
    latents = np.random.default_rng(0).random((40, 10))
    found = remote.run("sites_decoder", latents)
    assert found.nbytes > 4 << 20
    expected = load(serving.crystals).run("sites_decoder", latents)
    assert np.abs(found - expected).max() < 1e-5


def test_damaged_tensor_is_named(remote, serving):
    remote.check("generator")
    serving.inject("content")
    with pytest.raises(ServerError, match="answered crystal_graph damaged"):
        remote.run("generator", np.zeros((1, 5)))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (None, "speaks no gRPC; for a REST port write http:// in `url`"),
        ("grpc://nowhere.invalid", "there is no such host; give another `url`"),
    ],
)
def test_what_another_address_mends_is_not_tried_again(serving, url, message):
    address = url or serving.rest_url.replace("http://", "grpc://")
    with RemotePackage.connect(address, serving.crystals, timeout=5) as remote:
        with pytest.raises(InputError, match=message) as error:
            remote.check("generator")
        assert "\n" not in str(error.value)


def test_endless_answers(remote, monkeypatch):
    monkeypatch.setattr("tfmat.inference.grpc_client._LONGEST_MESSAGE", 100_000)
    with RemotePackage.connect(remote.where, remote.folder) as small:
        small.retries = remote.retries
        with pytest.raises(ServerError, match="longer than the 100,000 bytes taken"):
            small.run("sites_decoder", np.zeros((40, 10)))


@pytest.mark.parametrize("module", ["grpc", "tensorflow", "tensorflow_serving.apis"])
def test_missing_extra_is_named(serving, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    words = rf"^`url` grpc://.* needs .*{re.escape(command('serving'))}"
    with (
        pytest.raises(MissingExtraError, match=words),
        RemotePackage.connect("grpc://127.0.0.1:1", serving.crystals) as remote,
    ):
        remote.check("generator")
