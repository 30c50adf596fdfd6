"""The periodic table as a map: which share of the candidates holds each element."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from tfmat.figures.periodic_table import place
from tfmat.formulas.compositions import symbols
from tfmat.formulas.formula_text import FormulaError, parse_formula
from tfmat.report.contents import Candidate

_LAST = 118
# Row of the grid in which the lanthanides stand; above it is a gap.
_SERIES = 8


def amounts(formula: str) -> dict[int, int]:
    """Returns the atoms of each element in a formula, by atomic number.

    Args:
        formula: A formula; of one that cannot be read nothing is returned.
    """
    try:
        return dict(parse_formula(formula))
    except FormulaError:
        return {}


def element_map(candidates: Sequence[Candidate]) -> str:
    """Returns the table as HTML, a button for each element, or nothing without candidates.

    Args:
        candidates: All that were made, also those that the page's table leaves out.
    """
    held: Counter[int] = Counter()
    for one in candidates:
        held.update(amounts(one.formula).keys())
    if not held:
        return ""
    most = max(held.values())
    cells = []
    for number in range(1, _LAST + 1):
        column, row = place(number)
        line = int(row) + 1 if row < _SERIES - 1 else _SERIES + 1 + int(row - _SERIES + 1)
        symbol, count = symbols()[number], held[number]
        share = count / len(candidates)
        where = f"grid-column:{int(column) + 1};grid-row:{line}"
        if not count:
            cells.append(f'<span class="element" style="{where}">{symbol}</span>')
            continue
        # Of a share of 1 in 1,000 the colour can still be told from nothing.
        depth = round(12 + 88 * (count / most) ** 0.5)
        words = f"{symbol}: {count:,} of {len(candidates):,} ({share:.1%})"
        cells.append(
            f'<button type="button" class="element held" style="{where};--share:{depth}%" '
            f'data-element="{symbol}" aria-pressed="false" aria-label="{escape(words)}" '
            f'title="{escape(words)}">{symbol}<small>{_percent(share)}</small></button>'
        )
    return f'<div class="elements" role="group" aria-label="Elements">{"".join(cells)}</div>'


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"
