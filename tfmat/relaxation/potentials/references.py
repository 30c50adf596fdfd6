"""Energies of the elements, against which formation energies are counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tfmat.crystals.contacts import touching
from tfmat.errors import TfmatError
from tfmat.relaxation.databases.prototypes import aflow
from tfmat.relaxation.databases.substitute import candidate
from tfmat.relaxation.potentials.calculator import Calculator
from tfmat.relaxation.potentials.reference_table import (
    REFERENCE_FMAX,
    REFERENCE_STEPS,
    Reference,
    known_references,
    save_references,
    symbol,
)
from tfmat.relaxation.relax import relax
from tfmat.relaxation.soundness import clash
from tfmat.relaxation.volume import scan_volumes

# Ground states of the elements that have a simple one, by AFLOW prototype. A potential may find
# something lower that nature does not have (CHGNet does for Se), so these are not left to it.
_KNOWN = {
    "A_cF4_225_a": "Ne Al Ar Ca Ni Cu Kr Sr Rh Pd Ag Xe Ce Yb Ir Pt Au Pb Ac Th",
    "A_cI2_229_a": "Li Na K V Cr Fe Rb Nb Mo Cs Ba Eu Ta W",
    "A_hP2_194_c": "Be Mg Sc Ti Co Zn Y Zr Tc Ru Cd Gd Tb Dy Ho Er Tm Lu Hf Re Os Tl",
    "A_hP4_194_ac": "La Pr Nd Pm",
    "A_cF8_227_a": "Si Ge Sn",
    "A_hP4_194_bc": "C",
    "A_oC8_64_f": "Ga",
    "A_tI2_139_a-2": "In",
    "A_hR2_166_c-3": "As Sb Bi",
    "A_hP3_152_a": "Se Te",
    "A_oC8_64_f-2": "P",
    "A_oC8_64_f-3": "Cl Br I",
    "A_hR12_166_2h": "B",
    "A_oF128_70_4h": "S",
    "A_cI58_217_ac2g": "Mn",
    "A_hR3_166_ac": "Sm",
    "A_oC4_63_c": "U",
    "A_cP8_205_c": "N",
    "A_mC4_12_i": "O F",
    "A_oP8_62_2c": "Np",
    "A_mP16_11_8e": "Pu",
}
_GROUND_STATES = {symbol: name for name, symbols in _KNOWN.items() for symbol in symbols.split()}
# Larger elemental cells (beta boron, Hittorf's phosphorus) cost more than they could ever change.
_MAX_ATOMS = 12
# Share of the sum of covalent radii; no element is as dense (U: 0.70), but a potential may have a
# hole there (SevenNet-0 has for Pu).
_OVERLAP = 0.6


def element_reference(number: int, calculator: Calculator) -> Reference:
    """Relaxes the ground state of an element with a potential.

    Where the ground state is a simple structure, that one is taken. Otherwise all elemental AFLOW
    prototypes of at most 12 atoms are scanned in volume and relaxed, and the lowest energy wins.

    Args:
        number: Atomic number.
        calculator: The potential.

    Raises:
        TfmatError: The potential binds this element in no structure.
    """
    known = _GROUND_STATES.get(symbol(number))
    candidates = [
        candidate(prototype, (number,))
        for prototype in aflow(components=1)
        if prototype.name == known or (known is None and len(prototype) <= _MAX_ATOMS)
    ]
    scans = scan_volumes([touching(item.crystal) for item in candidates], calculator)
    starts = [
        (item.prototype, scan.crystal)
        for item, scan in zip(candidates, scans, strict=True)
        if scan.crystal is not None
    ]
    # A crystal of molecules or of noble gas has no minimum when all lengths are scaled alike; the
    # size that the prototype has in its own element is a start.
    starts = starts or [(item.prototype, item.crystal) for item in candidates]
    ends = relax(
        [crystal for _, crystal in starts],
        calculator,
        steps=REFERENCE_STEPS,
        fmax=REFERENCE_FMAX,
    )
    sound = [
        (end, name)
        for end, (name, _) in zip(ends, starts, strict=True)
        if not (end.reason or clash(end.crystal, _OVERLAP))
    ]
    # A potential may have a hole where atoms are denser than all it has learned (SevenNet has for H
    # and He): a relaxation goes down and down there.
    settled = [(end, name) for end, name in sound if end.converged] or sound
    found = [(end.energy, name) for end, name in settled]
    if not found:
        raise TfmatError(f"{calculator.name} binds element {number} in none of its prototypes")
    energy, prototype = min(found)
    return Reference(prototype, energy)


def element_references(
    numbers: Iterable[int], calculator: Calculator, cache: Path | None = None
) -> Mapping[int, Reference]:
    """Returns the references of some elements: those that ship or were kept, the others computed.

    Args:
        numbers: Atomic numbers.
        calculator: The potential.
        cache: Table in which an interrupted or a later run finds them again.

    Raises:
        TfmatError: The potential binds one of the elements in no structure.
    """
    known = known_references(calculator, cache)
    references = {}
    for number in numbers:
        name = symbol(number)
        if name not in known:
            known[name] = element_reference(number, calculator)
            if cache is not None:
                save_references(cache, calculator, {name: known[name]})
        references[number] = known[name]
    return references
