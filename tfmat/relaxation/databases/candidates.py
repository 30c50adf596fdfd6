"""Candidates for a system: prototypes filled with its elements, each structure once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmat import files
from tfmat.checksums import read_sealed, write_sealed
from tfmat.crystals.contacts import scaled, shortest_contact
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.duplicates import first_copies
from tfmat.crystals.niggli import niggli_lattice
from tfmat.datasets.credit import Credit, combined
from tfmat.datasets.splits.copies import neighbour_distances
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.progress import Progress
from tfmat.relaxation.databases import prototypes, substitute
from tfmat.work.chunks import Row

# Average neighbour distances of two descriptions of one crystal agree to this, Å, where the
# closest atoms touch.
_DISTANCE = 0.01
# Contact below which two atoms are one, written twice.
_SAME_POSITION = 1e-3


def source(prototype_data: Path | None) -> dict[str, Any]:
    """Returns name and SHA-256 of where prototypes come from.

    Args:
        prototype_data: A dataset; ``None`` for AFLOW's.
    """
    if prototype_data is not None:
        return {"name": prototype_data.name, "sha256": Dataset.open(prototype_data).sha256}
    return {
        "name": "AFLOW prototypes in pymatgen",
        "sha256": files.sha256(prototypes.aflow_file()),
    }


def credit(prototype_data: Path | None, *others: Credit) -> Credit:
    """Returns licence and attribution of what is made of prototypes.

    AFLOW's say nothing about the licence of what is made of them.

    Args:
        prototype_data: A dataset; ``None`` for AFLOW's.
        others: Of what else it is made.
    """
    if prototype_data is not None:
        return combined([*others, Dataset.open(prototype_data).credit])
    return combined(others).citing(prototypes.AFLOW_ATTRIBUTION)


def fill(
    numbers: Sequence[int], prototype_data: Path | None, max_atoms: int
) -> list[substitute.Candidate]:
    """Fills prototypes with the elements of a system in every order.

    Args:
        numbers: Atomic numbers.
        prototype_data: A dataset that gives the prototypes; ``None`` for AFLOW's.
        max_atoms: Larger cells are left out.

    Raises:
        InputError: There is no prototype of that many elements and so few atoms.
    """
    if prototype_data is None:
        found = prototypes.aflow(len(numbers))
    else:
        found = prototypes.from_dataset(Dataset.open(prototype_data), len(numbers))
    with Progress("filling prototypes", unit="candidate") as progress:
        candidates = []
        for candidate in substitute.all_orders(found, numbers, max_atoms):
            candidates.append(candidate)
            progress.update()
    if not candidates:
        raise InputError(
            f"`prototypes` {prototype_data or 'AFLOW'}: holds no structure of {len(numbers)} "
            f"elements and at most {max_atoms} atoms; give another dataset, or raise `max_atoms`"
        )
    return candidates


def without_copies(
    candidates: Sequence[substitute.Candidate], cache: Path
) -> tuple[list[substitute.Candidate], list[Row]]:
    """Drops what is the same before any energy, which spares nearly half of a big build.

    Args:
        candidates: All of them.
        cache: File in which a later call finds the comparisons.

    Returns:
        The candidates that stay, and a row with the reason for each other.
    """
    sound: list[substitute.Candidate] = []
    crystals: list[Crystal] = []
    dropped: list[Row] = []
    for item in candidates:
        try:
            crystals.append(_touching(item.crystal))
            sound.append(item)
        except InputError as error:
            dropped.append({"id": item.identifier, "reason": str(error)})
    first = _compared(cache, len(sound))
    if first is None:
        distances = np.array([neighbour_distances(crystal) for crystal in crystals])
        with Progress("comparing candidates", len(sound), "candidate") as progress:
            first = first_copies(crystals, distances, _DISTANCE, on_step=progress.update)
        write_sealed(cache, {"first": [int(index) for index in first]})
    kept = [item for index, item in enumerate(sound) if first[index] == index]
    dropped += [
        duplicate(item.identifier, sound[first[index]].identifier)
        for index, item in enumerate(sound)
        if first[index] != index
    ]
    return kept, dropped


def _compared(cache: Path, count: int) -> list[int] | None:
    """Reads the comparisons of an earlier call; nothing of damaged ones, which are made again."""
    try:
        first = read_sealed(cache)["first"]
        whole = len(first) == count and all(0 <= copy <= place for place, copy in enumerate(first))
    except (InputError, KeyError, TypeError):
        return None
    return first if whole else None


def _touching(crystal: Crystal) -> Crystal:
    """Returns a crystal scaled so that its closest atoms touch, if it can be compared at all.

    Raises:
        InputError: Why not, as ``"kind: detail"``.
    """
    try:
        contact = shortest_contact(crystal)
        if contact > _SAME_POSITION:
            result = scaled(crystal, 1 / contact)
            niggli_lattice(result.lattice)
            return result
    except (InputError, ValueError) as error:
        # pymatgen's and NumPy's errors about flat cells are ValueErrors.
        raise InputError(f"broken prototype: {error}") from error
    raise InputError("atoms clash: two share a position")


def drawn(
    candidates: Sequence[substitute.Candidate], limit: int | None, seed: int
) -> Sequence[substitute.Candidate]:
    """Draws as many candidates as are wanted, in their own order.

    Args:
        candidates: All of them.
        limit: How many; ``None`` for all.
        seed: Decides which.
    """
    if limit is None or len(candidates) <= limit:
        return candidates
    random = np.random.default_rng(seed)
    rows = random.choice(len(candidates), limit, replace=False)
    return [candidates[row] for row in sorted(rows.tolist())]


def duplicate(identifier: str, original: str) -> Row:
    """Returns the row of a structure that is dropped because there is another like it."""
    return {"id": identifier, "reason": f"duplicate: the same as {original}"}
