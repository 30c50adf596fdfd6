"""Disjoint sets: things that are linked, directly or through others, have one root."""

from __future__ import annotations


class Links:
    """Sets of the numbers 0 to ``count - 1``, each alone at first.

    Args:
        count: How many numbers.
    """

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, index: int) -> int:
        """Returns the smallest number in the set of ``index``."""
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def join(self, one: int, other: int) -> None:
        """Makes one set of two."""
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low
