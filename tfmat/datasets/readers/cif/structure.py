"""A CIF to crystals, each of which is what its file says, or to the reason why it is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.readers.cif.blocks import Block, blocks_of
from tfmat.datasets.readers.cif.cell import read_cell, read_number
from tfmat.datasets.readers.cif.expand import Atoms, expand
from tfmat.datasets.readers.cif.formula import Formula, confirm, read_formula
from tfmat.datasets.readers.cif.sites import Sites, read_sites
from tfmat.datasets.readers.cif.symmetry import MAGNETIC, read_symmetry
from tfmat.datasets.readers.claims import Confirmed
from tfmat.datasets.readers.one_place import refuse_one_place
from tfmat.errors import InputError

_CELL = "_cell_length_a"
_SITES = ("_atom_site_fract_x", "_atom_site_cartn_x")
_MODULATED = (
    "_cell_wave_vector_",
    "_cell_subsystem",
    "_cell_subsystems_",
    "_space_group_ssg_",
    "_space_group_symop_ssg_",
    "_atom_site_fourier_",
    "_atom_site_displace_",
    "_atom_site_occ_",
    "_atom_site_moment_fourier",
)


def crystals_of_cif(text: str) -> Iterator[tuple[str, Crystal | str]]:
    """Reads every structure of a CIF; the cell is kept as it stands, with all its atoms.

    Args:
        text: The file's content.

    Yields:
        For each data block that describes a structure its name, and the crystal or the reason
        (``"kind: detail"``) why it is none. Blocks with neither cell nor sites (of a journal, of
        a measurement) are passed over, unless there is no other.
    """
    blocks = blocks_of(text)
    found = False
    for block in blocks:
        if not isinstance(block, Block):
            found = True
            yield block.name, f"broken CIF: {block.reason}"
        elif _CELL in block or any(name in block for name in _SITES):
            found = True
            try:
                yield block.name, _crystal(block)
            except InputError as error:
                yield block.name, str(error)
    if not found:
        yield "", f"broken CIF: no data block {'with a cell' if blocks else 'in it'}"


@np.errstate(all="ignore")
def _crystal(block: Block) -> Crystal:
    _refuse_modulated(block)
    if repeated := block.repeated("_cell_"):
        raise InputError(f"broken CIF: {repeated} comes twice")
    lattice = read_cell(block)
    sites = read_sites(block)
    symmetry = read_symmetry(block, lattice @ lattice.T)
    formula = read_formula(block.text("_chemical_formula_sum"))
    reasons, fitting = [], []
    for group in symmetry.groups:
        try:
            atoms = expand(sites, group, lattice)
            crystal = _whole(sites, atoms, lattice)
            confirmed = _confirmed(block, formula, sites, atoms, len(group))
        except InputError as error:
            reasons.append(str(error))
            continue
        doubt = symmetry.doubt or atoms.doubt
        if not doubt and len(symmetry.groups) > 1:
            doubt = f"{group.name} has more than one origin or setting"
        if doubt and confirmed < Confirmed.COUNT:
            reasons.append(f"unclear: {doubt}")
        elif sites.doubt and confirmed < Confirmed.RATIO:
            reasons.append(f"unclear: {sites.doubt}")
        else:
            fitting.append(crystal)
    if len(fitting) > 1:
        raise InputError(f"unclear: {symmetry.groups[0].name} has more than one origin or setting")
    if not fitting:
        raise InputError(reasons[0])
    (crystal,) = fitting
    return crystal


def _whole(sites: Sites, atoms: Atoms, lattice: NDArray[np.float64]) -> Crystal:
    crystal = Crystal.from_arrays(lattice, atoms.fractional @ lattice, atoms.numbers)
    return refuse_one_place(crystal, "CIF", np.repeat(sites.labels, atoms.multiplicities).tolist())


def _refuse_modulated(block: Block) -> None:
    dimension = read_number(block.raw("_cell_modulation_dimension"))
    if dimension > 0 or any(map(_is_of_waves, block.names())):
        raise InputError("modulated: the atoms are displaced by a wave that the cell cannot hold")


@lru_cache(4096)
def _is_of_waves(name: str) -> bool:
    return name.startswith(_MODULATED)


def _confirmed(
    block: Block, formula: Formula | None, sites: Sites, atoms: Atoms, operations: int
) -> Confirmed:
    """Compares the atoms with formula, formula units and multiplicities of a block.

    Raises:
        InputError: They differ.
    """
    confirmed = Confirmed.NOTHING
    if formula is not None:
        units = read_number(block.raw("_cell_formula_units_z"))
        known = units if units > 0 else None
        confirmed = confirm(formula, Counter(atoms.numbers), known)
    # Magnetic CIFs count them in the cell of another group.
    if confirmed < Confirmed.COUNT and MAGNETIC not in block:
        for order, found, label in zip(
            sites.orders, atoms.multiplicities, sites.labels, strict=True
        ):
            if order > 0 and order * found != operations:
                raise InputError(
                    f"contradiction: {operations // found} operations keep site {label[:20]}, but "
                    f"its symmetry order is {order:g}"
                )
        stated = sites.multiplicities
        if all(a == b for a, b in zip(stated, atoms.multiplicities, strict=True)):
            return Confirmed.COUNT
        # Older programs wrote the number of operations that keep a site.
        for given, found, label in zip(stated, atoms.multiplicities, sites.labels, strict=True):
            if given > 0 and given not in (found, operations // found):
                raise InputError(
                    f"contradiction: site {label[:20]} stands for {found} atoms, but its "
                    f"multiplicity is {given:g}"
                )
    return confirmed
