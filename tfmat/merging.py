"""Results of shards become those of one run: what ``tfmat merge`` does for every command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmat.errors import InputError
from tfmat.work.shards import Part, read_parts

Merge = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Merged:
    """What was joined.

    Args:
        command: The command whose results they are.
        shards: How many shards there were.
        summary: The summary of the whole, as one run would have written it.
    """

    command: str
    shards: int
    summary: dict[str, Any]


def merge(places: Sequence[str | Path], out: str | Path, *, overwrite: bool = False) -> Merged:
    """Joins the results of all shards of one work.

    Args:
        places: Tables or folders that a command with ``shard`` has written, in any order.
        out: Where to write what one run would have written: a table or a folder, as they are.
        overwrite: Replace results of the same kind.

    Returns:
        The command and its summary.

    Raises:
        InputError: Something is no shard or was changed, they are of different works, some are
            missing, or ``out`` is in the way.
    """
    parts = read_parts([Path(place) for place in places])
    command = parts[0].manifest.command
    return Merged(command, len(parts), _of(command, parts)(parts, Path(out), overwrite=overwrite))


def _of(command: str, parts: Sequence[Part]) -> Merge:
    """Returns what joins the results of a command."""
    if command == "tfmat generate matgan":
        from tfmat.matgan.generating.merge import merge_formulas

        return merge_formulas
    if command in ("tfmat generate ccdcgan", "tfmat generate dcgan"):
        from tfmat.ccdcgan.shards import merge_structures

        return merge_structures
    if command == "tfmat relax":
        from tfmat.relaxation.results import merge_relaxed

        return merge_relaxed
    if command == "tfmat data enumerate":
        from tfmat.matgan.space.shards import merge_enumerated

        return merge_enumerated
    if command == "tfmat evaluate structures":
        from tfmat.evaluation.novelty.shards import merge_evaluated

        return merge_evaluated
    raise InputError(
        f"{parts[0].place}: is of {command!r}, which this version of tfmat does not join; take "
        "the version that made it"
    )
