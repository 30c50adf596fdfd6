"""Loads every SavedModel of model packages with another TensorFlow, as TensorFlow Serving would.

The newest server is 2.20, one version behind the TensorFlow that writes the SavedModels. In an
environment of its own:

    python -m venv old && old/bin/pip install 'tensorflow-cpu==2.20.*'
    python benchmarks/serving_compatibility.py --python old/bin/python PACKAGE ...

Every signature runs there through both loaders, tf.saved_model.load and the session loader that
the server is built on, on inputs that come up in generating; outputs are compared with ONNX
Runtime here. PACKAGE is a package with SavedModels or a folder of tfmat serve.
Also prints what operators the TensorFlow here has and the other one does not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import op_def_pb2

from tfmat import families
from tfmat.inference.package import load


def main() -> None:
    """Compares and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("packages", nargs="*", type=Path)
    parser.add_argument("--python", required=True, help="the other environment's Python")
    parser.add_argument("--rows", type=int, default=4, help="rows of each input")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        here, there = Path(scratch) / "here.pb", Path(scratch) / "there.pb"
        ask(sys.executable, "operators", here)
        ask(options.python, "operators", there)
        print_newer(here, there)
        worst = 0.0
        for package in options.packages:
            worst = max(worst, compare(package, options, Path(scratch)))
    print(f"largest |difference| / max(1, |y|): {worst:.2g}")
    if worst > 1e-5:
        sys.exit("differs from ONNX Runtime by more than 1e-5")


def compare(package: Path, options: argparse.Namespace, scratch: Path) -> float:
    """Runs all SavedModels of a package there and here; returns the largest difference."""
    networks = load(package, threads=1)
    inputs = families.get(networks.metadata["family"]).probe_inputs(networks, options.rows)
    parts = {
        part: networks.folder / entry["saved_model"]["folder"]
        for part, entry in networks.metadata["parts"].items()
        if "saved_model" in entry
    }
    for part in parts:
        np.savez(scratch / f"{part}.in.npz", **{networks.input(part)[0]: inputs[part]})
    words = [f"{folder}={scratch / part}" for part, folder in parts.items()]
    version = ask(options.python, "run", *words)
    worst = 0.0
    for part in parts:
        wanted = networks.run_all(part, inputs[part])
        with np.load(scratch / f"{part}.out.npz") as found:
            shares = [share(found[key], wanted[key.split(" ")[-1]]) for key in found.files]
        print(
            f"{networks.name} {part}: {max(shares):.2g} in TensorFlow {version}, {len(shares)} "
            "outputs of all signatures and loaders"
        )
        worst = max(worst, *shares)
    return worst


def share(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Returns the largest |difference| / max(1, |y|) of two outputs."""
    assert found.dtype == wanted.dtype
    y, y0 = (np.nan_to_num(array.astype(float)) for array in (found, wanted))
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    return float((np.abs(y - y0) / np.maximum(1, np.abs(y0))).max())


def ask(python: str, *words: object) -> str:
    """Runs this file's child in another Python; returns what it prints."""
    command = [python, "-c", CHILD, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{python}: {done.stderr[-2000:]}")
    return done.stdout.strip()


def print_newer(here: Path, there: Path) -> None:
    """Prints the operators and attributes that only the TensorFlow here has."""
    lists = []
    for file in (here, there):
        ops = op_def_pb2.OpList()
        ops.ParseFromString(file.read_bytes())
        lists.append({op.name: op for op in ops.op})
    new, old = lists
    newer = dict.fromkeys(sorted(set(new) - set(old)))
    for name in sorted(set(new) & set(old)):
        attributes = {
            attribute.name for attribute in new[name].attr if attribute not in old[name].attr
        }
        if attributes or new[name].input_arg != old[name].input_arg:
            newer[name] = sorted(attributes)
    print("newer here:", json.dumps(newer))


# Only TensorFlow and NumPy: the other environment has no tfmat.
CHILD = """
import sys
import numpy as np
import tensorflow as tf

def operators(out):
    from tensorflow.python.client import pywrap_tf_session
    data = pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    open(out, "wb").write(data)

def run(*words):
    for word in words:
        folder, _, stem = word.rpartition("=")
        with np.load(stem + ".in.npz") as arrays:
            feed = {name: arrays[name] for name in arrays.files}
        np.savez(stem + ".out.npz", **outputs(folder, feed))
    print(tf.__version__)

def outputs(folder, feed):
    found = {}
    for key, signature in tf.saved_model.load(folder).signatures.items():
        if signature.structured_input_signature[1]:
            tensors = signature(**{name: tf.constant(array) for name, array in feed.items()})
            for name, value in tensors.items():
                found[f"load {key} {name}"] = value.numpy()
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], folder)
        for key, signature in meta.signature_def.items():
            if signature.inputs:
                names = list(signature.outputs)
                values = session.run(
                    [signature.outputs[name].name for name in names],
                    {signature.inputs[name].name: array for name, array in feed.items()},
                )
                for name, value in zip(names, values):
                    found[f"session {key} {name}"] = value
    return found

{"operators": operators, "run": run}[sys.argv[1]](*sys.argv[2:])
"""

if __name__ == "__main__":
    main()
