"""What to fetch, in words that every database understands."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from tfmat.errors import InputError
from tfmat.formulas.elements import atomic_numbers

# A system of n elements has 2^n - 1 subsystems, all named in one address.
_MAX_ELEMENTS = 8


@dataclass(frozen=True)
class Wanted:
    """Which structures to ask for.

    Args:
        elements: Only these elements occur: the system with all its subsystems.
        containing: All of these occur, whatever else does.
        count: Least and largest number of different elements.
        max_atoms: Most atoms in the cell that the database gives.

    Raises:
        InputError: A symbol is no element, or nothing can satisfy all of it.
    """

    elements: tuple[str, ...] = ()
    containing: tuple[str, ...] = ()
    count: tuple[int, int] | None = None
    max_atoms: int | None = None

    def __post_init__(self) -> None:
        for name, symbols in (("elements", self.elements), ("containing", self.containing)):
            for symbol in symbols:
                if symbol not in atomic_numbers():
                    raise InputError(f"`{name}` {symbol}: no element; write symbols as in Bi,Se")
        if self.count is not None and not 1 <= self.count[0] <= self.count[1]:
            first, last = self.count
            raise InputError(f"`nelements` {first}-{last}: write a range from 1, e.g. 2 or 2-4")
        missing = [symbol for symbol in self.containing if symbol not in self.elements]
        if self.elements and missing:
            raise InputError(
                f"`containing` {missing[0]}: not among `elements` {','.join(self.elements)}, "
                "the only ones that may occur"
            )

    def __bool__(self) -> bool:
        return bool(self.elements or self.containing or self.count or self.max_atoms)

    def record(self) -> dict[str, Any]:
        """Returns what was asked for, as JSON can hold it."""
        return {name: value for name, value in asdict(self).items() if value}

    def systems(self) -> list[str]:
        """Returns the chemical systems that :attr:`elements` spans, as ``Bi-Se``.

        Those that :attr:`containing` and :attr:`count` rule out are left out.

        Raises:
            InputError: There are too many of them to name, or none.
        """
        symbols = sorted(set(self.elements))
        if len(symbols) > _MAX_ELEMENTS:
            raise InputError(
                f"`elements`: {len(symbols)} elements have too many subsystems for one query; give "
                f"at most {_MAX_ELEMENTS}, or `containing` and `nelements` instead"
            )
        first, last = self.count or (1, len(symbols))
        systems = [
            "-".join(chosen)
            for size in range(first, min(last, len(symbols)) + 1)
            for chosen in combinations(symbols, size)
            if set(self.containing) <= set(chosen)
        ]
        if symbols and not systems:
            raise InputError(
                f"`nelements` {first}-{last}: more than `elements` {','.join(symbols)} has"
            )
        return systems

    def optimade(self) -> str:
        """Returns the filter in the language of OPTIMADE, ``""`` for everything."""
        parts = []
        if self.elements:
            parts.append(f"elements HAS ONLY {_quoted(self.elements)}")
        if self.containing:
            parts.append(f"elements HAS ALL {_quoted(self.containing)}")
        if self.count is not None:
            first, last = self.count
            alone = first == last
            parts.append(f"nelements={first}" if alone else f"nelements>={first}")
            parts += [] if alone else [f"nelements<={last}"]
        if self.max_atoms is not None:
            parts.append(f"nsites<={self.max_atoms}")
        return " AND ".join(parts)


def _quoted(symbols: tuple[str, ...]) -> str:
    return ",".join(f'"{symbol}"' for symbol in symbols)
