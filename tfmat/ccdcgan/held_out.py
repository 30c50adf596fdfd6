"""Which structures of a dataset a package has learned from, and which were held out."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.training.data import load_training_data, usable
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError

Subset = Literal["test", "train", "all"]


def rows_of(
    codec: Codec,
    dataset: Dataset,
    subset: Subset,
    *,
    max_atoms: int | None = None,
    max_length: float | None = None,
) -> tuple[NDArray[np.intp], dict[str, int]]:
    """Finds the structures of a dataset that a package can represent, or a part of its split.

    Args:
        codec: The package; its recipe selects, its seed splits.
        dataset: The structures. A part of the split is defined only for the dataset that the
            package was trained on.
        subset: ``test`` for those held out in training, ``train`` for those learned from, ``all``
            for every one.
        max_atoms: Atoms in a cell at most; by default as in training. More than that only for
            ``all``: the split knows no others.
        max_length: Length of a Niggli cell's edges at most, in Å; likewise.

    Returns:
        Their rows in the dataset, ascending, and how many structures the selection left out by
        reason.

    Raises:
        InputError: A part of the split is asked for on another dataset or beyond the selection of
            the training, or nothing passes the selection.
    """
    package = codec.package
    trained_on = package.metadata.get("dataset", {})
    if subset != "all" and trained_on.get("sha256") != dataset.sha256:
        raise InputError(
            f"`split` {subset}: {dataset.path} is not the dataset that {package.name} was trained "
            f"on ({trained_on.get('name', 'unknown')}), so nothing is known to be held out; give "
            "that dataset, or `split` all"
        )
    rules, box = codec.recipe.data, codec.recipe.room
    wanted = replace(
        rules, max_atoms=max_atoms or rules.max_atoms, max_length=max_length or rules.max_length
    )
    if subset == "all":
        # Needs no split, and so not the two structures at least that a split needs.
        rows, _, left_out = usable(wanted, dataset, box)
        return rows, left_out
    if wanted.max_atoms > rules.max_atoms or wanted.max_length > rules.max_length:
        raise InputError(
            f"`split` {subset}: {package.name} was trained on at most {rules.max_atoms} atoms and "
            f"edges up to {rules.max_length:g} Å, so its split has no larger structures; lower "
            "`max_atoms` and `max_length`, or give `split` all"
        )
    seed = int(package.metadata.get("seed", 0))
    data = load_training_data(rules, dataset, box, seed)
    recorded = trained_on.get("split", {}).get("sha256", data.split["sha256"])
    if recorded != data.split["sha256"] or trained_on.get("held_out", len(data.test)) != len(
        data.test
    ):
        raise InputError(
            f"`split` {subset}: {package.name} held out other structures than this version of "
            "tfmat finds; use the version that trained it, or `split` all"
        )
    return data.rows[data.test if subset == "test" else data.train], data.rejected
