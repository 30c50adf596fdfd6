"""How far Keras, SavedModel (loaded, and by TensorFlow's command) and ONNX Runtime differ.

Runs every part of model packages that `tfmat export` wrote with all formats, at two batch sizes, on
random numbers and on what the package itself makes of noise and of the datasets that ship with
tfmat. Prints for each part and form the largest |y - y0| / max(1, |y0|), y0 from Keras (from the
SavedModel for the end-to-end network, which has no Keras file). Outputs that are decisions (drawn,
or behind a steep threshold) are given as the share of rows or of voxels that differ, with the
difference before the decision below. Needs the [train] extra.

    python benchmarks/parity.py PACKAGE...
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfmat import families
from tfmat.errors import InputError
from tfmat.inference.package import ModelPackage, load
from tfmat.inference.verify import random_inputs
from tfmat.release.parity import Run, difference, forms, inner_forms, rows_that_differ
from tfmat.training.quiet import load_keras

COLUMNS = ("saved_model", "saved_model_cli", "onnx")


def main() -> None:
    """Parses the options and prints a table of every package."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", nargs="+", type=Path, help="folder or name of a package")
    parser.add_argument("--batches", nargs=2, type=int, default=(1, 16), help="two batch sizes")
    options = parser.parse_args()
    load_keras()
    for folder in options.package:
        package = load(folder, threads=1)
        print(f"\n{package.name} ({package.metadata['recipe']['name']})")
        print("| part | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 1))
        inputs = all_inputs(package, max(options.batches))
        for part in package.parts:
            for line in lines(package, part, inputs[part], options.batches):
                print(line, flush=True)


def all_inputs(package: ModelPackage, count: int) -> dict[str, list[NDArray[np.float32]]]:
    """Returns random, real and generated inputs of every part."""
    if package.metadata["family"] == "matgan":
        from tfmat.matgan.probe import probe_inputs
    else:
        from tfmat.ccdcgan.probe import probe_inputs
    kinds = [random_inputs(package, count), probe_inputs(package, count)]
    try:
        kinds.append(families.get(package.metadata["family"]).real_inputs(package, count))
    except InputError as error:
        print(f"no real inputs: {error}")
    return {part: [kind[part] for kind in kinds if part in kind] for part in package.parts}


def lines(
    package: ModelPackage, part: str, inputs: list[NDArray[np.float32]], batches: tuple[int, int]
) -> list[str]:
    """Returns the rows of a part: its outputs, and what its decisions rest on."""
    outputs = package.metadata["parts"][part]["outputs"]
    decided = set(decisions(package, part))
    found = compare(forms(package, part), inputs, batches, decided)
    rows = [
        f"| {part} {name}{' (differ)' if name in decided else ''} | "
        + " | ".join(f"{found[form][name]:.1e}" for form in COLUMNS)
        + " |"
        for name in outputs
    ]
    kind = {"sites_decoder": "Sigmoid", "lattice_decoder": "Sigmoid", "generator": "Softmax"}
    if decided and part in kind:
        inner = compare(inner_forms(package, part, kind[part]), inputs, batches, set())
        worst = {form: max(values.values()) for form, values in inner.items()}
        cells = (f"{worst[form]:.1e}" if form in worst else "" for form in COLUMNS)
        rows.append(f"| {part} before the decision | " + " | ".join(cells) + " |")
    if decided and part == "sites_decoder":
        shares = atoms_that_differ(package, inputs, batches)
        rows.append(
            f"| {part} channels with other atoms | "
            + " | ".join(f"{shares[form]:.1e}" for form in COLUMNS)
            + " |"
        )
    return rows


def atoms_that_differ(
    package: ModelPackage, inputs: list[NDArray[np.float32]], batches: tuple[int, int]
) -> dict[str, float]:
    """Returns by form the share of decoded channels whose atoms differ by more than 0.01 Å."""
    from tfmat.ccdcgan.recipe import CcdcganRecipe
    from tfmat.ccdcgan.voxels.decode import decode_channels
    from tfmat.recipes.loader import build

    spec = build(CcdcganRecipe, package.metadata["recipe"]).voxels
    runs = forms(package, "sites_decoder")
    differ: dict[str, list[bool]] = {form: [] for form in runs}
    for array in inputs:
        for size in batches:
            atoms = {
                form: decode_channels(run(array[:size])["sites_voxel"], spec)
                for form, run in runs.items()
            }
            for form, found in atoms.items():
                differ[form] += [
                    a.shape != b.shape or not np.allclose(a, b, atol=0.01)
                    for a, b in zip(found, atoms["keras"], strict=True)
                ]
    return {form: float(np.mean(answers)) for form, answers in differ.items()}


def decisions(package: ModelPackage, part: str) -> list[str]:
    """Returns the outputs of a part that a last bit can turn."""
    recipe, outputs = package.metadata["recipe"], package.metadata["parts"][part]["outputs"]
    if package.metadata["family"] == "matgan":
        drawn = recipe["gan"]["form"] == "autoregressive"
        return [name for name in outputs if name == "counts" or (drawn and part == "generator")]
    if recipe["gan"]["form"] == "writer" and part in ("writer", "generate"):
        return list(outputs)
    steep = [kind for kind in ("lattice", "sites") if _reference(recipe, kind)]
    voxels = [name for kind in steep for name in outputs if name.startswith(f"{kind}_voxel")]
    return ["present", *voxels] if part == "generate" else voxels


def _reference(recipe: Mapping[str, Mapping[str, object]], kind: str) -> bool:
    return recipe[f"{kind}_autoencoder"]["form"] == "reference"


def compare(
    runs: Mapping[str, Run],
    inputs: list[NDArray[np.float32]],
    batches: tuple[int, int],
    decided: set[str],
) -> dict[str, dict[str, float]]:
    """Returns by form and output the largest difference over all inputs and batch sizes."""
    reference = runs.get("keras") or runs["saved_model"]
    worst: dict[str, dict[str, float]] = {form: {} for form in runs}
    for array in inputs:
        for size in batches:
            expected = reference(array[:size])
            for form, run in runs.items():
                for name, value in run(array[:size]).items():
                    if name not in expected:
                        continue
                    measure = rows_that_differ if name in decided else difference
                    y, y0 = value, expected[name]
                    if name in decided and "voxel" in name:
                        # Every voxel counts by itself: one of 262,144 would spoil a row.
                        y, y0 = (array.reshape(-1, 1) for array in (y, y0))
                    found = measure(y, y0, 0.1) if measure is rows_that_differ else measure(y, y0)
                    worst[form][name] = max(worst[form].get(name, 0.0), found)
    return worst


if __name__ == "__main__":
    main()
