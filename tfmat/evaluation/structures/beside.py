"""Baselines judged like generated structures, and written to be relaxed like them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import judge as criterion
from tfmat.datasets.folders import is_dataset
from tfmat.datasets.sources import Entry
from tfmat.datasets.store import DatasetWriter
from tfmat.evaluation.novelty.count import judge
from tfmat.evaluation.novelty.index import NoveltyIndex
from tfmat.evaluation.structures.baselines import NAMES, SHIFT, STRAIN
from tfmat.evaluation.structures.described import describe
from tfmat.evaluation.structures.metrics import of_one
from tfmat.files import replacing_folder
from tfmat.metric import Metric, share
from tfmat.progress import Progress


def measure_baselines(
    sets: Mapping[str, Sequence[Crystal]], known: Mapping[str, NoveltyIndex]
) -> list[Metric]:
    """Judges baselines.

    Args:
        sets: Structures by name of the baseline.
        known: Indices of the known structures by name.

    Returns:
        With the subset ``baseline``: what is said of every set of structures
        (:func:`tfmat.evaluation.structures.metrics.of_one`), ``uniqueness``, ``novelty``,
        ``unique_and_novel``.
    """
    metrics = []
    count = sum(map(len, sets.values()))
    with Progress("judging baselines", count, "structure") as progress:
        for name, crystals in sets.items():
            subset = {"baseline": name}
            metrics += of_one(describe(crystals, symmetry=False), subset, f"structures ({name})")
            verdicts = judge(
                _entries(name, crystals), known, distances=False, on_step=progress.update
            )
            judged = [verdict for verdict in verdicts if not verdict.reason]
            for metric, kept, words in (
                ("uniqueness", [one.distinct for one in judged], "no copy of an earlier one"),
                ("novelty", [one.novel for one in judged], "in no known set"),
                (
                    "unique_and_novel",
                    [one.distinct and one.novel for one in judged],
                    "distinct and in no known set",
                ),
            ):
                note = f"share of {len(judged):,} structures ({name}) that are {words}"
                more: dict[str, Any] = {"subset": subset, "judge": criterion()}
                metrics.append(share(metric, sum(kept), len(judged), note, **more))
    return metrics


def write_baselines(
    out: Path, sets: Mapping[str, Sequence[Crystal]], seed: int, *, overwrite: bool = False
) -> None:
    """Writes baselines as datasets, a folder for each that has any structure.

    Args:
        out: The folder.
        sets: Structures by name of the baseline.
        seed: Seed that they were drawn with.
        overwrite: Replace baselines that are there.
    """
    with replacing_folder(out, overwrite=overwrite, own=is_baselines) as folder:
        for name, crystals in sets.items():
            if not crystals:
                continue
            record = {"name": name, "format": "baseline"}
            extra = {"baseline": {"seed": seed, "shift": SHIFT, "strain": STRAIN}}
            with DatasetWriter(folder / name, record, extra=extra) as writer:
                for entry in _entries(name, crystals):
                    assert entry.crystal is not None  # noqa: S101
                    writer.add(entry.crystal, entry.identifier, {})


def is_baselines(folder: Path) -> bool:
    """Tells whether a folder holds baselines, and nothing else.

    Args:
        folder: Any folder.
    """
    found = list(folder.iterdir())
    return all(path.name in NAMES and is_dataset(path) for path in found)


def _entries(name: str, crystals: Sequence[Crystal]) -> list[Entry]:
    return [Entry(f"{name}-{row:06d}", crystal) for row, crystal in enumerate(crystals)]
