"""What is particular to gRPC."""

import sys

import numpy as np
import pytest

from tfmat.errors import MissingExtraError, TfmatError
from tfmat.inference.package import load
from tfmat.inference.remote import RemotePackage
from tfmat.inference.transport import Retries, ServerError

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


def test_rest_port_is_not_taken_for_a_grpc_port(serving):
    address = serving.rest_url.replace("http://", "grpc://")
    with RemotePackage.connect(address, serving.crystals, timeout=2) as remote:
        remote.retries = Retries(1, first_pause=0.01)
        with pytest.raises(TfmatError, match=r"\(2 tries\); .*gRPC is on port 8500") as error:
            remote.check("generator")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("module", ["grpc", "tensorflow", "tensorflow_serving.apis"])
def test_missing_extra_is_named(serving, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"--url grpc:// needs .*'tfmat\[serving\]'"):
        RemotePackage.connect("grpc://127.0.0.1:1", serving.crystals)
