"""Compositions as 8×85 matrices and back: row j of a column means j + 1 atoms of its element.

An element that the formula lacks is a column of zeros. So is the original's matrix; only its axes
are named the other way (85×8).
"""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions, symbols
from tfmat.matgan.decoding import Rule
from tfmat.matgan.elements import COLUMNS, ELEMENTS, MAX_COUNT, MAX_ELEMENTS, MIN_ELEMENTS, NUMBERS

THRESHOLDS: dict[Rule, float] = {"original": 0.2, "argmax": 0.5}
"""The cell value from which on an element is there, for each rule of :func:`matrix_counts`."""

SHAPE = (MAX_COUNT, len(ELEMENTS))
# Matrices at once: their temporary arrays stay in the processor's cache.
_BLOCK = 512
_COUNTS = np.arange(1, MAX_COUNT + 1, dtype=np.uint8)[:, None]


class Decoded(NamedTuple):
    """What matrices say.

    Args:
        compositions: The accepted ones, reduced ``(m, slots)``, in their order.
        accepted: Which of the matrices they are ``(n,)``.
    """

    compositions: Compositions
    accepted: NDArray[np.bool_]


def fits(compositions: Compositions) -> NDArray[np.bool_]:
    """Tells which compositions a matrix can hold ``(n,)``.

    Those of 1 to 8 elements, all among the 85, with at most 8 atoms of each.
    """
    numbers, counts = compositions.numbers, compositions.counts
    n_elements = compositions.n_elements
    fitting = (n_elements >= 1) & (n_elements <= MAX_ELEMENTS)
    other = (numbers > 0) & (COLUMNS[numbers] < 0)
    fitting[(other | (counts > MAX_COUNT)).any(axis=1)] = False
    return fitting


def encode(
    compositions: Compositions, dtype: DTypeLike = np.float32, out: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Makes the matrices of compositions.

    Args:
        compositions: What to encode; every one must fit (see :func:`fits`).
        dtype: Type of the cells, if ``out`` is not given.
        out: Array to overwrite, C-contiguous ``(n, 8, 85)``. Memory that is used again is several
            times faster than new memory.

    Returns:
        ``out`` or a new array ``(n, 8, 85)`` of zeros and ones.

    Raises:
        InputError: A composition does not fit.
        ValueError: ``out`` has another shape or is not contiguous.
    """
    shape = (len(compositions), *SHAPE)
    row, column, count = _cells(compositions)
    if out is None:
        out = np.zeros(shape, dtype)
    else:
        _check_out(out, shape)
        out.fill(0)
    out.reshape(-1)[(row * MAX_COUNT + (count - 1)) * len(ELEMENTS) + column] = 1
    return out


def to_counts(
    compositions: Compositions, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Makes the dense counts of compositions.

    Args:
        compositions: What to encode; every one must fit (see :func:`fits`).
        out: Array to overwrite, C-contiguous ``(n, 85)``.

    Returns:
        Atoms of each of the 85 elements ``(n, 85)``.

    Raises:
        InputError: A composition does not fit.
        ValueError: ``out`` has another shape or is not contiguous.
    """
    shape = (len(compositions), len(ELEMENTS))
    row, column, count = _cells(compositions)
    if out is None:
        out = np.zeros(shape, np.uint8)
    else:
        _check_out(out, shape)
        out.fill(0)
    out.reshape(-1)[row * len(ELEMENTS) + column] = count
    return out


def from_counts(counts: NDArray[np.integer[Any]]) -> Compositions:
    """Reads dense counts, the inverse of :func:`to_counts`.

    Args:
        counts: Atoms of each of the 85 elements ``(n, 85)``, 0 to 65,535.

    Returns:
        All compositions, not reduced; one without any atom has only unused slots.

    Raises:
        ValueError: The shape is another.
    """
    if counts.ndim != 2 or counts.shape[1] != len(ELEMENTS):
        raise ValueError(f"counts of shape (n, {len(ELEMENTS)}) expected, not {counts.shape}")
    n = len(counts)
    cells = np.flatnonzero(counts)
    row, column = np.divmod(cells, len(ELEMENTS))
    first = np.searchsorted(row, np.arange(n + 1))
    n_elements = np.diff(first)
    slots = max(int(n_elements.max(initial=0)), 1)
    places = np.arange(len(cells)) + (np.arange(n) * slots - first[:-1])[row]
    numbers, amounts = np.zeros((n, slots), np.uint8), np.zeros((n, slots), np.uint16)
    numbers.reshape(-1)[places] = NUMBERS[column]
    amounts.reshape(-1)[places] = counts.reshape(-1)[cells]
    return Compositions(numbers, amounts)


def accept(counts: NDArray[np.integer[Any]]) -> Decoded:
    """Keeps the dense counts that the original takes for a formula: 2 to 8 elements.

    Args:
        counts: Atoms of each of the 85 elements ``(n, 85)``.

    Returns:
        Reduced compositions of the accepted rows, and which they are.

    Raises:
        ValueError: The shape is another.
    """
    n_elements = np.count_nonzero(counts, axis=1)
    accepted = (n_elements >= MIN_ELEMENTS) & (n_elements <= MAX_ELEMENTS)
    chosen = counts if accepted.all() else counts[accepted]
    return Decoded(from_counts(chosen).reduced(), accepted)


def matrix_counts(
    matrices: NDArray[Any], rule: Rule = "original", threshold: float | None = None
) -> NDArray[np.uint8]:
    """Reads the atoms of each element from matrices of any values.

    ``original`` is what the original's code does (MatGAN, ``tolerate`` 0.8): every cell of at least
    the threshold says its count, and of several in a column the largest count wins. ``argmax``
    takes the highest cell of a column if it reaches the threshold; of equal cells (a sigmoid
    reaches exactly 1.0 in two rows) the lowest count wins. A cell that is not a number reaches no
    threshold, and with ``argmax`` neither does its column.

    Args:
        matrices: Cells ``(n, 8, 85)`` or ``(n, 8, 85, 1)``.
        rule: One of the two.
        threshold: The value that counts, above 0; by default that of :data:`THRESHOLDS`.

    Returns:
        Atoms of each of the 85 elements ``(n, 85)``.

    Raises:
        ValueError: The shape, the rule or the threshold is impossible.
    """
    if rule not in get_args(Rule):
        raise ValueError(f"rule {rule!r}: must be one of {', '.join(get_args(Rule))}")
    limit = THRESHOLDS[rule] if threshold is None else threshold
    if not limit > 0:
        raise ValueError(f"threshold {limit}: must be above 0, the value of an absent element")
    if matrices.shape[1:] not in (SHAPE, (*SHAPE, 1)):
        raise ValueError(f"matrices of shape (n, 8, 85) expected, not {matrices.shape}")
    cells = matrices.reshape(len(matrices), *SHAPE)
    if cells.dtype.kind in "biu":
        limit = int(np.ceil(limit))  # whole numbers are compared as such, not as float64
    counts = np.empty((len(cells), len(ELEMENTS)), np.uint8)
    # Weights of the full shape: multiplying by a broadcast column takes longer.
    largest = np.repeat(_COUNTS, len(ELEMENTS), axis=1)
    lowest = MAX_COUNT + 1 - largest
    for start in range(0, len(cells), _BLOCK):
        block = cells[start : start + _BLOCK]
        there = block >= limit
        if rule == "original":
            counts[start : start + _BLOCK] = _highest(there.view(np.uint8) * largest)
        else:
            there &= block == _highest(block)[:, None]
            best = _highest(there.view(np.uint8) * lowest)
            counts[start : start + _BLOCK] = (MAX_COUNT + 1 - best) * (best > 0)
    return counts


def decode(
    matrices: NDArray[Any], rule: Rule = "original", threshold: float | None = None
) -> Decoded:
    """Reads compositions from matrices of any values.

    Args:
        matrices: Cells ``(n, 8, 85)`` or ``(n, 8, 85, 1)``.
        rule: How cells become counts, see :func:`matrix_counts`.
        threshold: The value that counts; by default that of :data:`THRESHOLDS`.

    Returns:
        Reduced compositions of 2 to 8 elements, and which matrices they are of.

    Raises:
        ValueError: The shape, the rule or the threshold is impossible.
    """
    return accept(matrix_counts(matrices, rule, threshold))


def _highest(cells: NDArray[Any]) -> NDArray[Any]:
    """Returns the highest cell of each column ``(n, 85)``.

    Halves are compared as wholes: long runs of memory, several times as fast as ``max(axis=1)``.
    """
    while cells.shape[1] > 1:
        half = cells.shape[1] // 2
        cells = np.maximum(cells[:, :half], cells[:, half:])
    return cells[:, 0]


def _cells(
    compositions: Compositions,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint16]]:
    """Returns row, column and count of every (element, count), after checking that they fit."""
    fitting = fits(compositions)
    if not fitting.all():
        raise InputError(_obstacle(compositions, int(np.argmin(fitting))))
    row, slot = np.nonzero(compositions.numbers)
    column = COLUMNS[compositions.numbers[row, slot]].astype(np.intp)
    return row, column, compositions.counts[row, slot]


def _obstacle(compositions: Compositions, row: int) -> str:
    """Says why a composition fits in no matrix."""
    composition = compositions.mapping(row)
    where = f"{compositions[row : row + 1].formulas()[0] or 'no element'} (place {row})"
    if not 1 <= len(composition) <= MAX_ELEMENTS:
        return f"{where}: {len(composition)} elements; a matrix takes 1 to {MAX_ELEMENTS}"
    for number, count in composition.items():
        if COLUMNS[number] < 0:
            return f"{where}: {symbols()[number]} is not among the {len(ELEMENTS)} elements"
        if count > MAX_COUNT:
            return f"{where}: {count} atoms of {symbols()[number]}; a matrix takes {MAX_COUNT}"
    raise ValueError(f"{where} fits")


def _check_out(out: NDArray[Any], shape: tuple[int, ...]) -> None:
    if out.shape != shape or not out.flags.c_contiguous:
        raise ValueError(f"out must be C-contiguous of shape {shape}, not {out.shape}")
