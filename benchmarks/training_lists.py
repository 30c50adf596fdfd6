"""Writes the formulas that a shipped MatGAN has learned from, and those that were held out.

    python benchmarks/training_lists.py PACKAGE DATASET FOLDER

A package says which dataset it was trained on and holds none of it. Where DATASET is that one, by
its SHA-256, FOLDER gets `training.csv` and `held_out.csv` as the training split them, for
`tfmat evaluate compositions --train --holdout`. The counts of the package are compared as well.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.inference.metadata import find, read_metadata
from tfmat.matgan.recipe import CompositionDataRecipe
from tfmat.matgan.training.data import load_training_data


def main() -> None:
    """Parses the words, compares what the package says, and writes the two lists."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", help="name or folder of a MatGAN package")
    parser.add_argument("dataset", help="dataset of compositions that it was trained on")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    package = read_metadata(find(options.package))
    learned = package["dataset"]
    dataset = CompositionDataset.open(options.dataset)
    if dataset.sha256 != learned["sha256"]:
        raise SystemExit(f"{options.dataset}: is not what {options.package} has learned from")
    share = learned["held_out"] / (learned["training"] + learned["held_out"])
    # Rounded to what a recipe says; the counts that are compared would tell another share.
    recipe = CompositionDataRecipe(test_fraction=round(share, 3))
    found = load_training_data(recipe, dataset, package["seed"])
    if (len(found.train), len(found.test)) != (learned["training"], learned["held_out"]):
        raise SystemExit(f"{options.dataset}: is split otherwise than for {options.package}")
    options.folder.mkdir(parents=True, exist_ok=True)
    for path in found.write_formulas(options.folder):
        print(path)


if __name__ == "__main__":
    main()
