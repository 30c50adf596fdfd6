"""Small CIF texts, written as people and programs write them."""

from __future__ import annotations

from collections.abc import Sequence

CELL = (5.0, 6.0, 7.0, 90.0, 90.0, 90.0)
_CELL_NAMES = (
    "length_a",
    "length_b",
    "length_c",
    "angle_alpha",
    "angle_beta",
    "angle_gamma",
)
SITES = ("Ca1 Ca 0.1 0.1 0.1", "O1 O 0.2 0.3 0.4")
COLUMNS = ("label", "type_symbol", "fract_x", "fract_y", "fract_z")


def cif(
    sites: Sequence[str] = SITES,
    cell: Sequence[float | str] = CELL,
    operations: Sequence[str] = ("x,y,z",),
    columns: Sequence[str] = COLUMNS,
    name: str = "a",
    **items: object,
) -> str:
    """Writes one data block.

    Args:
        sites: Rows of the loop of sites.
        cell: a, b, c, alpha, beta, gamma.
        operations: Symmetry operations; none writes no loop of them.
        columns: Names of the loop's columns, without ``_atom_site_``.
        name: Of the block.
        **items: Further items, by name without the first ``_``; ``-`` written as ``__``.
    """
    lines = [f"data_{name}"]
    lines += [f"_cell_{key} {value}" for key, value in zip(_CELL_NAMES, cell, strict=True)]
    for key, value in items.items():
        shown = value if isinstance(value, int) else f"'{value}'"
        lines.append(f"_{key.replace('__', '-')} {shown}")
    if operations:
        lines += ["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{text}'" for text in operations)]
    lines += ["loop_", *(f"_atom_site_{column}" for column in columns), *sites]
    return "\n".join(lines) + "\n"
