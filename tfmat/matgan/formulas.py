"""Formulas that a MatGAN generated, with what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload


class Formulas(Sequence[str]):
    """A list of formulas such as ``Li2O``, and their table.

    Attributes:
        table: A ``pyarrow.Table`` with the columns that ``tfmat generate matgan`` writes:
            ``formula``, ``n_elements``, ``counts``, ``charge_neutral``, ``balanced``,
            ``oxidation_states``, ``oxidation_states_likelihood``, ``times_generated``, and
            ``novel`` where it was asked for.
        summary: How many samples were drawn, accepted, neutral, balanced, kept and different, and
            what they were made with.
    """

    def __init__(self, table: Any, summary: Mapping[str, Any]) -> None:
        self.table = table
        self.summary = dict(summary)
        self._formulas: list[str] = table["formula"].to_pylist()

    def __len__(self) -> int:
        return len(self._formulas)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._formulas[index]

    def __repr__(self) -> str:
        more = ", ..." if len(self) > 3 else ""
        return f"<Formulas ({len(self):,}): {', '.join(self._formulas[:3])}{more}>"
