"""Structures with the energies that they have as they are: what critic and constraint learn from.

A constraint that has seen relaxed structures alone knows nothing of those that a generator makes,
none of which is at rest. So it learns relaxed ones, the same ones disturbed, and written ones, all
with single points of one potential.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tfmat import __version__, files
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.folders import is_dataset
from tfmat.datasets.sources import Entry, crystals_sha256
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.relaxation.databases.perturb import generator, perturbed
from tfmat.relaxation.potentials.calculator import Calculator
from tfmat.relaxation.potentials.energy_scale import energies_record
from tfmat.relaxation.potentials.reference_table import Reference, cache_file
from tfmat.relaxation.potentials.registry import Potential
from tfmat.relaxation.relax_source import elements_of, reference_rows, references_of
from tfmat.relaxation.soundness import obstacle
from tfmat.work.chunks import Row, run_chunks
from tfmat.work.folder import NothingLeftError, claimed, released, work_of

Kind = Literal["relaxed", "disturbed", "written"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ENERGY = "formation_energy_per_atom"
# Structures in a chunk: full batches, and little is lost by a kill.
_CHUNK = 64
_NO_ENERGY = "no energy: the potential fails"


@dataclass(frozen=True)
class Disturbance:
    """How far relaxed structures are taken from rest.

    Every copy is disturbed by a share of these, uniform in 0 to 1, so that the whole way from the
    minimum upwards is seen.

    Args:
        copies: Copies of each structure.
        strain: Largest component of the strain.
        displacement: Largest displacement of an atom, in Å.
        seed: Seed of the copies.
    """

    copies: int = 1
    strain: float = 0.06
    displacement: float = 0.35
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Sample:
    """A structure that gets a label.

    Args:
        identifier: Its name.
        kind: What it is.
        crystal: The structure.
    """

    identifier: str
    kind: Kind
    crystal: Crystal


@dataclass(frozen=True, eq=False)
class Labels:
    """Labelled structures in memory.

    Args:
        crystals: The structures.
        energies: Formation energies as they are, eV/atom, shape ``(n,)``.
        kinds: Numbers in :data:`KINDS`, shape ``(n,)``.
    """

    crystals: list[Crystal]
    energies: NDArray[np.float64]
    kinds: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.crystals)

    @classmethod
    def open(cls, path: str | Path) -> Labels:
        """Reads what :func:`label` wrote, or any dataset with energies: all of it is relaxed.

        Args:
            path: A dataset folder, or the name of a shipped one.

        Raises:
            InputError: There is no such dataset, or it has no formation energies.
        """
        dataset = Dataset.open(path)
        energies = np.asarray(dataset.property(ENERGY), dtype=np.float64)
        kinds = np.zeros(len(dataset), dtype=np.intp)
        for number, kind in enumerate(KINDS):
            if kind in dataset.properties:
                kinds[np.asarray(dataset.property(kind)) == 1] = number
        known = np.flatnonzero(np.isfinite(energies))
        return cls([dataset[int(row)] for row in known], energies[known], kinds[known])


def disturbed(samples: Iterable[Sample], disturbance: Disturbance) -> list[Sample]:
    """Returns disturbed copies of structures.

    A copy depends on the seed and on the structure's name alone.

    Args:
        samples: The structures.
        disturbance: How far.
    """
    copies = []
    for sample in samples:
        for number in range(1, disturbance.copies + 1):
            name = f"{sample.identifier}:disturbed-{number}"
            random = generator(disturbance.seed, name)
            share = random.uniform()
            crystal = perturbed(
                sample.crystal,
                random,
                strain=share * disturbance.strain,
                displacement=share * disturbance.displacement,
            )
            copies.append(Sample(name, "disturbed", crystal))
    return copies


def label(
    samples: Sequence[Sample],
    out: Path,
    potential: Potential,
    *,
    source: Mapping[str, Any],
    workers: int = 1,
    cache: Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Computes the energies of structures as they are, and writes them as a dataset.

    While it runs, results lie beside ``out`` in a folder ``OUT.work``; a run that was killed goes
    on from there when it is called again.

    Args:
        samples: The structures.
        out: The dataset to write. It has the property ``formation_energy_per_atom`` in eV/atom, and
            for each of :data:`KINDS` one that is 1 for structures of this kind and 0 for others.
        potential: The potential.
        source: Where the structures come from, for the record: at least ``name``.
        workers: Processes.
        cache: Folder of the elements' references; the user's cache by default.
        overwrite: Replace a dataset that is there.

    Returns:
        Counts of structures by kind, how many were rejected by reason, and the potential with its
        version and the hash of its weights; the same as ``extra.labels`` in the dataset's record.

    Raises:
        InputError: ``out`` is in the way, unfinished work with other settings is, or no structure
            has an energy.
        MissingExtraError: The potential is not installed.
    """
    out = Path(out)
    work = work_of(out)
    files.check_place(out, overwrite=overwrite, own=is_dataset)
    calculator = potential.factory()
    entries = [Entry(sample.identifier, sample.crystal, "") for sample in samples]
    recipe = {
        "tfmat_version": __version__,
        "crystals_sha256": crystals_sha256(entries),
        "kinds": [sample.kind for sample in samples],
        "potential": {
            "name": calculator.name,
            "version": calculator.version,
            "weights_sha256": calculator.weights_sha256,
            "scale": calculator.scale,
        },
    }
    with claimed(work, recipe), released(work):
        references, missing = _references(calculator, elements_of(entries, potential), cache)
        rows = run_chunks(
            work / "structures",
            [sample.crystal for sample in samples],
            partial(single_points, potential=potential),
            # One process need not load the potential a second time.
            potential.factory if workers > 1 else lambda: calculator,
            size=_CHUNK,
            workers=workers,
            description="labelling",
        )
        extra = {"energies": energies_record(calculator, references)}
        with DatasetWriter(out, source, extra=extra, overwrite=overwrite) as writer:
            counts = dict.fromkeys(KINDS, 0)
            for sample, row in zip(samples, rows, strict=True):
                reason = row.get("reason") or _without_reference(sample.crystal, missing)
                if reason:
                    writer.reject(sample.identifier, reason)
                    continue
                counts[sample.kind] += 1
                energy = _formation_energy(row["energy"], sample.crystal, references)
                values = {ENERGY: energy}
                values |= {kind: float(kind == sample.kind) for kind in KINDS}
                writer.add(sample.crystal, sample.identifier, values)
            if not writer.structures:
                raise NothingLeftError(f"{out}: none of {len(samples)} structures has an energy")
            summary = {
                "structures": counts,
                "rejected": dict(writer.rejected.most_common()),
                "potential": recipe["potential"],
            }
            writer.extra["labels"] = summary
    return summary


def energy_of(
    potential: Potential, numbers: Sequence[int], cache: Path | None = None
) -> Callable[[Sequence[Crystal]], NDArray[np.float64]]:
    """Returns a potential as a function from structures to their formation energies as they are.

    Args:
        potential: The potential.
        numbers: Atomic numbers of the system's elements.
        cache: Folder of the elements' references; the user's cache by default.

    Returns:
        A function from structures to eV/atom, shape ``(n,)``; NaN where there is none.

    Raises:
        InputError: The potential has no energy of one of the elements.
        MissingExtraError: The potential is not installed.
    """
    calculator = potential.factory()
    references, missing = _references(calculator, list(numbers), cache)
    if missing:
        raise InputError(f"`potential` {potential.name}: {next(iter(missing.values()))}")

    def energies(crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        rows = single_points(calculator, crystals, potential=potential)
        return np.array(
            [
                _formation_energy(row.get("energy", math.nan), crystal, references)
                for row, crystal in zip(rows, crystals, strict=True)
            ]
        )

    return energies


def _references(
    calculator: Calculator, numbers: Sequence[int], cache: Path | None
) -> tuple[dict[int, Reference], dict[int, str]]:
    weights = calculator.weights_sha256
    return references_of(
        numbers,
        calculator,
        cache_file(calculator, cache, weights),
        weights,
        partial(reference_rows, calculator),
    )


def _formation_energy(
    energy: float, crystal: Crystal, references: Mapping[int, Reference]
) -> float:
    return energy - float(np.mean([references[int(z)].energy for z in crystal.numbers]))


def single_points(
    calculator: Calculator, crystals: Sequence[Crystal], *, potential: Potential
) -> list[Row]:
    """Returns the energy of each structure, or the reason why it has none."""
    reasons = [obstacle(crystal, potential.elements, potential.reach) for crystal in crystals]
    sound = [crystal for crystal, reason in zip(crystals, reasons, strict=True) if not reason]
    energies = iter(calculator.energies(sound))
    rows: list[Row] = []
    for reason in reasons:
        energy = math.nan if reason else float(next(energies))
        if math.isfinite(energy):
            rows.append({"energy": energy})
        else:
            rows.append({"reason": reason or _NO_ENERGY})
    return rows


def _without_reference(crystal: Crystal, missing: Mapping[int, str]) -> str:
    found = [missing[int(number)] for number in crystal.numbers if int(number) in missing]
    return f"element without a reference: {found[0]}" if found else ""
