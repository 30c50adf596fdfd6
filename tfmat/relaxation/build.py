"""Building a database of a binary system by substitution, as paper 004 did for Bi-Se."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat import files
from tfmat.datasets import prototypes, substitute
from tfmat.datasets.contacts import scaled, shortest_contact, touching
from tfmat.datasets.crystal import Crystal
from tfmat.datasets.duplicates import first_copies
from tfmat.datasets.families import neighbour_distances
from tfmat.datasets.hull import energy_above_hull
from tfmat.datasets.niggli import niggli_lattice
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.progress import Progress
from tfmat.relaxation.calculator import Calculator, chgnet
from tfmat.relaxation.chunks import CalculatorFactory, Row, run_chunks
from tfmat.relaxation.labelling import (
    Base,
    Settings,
    crystal_of,
    label_candidates,
    label_copies,
)
from tfmat.relaxation.references import Reference, element_references

# Candidates in a chunk: enough for full batches, few enough to lose little by a kill.
_CHUNK = 32
_COPY_CHUNK = 16
# Two descriptions of one crystal: average neighbour distances agree to this, Å, where the closest
# atoms touch; energies to this, eV/atom.
_DISTANCE = 0.01
_ENERGY = 1e-3
# Contact below which two atoms are one, written twice.
_SAME_POSITION = 1e-3


def build(
    out: Path,
    elements: tuple[str, str],
    settings: Settings,
    *,
    prototype_data: Path | None = None,
    workers: int = 1,
    factory: CalculatorFactory = chgnet,
) -> dict[str, Any]:
    """Fills binary prototypes with two elements both ways round and labels the results.

    Source: paper 004, Methods, "Data for generative adversarial network", with a potential in
    place of DFT. While it runs, the results lie beside ``out`` in a folder ``OUT.work``; a build
    that was killed goes on from there when it is called again.

    Args:
        out: The dataset to write.
        elements: Symbols of two elements.
        settings: How structures are made.
        prototype_data: A dataset whose binaries are the prototypes; AFLOW's by default.
        workers: Processes.
        factory: Makes the calculator; a function of a module.

    Returns:
        The summary that is also kept in the metadata: counts at each step, references, energies.

    Raises:
        InputError: The elements or the folder are wrong, an unfinished build with other settings
            is in the way, or no structure is left.
        MissingExtraError: The potential is not installed.
    """
    pair = substitute.element_pair(elements)
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists and is not empty; give another --out")
    source = _source(prototype_data)
    calculator = factory()
    recipe = {
        "elements": [_symbol(number) for number in pair],
        "prototypes": source,
        "settings": settings.record(),
        "calculator": {
            "name": calculator.name,
            "version": calculator.version,
            "energy_scale": calculator.scale,
        },
    }
    work = out.with_name(out.name + ".work")
    _claim(work, recipe)
    every = _candidates(pair, prototype_data, settings)
    if not every:
        shutil.rmtree(work)
        raise InputError(
            f"--prototypes {prototype_data or 'AFLOW'}: holds no binary structure of at most "
            f"{settings.max_atoms} atoms; give another dataset, or raise --max-atoms"
        )
    candidates, dropped = _distinct_candidates(every, work / "distinct.json")
    references = element_references(pair, calculator, work / "references.json")
    rows = list(
        run_chunks(
            work / "structures",
            candidates,
            partial(label_candidates, settings=settings),
            _once(calculator, factory, workers),
            size=_CHUNK,
            workers=workers,
            description="scanning volumes" + (" and relaxing" if settings.relax else ""),
        )
    )
    kept, rejected = _without_duplicates(rows)
    if not kept:
        shutil.rmtree(work)
        reasons = sorted({row["reason"] for row in rejected})
        raise InputError(
            f"{out}: none of {len(candidates)} candidates is left ({', '.join(reasons)}); "
            "raise --max-atoms or --max-length, or give other --prototypes"
        )
    rejected += dropped
    copies: list[Row] = []
    if settings.copies:
        bases = [Base(row["id"], row["prototype"], crystal_of(row)) for row in kept]
        made = run_chunks(
            work / "copies",
            bases,
            partial(label_copies, settings=settings),
            _once(calculator, factory, workers),
            size=_COPY_CHUNK,
            workers=workers,
            description="labelling copies",
        )
        copies = list(made)
        rejected += [row for row in copies if "reason" in row]
        copies = [row for row in copies if "reason" not in row]
    summary = {
        "candidates": len(every),
        "distinct": len(kept),
        "copies": len(copies),
        "unconverged": sum(not row.get("converged", True) for row in kept),
    }
    originals = [row | {"id": f"{row['id']}:0"} for row in kept]
    summary |= _write(out, [*originals, *copies], rejected, recipe, summary, references)
    shutil.rmtree(work)
    return summary


def _source(prototype_data: Path | None) -> dict[str, Any]:
    if prototype_data is not None:
        return {"name": str(prototype_data), "sha256": Dataset.open(prototype_data).sha256}
    import pymatgen.analysis.prototypes as package

    file = Path(package.__file__).parent / "aflow_prototypes.json.gz"
    return {"name": "AFLOW prototypes in pymatgen", "sha256": files.sha256(file)}


def _claim(work: Path, recipe: Mapping[str, Any]) -> None:
    """Starts a work folder, or goes on with one that was made with the same settings."""
    file = work / "recipe.json"
    if file.is_file() and json.loads(file.read_text("utf-8")) != recipe:
        raise InputError(
            f"{work}: an unfinished build with other settings or versions (see recipe.json there); "
            "repeat those, give another --out, or delete the folder"
        )
    files.write_json(file, recipe)


def _candidates(
    pair: tuple[int, int], prototype_data: Path | None, settings: Settings
) -> list[substitute.Candidate]:
    if prototype_data is None:
        found = prototypes.aflow()
    else:
        found = prototypes.from_dataset(Dataset.open(prototype_data))
    with Progress("filling prototypes", unit="candidate") as progress:
        candidates = []
        for candidate in substitute.both_ways(found, pair, settings.max_atoms):
            candidates.append(candidate)
            progress.update()
    return candidates


def _distinct_candidates(
    candidates: Sequence[substitute.Candidate], cache: Path
) -> tuple[list[substitute.Candidate], list[Row]]:
    """Drops what is the same before any energy, which spares more than half of a big build."""
    sound: list[substitute.Candidate] = []
    dropped: list[Row] = []
    for item in candidates:
        reason = _degenerate(item.crystal)
        if reason:
            dropped.append({"id": item.identifier, "reason": reason})
        else:
            sound.append(item)
    if cache.is_file():
        first = json.loads(cache.read_text("utf-8"))
    else:
        crystals = [touching(item.crystal) for item in sound]
        distances = np.array([neighbour_distances(crystal) for crystal in crystals])
        with Progress("comparing candidates", len(sound), "candidate") as progress:
            first = first_copies(crystals, distances, _DISTANCE, on_step=progress.update)
        files.write_json(cache, first)
    kept = [item for index, item in enumerate(sound) if first[index] == index]
    dropped += [
        _duplicate(item.identifier, sound[first[index]].identifier)
        for index, item in enumerate(sound)
        if first[index] != index
    ]
    return kept, dropped


def _degenerate(crystal: Crystal) -> str:
    """Says why a crystal cannot be compared with others, ``""`` if it can."""
    try:
        contact = shortest_contact(crystal)
        if not contact > _SAME_POSITION:
            return "atoms clash: two share a position"
        niggli_lattice(scaled(crystal, 1 / contact).lattice)
    except (InputError, ValueError) as error:
        # pymatgen's and NumPy's errors about flat cells are ValueErrors.
        return f"broken prototype: {error}"
    return ""


def _once(calculator: Calculator, factory: CalculatorFactory, workers: int) -> CalculatorFactory:
    # One process need not load the potential a second time.
    return factory if workers > 1 else lambda: calculator


def _without_duplicates(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    rejected = [row for row in rows if "reason" in row]
    found = [row for row in rows if "reason" not in row]
    with Progress("comparing structures", len(found), "structure") as progress:
        first = first_copies(
            [crystal_of(row) for row in found],
            np.array([row["energy"] for row in found]).reshape(-1, 1),
            _ENERGY,
            on_step=progress.update,
        )
    kept = [row for index, row in enumerate(found) if first[index] == index]
    rejected += [
        _duplicate(row["id"], found[first[index]]["id"])
        for index, row in enumerate(found)
        if first[index] != index
    ]
    return kept, rejected


def _duplicate(identifier: str, original: str) -> Row:
    return {"id": identifier, "reason": f"duplicate: the same as {original}"}


def _write(
    out: Path,
    rows: Sequence[Row],
    rejected: Sequence[Row],
    recipe: Mapping[str, Any],
    counts: Mapping[str, int],
    references: Mapping[int, Reference],
) -> dict[str, Any]:
    settings = recipe["settings"]
    first, second = references
    shares = np.array([np.mean(np.array(row["numbers"]) == second) for row in rows])
    totals = np.array([row["energy"] for row in rows])
    energies = totals - (1 - shares) * references[first].energy - shares * references[second].energy
    above = energy_above_hull(shares, energies)
    with DatasetWriter(
        out,
        recipe["prototypes"],
        selection={name: settings[name] for name in ("max_atoms", "max_length")},
    ) as writer:
        for row, total, energy, distance in zip(rows, totals, energies, above, strict=True):
            properties = {
                "formation_energy_per_atom": float(energy),
                "e_above_hull": float(distance),
                "energy_per_atom": float(total),
            }
            writer.add(crystal_of(row), row["id"], properties)
        for row in rejected:
            writer.reject(row["id"], row["reason"])
        summary = {
            "structures": len(rows),
            "rejected": dict(writer.rejected.most_common()),
            "references": {_symbol(z): entry.record() for z, entry in references.items()},
            "formation_energy_per_atom": _statistics(energies),
        }
        writer.extra["build"] = {**recipe, **counts, **summary}
    return summary


def _statistics(energies: NDArray[np.float64]) -> dict[str, float]:
    values = {
        "minimum": energies.min(),
        "mean": energies.mean(),
        "maximum": energies.max(),
        "negative_fraction": (energies < 0).mean(),
    }
    return {name: round(float(value), 4) for name, value in values.items()}


def _symbol(number: int) -> str:
    from pymatgen.core import Element

    return str(Element.from_Z(number).symbol)
