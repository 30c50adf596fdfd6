"""Which structures are distinct and novel: what ``tfmat evaluate structures`` does."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tfmat.arguments import LARGEST_SEED, whole
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.folders import is_dataset
from tfmat.datasets.named import Several, named_places
from tfmat.datasets.sources import Source, source_of
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError, require_installed
from tfmat.evaluation.novelty.count import Verdict, judge, summarise
from tfmat.evaluation.novelty.index import NoveltyIndex, index_folder
from tfmat.evaluation.novelty.output import is_output, read_generated, write_novel, write_output
from tfmat.evaluation.novelty.shards import manifest_of, rows_of, write_shard
from tfmat.evaluation.structures.baselines import draw_baselines
from tfmat.evaluation.structures.beside import (
    is_baselines,
    measure_baselines,
    write_baselines,
)
from tfmat.evaluation.structures.coverage import EXTRA
from tfmat.evaluation.structures.energies import energies_of
from tfmat.evaluation.structures.export import check_export
from tfmat.evaluation.structures.export import export as write_export
from tfmat.evaluation.structures.measure import measure
from tfmat.files import check_apart, check_place, replacing_folder
from tfmat.metric import records
from tfmat.progress import Progress
from tfmat.work.shards import Shard

if TYPE_CHECKING:
    from pymatgen.core import Structure

# Structures from which on comparing takes longer than a picture.
_DRAWN_FROM = 1000


def novelty(
    structures: str | Path | Iterable[Structure | Crystal],
    against: Several = (),
    *,
    index: bool | str | Path = False,
    distances: bool = True,
) -> list[Verdict]:
    """Says of each structure whether it is distinct, and whether it is known.

    Structures are the same if pymatgen's StructureMatcher(ltol 0.2, stol 0.3, angle_tol 5) says so,
    with ``primitive_cell=True`` or ``False``.

    Args:
        structures: pymatgen structures, or a file, a folder, a dataset or its name.
        against: Datasets of known structures: one, several, or several by name.
        index: Keep what was reduced of the known structures for the next time: in this folder, or
            with ``True`` beside each dataset.
        distances: Also measure the rms distance of matching structures, in Å.

    Returns:
        A verdict on each, in their order, then on those that failed before (``reason`` says why):
        ``distinct``, ``novel``, ``copy_of``, ``known`` (the match in each dataset), ``distances``.

    Raises:
        InputError: Something cannot be read, or two datasets have one name.
    """
    return _judged(_read(structures), _opened(against), index, distances)[0]


def evaluate_structures(
    generated: str | Path | Iterable[Structure | Crystal],
    against: Several = (),
    *,
    index: bool | str | Path = False,
    distances: bool = True,
    hull: Several = (),
    coverage: int | None = None,
    out: str | Path | None = None,
    novel: str | Path | None = None,
    export: Sequence[tuple[str, str | Path]] = (),
    baselines: str | Path | None = None,
    seed: int = 0,
    overwrite: bool = False,
    figures: bool | None = False,
    shard: Shard | None = None,
) -> dict[str, Any]:
    """Counts which structures are valid, distinct, not known yet and stable.

    Args:
        generated: pymatgen structures, or a file, a folder, a dataset or its name.
        against: Datasets of known structures: one, several, or several by name.
        index: As for :func:`novelty`.
        distances: Also measure the rms distance of matching structures, in Å.
        hull: Known structures or formulas with formation energies that define the hull, for S.U.N.;
            by default the structures' own ``e_above_hull`` counts.
        coverage: Structures of each set whose fingerprints are compared, for coverage recall and
            precision; none by default. Needs matminer.
        out: Folder for a table of all and the summary.
        novel: Dataset to write of the structures that are distinct and novel.
        export: Public benchmarks (:data:`tfmat.evaluation.structures.export.FORMATS`), each with
            the place for what it reads.
        baselines: Folder for datasets of structures without a network, which are judged, too; none
            by default.
        seed: Seed of the baselines.
        overwrite: Replace the results that are there.
        figures: Draw in ``out`` how many are distinct after more and more of them; ``None`` for
            from a thousand structures on.
        shard: Judge only a part, all structures of some formulas.

    Returns:
        The summary that ``tfmat evaluate structures --json`` prints.

    Raises:
        InputError: Something cannot be read, is in the way, or there is nothing to be novel beside.
        MissingExtraError: ``coverage`` needs matminer, which is not installed.
    """
    start, cpu = time.monotonic(), time.process_time()
    if shard is not None:
        _check_shard(out, coverage=coverage, novel=novel, export=export, baselines=baselines)
    known = _opened(against)
    if novel is not None and not known:
        raise InputError("`novel` needs known structures: give `against` DATA")
    if baselines is not None:
        if not known:
            raise InputError("`baselines` needs known structures: give `against` DATA")
        whole("seed", seed, 0, LARGEST_SEED)
        check_place(Path(baselines), overwrite=overwrite, own=is_baselines)
    if coverage is not None:
        if not known:
            raise InputError("`coverage` needs known structures: give `against` DATA")
        whole("coverage", coverage, 1)
        require_installed("matminer", EXTRA, "coverage")
    if out is not None:
        check_place(Path(out), overwrite=overwrite, own=is_output)
    if novel is not None:
        check_place(Path(novel), overwrite=overwrite, own=is_dataset)
    exports = [(name, Path(place)) for name, place in export]
    places = [Path(place) for place in (out, novel, baselines) if place is not None]
    places += [place for _, place in exports]
    for place in places:
        check_apart(place, generated, *(dataset.path for dataset in known.values()))
    _check_two(places)
    for name, place in exports:
        check_export(name, place, overwrite=overwrite)
    source = _read(generated)
    energies = energies_of(source, hull)
    every: Source = source
    rows: list[int] = []
    if shard is not None:
        rows = rows_of(shard, source.entries)
        source = replace(source, entries=[source.entries[row] for row in rows])
    drawn = {} if baselines is None else draw_baselines(_crystals(source), known, seed)
    verdicts, counts = _judged(source, known, index, distances, drawn)
    described = measure(source, verdicts, known, energies, coverage)
    metrics = counts.pop("metrics") + records(described.metrics)
    summary: dict[str, Any] = {"generated": source.record, **counts, "metrics": metrics}
    if energies.warnings:
        summary["warnings"] = energies.warnings
    if exports:
        summary["exported"] = [
            write_export(source, name, place, overwrite=overwrite) for name, place in exports
        ]
    if baselines is not None:
        summary["baselines"] = {
            "seed": seed,
            "structures": {name: len(crystals) for name, crystals in drawn.items()},
        }
        write_baselines(Path(baselines), drawn, seed, overwrite=overwrite)
    if novel is not None:
        summary["novel_written"] = write_novel(
            Path(novel), source, verdicts, summary, overwrite=overwrite
        )
    summary["seconds"] = round(time.monotonic() - start, 2)
    summary["cpu_seconds"] = round(time.process_time() - cpu, 2)
    if out is not None:
        with replacing_folder(Path(out), overwrite=overwrite, own=is_output) as folder:
            if shard is not None:
                manifest = manifest_of(shard, every, known, energies, distances)
                return write_shard(folder, manifest, rows, verdicts, described, energies, summary)
            pictures = len(verdicts) >= _DRAWN_FROM if figures is None else figures
            write_output(folder, verdicts, list(known), summary, described, figures=pictures)
    return summary


def _check_shard(out: str | Path | None, **others: object) -> None:
    """Refuses what a part of the structures cannot give."""
    if out is None:
        raise InputError("`shard` needs a folder for tfmat merge: give `out`")
    if given := [name for name, value in others.items() if value]:
        raise InputError(f"`{given[0]}` is of all structures; leave it out with `shard`")


def _crystals(source: Source) -> list[Crystal]:
    return [entry.crystal for entry in source.entries if entry.crystal is not None]


def _read(structures: str | Path | Iterable[Structure | Crystal]) -> Source:
    if isinstance(structures, str | Path):
        return read_generated(structures)
    return source_of(structures)


def _check_two(places: Sequence[Path]) -> None:
    """Refuses two outputs of which one would replace the other."""
    for first, second in permutations([place.resolve() for place in places], 2):
        if first == second or first in second.parents:
            raise InputError(
                f"`out` {places[0]} and `novel` {places[1]}: give two folders, none in the other"
            )


def _opened(against: Several) -> dict[str, Dataset]:
    places = named_places(against, "against")
    return {name: Dataset.open(place) for name, place in places.items()}


def _judged(
    source: Source,
    known: Mapping[str, Dataset],
    index: bool | str | Path,
    distances: bool,
    baselines: Mapping[str, Sequence[Crystal]] = MappingProxyType({}),
) -> tuple[list[Verdict], dict[str, Any]]:
    """Returns the verdicts and their counts, with the metrics of baselines among them."""
    with ExitStack() as stack:
        indices = {}
        for name, dataset in known.items():
            parent = None if isinstance(index, bool) else Path(index)
            folder = None if index is False else index_folder(dataset, parent)
            indices[name] = stack.enter_context(NoveltyIndex.open(dataset, folder))
        count = sum(entry.crystal is not None for entry in source.entries)
        progress = stack.enter_context(Progress("comparing", count, "structure"))
        verdicts = judge(source.entries, indices, distances=distances, on_step=progress.update)
        counts = summarise(verdicts, indices)
        if baselines:
            counts["metrics"] += records(measure_baselines(baselines, indices))
    return verdicts, counts
