"""Any ASE calculator that a user names by its import path."""

from __future__ import annotations

import importlib
from functools import partial
from importlib.metadata import packages_distributions, version

from tfmat.errors import InputError, first_line
from tfmat.relaxation.potentials.calculator import AseCalculator, Calculator
from tfmat.relaxation.potentials.energy_notes import OTHER_ENERGIES
from tfmat.relaxation.potentials.registry import Potential, find_potential

# What a calculator has learned is not known before it is asked; where it fails, it says so.
_EVERY_ELEMENT = frozenset(range(1, 119))
# An atom farther from all others than this is taken for gas, Å.
_REACH = 6.0


def choose_potential(name: str, calculator: str | None) -> Potential:
    """Returns the potential that a user asks for by one of two words; nothing of it is imported.

    Whether it is installed is for the caller to ask, after what costs the user less to mend.

    Args:
        name: Word of ``--potential``.
        calculator: ``module:Class`` of ``--calculator``; it goes before ``name``.

    Raises:
        InputError: There is no such potential.
    """
    if calculator is not None:
        return other_potential(calculator)
    return find_potential(name)


def other_potential(path: str) -> Potential:
    """Returns an ASE calculator as a potential; structures are computed one by one.

    Args:
        path: ``module:Class``, called without arguments; a function will do. It is code that runs:
            take it from the user's own words, never from a file.

    Raises:
        InputError: The path is none.
    """
    _parts(path)
    return Potential(
        path,
        partial(load_calculator, path),
        _EVERY_ELEMENT,
        reach=_REACH,
        energies=OTHER_ENERGIES,
        citation=f"the authors of {path}",
    )


def load_calculator(path: str) -> Calculator:
    """Makes the calculator that a path names.

    Args:
        path: ``module:Class``.

    Raises:
        InputError: The path names no calculator.
    """
    place, name = _parts(path)
    try:
        make = getattr(importlib.import_module(place), name)
    # It is code of the user's, which may fail in any way or leave.
    except (Exception, SystemExit) as error:
        raise InputError(
            f"`calculator` {path}: {first_line(error)}; install its package, or put the folder of "
            "the module on PYTHONPATH"
        ) from error
    try:
        calculator = make()
    except (Exception, SystemExit) as error:
        raise InputError(
            f"`calculator` {path}: cannot be made without arguments ({first_line(error)}); write "
            "a function that returns the calculator, and name that"
        ) from error
    if not all(hasattr(calculator, method) for method in ("get_potential_energy", "get_stress")):
        raise InputError(f"`calculator` {path}: is no ASE calculator")
    return AseCalculator(calculator, path, _version(place))


def _parts(path: str) -> tuple[str, str]:
    place, _, name = path.partition(":")
    if not place or not name.isidentifier():
        raise InputError(
            f"`calculator` {path}: write MODULE:CLASS, as ase.calculators.lj:LennardJones"
        )
    return place, name


def _version(place: str) -> str:
    """Returns the version of the distribution that brings a module; ASE's if none does."""
    owners = packages_distributions().get(place.partition(".")[0], [])
    return version(owners[0]) if owners else ""
