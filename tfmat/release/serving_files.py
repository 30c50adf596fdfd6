"""The text files of a served package: configuration, manifests, check, README."""

from __future__ import annotations

import hashlib
import json
import math
import re
import shlex
import string
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfmat import __version__, families
from tfmat.inference.metadata import GENERATE
from tfmat.inference.package import ModelPackage

if TYPE_CHECKING:
    from tfmat.release.serving_settings import Serving

# The newest server there is; the SavedModels use nothing that it does not know.
IMAGE = "tensorflow/serving:2.20.0"
# Where the container sees the folder.
MOUNT = "/srv/tfmat"
# A request may hold this many batches, and this many may wait for each model.
_LARGEST = 256
_QUEUE = 1024
# Memory of the server in GiB beside the weights, and how often the weights are held.
_BASE_MEMORY, _COPIES = 1, 4
# Beyond what clients wait for (tfmat predict 60 s): they say when it takes too long. Left alone it
# is 30 s.
_REST_TIMEOUT = 120
# Longest name of a resource in Kubernetes.
_LONGEST = 63
# Wide enough for float16.
_SMOKE_TOLERANCE = 1e-3


class _Template(string.Template):
    delimiter = "@"  # the dollar is the shell's


@dataclass(frozen=True)
class ServedPart:
    """A part as it is served.

    Args:
        package: Its package.
        part: Its name.
        batch: Rows that ``tfmat predict`` sends at once.
        inputs: Inputs as they come up, shape ``(n, ...)`` with n at least ``batch``.
    """

    package: ModelPackage
    part: str
    batch: int
    inputs: NDArray[np.float32]

    @property
    def model(self) -> str:
        """Name of the model on the server."""
        return f"{self.package.name}-{self.part}"

    @property
    def input_name(self) -> str:
        """Name of the input tensor."""
        return self.package.input(self.part)[0]


def write_files(folder: Path, parts: Sequence[ServedPart], serving: Serving) -> None:
    """Writes everything beside the version directories, and their batch sizes.

    Args:
        folder: The folder that the server will see; it holds the version directories.
        parts: What is served.
        serving: How it is served.
    """
    for part in parts:
        version = folder / "models" / part.model / str(serving.version)
        (version / "batching_params.pbtxt").write_text(_batching(part.batch), "utf-8")
    smoke = _smoke_part(parts)
    (folder / "smoke.json").write_text(
        json.dumps({"inputs": {smoke.input_name: smoke.inputs[:1].tolist()}}), "utf-8"
    )
    values = {**_values(folder, parts, serving), **_expected(smoke)}
    for name in (
        "models.config",
        "batching.config",
        "monitoring.config",
        "compose.yaml",
        "kubernetes.yaml",
        "smoke.sh",
        "README.md",
    ):
        (folder / name).write_text(_render(name, values), "utf-8")
    (folder / "smoke.sh").chmod(0o755)


def resource_name(package: str) -> str:
    """Returns what Kubernetes and compose take as a name: lower case, digits and hyphens.

    Args:
        package: Name of the package. One that had to be changed ends in a hash of what it was, so
            that no two packages get the same name.
    """
    wanted = f"tfmat-{package}"
    name = re.sub("[^a-z0-9]+", "-", wanted.lower()).strip("-")
    if name == wanted and len(name) <= _LONGEST:
        return name
    code = hashlib.sha256(package.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST - 9].rstrip('-')}-{code}"


def _values(folder: Path, parts: Sequence[ServedPart], serving: Serving) -> dict[str, Any]:
    """Returns what the templates have places for."""
    package = parts[0].package
    host = f"[{serving.host}]" if ":" in serving.host else serving.host
    weights = sum(file.stat().st_size for file in folder.rglob("variables.data-*"))
    flags = [
        f"--model_config_file={MOUNT}/models.config",
        "--model_config_file_poll_wait_seconds=60",
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_batching=true",
        f"--batching_parameters_file={MOUNT}/batching.config",
        "--enable_per_model_batching_parameters=true",
        f"--monitoring_config_file={MOUNT}/monitoring.config",
        f"--rest_api_timeout_in_ms={_REST_TIMEOUT * 1000}",
        # By itself TensorFlow takes a thread for every core of the machine, whatever the limit.
        f"--tensorflow_intra_op_parallelism={serving.cpus}",
        f"--tensorflow_inter_op_parallelism={serving.cpus}",
    ]
    family = families.get(package.metadata["family"])
    return {
        "package": package.name,
        "resource": resource_name(package.name),
        "tfmat_version": __version__,
        "image": IMAGE,
        "mount": MOUNT,
        "host": serving.host,
        "publish": host,
        "rest_port": serving.rest_port,
        "grpc_port": serving.grpc_port,
        "url": f"http://{_reachable(host)}:{serving.rest_port}",
        "asked": family.asked,
        "predicted": f"../{family.output}",
        "cpus": serving.cpus,
        "memory_limit": _BASE_MEMORY + math.ceil(_COPIES * weights / 2**30),
        "version": serving.version,
        "models": shlex.join(part.model for part in parts),
        "model_count": len(parts),
        "parts": ", ".join(part.part for part in parts),
        "probe_model": _smoke_part(parts).model,
        "model_configs": "\n".join(_model_config(part.model, serving.version) for part in parts),
        "batching": _batching(min(part.batch for part in parts)).rstrip(),
        "flags_compose": "\n".join(f"      - {flag}" for flag in flags),
        "flags_kubernetes": "\n".join(f"            - {flag}" for flag in flags),
    }


def _model_config(model: str, version: int) -> str:
    return f"""\
  config {{
    name: "{model}"
    base_path: "{MOUNT}/models/{model}"
    model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: {version} }} }}
    version_labels {{ key: "stable" value: {version} }}
  }}"""


def _batching(batch: int) -> str:
    values = {"batch": batch, "largest": _LARGEST * batch, "queue": _QUEUE}
    return _render("batching_params.pbtxt", values)


def _smoke_part(parts: Sequence[ServedPart]) -> ServedPart:
    """Returns the part that the check asks for a prediction."""
    by_name = {part.part: part for part in parts}
    return by_name.get("generator") or by_name.get(GENERATE) or parts[0]


def _expected(part: ServedPart) -> dict[str, Any]:
    """Returns number and sum of what a part gives for one row, computed by ONNX Runtime.

    JSON writes truth values, NaN and infinity as words, which are not counted.
    """
    outputs = part.package.run_all(part.part, part.inputs[:1]).values()
    numbers = np.concatenate(
        [array.astype(np.float64).reshape(-1) for array in outputs if array.dtype != bool]
    )
    numbers = numbers[np.isfinite(numbers)]
    return {
        "smoke_model": shlex.quote(part.model),
        "count": numbers.size,
        "sum": f"{numbers.sum():.9g}",
        "most": f"{_SMOKE_TOLERANCE * max(1.0, float(np.abs(numbers).sum())):.3g}",
    }


def _reachable(host: str) -> str:
    """Returns an address for clients on the same machine: none can connect to "every"."""
    return {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104


def _render(name: str, values: dict[str, Any]) -> str:
    text = (resources.files("tfmat.release") / "templates" / name).read_text("utf-8")
    return _Template(text).substitute(values)
