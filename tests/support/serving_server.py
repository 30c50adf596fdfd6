"""A server with the REST and gRPC surface of TensorFlow Serving, over real SavedModels.

The messages are those of TensorFlow Serving's own published stubs (``tensorflow_serving.apis``),
the networks run in TensorFlow sessions that are made from SavedModel and signature as the real
server makes them, and paths, codes and texts of errors are the real server's. What it lacks is the
real server's scheduling: requests are not merged into batches. Faults can be injected.

It can also be started by hand, with the flags of ``tensorflow_model_server``::

    python tests/support/serving_server.py --port 8500 --rest_api_port 8501 \
        --model_config_file models.config --replace_base_path /models=./models
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import Any

import numpy as np
from serving_core import Core, Fault, ServingError, as_field


class ServingServer:
    """Both surfaces of a :class:`Core` on free ports of 127.0.0.1, and what goes wrong there.

    Args:
        core: What is served.
        rest_port: Port of the REST surface; 0 takes a free one, ``None`` has none.
        grpc_port: Port of the gRPC surface, likewise.
    """

    def __init__(self, core: Core, *, rest_port: int | None = 0, grpc_port: int | None = 0) -> None:
        self.core = core
        self.requests: list[str] = []
        self.most_at_once = 0
        self._ports = (rest_port, grpc_port)
        self._faults: list[Fault] = []
        self._running, self._lock, self._awake = 0, Lock(), Event()
        self._rest: Any = None
        self._grpc: Any = None
        self.rest_url = self.grpc_url = ""

    def __enter__(self) -> ServingServer:
        rest_port, grpc_port = self._ports
        self._pool = ThreadPoolExecutor(16, "serving")
        if rest_port is not None:
            from serving_rest import start_rest

            self._rest = start_rest(self, rest_port)
            self.rest_url = f"http://127.0.0.1:{self._rest.server_address[1]}"
        if grpc_port is not None:
            from serving_grpc import start_grpc

            self._grpc, port = start_grpc(self, grpc_port, self._pool)
            self.grpc_url = f"grpc://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        if self._rest is not None:
            self._rest.shutdown()
            self._rest.server_close()
        if self._grpc is not None:
            self._grpc.stop(grace=0).wait()
        self._pool.shutdown(wait=False)

    def inject(self, kind: str, times: int = 1, **options: Any) -> None:
        """Lets something go wrong with the next requests; see :class:`Fault`."""
        self._faults.append(Fault(kind, times, **options))

    def clear(self) -> None:
        """Forgets the faults that have not come, and the requests that have; ends slow ones."""
        self._faults.clear()
        self._awake.set()
        deadline = time.monotonic() + 5
        while self._running and time.monotonic() < deadline:
            time.sleep(0.005)
        self._awake = Event()
        self.requests.clear()
        self.most_at_once = 0

    def begin(self, what: str, model: str) -> Fault | None:
        """Counts a request in and returns what shall go wrong with it."""
        with self._lock:
            self.requests.append(f"{what} {model}")
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
            fault = next((fault for fault in self._faults if fault.only == what), None)
            if fault is not None:
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
        if fault is not None and fault.kind == "slow":
            self._awake.wait(fault.seconds)
        return fault

    def end(self) -> None:
        """Counts a request out."""
        with self._lock:
            self._running -= 1

    def answer(self, what: str, request: Any, fault: Fault | None) -> Any:
        """Returns the core's answer, bent by the faults that both surfaces know."""
        if fault is not None and fault.kind == "status":
            raise ServingError(fault.code, fault.message)
        response = getattr(self.core, what)(request)
        if fault is not None and fault.kind in ("rows", "dtype", "nan"):
            for name, proto in response.outputs.items():
                values = np.asarray(proto.float_val or proto.int_val)
                shape = [dim.size for dim in proto.tensor_shape.dim]
                value = values.reshape(shape)
                bent = {
                    "rows": value[1:].astype(np.float32),
                    "dtype": value > 0,
                    "nan": np.full(shape, np.nan, np.float32),
                }[fault.kind]
                response.outputs[name].CopyFrom(as_field(bent))
        return response


def served(package: Path, prefix: str, **options: Any) -> Core:
    """Returns a core that serves the SavedModels of a package as ``<prefix>-<part>``."""
    models = {f"{prefix}-{folder.name}": folder for folder in (package / "serving").iterdir()}
    return Core(models, **options)


def read_config(file: Path, replace: str | None) -> tuple[dict[str, Path], dict[str, Any]]:
    """Reads base folders and labels from a ``models.config`` with the server's own message."""
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    config = text_format.Parse(file.read_text("utf-8"), model_server_config_pb2.ModelServerConfig())
    old, new = replace.split("=", 1) if replace else ("", "")
    entries = config.model_config_list.config
    return (
        {entry.name: Path(entry.base_path.replace(old, new, 1)) for entry in entries},
        {entry.name: dict(entry.version_labels) for entry in entries},
    )


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model_config_file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8500)
    parser.add_argument("--rest_api_port", type=int, default=8501)
    parser.add_argument("--replace_base_path", metavar="OLD=NEW")
    parser.add_argument("--max_batch_size", type=int)
    options = parser.parse_args()
    models, labels = read_config(options.model_config_file, options.replace_base_path)
    core = Core(models, labels, max_batch_size=options.max_batch_size)
    with ServingServer(core, rest_port=options.rest_api_port, grpc_port=options.port) as server:
        print(f"ready: {server.rest_url} {server.grpc_url}", flush=True)  # noqa: T201
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
