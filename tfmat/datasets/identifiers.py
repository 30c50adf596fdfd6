"""Identifiers that no other structure of a source has."""

from __future__ import annotations

from tfmat.errors import printable


class Identifiers:
    """Gives a name that came before ``#2``, ``#3``, ..., in time that does not grow with them.

    Attributes:
        repeated: How many names had come before.
    """

    def __init__(self) -> None:
        self.repeated = 0
        # Number of the last that was given for each name.
        self._last: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """Returns a name that was not given before.

        Args:
            name: Any text; what cannot be printed in it is made visible.
        """
        given = name = printable(name)
        count = self._last.get(name, 0)
        if count:
            self.repeated += 1
        while given in self._last:
            count += 1
            given = f"{name}#{count}"
        self._last[given] = 1
        if given != name:
            self._last[name] = count
        return given
