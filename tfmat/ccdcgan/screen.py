"""The papers' "DCGAN + constraint": generated structures kept by their predicted energy."""

from __future__ import annotations

import itertools
import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmat.ccdcgan.domain import INSIDE
from tfmat.ccdcgan.generate import STRUCTURE
from tfmat.ccdcgan.results import DATASET
from tfmat.checksums import sealed
from tfmat.crystals.hull import Hull
from tfmat.csv_tables import TableWriter, read_table
from tfmat.datasets import generated
from tfmat.datasets.energies import energies_on
from tfmat.datasets.generated import CIF_FOLDER, FRAMES, HASHES, SUMMARY, TABLE
from tfmat.errors import InputError
from tfmat.files import write_json
from tfmat.metric import Judge, Metric, Tolerance, mean, records, share
from tfmat.paths import inside, plain_file
from tfmat.reading import read_record

if TYPE_CHECKING:
    from pymatgen.core import Composition

    from tfmat.ccdcgan.codec import Codec
    from tfmat.datasets.store import Dataset

# Within this of the hull paper 004 calls a structure stable, eV/atom. Its own screening
# ("Construction and prediction of DCGAN + constraint") takes 0.3 without saying above what.
TOLERANCE = 0.1
ENERGY = "predicted_formation_energy_per_atom"
KEPT = "kept"
ABOVE = "above the tolerance"
UNLIKE = "the prediction is not to be believed: unlike the training structures"
UNPREDICTED = "no prediction: does not fit in the voxels"
# Columns of the table of generated structures that are taken over.
_TAKEN = ("id", "status", "formula", "atoms", "space_group")


def zero(formula: str) -> float:
    """Returns the energy of the elements at any composition: 0 eV/atom by definition."""
    del formula
    return 0.0


def require_energy(codec: Codec) -> None:
    """Checks that what a package generates can be screened.

    Args:
        codec: The package.

    Raises:
        InputError: No constraint of it predicts the formation energy.
    """
    predicted = [f"predicted_{name}" for name in codec.predicted.values()]
    if ENERGY not in predicted:
        raise _no_energy(codec.package.folder, predicted)


def _no_energy(place: Path, predicted: Sequence[str]) -> InputError:
    """Returns what to say where no formation energy is predicted.

    Args:
        place: The package or the table.
        predicted: What is, as columns of a table.
    """
    name = ENERGY.removeprefix("predicted_")
    if not predicted:
        return InputError(
            f"{place}: its model holds no constraint, so {name} is not predicted; add one with "
            "tfmat train constraint --out RUN --resume, and generate with RUN"
        )
    others = ", ".join(column.removeprefix("predicted_") for column in predicted)
    return InputError(
        f"{place}: its model predicts {others}, screening needs {name}; train one that predicts it "
        f"with tfmat train ccdcgan --from RUN --property {name} --minimise --out NEW, and generate "
        "with NEW"
    )


def is_screened(folder: Path) -> bool:
    """Tells whether a folder holds what ``tfmat screen`` has written, and nothing else.

    Args:
        folder: Any folder.
    """
    names = {path.name for path in folder.iterdir()}
    return names - {"generated"} == {CIF_FOLDER, FRAMES, TABLE, SUMMARY}


def screen_into(
    folder: Path,
    source: Path,
    tolerance: float = TOLERANCE,
    reference: Callable[[str], float] = zero,
    reference_name: str = "elements",
    *,
    any_domain: bool = False,
) -> dict[str, Any]:
    """Keeps the structures whose predicted formation energy is at most reference + tolerance.

    Paper 004 names a tolerance (0.3 eV/atom; 2,148 of 2,832 structures were kept) but not what
    it is measured from. Here that is 0 eV/atom, the energy of the elements, or the convex hull of
    known structures (:func:`hull_reference`). A prediction outside the constraint's domain
    (:mod:`tfmat.ccdcgan.domain`) keeps nothing, unless it is asked to.

    Args:
        folder: An empty folder for the kept structures.
        source: A folder written by ``tfmat generate``, or by a screening: what that kept is
            screened again.
        tolerance: Largest energy above the reference, in eV/atom.
        reference: Energy in eV/atom to compare with, by reduced formula.
        reference_name: What the reference is, for the summary.
        any_domain: Believe all predictions, as the papers do.

    Returns:
        The summary: ``structures``, ``kept``, ``reasons`` (the others, by reason), and as
        ``metrics`` the share of those kept and the mean predicted energies.

    Raises:
        InputError: The source is no such folder, was generated without a constraint, or does not
            say which predictions are to be believed.
    """
    _require_table(source)
    generated.check(source, with_cif=True)
    table: list[dict[str, Any]] = []
    for row in _rows(source):
        if not row[ENERGY]:
            table.append({**row, "status": UNPREDICTED, "above": math.nan})
            continue
        try:
            energy = float(row[ENERGY])
            if not math.isfinite(energy):
                raise ValueError(ENERGY)
        except (TypeError, ValueError) as error:
            raise InputError(f"{source / TABLE}: {ENERGY} {row[ENERGY]!r} is no number") from error
        above = energy - reference(row["formula"])
        status = KEPT if above <= tolerance else ABOVE
        if not any_domain and _domain(row, source) != INSIDE:
            status = UNLIKE
        table.append({**row, "status": status, "above": above})
    kept = [row for row in table if row["status"] == KEPT]
    (folder / CIF_FOLDER).mkdir()
    for row in kept:
        # A link out of the folder could copy what nobody should see.
        file = inside(source, f"{CIF_FOLDER}/{row['id']}.cif", source / TABLE)
        try:
            shutil.copyfile(file, folder / CIF_FOLDER / file.name)
        except OSError as error:
            raise InputError(f"{file}: cannot be read; generate the folder again") from error
    _copy_frames(source / FRAMES, folder / FRAMES, {row["id"] for row in kept})
    _write_table(folder / TABLE, table)
    summary = {
        "structures": len(table),
        "kept": len(kept),
        "reasons": {
            reason: count
            for reason, count in sorted(Counter(row["status"] for row in table).items())
            if reason != KEPT
        },
        "tolerance": tolerance,
        "any_domain": any_domain,
        "reference": reference_name,
        "source": source.name,
        DATASET: learned_from(source),
        "metrics": records(_measure(table, kept, tolerance, reference_name)),
    }
    summary = sealed({**summary, HASHES: generated.hashes(folder)})
    write_json(folder / SUMMARY, summary)
    return summary


def _require_table(source: Path) -> None:
    if not plain_file(source / TABLE):
        raise InputError(f"{source}: holds no {TABLE}; give a folder that tfmat generate wrote")


def _rows(source: Path) -> Iterator[dict[str, str]]:
    """Reads the structures of a table of ``tfmat generate``."""
    file = source / TABLE
    columns, rows = read_table(file)
    missing = [name for name in _TAKEN if name not in columns]
    if missing:
        raise InputError(f"{file}: is no table of tfmat generate: no column {missing[0]!r}")
    if ENERGY not in columns:
        raise _no_energy(file, [name for name in columns if name.startswith("predicted_")])
    for row in rows:
        if Path(row["id"]).name != row["id"]:
            raise InputError(f"{file}: id {row['id']!r} is no file name")
        inside(source, f"{CIF_FOLDER}/{row['id']}.cif", file)
        if row["status"] in (STRUCTURE, KEPT):
            yield row


def _domain(row: Mapping[str, str], source: Path) -> str:
    if not row.get("domain"):
        raise InputError(
            f"{source / TABLE}: does not say which predictions are to be believed; add the domain "
            "to the model with tfmat models add-domain and generate again, or give `any_domain`"
        )
    return row["domain"]


def learned_from(source: Path) -> dict[str, str] | None:
    """Returns what the model has learned from that generated a folder (``Codec.trained_on``).

    Args:
        source: A folder written by ``tfmat generate`` or by a screening.

    Returns:
        ``None`` where the folder does not say it.

    Raises:
        InputError: The folder holds no table.
    """
    _require_table(source)
    file = source / SUMMARY
    found = read_record(file).get(DATASET) if plain_file(file) else None
    return found if isinstance(found, dict) and {"name", "sha256"} <= set(found) else None


def training_set(learned: Mapping[str, str] | None) -> Dataset:
    """Opens the dataset that a model has learned from.

    Args:
        learned: Its ``name`` and ``sha256``; ``None`` if unknown.

    Raises:
        InputError: It is unknown, not found by its name, or another one is called so.
    """
    from tfmat.datasets.store import Dataset

    other = "give `hull` DATASET, or `hull` elements to measure from 0 eV/atom"
    if learned is None:
        raise InputError(f"it is not known what the model was trained on; {other}")
    try:
        dataset = Dataset.open(learned["name"])
    except InputError as error:
        raise InputError(
            f"{learned['name']}, which the model was trained on, is not found; {other}"
        ) from error
    if dataset.sha256 != learned["sha256"]:
        raise InputError(f"{dataset.path}: is not what the model was trained on; {other}")
    return dataset


def _copy_frames(source: Path, target: Path, kept: set[str]) -> None:
    try:
        with (
            source.open(encoding="utf-8") as frames,
            target.open("w", encoding="utf-8", newline="\n") as out,
        ):
            for first in frames:
                frame = [first, *itertools.islice(frames, int(first) + 1)]
                if frame[1].split(' id="')[1].split('"')[0] in kept:
                    out.writelines(frame)
    except (OSError, ValueError, IndexError) as error:
        raise InputError(
            f"{source}: cannot be read ({error}); generate the folder again"
        ) from error


def _write_table(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        header = (*_TAKEN, "domain", ENERGY)
        table = TableWriter(stream, [*header, "above_reference"])
        for row in rows:
            above = "" if math.isnan(row["above"]) else f"{row['above']:.6f}"
            table.row([*(row.get(name, "") for name in header), above])


def _measure(
    table: Sequence[Mapping[str, Any]],
    kept: Sequence[Mapping[str, Any]],
    tolerance: float,
    reference: str,
) -> list[Metric]:
    judge = Judge("constraint of the model that generated", "")
    predicted = [row for row in table if row["status"] != UNPREDICTED]
    note = f"share of {len(table):,} structures predicted at most so far above the {reference}"
    return [
        share(
            "kept",
            len(kept),
            len(table),
            note,
            tolerance=Tolerance(tolerance, "eV/atom"),
            judge=judge,
        ),
        *(
            mean(
                f"mean_{ENERGY}{suffix}",
                [float(row[ENERGY]) for row in rows],
                "eV/atom",
                f"mean prediction of the constraint for {len(rows):,} {what}structures",
                judge=judge,
            )
            for rows, suffix, what in ((predicted, "", ""), (kept, "_kept", "kept "))
        ),
    ]


def hull_reference(energies: Mapping[str, float]) -> Callable[[str], float]:
    """Returns the energy of the convex hull of known structures, by formula, as a reference.

    Args:
        energies: Lowest formation energy in eV/atom by reduced formula, of any number of elements.
            The elements are at 0.

    Returns:
        A function from a formula to the hull's energy at its composition, in eV/atom.
    """
    from pymatgen.core import Composition

    known = [(Composition(formula), energy) for formula, energy in energies.items()]
    hulls: dict[tuple[str, ...], Hull] = {}

    def energy_at(formula: str) -> float:
        composition = Composition(formula)
        system = tuple(sorted(element.symbol for element in composition))
        if system not in hulls:
            inside = [
                (_shares(other, system), energy)
                for other, energy in known
                if set(system).issuperset(element.symbol for element in other)
            ]
            shares = np.array([row for row, _ in inside]).reshape(-1, len(system))
            hulls[system] = Hull.of(shares, np.array([energy for _, energy in inside]))
        return float(hulls[system].energy(np.array([_shares(composition, system)]))[0])

    return energy_at


def hull_of_dataset(
    dataset: Dataset, learned: Mapping[str, str] | None = None
) -> tuple[Callable[[str], float], str]:
    """Returns the convex hull of a dataset as a reference (:func:`hull_reference`).

    Args:
        dataset: The known structures.
        learned: What the model has learned from, of :func:`learned_from`: of a dataset with the
            energies of two potentials those count that the model predicts.

    Returns:
        The reference, and a line for the user where the energies are on another scale than those
        that the model predicts; empty where they are not, or that is not known.

    Raises:
        InputError: The dataset has no formation energies.
    """
    from tfmat.crystals.writing import reduced_formula

    predicted = (learned or {}).get("energy_scale")
    name, scale = energies_on(dataset.metadata, (predicted,))
    lowest: dict[str, float] = {}
    for row, energy in enumerate(dataset.property(name)):
        if energy == energy:  # not NaN, which stands for unknown
            formula = reduced_formula(dataset[row])
            lowest[formula] = min(lowest.get(formula, energy), float(energy))
    warning = ""
    if predicted and scale and predicted != scale:
        warning = (
            f"energies of different scales (the model: {predicted}; {dataset.path.name}: {scale}); "
            "distances to the hull are off by their difference"
        )
    return hull_reference(lowest), warning


def _shares(composition: Composition, system: Iterable[str]) -> list[float]:
    return [float(composition.get_atomic_fraction(symbol)) for symbol in system]
