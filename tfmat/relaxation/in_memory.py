"""``tfmat.relax``: what ``tfmat relax`` does, with structures in memory."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tfmat.arguments import real, whole
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.structures import Structures, described
from tfmat.datasets.sources import read_source, source_of
from tfmat.progress import Progress
from tfmat.relaxation.potentials.energy_scale import energies_record
from tfmat.relaxation.potentials.other import choose_potential
from tfmat.relaxation.potentials.reference_table import cache_file
from tfmat.relaxation.relax_source import elements_of, reference_rows, references_of
from tfmat.relaxation.relaxed_rows import outcome
from tfmat.relaxation.relaxing import RelaxationSettings, relax_rows
from tfmat.relaxation.results import CHUNK

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from tfmat.work.chunks import Row


def relax(
    structures: str | Path | Iterable[Structure | Crystal],
    *,
    potential: str = "chgnet",
    calculator: str | None = None,
    steps: int = 500,
    fmax: float = 0.05,
    fixed_cell: bool = False,
    symmetry: bool = False,
    cache: str | Path | None = None,
) -> Structures:
    """Relaxes structures and computes their formation energies.

    What takes hours is better done by ``tfmat relax``, which survives a kill and works in several
    processes; the results are the same.

    Args:
        structures: pymatgen structures, or whatever ``tfmat relax`` reads: a file, a folder, a
            dataset or its name.
        potential: ``chgnet`` (needs the extra ``relax``), ``sevennet`` or ``sevennet-0`` (extra
            ``sevennet``), or ``emt`` (seven metals; to try it out).
        calculator: ``module:Class`` of any ASE calculator, in place of ``potential``.
        steps: Most steps; 0 only computes the energies of the structures as they are.
        fmax: Largest force of a relaxed structure, in eV/Å (cell gradients alike).
        fixed_cell: Relax positions only.
        symmetry: Keep the space group of each structure.
        cache: Folder of the elements' energies; the user's cache by default.

    Returns:
        The relaxed structures, in their order. Their ``properties`` hold ``id``,
        ``formation_energy_per_atom``, ``initial_formation_energy_per_atom``,
        ``delta_formation_energy_per_atom`` and ``energy_per_atom`` in eV/atom, ``max_force`` in
        eV/Å, ``max_stress`` in GPa, ``steps``, ``converged``, ``space_group`` and more, as in
        relaxation.csv. ``failed`` says why others have no relaxed form.

    Raises:
        InputError: An argument is wrong, or the structures cannot be read.
        MissingExtraError: The potential is not installed.
    """
    chosen = choose_potential(potential, calculator)
    settings = RelaxationSettings(
        whole("steps", steps, 0), real("fmax", fmax, above=0), not fixed_cell, symmetry
    )
    chosen.check_installed()
    entries = (
        read_source(structures) if isinstance(structures, str | Path) else source_of(structures)
    ).entries
    model = chosen.factory()
    weights = model.weights_sha256
    readable = [entry for entry in entries if entry.crystal is not None]
    references, missing = references_of(
        elements_of(readable, chosen),
        model,
        cache_file(model, None if cache is None else Path(cache), weights),
        weights,
        partial(reference_rows, model),
    )
    crystals = [entry.crystal for entry in readable if entry.crystal is not None]
    rows: list[Row] = []
    with Progress("relaxing" if steps else "labelling", len(crystals), "structure") as progress:
        for start in range(0, len(crystals), CHUNK):
            chunk = crystals[start : start + CHUNK]
            rows += relax_rows(model, chunk, settings=settings, potential=chosen)
            progress.update(len(chunk))
    by_name = dict(zip((entry.identifier for entry in readable), rows, strict=True))
    energies = {number: reference.energy for number, reference in references.items()}
    outcomes = [
        outcome(entry, by_name.get(entry.identifier), energies, missing) for entry in entries
    ]
    return Structures(
        [
            described(
                item.crystal,
                item.entry.identifier,
                {name: value for name, value in item.values.items() if value is not None},
            )
            for item in outcomes
            if item.crystal is not None
        ],
        {item.entry.identifier: item.reason for item in outcomes if item.crystal is None},
        energies_record(model, references),
    )
