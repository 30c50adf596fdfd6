"""The candidates of a page as its script takes them, no larger than a page may be."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.writing import cif_text
from tfmat.errors import printable
from tfmat.formulas.compositions import symbols
from tfmat.report.columns import Column
from tfmat.report.contents import Candidate, Value
from tfmat.report.elements import amounts
from tfmat.report.joined import Order, order_of
from tfmat.viewer.scene import palette, scene

# Bytes of structures: with charts, texts and the viewer a page stays below 10 MB.
_MOST_BYTES = 7_500_000
# A longer text of a table is cut.
_LONGEST = 300


@dataclass
class Rows:
    """Candidates in the order of the page.

    Args:
        candidates: The candidates.
        columns: What is said of each.
        order: How they are ordered.
        scenes: What is drawn of each; ``None`` where the page holds no structure.
        cifs: Their CIF files.
        colours: How the elements look.
        why_left: Why the page holds no structure of some.
    """

    candidates: Sequence[Candidate]
    columns: Sequence[Column]
    order: Order | None
    scenes: list[dict[str, Any] | None] = field(default_factory=list)
    cifs: list[str] = field(default_factory=list)
    colours: dict[str, list[Any]] = field(default_factory=dict)
    why_left: str = "no folder that was given has one"

    @property
    def with_scene(self) -> bool:
        """Whether there is a structure to draw."""
        return any(one is not None for one in self.scenes)

    def record(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        order = self.order
        return {
            "columns": [vars(column) for column in self.columns],
            "rank": None if order is None or order.believed_first else order.column.key,
            "palette": self.colours,
            "rows": [
                {
                    "id": printable(one.identifier),
                    "formula": printable(one.formula),
                    "elements": [symbols()[number] for number in amounts(one.formula)],
                    "values": [_plain(one.values.get(column.key)) for column in self.columns],
                    "scene": drawn,
                    "cif": cif,
                }
                for one, drawn, cif in zip(self.candidates, self.scenes, self.cifs, strict=True)
            ],
        }


def rows_of(candidates: Sequence[Candidate], columns: Sequence[Column]) -> Rows:
    """Loads the structures of candidates, as many as fit on a page.

    Args:
        candidates: Those on the page, the best first.
        columns: What is said of each.
    """
    rows = Rows(candidates, columns, order_of(candidates))
    seen: list[Crystal] = []
    room = _MOST_BYTES
    for one in candidates:
        crystal = one.load() if one.load is not None and room > 0 else None
        if crystal is None:
            if one.load is not None:
                rows.why_left = "it would be too large; their CIF files are in the folder"
            rows.scenes.append(None)
            rows.cifs.append("")
            continue
        drawn, cif = scene(crystal), cif_text(crystal, one.identifier)
        room -= len(json.dumps(drawn)) + len(json.dumps(cif))
        rows.scenes.append(drawn)
        rows.cifs.append(cif)
        seen.append(crystal)
    rows.colours = palette(seen)
    return rows


def _plain(value: Value | None) -> Value | None:
    if isinstance(value, str):
        return printable(value)[:_LONGEST]
    if isinstance(value, bool) or value is None:
        return value
    # Seven digits are more than any of these numbers has.
    return float(f"{value:.7g}") if math.isfinite(value) else None
