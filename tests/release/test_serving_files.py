"""The text files of ``tfmat serve``, read by what will read them."""

import json
import os
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hostile_server import answer, hostile

pytest.importorskip("tensorflow")
pytest.importorskip("tensorflow_serving.apis")
import tiny_packages
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.wrappers_pb2 import DESCRIPTOR as WRAPPERS
from serving_core import Core
from serving_server import ServingServer, read_config
from tensorflow_serving.config import model_server_config_pb2
from tfmat.cli.predict import predict

from tfmat.export.package import Formats
from tfmat.inference.package import ModelPackage, load
from tfmat.release.serving import write_serving
from tfmat.release.serving_files import ServedPart, resource_name, write_files
from tfmat.release.serving_settings import Serving

pytestmark = pytest.mark.train

# Flags of tensorflow_model_server 2.20 (tensorflow_serving/model_servers/main.cc).
FLAGS = {
    "allow_version_labels_for_unavailable_models",
    "batching_parameters_file",
    "enable_batching",
    "enable_model_warmup",
    "enable_per_model_batching_parameters",
    "file_system_poll_wait_seconds",
    "model_config_file",
    "model_config_file_poll_wait_seconds",
    "monitoring_config_file",
    "port",
    "rest_api_port",
    "rest_api_timeout_in_ms",
    "tensorflow_inter_op_parallelism",
    "tensorflow_intra_op_parallelism",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    formats = Formats(saved_model=True)
    return tiny_packages.formulas(tmp_path_factory.mktemp("models") / "formulas", formats)


@pytest.fixture(scope="module")
def out(package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "formulas"
    write_serving(package, folder, Serving(version=2, cpus=3))
    return folder


@pytest.fixture(scope="module")
def server(out):
    core = Core(*read_config(out / "models.config", f"/srv/tfmat={out}"))
    with ServingServer(core, grpc_port=None) as running:
        yield running


def batching_parameters():
    """Returns ``BatchingParameters``, which the published stubs lack, by its documented fields."""
    file = descriptor_pb2.FileDescriptorProto(
        name="batching.proto", package="check", syntax="proto3", dependency=[WRAPPERS.name]
    )
    message = file.message_type.add(name="BatchingParameters")
    wrapped = {
        "max_batch_size": "Int64Value",
        "batch_timeout_micros": "Int64Value",
        "max_enqueued_batches": "Int64Value",
        "num_batch_threads": "Int64Value",
        "thread_pool_name": "StringValue",
        "enable_large_batch_splitting": "BoolValue",
        "max_execution_batch_size": "Int64Value",
    }
    kinds = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind) in enumerate(wrapped.items(), 1):
        message.field.add(
            name=name,
            number=number,
            label=kinds.LABEL_OPTIONAL,
            type=kinds.TYPE_MESSAGE,
            type_name=f".google.protobuf.{kind}",
        )
    message.field.add(
        name="allowed_batch_sizes",
        number=20,
        label=kinds.LABEL_REPEATED,
        type=kinds.TYPE_INT64,
    )
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindMessageTypeByName("check.BatchingParameters")
    return message_factory.GetMessageClass(found)


def test_models_config_is_what_the_server_reads(out):
    text = (out / "models.config").read_text("utf-8")
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    models = config.model_config_list.config
    assert {model.name for model in models} == {
        "formulas-generator",
        "formulas-critic",
        "formulas-generate",
    }
    for model in models:
        assert model.model_platform == "tensorflow"
        assert list(model.model_version_policy.specific.versions) == [2]
        assert dict(model.version_labels) == {"stable": 2}
        base = model.base_path.replace("/srv/tfmat", str(out))
        assert (Path(base) / "2" / "saved_model.pb").is_file()


def test_batching_parameters_fit_the_parts(out):
    kind = batching_parameters()
    for file in (out / "models").glob("*/*/batching_params.pbtxt"):
        found = text_format.Parse(file.read_text("utf-8"), kind())
        assert found.max_execution_batch_size.value == 256
        assert found.max_batch_size.value == 65536
        assert found.enable_large_batch_splitting.value
        # With splitting the server wants the last of them to be both sizes above at once.
        assert not found.allowed_batch_sizes
        # One request of the largest size must find its place in the queue.
        pieces = found.max_batch_size.value / found.max_execution_batch_size.value
        assert pieces <= found.max_enqueued_batches.value
    shared = text_format.Parse((out / "batching.config").read_text("utf-8"), kind())
    assert shared.num_batch_threads.value == 3
    assert shared.thread_pool_name.value == "batches"


def test_monitoring_config_is_as_documented(out):
    text = re.sub(r"#.*", "", (out / "monitoring.config").read_text("utf-8")).split()
    path = '"/monitoring/prometheus/metrics"'
    assert text == ["prometheus_config", "{", "enable:", "true", "path:", path, "}"]


def check_flags(flags, out):
    values = dict(flag.removeprefix("--").split("=", 1) for flag in flags)
    assert set(values) <= FLAGS
    assert values["tensorflow_intra_op_parallelism"] == "3"
    patience = next(option for option in predict.params if option.name == "timeout").default
    assert int(values["rest_api_timeout_in_ms"]) > 1000 * patience
    for value in values.values():
        if value.startswith("/"):
            assert Path(value.replace("/srv/tfmat", str(out))).is_file()


def test_compose_binds_to_loopback(out):
    text = (out / "compose.yaml").read_text("utf-8")
    assert "0.0.0.0" not in text
    service = yaml.safe_load(text)["services"]["serving"]
    assert service["image"] == "tensorflow/serving:2.20.0"
    assert service["ports"] == ["127.0.0.1:8501:8501", "127.0.0.1:8500:8500"]
    check_flags(service["command"], out)
    (mount,) = service["volumes"]
    assert mount == {"type": "bind", "source": ".", "target": "/srv/tfmat", "read_only": True}
    assert service["cpus"] == 3
    assert service["mem_limit"] == "2g"
    assert service["healthcheck"]["interval"] == "5s"  # what up --wait waits for


def test_kubernetes_stays_in_the_cluster(out):
    text = (out / "kubernetes.yaml").read_text("utf-8")
    claim, deployment, service = yaml.safe_load_all(text)
    assert service["spec"]["type"] == "ClusterIP"
    assert {port["port"] for port in service["spec"]["ports"]} == {8500, 8501}
    # A volume for one node cannot have the old pod and the new one on two.
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    pod = deployment["spec"]["template"]["spec"]
    assert not {"hostNetwork", "hostPort", "externalIPs"} & set(re.findall(r"\w+", text))
    (container,) = pod["containers"]
    assert container["image"] == "tensorflow/serving:2.20.0"
    compose = yaml.safe_load((out / "compose.yaml").read_text("utf-8"))
    assert container["args"] == compose["services"]["serving"]["command"]
    assert container["resources"]["limits"] == {"cpu": "3", "memory": "2Gi"}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"rest": 8501, "grpc": 8500}
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] == "/v1/models/formulas-generator"
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels == deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    for manifest in (claim, deployment, service):
        assert manifest["metadata"]["name"] == "tfmat-formulas"


def test_names_of_resources_differ_as_packages_do():
    long = "a" * 57
    packages = ["formulas", "a-b", long, "Formulas", "a_b", "a.b", "a--b", "a-", f"{long}a"]
    names = [resource_name(package) for package in [*packages, f"{long}b", f"{long[1:]}-b"]]
    assert names[:3] == ["tfmat-formulas", "tfmat-a-b", f"tfmat-{long}"]
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch("[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name)


def test_other_addresses(package, tmp_path):
    out = tmp_path / "served"
    order = Serving(host="::", rest_port=9001, grpc_port=9000, parts=("critic",))
    write_serving(package, out, order)
    service = yaml.safe_load((out / "compose.yaml").read_text("utf-8"))["services"]["serving"]
    assert service["ports"] == ["[::]:9001:8501", "[::]:9000:8500"]
    assert 'url="${1:-http://[::1]:9001}"' in (out / "smoke.sh").read_text("utf-8")
    assert "formulas-critic" in (out / "smoke.sh").read_text("utf-8")


def test_readme_names_the_files(out):
    text = (out / "README.md").read_text("utf-8")
    for name in re.findall(r"`([\w.]+\.\w+)`", text):
        assert list(out.rglob(name)), name
    assert "REST 127.0.0.1:8501" in text


def smoke(out, url):
    done = subprocess.run(
        [str(out / "smoke.sh"), url],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "LANG": "de_DE.UTF-8"},
    )
    return done.returncode, done.stdout, done.stderr


def test_smoke_test_passes(out, server):
    code, stdout, stderr = smoke(out, server.rest_url)
    assert (code, stderr) == (0, "")
    assert stdout.count("version 2 is available") == 3
    assert stdout.splitlines()[-1] == "formulas-generator: predicts as ONNX Runtime does"


def test_smoke_test_fails_loudly(out, server, tmp_path):
    code, _, stderr = smoke(out, "http://127.0.0.1:1")
    assert code == 1
    assert "smoke: formulas-generator: no answer" in stderr
    server.inject("status", message="too busy")
    code, stdout, stderr = smoke(out, server.rest_url)
    assert code == 1
    assert "smoke: formulas-generator: status 503" in stderr
    assert "too busy" in stderr
    assert "predicts" not in stdout
    with hostile(lambda path: answer(b"\x1b]0;evil\x07\x1b[2J", "500 No")) as bad:
        code, _, stderr = smoke(out, bad.url)
    assert code == 1
    assert "evil" in stderr
    assert "\x1b" not in stderr
    # Another network behind the same name, another version, another model.
    request = json.loads((out / "smoke.json").read_text("utf-8"))
    request["inputs"]["noise"][0] = [-3.0 * value for value in request["inputs"]["noise"][0]]
    for name, (before, after), message in (
        ("smoke.json", (None, json.dumps(request)), "not what this package predicts"),
        ("smoke.sh", ("version=2", "version=3"), "status 404"),
        ("smoke.sh", ("formulas-critic", "formulas-encoder"), "formulas-encoder: status 404"),
    ):
        copy = tmp_path / str(len(list(tmp_path.iterdir())))
        copy.mkdir()
        for file in ("smoke.sh", "smoke.json"):
            text = (out / file).read_text("utf-8")
            if file == name:
                text = after if before is None else text.replace(before, after)
            (copy / file).write_text(text, "utf-8")
            (copy / file).chmod(0o755)
        code, _, stderr = smoke(copy, server.rest_url)
        assert code == 1
        assert message in stderr


class Undecided(ModelPackage):
    """A package whose networks give NaN for some values, as for a cell that is none."""

    def run_all(self, part, array, batch_size=None):
        values = super().run_all(part, array, batch_size)
        return {name: undecided(value) for name, value in values.items()}


def undecided(values):
    values = np.array(values)
    values.reshape(-1)[:3] = np.nan, np.inf, -np.inf
    return values


def test_smoke_test_passes_with_nan(package, server, tmp_path, monkeypatch):
    real = load(package, threads=1)
    some = Undecided(**{f.name: getattr(real, f.name) for f in fields(ModelPackage) if f.init})
    part = ServedPart(some, "generator", 1, np.ones((1, 8), np.float32))
    (tmp_path / "models" / part.model / "2").mkdir(parents=True)
    write_files(tmp_path, [part], Serving(version=2))
    code, _, stderr = smoke(tmp_path, server.rest_url)
    assert code == 1
    assert "not what this package predicts" in stderr
    predict = server.core.predict

    def bent(request):
        response = predict(request)
        for proto in response.outputs.values():
            proto.float_val[:] = undecided(proto.float_val)
        return response

    monkeypatch.setattr(server.core, "predict", bent)
    code, _, stderr = smoke(tmp_path, server.rest_url)
    assert (code, stderr) == (0, "")


def test_health_check_of_compose(out, server, monkeypatch):
    service = yaml.safe_load((out / "compose.yaml").read_text("utf-8"))["services"]["serving"]
    kind, *command = service["healthcheck"]["test"]
    assert kind == "CMD"
    port = server.rest_url.rpartition(":")[2]
    model = server.core.models["formulas-generator"][2]
    for name, state, code in (
        ("formulas-generator", "AVAILABLE", 0),
        ("formulas-generator", "END", 1),
        ("formulas-other", "AVAILABLE", 1),
    ):
        monkeypatch.setattr(model, "state", state)
        monkeypatch.setattr(model, "reason", "UNAVAILABLE: no disk" if code else "")
        words = [
            word.replace("/8501", f"/{port}").replace("formulas-generator", name)
            for word in command
        ]
        assert subprocess.run(words, timeout=60).returncode == code
