"""What a page shows, whichever command made it: facts, metrics, charts and candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tfmat.crystals.crystal import Crystal
from tfmat.metric import Metric

Value: TypeAlias = float | str | bool


@dataclass
class Candidate:
    """A structure or a formula that a person may choose.

    Args:
        identifier: Its name, which no other candidate of a folder has.
        formula: Reduced formula.
        values: What is known of it, by the key of a column (:data:`tfmat.report.columns.COLUMNS`).
        load: Returns the structure; ``None`` where there is none. What the page leaves out is
            never loaded.
    """

    identifier: str
    formula: str
    values: dict[str, Value] = field(default_factory=dict)
    load: Callable[[], Crystal] | None = None


@dataclass(frozen=True)
class Chart:
    """A picture.

    Args:
        title: What it shows.
        svg: The picture, inline SVG.
        caption: How to read it: numbers, units, what is left out.
    """

    title: str
    svg: str
    caption: str = ""


@dataclass(frozen=True)
class Part:
    """What one folder holds.

    Args:
        title: What was done, in a few words.
        place: The folder or file.
        facts: By whom and how it was made, as label and text.
        metrics: What the command measured.
        charts: Pictures, the most telling first.
        candidates: Structures or formulas.
        lost: How many were lost, by reason, in their order.
        notes: Sentences that a reader must not miss.
        has_crystals: Whether structures belong to the candidates.
    """

    title: str
    place: Path
    facts: Sequence[tuple[str, str]] = ()
    metrics: Sequence[Metric] = ()
    charts: Sequence[Chart] = ()
    candidates: Sequence[Candidate] = ()
    lost: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    has_crystals: bool = True
