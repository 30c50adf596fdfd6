"""The potentials that ``--potential`` names; another one is another entry of the table here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfmat import files
from tfmat.errors import InputError
from tfmat.relaxation.databases.substitute import system_numbers
from tfmat.relaxation.potentials.calculator import AseCalculator, Calculator, CalculatorFactory
from tfmat.relaxation.potentials.chgnet import ELEMENTS, chgnet


def _no_weights(_: Calculator) -> str:
    return ""


@dataclass(frozen=True)
class Potential:
    """A potential and what has to be known of it before it is asked.

    Attributes:
        name: The word for ``--potential``.
        factory: Makes its calculator; a function of a module, which other processes import.
        elements: Atomic numbers that it has learned.
        reach: An atom farther than this from all others feels nothing, Å.
        energies: What its formation energies mean beside the Materials Project's, for the card.
        citation: Whom to cite, as Markdown.
        weights: SHA-256 of the weights of a calculator, ``""`` where it has none.
    """

    name: str
    factory: CalculatorFactory
    elements: frozenset[int]
    reach: float
    energies: str
    citation: str
    weights: Callable[[Calculator], str] = _no_weights

    @property
    def attribution(self) -> str:
        """Whom to cite, as plain text for a dataset's record."""
        return self.citation.replace("*", "")

    def factory_for(self, symbols: Sequence[str]) -> CalculatorFactory:
        """Returns the factory, for a system of elements that it has learned.

        Args:
            symbols: Elements.

        Raises:
            InputError: It has not learned one of them, or they are no system.
        """
        for symbol, number in zip(symbols, system_numbers(symbols), strict=True):
            if number not in self.elements:
                raise InputError(f"--potential {self.name}: has not learned {symbol}; give others")
        return self.factory


def emt() -> Calculator:
    """Returns ASE's effective medium theory, which needs no extra and knows seven metals."""
    from ase.calculators.emt import EMT

    return AseCalculator(EMT(), "EMT")


def _chgnet_weights(calculator: Calculator) -> str:
    """Returns the SHA-256 of the weights file that CHGNet's wheel carries."""
    from importlib.util import find_spec

    spec = find_spec("chgnet")
    release = calculator.version.rpartition(" ")[2]
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        for file in sorted((Path(place) / "pretrained" / release).glob("*.pth.tar")):
            return files.sha256(file)
    return ""


# ASE's EMT has numbers for H, C, N and O as well, made for adsorbates and of no use here.
_EMT = frozenset((13, 28, 29, 46, 47, 78, 79))

_CHGNET_ENERGIES = """\
CHGNet learned total energies of the Materials Project: PBE, with +U for oxides and fluorides of \
Co, Cr, Fe, Mn, Mo, Ni, V and W, and with the MP2020 corrections. Compounds carry those \
corrections and elements do not.

- **The MP2020 anion correction is taken off** (−0.687 eV for each O of an oxide, −0.472 for Se, \
−0.462 for F, ...). The formation energies here are those of plain PBE, the scale of the papers: \
compare them with *uncorrected* PBE. The formation energies that the Materials Project shows are \
corrected ones; beside them these lie higher, by the correction of the anion times its share of \
the atoms (Bi2Se3: 0.28 eV/atom).
- **The +U shifts of transition metals are not taken off.** In oxides and fluorides of the eight \
metals above the MP2020 scheme also shifts each metal atom by −1.6 to −4.4 eV, which CHGNet \
learned with the rest. Compare such compounds only with each other.
- The references of the elements are relaxed with the same potential, so formation energies from \
here may be mixed with those of `tfmat data build` with the same weights, not with energies from \
DFT.
- CHGNet is softer than PBE far from equilibrium: the energy of a strongly distorted structure, \
and so ΔEf, comes out too low rather than too high."""

_EMT_ENERGIES = """\
Effective medium theory is a toy: fast, for Al, Ni, Cu, Pd, Ag, Pt, Au and their alloys, with no \
correction of any kind. Use it to try the command out, and for no conclusion about a material."""

POTENTIALS = {
    potential.name: potential
    for potential in (
        Potential(
            "chgnet",
            chgnet,
            ELEMENTS,
            # The cutoff of its atom graph.
            reach=6.0,
            energies=_CHGNET_ENERGIES,
            citation="Deng et al., *Nat. Mach. Intell.* 5, 1031 (2023)",
            weights=_chgnet_weights,
        ),
        Potential(
            "emt",
            emt,
            _EMT,
            reach=6.0,
            energies=_EMT_ENERGIES,
            citation="Jacobsen et al., *Surf. Sci.* 366, 394 (1996)",
        ),
    )
}


def attribution_of(calculator: Calculator) -> list[str]:
    """Returns whom to cite for the energies of a calculator; nobody for one that is not ours.

    Args:
        calculator: Made by any factory.
    """
    known = POTENTIALS.get(calculator.name.lower())
    return [known.attribution] if known is not None else []


def find_potential(name: str) -> Potential:
    """Returns the potential of that name.

    Args:
        name: One of :data:`POTENTIALS`, in any case.

    Raises:
        InputError: There is none.
    """
    if name.lower() not in POTENTIALS:
        raise InputError(f"--potential {name}: not known; there are: {', '.join(POTENTIALS)}")
    return POTENTIALS[name.lower()]
