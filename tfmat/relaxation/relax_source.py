"""``tfmat relax``: reads any structures, relaxes them, and writes what became of each."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tfmat import __version__, files
from tfmat.datasets.importing import ImportOptions
from tfmat.datasets.sources import Entry, crystals_sha256, read_source
from tfmat.errors import InputError, TfmatError
from tfmat.relaxation.near_hull import near_hull
from tfmat.relaxation.potentials.calculator import Calculator
from tfmat.relaxation.potentials.reference_table import (
    Reference,
    cache_file,
    known_references,
    save_references,
    symbol,
)
from tfmat.relaxation.potentials.references import element_reference
from tfmat.relaxation.potentials.registry import Potential
from tfmat.relaxation.relax_card import Words
from tfmat.relaxation.relaxed_folder import is_relaxed
from tfmat.relaxation.relaxing import RelaxationSettings, relax_rows
from tfmat.relaxation.results import CHUNK, COMMAND, Results, part_of, require_some, write_results
from tfmat.work.chunks import NOT_REACHED, Row, run_chunks
from tfmat.work.folder import claimed, work_of
from tfmat.work.shards import Manifest, Shard


def relax_source(
    source: str | Path,
    out: Path,
    potential: Potential,
    settings: RelaxationSettings,
    *,
    options: ImportOptions | None = None,
    workers: int = 1,
    cache: Path | None = None,
    within: float | None = None,
    minutes: float | None = None,
    overwrite: bool = False,
    command: str = "",
    figures: bool | None = False,
    shard: Shard | None = None,
) -> dict[str, Any]:
    """Relaxes the structures of a source with a potential.

    While it runs, results lie beside ``out`` in a folder ``OUT.work``; a run that was killed goes
    on from there when it is called again. Neither that nor the number of processes changes the
    result.

    Args:
        source: As for :func:`tfmat.datasets.sources.read_source`.
        out: The folder to write; :mod:`tfmat.relaxation.relaxed_folder` says what it holds.
        potential: The potential.
        settings: How structures are relaxed.
        options: How the source is read.
        workers: Processes.
        cache: Folder of the elements' references; the user's cache by default.
        within: Take only what lies at most so far above the hull of the source's own formation
            energies, eV/atom; ``None`` for all.
        minutes: After so many minutes no further structures are begun, and what is there is
            written; the work folder stays, and the same call with ``overwrite`` goes on from it.
        overwrite: Replace results that are there.
        command: The command line, for the card.
        figures: Draw the energies before and after; ``None`` for from ten structures on.
        shard: Do only this part of the source, whole chunks of structures.

    Returns:
        The summary, as in ``summary.json``.

    Raises:
        InputError: The source cannot be read, ``out`` is in the way, an unfinished run with other
            settings is, no structure is left, or there are more shards than chunks.
        MissingExtraError: The potential is not installed.
    """
    until = None if minutes is None else time.monotonic() + 60 * minutes
    out = Path(out)
    work = work_of(out)
    files.check_place(out, overwrite=overwrite, own=is_relaxed)
    files.check_apart(out, source)
    potential.check_installed()
    found = read_source(source, options)
    if within is not None:
        found = replace(
            found,
            record=found.record | {"within": within, "energies": found.energies},
            entries=near_hull(found.entries, within),
        )
    calculator = potential.factory()
    weights = calculator.weights_sha256
    # One process need not load the potential a second time.
    factory = potential.factory if workers > 1 else lambda: calculator
    recipe = {
        "source": found.record,
        "crystals_sha256": crystals_sha256(found.entries),
        "tfmat_version": __version__,
        "settings": settings.record(),
        "potential": {
            "name": calculator.name,
            "version": calculator.version,
            "weights_sha256": weights,
            "scale": calculator.scale,
        },
    }
    entries: Sequence[Entry] = found.entries
    manifest = None
    if shard is not None:
        if minutes is not None:
            raise InputError(
                "`minutes` leaves a shard unfinished, which cannot be joined; leave it out with "
                "`shard`"
            )
        part, entries = part_of(shard, entries)
        manifest = Manifest(COMMAND, shard, recipe, part, len(found.entries))
        recipe = recipe | {"shard": str(shard)}
    with claimed(work, recipe) as claim:
        readable = [entry for entry in entries if entry.crystal is not None]

        def relaxed_elements(lacking: Sequence[int]) -> list[Row]:
            # Another run may have filled the cache since this one was interrupted.
            key = hashlib.sha256(repr(lacking).encode()).hexdigest()[:12]
            rows = run_chunks(
                work / f"references-{key}",
                lacking,
                reference_rows,
                factory,
                size=1,
                workers=min(workers, len(lacking)),
                description="relaxing the elements",
            )
            return list(rows)

        references, missing = references_of(
            elements_of(readable, potential),
            calculator,
            cache_file(calculator, cache, weights),
            weights,
            relaxed_elements,
        )
        rows = run_chunks(
            work / "structures",
            [entry.crystal for entry in readable if entry.crystal is not None],
            partial(relax_rows, settings=settings, potential=potential),
            factory,
            size=CHUNK,
            workers=workers,
            description="relaxing" if settings.steps else "labelling",
            until=until,
        )
        by_name = dict(zip((entry.identifier for entry in readable), rows, strict=True))
        claim.unfinished = any(row.get("reason") == NOT_REACHED for row in by_name.values())
        summary, outcomes = write_results(
            out,
            Results(
                entries,
                by_name,
                references,
                missing,
                recipe,
                found.record | found.credit.citing([potential.attribution]).record(),
                Words(potential.energies, potential.citation),
                command,
            ),
            manifest,
            overwrite=overwrite,
            figures=figures,
        )
    if manifest is None:
        require_some(outcomes, str(source), out)
    return summary


def elements_of(entries: Sequence[Entry], potential: Potential) -> list[int]:
    """Returns the atomic numbers that structures hold and a potential knows, ascending.

    Args:
        entries: The structures.
        potential: The potential.
    """
    numbers = {
        int(number)
        for entry in entries
        if entry.crystal is not None
        for number in np.unique(entry.crystal.numbers)
    }
    return sorted(numbers & potential.elements)


def references_of(
    numbers: Sequence[int],
    calculator: Calculator,
    table: Path,
    weights: str,
    relaxed: Callable[[Sequence[int]], list[Row]],
) -> tuple[dict[int, Reference], dict[int, str]]:
    """Returns the references of the elements, and why an element has none.

    Args:
        numbers: Atomic numbers.
        calculator: The potential.
        table: The cache, to which new ones are added.
        weights: SHA-256 of the potential's weights.
        relaxed: Relaxes the elements that are in no table, as :func:`reference_rows` does.
    """
    known = known_references(calculator, table)
    lacking = [number for number in numbers if symbol(number) not in known]
    missing: dict[int, str] = {}
    if lacking:
        new: dict[str, Reference] = {}
        for number, row in zip(lacking, relaxed(lacking), strict=True):
            if "reason" in row:
                missing[number] = row["reason"]
            else:
                new[symbol(number)] = Reference(row["prototype"], row["energy_per_atom"])
        # A home that cannot be written must not cost the run its results.
        with suppress(OSError, InputError):
            save_references(table, calculator, new, weights)
        known |= new
    return {number: known[symbol(number)] for number in numbers if number not in missing}, missing


def reference_rows(calculator: Calculator, numbers: Sequence[int]) -> list[Row]:
    """Relaxes elements: a row for each with its reference, or the reason why it has none.

    Args:
        calculator: The potential.
        numbers: Atomic numbers.
    """
    rows: list[Row] = []
    for number in numbers:
        try:
            rows.append(dict(element_reference(number, calculator).record()))
        except TfmatError as error:
            rows.append({"reason": str(error)})
    return rows
