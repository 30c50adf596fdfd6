"""``tfmat predict`` by REST and by gRPC beside ``tfmat generate`` on ONNX Runtime, in one run.

Without ``--rest`` and ``--grpc`` the server is the one of the tests, a process of its own on this
machine: TensorFlow computes, but Python reads and writes the messages, so rates are lower bounds of
what TensorFlow Serving gives. What the client itself costs (``client ms``, processor time of this
process for each result) does not depend on the server.

    python benchmarks/predict.py --package saved_models/ccdcgan-bi-se-compact
    python benchmarks/predict.py --package saved_models/matgan-plus-icsd-filter -n 20000
    python benchmarks/predict.py --package NAME --rest http://host:8501 --grpc grpc://host:8500
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tfmat.inference.metadata import find, read_metadata
from tfmat.inference.package import load
from tfmat.inference.remote import RemotePackage

TESTS = Path(__file__).resolve().parents[1] / "tests"
ROUNDS = 3


def main() -> None:
    """Parses the options and prints one line for each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--package", required=True, help="name or folder, with SavedModels")
    parser.add_argument("-n", "--number", type=int, default=64, help="samples of each round")
    parser.add_argument("--rest", help="address of a server's REST port")
    parser.add_argument("--grpc", help="address of a server's gRPC port")
    parser.add_argument("--concurrency", type=int, default=2, help="requests and local threads")
    options = parser.parse_args()
    folder = find(options.package, option="--package")
    formulas = read_metadata(folder)["family"] == "matgan"
    with ExitStack() as stack:
        urls = {"REST": options.rest, "gRPC": options.grpc}
        if not (options.rest or options.grpc):
            urls = dict(zip(urls, stack.enter_context(serving(folder)), strict=True))
        make = formula_maker if formulas else structure_maker
        ways = {"ONNX Runtime, here": make(load(folder, threads=options.concurrency), options)}
        for name, url in urls.items():
            if url:
                remote = RemotePackage.connect(url, folder, concurrency=options.concurrency)
                ways[name] = make(stack.enter_context(remote), options)
        report(ways, options.number, "formulas" if formulas else "crystal graphs")


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, str]]:
    """Starts the server of the tests on a package's SavedModels and yields its addresses."""
    name = read_metadata(folder)["name"]
    entries = [
        f'config {{ name: "{name}-{part.name}" base_path: "{part}" model_platform: "tensorflow" }}'
        for part in sorted((folder.resolve() / "serving").iterdir())
    ]
    with tempfile.TemporaryDirectory() as place:
        config = Path(place) / "models.config"
        config.write_text(f"model_config_list {{\n{chr(10).join(entries)}\n}}\n", "utf-8")
        command = [sys.executable, str(TESTS / "serving_server.py"), "--port", "0"]
        command += ["--rest_api_port", "0", "--model_config_file", str(config)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            try:
                _, rest, grpc = process.stdout.readline().split()
                yield rest, grpc
            finally:
                process.terminate()


def structure_maker(networks: Any, options: argparse.Namespace) -> Callable[[], None]:
    """Returns what generates and decodes crystal graphs."""
    from tfmat.ccdcgan.codec import Codec
    from tfmat.ccdcgan.generate import generate

    codec = Codec.from_package(networks)
    return lambda: [None for _ in generate(codec, options.number, 0)].clear()


def formula_maker(networks: Any, options: argparse.Namespace) -> Callable[[], None]:
    """Returns what generates and judges formulas."""
    from tfmat.matgan.generating.generate import FormulaSampler
    from tfmat.matgan.generating.model import CompositionModel
    from tfmat.matgan.generating.served import served_model
    from tfmat.matgan.validity.checker import ValidityChecker, ValiditySettings

    if isinstance(networks, RemotePackage):
        model = served_model(networks)
    else:
        model = CompositionModel.load(networks.folder, threads=options.concurrency)
    sampler = FormulaSampler(model, 0, ValidityChecker(ValiditySettings()))
    return lambda: [None for _ in sampler.chunks(0, options.number)].clear()


def report(ways: dict[str, Callable[[], None]], number: int, what: str) -> None:
    """Runs all ways in turn and prints the best round of each."""
    best = {name: (float("inf"), float("inf")) for name in ways}
    for work in ways.values():
        work()  # connections, sessions, plans
    for _ in range(ROUNDS):
        for name, work in ways.items():
            wall, processor = time.perf_counter(), time.process_time()
            work()
            spent = (time.perf_counter() - wall, time.process_time() - processor)
            best[name] = tuple(map(min, best[name], spent))  # type: ignore[assignment]
    (first, *_) = best.values()
    print(f"{number} {what}, best of {ROUNDS} rounds")
    print(f"{'':<20} {what + '/s':>18} {'beside here':>12} {'client ms':>10}")
    for name, (wall, processor) in best.items():
        print(
            f"{name:<20} {number / wall:18,.1f} {first[0] / wall:11.2f}x "
            f"{1000 * processor / number:10.3f}"
        )


if __name__ == "__main__":
    main()
