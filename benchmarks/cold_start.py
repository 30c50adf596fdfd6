"""How long a fresh process needs until the first structure or formulas are there, and its memory.

Each line is one way to the same result, run again and again as a process of its own, all ways in
turn (those with TensorFlow only twice), so that they share whatever else the machine does: the
commands, the Python of docs/inference.md, ONNX Runtime without tfmat, and TensorFlow with the
SavedModels and the Keras networks where the package has them (tfmat export writes them) and
TensorFlow is installed. The last three stop at the networks' outputs (voxels, composition
matrices, of a writer atoms; its Keras networks need tfmat's layers, so they are left out); the
others go on to structures or formulas. The working folder is a temporary one, and the files are in
the page cache. -n 1000 generates so many structures by the commands and in Python.

    tfmat export runs/bi-se --out bi-se
    python benchmarks/cold_start.py bi-se matgan-plus-icsd-filter
    python benchmarks/cold_start.py --reference      # the published networks, made on the spot

--limit 1.5 500 makes the exit code 1 if a way without TensorFlow takes more seconds (of wall time,
its fastest run) or megabytes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import child
import recorded

# This process must stay small: a child's peak memory is counted from before its exec. So nothing
# of tfmat is imported here.

SLOW_REPEATS = 2
COLUMNS = {
    "way": "text",
    "fastest, s": "number",
    "median, s": "number",
    "processor, s": "number",
    "at most, MB": "count",
}
TFMAT = [sys.executable, "-c", "from tfmat.cli.main import main; main()"]

STRUCTURES = {
    "tfmat generate ccdcgan -n {n}": [*TFMAT, "generate", "{command}", "-n", "{n}", "--model"],
    "Python, tfmat.inference": """
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import generate
from tfmat.inference import load

codec = Codec.from_package(load(PACKAGE))
for result in generate(codec, NUMBER, seed=0):
    print(result.identifier, result.status, result.properties)
""",
    "ONNX Runtime alone": """
import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = len(os.sched_getaffinity(0))
def network(part):
    file = f"{PACKAGE}/{FILES[part]}"
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda array: session.run(None, {name: array})[0]
""",
    "TensorFlow, SavedModels": """
import numpy as np
import tensorflow as tf

def network(part):
    run = tf.saved_model.load(f"{PACKAGE}/serving/{part}/1").signatures["serving_default"]
    (name,) = run.structured_input_signature[1]
    return lambda array: next(iter(run(**{name: tf.constant(array)}).values())).numpy()
""",
    "Keras": """
import numpy as np
import keras

def network(part):
    model = keras.models.load_model(f"{PACKAGE}/keras/{part}.keras", compile=False)
    return lambda array: np.asarray(model(array))
""",
}
FORMULAS = {
    "tfmat generate matgan -n 1000": [*TFMAT, "generate", "{command}", "-n", "1000", "--model"],
    "Python, tfmat.inference": """
from tfmat.matgan.generating.generate import FormulaSampler
from tfmat.matgan.generating.model import CompositionModel
from tfmat.matgan.validity.checker import ValidityChecker

model = CompositionModel.load(PACKAGE)
for chunk in FormulaSampler(model, 0, ValidityChecker()).chunks(0, 1000):
    print(chunk.kept.formulas()[:3])
""",
}
RAW = ("ONNX Runtime alone", "TensorFlow, SavedModels", "Keras")
# What a plain user of the networks does with them; a crystal graph's rows are its latents.
NETWORKS = {
    "ccdcgan": """
noise = np.random.default_rng(0).standard_normal((1, LATENT)).astype(np.float32)
graph = network("generator")(noise)
cells = graph.reshape(1, -1)
sites = cells[:, SLOT : SLOT + ELEMENTS * SITES].reshape(ELEMENTS, SITES)
if "constraint" in FILES:
    network("constraint")(graph)
print(network("lattice_decoder")(cells[:, :LATTICE]).shape)
print(network("sites_decoder")(sites).shape)
""",
    "writer": """
noise = np.random.default_rng(0).standard_normal((1, LATENT)).astype(np.float32)
print(network("generate")(noise).shape)
""",
    "matgan": """
noise = np.random.default_rng(0).standard_normal((1000, LATENT)).astype(np.float32)
run = network("generator")
print(np.concatenate([run(noise[k : k + 256]) for k in range(0, 1000, 256)]).shape)
""",
}


@dataclass
class Way:
    """One way to the result and what it took."""

    name: str
    command: list[str]
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    peak: float = 0.0

    @property
    def slow(self) -> bool:
        """Whether it imports TensorFlow."""
        return self.name.startswith(("TensorFlow", "Keras"))

    def row(self) -> list[str | float]:
        """Returns what is shown of it."""
        wall, processor = statistics.median(self.wall), statistics.median(self.processor)
        return [self.name, min(self.wall), wall, processor, self.peak]

    def run(self) -> None:
        """Runs it once in a fresh process."""
        with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile() as errors:
            code, _, used = child.run(self.command, cwd=scratch, stderr=errors)
            if code:
                errors.seek(0)
                raise SystemExit(f"{self.name}: {errors.read().decode(errors='replace')[-2000:]}")
        self.wall.append(used.seconds)
        self.processor.append(used.processor)
        self.peak = max(self.peak, used.megabytes)


def main() -> None:
    """Parses the options and prints a table for each package."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help="folder or name")
    parser.add_argument("--reference", action="store_true", help="also the published networks")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("-n", "--number", type=int, default=1, help="structures")
    parser.add_argument("--limit", type=float, nargs=2, metavar=("SECONDS", "MB"))
    recorded.add_option(parser)
    options = parser.parse_args()
    if not options.packages and not options.reference:
        parser.error("name a package, or give --reference")
    within, tables = True, []
    with tempfile.TemporaryDirectory() as scratch:
        folders = [find(package) for package in options.packages]
        if options.reference:
            folders.append(Path(scratch) / "published-networks")
            build = [sys.executable, str(Path(__file__).with_name("reference_package.py"))]
            subprocess.run([*build, str(folders[-1])], check=True)
        for folder in folders:
            done = measure(folder, options.repeats, options.number)
            tables.append(recorded.Table(folder.name, COLUMNS, [way.row() for way in done]))
            within &= not options.limit or all(
                min(way.wall) <= options.limit[0] and way.peak <= options.limit[1]
                for way in done
                if not way.slow
            )
    if options.json:
        title = "From a fresh process to the first results"
        recorded.write(options.json, __file__, title, tables, {})
    sys.exit(0 if within else 1)


def find(package: str) -> Path:
    """Returns the folder of a package, found by a process that may import tfmat."""
    script = "import sys; from tfmat.inference import find; print(find(sys.argv[1]).resolve())"
    done = subprocess.run(
        [sys.executable, "-c", script, package], check=True, capture_output=True, text=True
    )
    return Path(done.stdout.strip())


def measure(folder: Path, repeats: int, number: int = 1) -> list[Way]:
    """Measures all ways to use a package and prints the table."""
    metadata = json.loads((folder / "metadata.json").read_text("utf-8"))
    size = sum(part["parameters"] for part in metadata["parts"].values())
    print(f"\n{metadata['name']}: recipe {metadata['recipe']['name']}, {size:,} parameters")
    print("| way | fastest s | median s | processor s | peak MB |\n|---|---|---|---|---|")
    ways = [Way(name, command) for name, command in commands(folder, metadata, number)]
    for way in ways:
        way.run()  # the first call may have to read from the disk
        way.wall.clear()
        way.processor.clear()
    for turn in range(repeats):
        for way in ways:
            if turn < SLOW_REPEATS or not way.slow:
                way.run()
    for way in ways:
        name, fastest, wall, processor, peak = way.row()
        print(f"| {name} | {fastest:.2f} | {wall:.2f} | {processor:.2f} | {peak:.0f} |", flush=True)
    return ways


def commands(folder: Path, metadata: dict, number: int) -> list[tuple[str, list[str]]]:
    """Returns the commands of all ways that a package allows."""
    family, parts = metadata["family"], metadata["parts"]
    ways = STRUCTURES if family == "ccdcgan" else {**FORMULAS, **{n: STRUCTURES[n] for n in RAW}}
    terms = metadata["recipe"]["gan"].get("terms")
    command = family if family == "matgan" or terms else "dcgan"
    if any("saved_model" not in part for part in parts.values()) or not tensorflow():
        ways = {name: way for name, way in ways.items() if not name.startswith("TensorFlow")}
    written = "writer" in parts
    maker = parts["writer" if written else "generator"]
    if "keras" not in maker or written or not tensorflow():
        ways = {name: way for name, way in ways.items() if name != "Keras"}
    precision = next(iter(maker["onnx"]))
    recipe = metadata["recipe"]
    latent = recipe["gan"]["latent"]
    if "generate" in parts:
        latent = parts["generate"]["inputs"]["noise"]["shape"][1]
    elif written:
        ways = {name: way for name, way in ways.items() if name not in RAW}
    head = (
        f"import os\nPACKAGE = {str(folder)!r}\nLATENT = {latent}\nNUMBER = {number}\n"
        f"FILES = { {name: part['onnx'][precision]['file'] for name, part in parts.items()} }\n"
    )
    if family == "ccdcgan":
        head += f"LATTICE = {recipe['lattice_autoencoder']['latent']}\n"
        head += f"SITES = {recipe['sites_autoencoder']['latent']}\n"
        head += f"SLOT = {recipe['graph']['lattice_slot']}\n"
        head += f"ELEMENTS = {len(metadata['elements'])}\n"
    result = []
    for name, way in ways.items():
        if isinstance(way, str):
            tail = NETWORKS["writer" if written else family] if name in RAW else ""
            result.append((name, [sys.executable, "-c", head + way + tail]))
        else:
            words = [word.format(command=command, n=number) for word in way]
            label = name.format(n=number).replace("ccdcgan", command)
            result.append((label, [*words, str(folder), "--out", out(family)]))
    return result


def out(family: str) -> str:
    """Returns the name of what a command writes."""
    return "new.csv" if family == "matgan" else "new"


def tensorflow() -> bool:
    """Says whether TensorFlow is installed, without importing it."""
    return importlib.util.find_spec("tensorflow") is not None


if __name__ == "__main__":
    main()
