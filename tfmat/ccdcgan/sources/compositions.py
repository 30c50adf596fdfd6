"""Compositions out of noise: elements and atoms drawn one after the other, under conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tfmat.ccdcgan.sources.conditions import Conditions, Unfinished
from tfmat.ccdcgan.sources.contents import SLOTS, Contents

PART = "compositions"
# Noise that a composition takes: an element and its atoms for each slot, and the end.
NOISE = 2 * SLOTS + 1
# From atoms so far and the element that comes next (2 x elements) to logits of the next element or
# the end, and of the atoms of that element.
Network = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]


def draw_compositions(
    noise: NDArray[np.float32], network: Network, conditions: Conditions
) -> NDArray[np.int64]:
    """Draws compositions that fulfil conditions, whatever the network says.

    Each choice is drawn by one number of the noise through the inverse of the cumulative
    distribution of what the conditions leave.

    Args:
        noise: Standard normal numbers, shape ``(n, NOISE)``.
        network: Gives the logits.
        conditions: What is asked for.

    Returns:
        Atoms of each element, shape ``(n, elements)``.
    """
    state = Unfinished.begin(conditions, len(noise))
    uniform = ndtr(noise.astype(np.float64))
    count = len(conditions.elements)
    open_rows = np.arange(len(noise))
    for slot in range(SLOTS + 1):
        if not len(open_rows):
            break
        part = Unfinished(
            conditions, state.counts[open_rows], state.last[open_rows], state.units[open_rows]
        )
        so_far = np.zeros((len(open_rows), 2 * count), np.float32)
        so_far[:, :count] = part.counts
        logits, _ = network(so_far)
        element = draw(logits, part.elements(), uniform[open_rows, 2 * slot])
        going = element < count
        open_rows, element = open_rows[going], element[going]
        if not len(open_rows):
            break
        part = Unfinished(conditions, part.counts[going], part.last[going], part.units[going])
        so_far = so_far[going]
        so_far[np.arange(len(open_rows)), count + element] = 1
        _, logits = network(so_far)
        amount = 1 + draw(logits, part.atoms(element), uniform[open_rows, 2 * slot + 1])
        state.add(open_rows, element, amount)
    return state.counts


def draw(
    logits: NDArray[np.floating], allowed: NDArray[np.bool_], uniform: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Draws one of those that are allowed, by the inverse of the cumulative distribution.

    Args:
        logits: Shape ``(n, choices)``.
        allowed: Likewise; at least one in each row.
        uniform: Numbers in 0 to 1, shape ``(n,)``.

    Returns:
        Shape ``(n,)``.
    """
    values = np.where(allowed, logits.astype(np.float64), -np.inf)
    # A floor, so that rounding leaves something of whatever is allowed.
    weights = np.maximum(np.exp(values - values.max(axis=1, keepdims=True)), 1e-30) * allowed
    cumulative = weights.cumsum(axis=1)
    height = np.minimum(uniform, 1 - 1e-12)[:, None] * cumulative[:, -1:]
    return np.asarray((cumulative <= height).sum(axis=1))


def known_counts(contents: Contents, numbers: Sequence[int]) -> NDArray[np.int64]:
    """Returns contents as a table of atoms of each element, shape ``(n, elements)``."""
    column = np.zeros(256, np.intp)
    column[list(numbers)] = np.arange(len(numbers))
    found = np.zeros((len(contents), len(numbers)), np.int64)
    rows = np.arange(len(contents))
    for slot in range(SLOTS):
        there = contents.counts[:, slot] > 0
        found[rows[there], column[contents.numbers[there, slot]]] = contents.counts[there, slot]
    return found
