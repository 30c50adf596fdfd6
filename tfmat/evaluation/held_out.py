"""Which structures of a dataset a package has learned from, and which were held out."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.data import load_training_data, usable
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError

Subset = Literal["test", "train", "all"]


def rows_of(
    codec: Codec, dataset: Dataset, subset: Subset
) -> tuple[NDArray[np.intp], dict[str, int]]:
    """Finds the structures of a dataset that a package can represent, or a part of its split.

    Args:
        codec: The package; its recipe selects, its seed splits.
        dataset: The structures. A part of the split is defined only for the dataset that the
            package was trained on.
        subset: ``test`` for those held out in training, ``train`` for those learned from, ``all``
            for every one.

    Returns:
        Their rows in the dataset, ascending, and how many structures the selection left out by
        reason.

    Raises:
        InputError: A part of the split is asked for on another dataset, or nothing passes the
            selection.
    """
    package = codec.package
    trained_on = package.metadata.get("dataset", {})
    if subset != "all" and trained_on.get("sha256") != dataset.sha256:
        raise InputError(
            f"--split {subset}: {dataset.path} is not the dataset that {package.name} was trained "
            f"on ({trained_on.get('name', 'unknown')}), so nothing is known to be held out; give "
            "that dataset, or --split all"
        )
    if subset == "all":
        # Needs no split, and so not the two structures at least that a split needs.
        rows, _, left_out = usable(codec.recipe.data, dataset, codec.recipe.voxels.box)
        return rows, left_out
    seed = int(package.metadata.get("seed", 0))
    data = load_training_data(codec.recipe.data, dataset, codec.recipe.voxels.box, seed)
    return data.rows[data.test if subset == "test" else data.train], data.rejected
