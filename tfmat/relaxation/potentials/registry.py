"""The potentials that ``--potential`` names; another one is another entry of the table here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfmat.errors import InputError, require_installed
from tfmat.relaxation.databases.substitute import system_numbers
from tfmat.relaxation.potentials.batched import MPTRJ_ELEMENTS
from tfmat.relaxation.potentials.calculator import AseCalculator, Calculator, CalculatorFactory
from tfmat.relaxation.potentials.chgnet import chgnet
from tfmat.relaxation.potentials.energy_notes import (
    CHGNET_ENERGIES,
    EMT_ENERGIES,
    SEVENNET_ENERGIES,
)
from tfmat.relaxation.potentials.sevennet import sevennet, sevennet_0


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
        extra: The extra that brings it, and ``packages``, what of that is imported.
    """

    name: str
    factory: CalculatorFactory
    elements: frozenset[int]
    reach: float
    energies: str
    citation: str
    extra: str = ""
    packages: tuple[str, ...] = ()

    def check_installed(self) -> None:
        """Refuses a potential that is not installed, and imports nothing of it.

        Raises:
            MissingExtraError: A package is missing.
        """
        for package in self.packages:
            require_installed(package, self.extra, f"`potential` {self.name}")

    @property
    def attribution(self) -> str:
        """Whom to cite, as plain text for a dataset's record."""
        return self.citation.replace("*", "")

    def factory_for(self, symbols: Sequence[str]) -> CalculatorFactory:
        """Returns the factory, for a system of elements that it has learned, if it is installed.

        Args:
            symbols: Elements.

        Raises:
            InputError: It has not learned one of them, or they are no system.
            MissingExtraError: It is not installed.
        """
        for symbol, number in zip(symbols, system_numbers(symbols), strict=True):
            if number not in self.elements:
                raise InputError(f"`potential` {self.name}: has not learned {symbol}; give others")
        self.check_installed()
        return self.factory


def emt() -> Calculator:
    """Returns ASE's effective medium theory, which needs no extra and knows seven metals."""
    from ase.calculators.emt import EMT

    return AseCalculator(EMT(), "EMT")


# ASE's EMT has numbers for H, C, N and O as well, made for adsorbates and of no use here.
_EMT = frozenset((13, 28, 29, 46, 47, 78, 79))

POTENTIALS = {
    potential.name: potential
    for potential in (
        Potential(
            "chgnet",
            chgnet,
            MPTRJ_ELEMENTS,
            # The cutoff of its atom graph.
            reach=6.0,
            energies=CHGNET_ENERGIES,
            citation="Deng et al., *Nat. Mach. Intell.* 5, 1031 (2023)",
            extra="relax",
            packages=("torch", "chgnet"),
        ),
        *(
            Potential(
                word,
                factory,
                MPTRJ_ELEMENTS,
                reach=5.0,
                energies=SEVENNET_ENERGIES,
                citation="Park et al., *J. Chem. Theory Comput.* 20, 4857 (2024)",
                extra="sevennet",
                packages=("torch", "sevenn"),
            )
            for word, factory in (("sevennet", sevennet), ("sevennet-0", sevennet_0))
        ),
        Potential(
            "emt",
            emt,
            _EMT,
            reach=6.0,
            energies=EMT_ENERGIES,
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
        if name.lower().startswith(("7net", "sevennet")):
            raise InputError(
                f"`potential` {name}: only weights that come with SevenNet's package are used, "
                "others would be downloaded; there are: sevennet (7net-l3i5), sevennet-0"
            )
        raise InputError(f"`potential` {name}: not known; there are: {', '.join(POTENTIALS)}")
    return POTENTIALS[name.lower()]
