"""Shards of ``tfmat generate ccdcgan`` and ``dcgan``: which crystal graphs are whose; merging.

Parts end where batches end, or where blocks end in which ``keep`` ranks structures, so that each
part has to the last digit what one run has there. What is averaged needs all numbers: a shard keeps
them in a file of its own, ``tally.npz``, of which the merge works out the summary of the whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generated import GeneratedMetrics
from tfmat.ccdcgan.rejecting import RANKED, ranked_ends
from tfmat.ccdcgan.request import StructureRequest
from tfmat.ccdcgan.results import TALLY, counts_of, is_results
from tfmat.ccdcgan.sources.generating import TOGETHER
from tfmat.checksums import sealed
from tfmat.datasets.generated import CIF_FOLDER, FRAMES, HASHES, SUMMARY, TABLE, check, hashes
from tfmat.errors import InputError
from tfmat.files import check_apart, replacing_folder, sha256, write_json
from tfmat.metric import Judge
from tfmat.progress import Progress
from tfmat.reading import reading
from tfmat.work.shards import ENTRY, Manifest, Part, Shard, check_unchanged


def part_of(
    shard: Shard, codec: Codec, count: int, request: StructureRequest, batch_size: int
) -> range:
    """Returns which of the crystal graphs are a shard's.

    Args:
        shard: The shard.
        codec: The package.
        count: Crystal graphs in all.
        request: What structures have to fulfil.
        batch_size: Crystal graphs generated at once.

    Raises:
        InputError: There are more shards than blocks that belong together.
    """
    if request.keep is not None:
        ends = [0, *ranked_ends(count)]
        if len(ends) <= shard.of:
            raise InputError(
                f"`shard` {shard}: `keep` ranks structures in blocks of {RANKED:,}, and {count:,} "
                f"make at most {len(ends) - 1:,} shards; take fewer"
            )
        blocks = shard.part(len(ends) - 1, 1, "blocks")
        return range(ends[blocks.start], ends[blocks.stop])
    block = TOGETHER if codec.recipe.gan.form == "sources" else batch_size
    return shard.part(count, block, codec.begun.removesuffix(" begun"))


def write_shard(
    folder: Path, measured: GeneratedMetrics, summary: dict[str, Any], manifest: Manifest
) -> dict[str, Any]:
    """Writes what the merge needs beside the results of a shard, and their summary.

    Args:
        folder: The results.
        measured: What was added up.
        summary: Their summary, not yet sealed.
        manifest: What the shard says of itself.

    Returns:
        The sealed summary.
    """
    counts, numbers = measured.state()
    made = {
        "constraints": {name: asdict(judge) for name, judge in measured.constraints.items()},
        "mode": measured.mode,
        "symprec": measured.symprec,
        "begun": measured.begun,
        "sources": measured.sources,
        "counts": counts,
    }
    with (folder / TALLY).open("wb") as stream:
        text = np.frombuffer(json.dumps(made).encode(), np.uint8)
        arrays: dict[str, Any] = {"made": text, **numbers}
        np.savez_compressed(stream, **arrays)
    found = {**hashes(folder), TALLY: sha256(folder / TALLY)}
    summary = sealed({**summary, HASHES: found, ENTRY: manifest.record()})
    write_json(folder / SUMMARY, summary)
    return summary


def merge_structures(
    parts: Sequence[Part], out: Path, *, overwrite: bool = False
) -> dict[str, Any]:
    """Joins shards of generated structures.

    Args:
        parts: All shards of one work, in order.
        out: The folder to write.
        overwrite: Replace results that are there.

    Returns:
        The summary.

    Raises:
        InputError: ``out`` is in the way, or a shard was changed since it was written.
    """
    check_apart(out, *(part.place for part in parts))
    for part in parts:
        check(part.place, with_cif=True)
    measured = _measured(parts)
    last = dict(parts[0].summary)
    with (
        replacing_folder(out, overwrite=overwrite, own=is_results) as folder,
        Progress("merging", len(parts), "shard") as progress,
    ):
        (folder / CIF_FOLDER).mkdir()
        with (folder / TABLE).open("wb") as table, (folder / FRAMES).open("wb") as frames:
            for number, part in enumerate(parts):
                with (part.place / TABLE).open("rb") as rows:
                    header = rows.readline()
                    if not number:
                        table.write(header)
                    shutil.copyfileobj(rows, table)
                with (part.place / FRAMES).open("rb") as some:
                    shutil.copyfileobj(some, frames)
                for cif in (part.place / CIF_FOLDER).iterdir():
                    shutil.copyfile(cif, folder / CIF_FOLDER / cif.name)
                progress.update()
        last |= counts_of(measured) | {"first": parts[0].manifest.settings["first"]}
        del last[ENTRY]
        summary = sealed({**last, HASHES: hashes(folder)})
        write_json(folder / SUMMARY, summary)
    return summary


def _measured(parts: Sequence[Part]) -> GeneratedMetrics:
    """Adds up what the shards have added up."""
    measured = None
    for part in parts:
        file = part.place / TALLY
        with reading(file), np.load(file, allow_pickle=False) as tally:
            check_unchanged(file, part.summary[HASHES][TALLY])
            made = json.loads(tally["made"].tobytes())
            measured = _empty(made) if measured is None else measured
            measured.absorb(made["counts"], tally)
    assert measured is not None  # noqa: S101  (there is a shard)
    return measured


def _empty(made: Mapping[str, Any]) -> GeneratedMetrics:
    judges = {name: Judge(**judge) for name, judge in made["constraints"].items()}
    return GeneratedMetrics(judges, made["mode"], made["symprec"], made["begun"], made["sources"])
