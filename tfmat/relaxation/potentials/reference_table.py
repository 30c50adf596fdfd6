"""Tables of the elements' energies: one that ships for CHGNet, and the user's cache.

A table is JSON: ``method`` and ``scale`` of the potential, ``fmax`` of the relaxations in eV/Å,
``references`` as ``{symbol: {"prototype", "energy_per_atom"}}``, and ``weights_sha256`` where the
potential has weights.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from tfmat.checksums import read_sealed, write_sealed
from tfmat.errors import InputError
from tfmat.files import claimed
from tfmat.relaxation.potentials.calculator import Calculator
from tfmat.retry import RetryPolicy

# How the ground states of the elements are relaxed: steps at most, largest force in eV/Å.
REFERENCE_STEPS, REFERENCE_FMAX = 300, 0.02
# For another process that writes the table, which takes some milliseconds.
_WAITING = RetryPolicy(12, 0.05, 0.5, spread=True)


class ReferenceRecord(TypedDict):
    """What metadata keeps of a ground state; the energy is in eV/atom."""

    prototype: str
    energy_per_atom: float


@dataclass(frozen=True)
class Reference:
    """The ground state of an element.

    Attributes:
        prototype: The elemental structure.
        energy: Its energy, eV/atom.
    """

    prototype: str
    energy: float

    def record(self) -> ReferenceRecord:
        """Returns what metadata keeps."""
        return {"prototype": self.prototype, "energy_per_atom": self.energy}


def symbol(number: int) -> str:
    """Returns the symbol of an element, under which tables keep it."""
    from ase.data import chemical_symbols

    return str(chemical_symbols[number])


def method_of(calculator: Calculator) -> str:
    """Returns name and version of a potential, as tables and datasets write them."""
    return f"{calculator.name} {calculator.version}".strip()


def cache_folder() -> Path:
    """Returns the user's cache of tfmat, ``$XDG_CACHE_HOME/tfmat`` or ``~/.cache/tfmat``."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The standard has relative paths ignored.
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "tfmat"


def cache_file(calculator: Calculator, folder: Path | None = None, weights: str = "") -> Path:
    """Returns the file in which the references of a potential are kept.

    Args:
        calculator: The potential; another version has another file.
        folder: The cache; :func:`cache_folder` by default.
        weights: SHA-256 of its weights; other weights have another file.
    """
    key = "\n".join((method_of(calculator), calculator.scale, str(REFERENCE_FMAX), weights))
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    name = re.sub(r"[^a-z0-9]+", "-", calculator.name.lower()).strip("-")
    return (folder or cache_folder()) / f"references-{name}-{digest}.json"


def known_references(calculator: Calculator, cache: Path | None = None) -> dict[str, Reference]:
    """Returns the references that need not be computed: those that ship, and those of a cache.

    Args:
        calculator: The potential.
        cache: A file that :func:`save_references` wrote; one that is missing or damaged counts as
            empty.

    Returns:
        References by symbol of the element. Where both know an element, the one that ships counts.
    """
    shipped = sorted(Path(__file__).parent.glob("references-*.json"))
    tables = [*([cache] if cache is not None else []), *shipped]
    found: dict[str, Reference] = {}
    for table in tables:
        found |= read_table(table, calculator)
    return found


def read_table(file: Path, calculator: Calculator) -> dict[str, Reference]:
    """Reads a table, if it was made with this potential.

    Args:
        file: The table.
        calculator: The potential.

    Returns:
        References by symbol; none where the table is missing, damaged, or of another potential or
        scale.
    """
    try:
        table = read_sealed(file)
        if (table["method"], table["scale"]) != (method_of(calculator), calculator.scale):
            return {}
        entries = {
            str(symbol): Reference(str(entry["prototype"]), float(entry["energy_per_atom"]))
            for symbol, entry in table["references"].items()
        }
    except (InputError, ValueError, TypeError, KeyError, AttributeError):
        # A cache is never worth an error: what it lacks is computed again.
        return {}
    return {symbol: entry for symbol, entry in entries.items() if math.isfinite(entry.energy)}


def save_references(
    file: Path, calculator: Calculator, references: Mapping[str, Reference], weights: str = ""
) -> None:
    """Adds references to a table; what others have put there meanwhile stays.

    Another process that writes it is waited for, some seconds at most.

    Args:
        file: The table.
        calculator: The potential.
        references: By symbol of the element.
        weights: SHA-256 of the potential's weights.

    Raises:
        InputError: No file can be made there, or another process does not end writing it.
    """

    def wait(failed: int, _: InputError) -> bool:
        time.sleep(_WAITING.pause(failed))
        return True

    _WAITING.until_done(lambda: _add(file, calculator, references, weights), InputError, wait)


def _add(
    file: Path, calculator: Calculator, references: Mapping[str, Reference], weights: str
) -> None:
    with claimed(file):
        every = read_table(file, calculator) | dict(references)
        table = {
            "method": method_of(calculator),
            "scale": calculator.scale,
            **({"weights_sha256": weights} if weights else {}),
            "fmax": REFERENCE_FMAX,
            "references": {symbol: every[symbol].record() for symbol in sorted(every)},
        }
        write_sealed(file, table)
