"""Progress with rate and time left on a terminal, and plain lines in a log.

How long the rest takes is said once it is known: the first unit also pays for loading, compiling
and filling caches, so that it is left out of the estimate, and so is what a few seconds tell.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, TextIO

# No time left is told before so many seconds and calls of `update` after the first one.
SETTLED_SECONDS, SETTLED_UPDATES = 5.0, 3
_BAR = (
    "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{left}, {rate_fmt}{postfix}]"
)


class Progress:
    """Counts work done; a bar on a terminal, a line now and then elsewhere.

    Args:
        description: What is being done, e.g. ``"importing"``.
        total: Number of units, or ``None`` if unknown.
        unit: Name of one unit, e.g. ``"structure"``.
        initial: Units that an earlier, interrupted run has finished.
        stream: Where to write; standard error by default.
        interval: Seconds between lines when ``stream`` is not a terminal.
    """

    def __init__(
        self,
        description: str,
        total: int | None = None,
        unit: str = "it",
        *,
        initial: int = 0,
        stream: TextIO | None = None,
        interval: float = 10.0,
    ) -> None:
        self.description = description
        self.total = total
        self.unit = unit
        self.count = initial
        self._initial = initial
        self._stream = stream if stream is not None else sys.stderr
        self._interval = interval
        self._start = time.monotonic()
        self._last = self._start
        # Time and count at the end of the first update, and how many came since.
        self._first: tuple[float, int] | None = None
        self._updates = 0
        self._note = ""
        self._bar = None
        # Nothing to do is nothing to tell.
        self._silent = total == 0
        if not self._silent and self._stream.isatty():
            from tqdm import tqdm  # only where a bar is drawn

            class Bar(tqdm):
                """A bar whose time left is ours."""

                @property
                def format_dict(bar) -> dict[str, Any]:  # noqa: N805
                    left = self.seconds_left()
                    text = "" if left is None else f"<{tqdm.format_interval(left)}"
                    return {**super().format_dict, "left": text}

            self._bar = Bar(
                desc=description,
                total=total,
                unit=f" {unit}",
                initial=initial,
                file=self._stream,
                dynamic_ncols=True,
                bar_format=_BAR if total is not None else None,
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Work that fails before its first unit has nothing to tell but its error.
        if error is None or self._bar is not None or self.count > self._initial:
            self.close()

    def update(self, amount: int = 1, note: str = "") -> None:
        """Adds ``amount`` finished units; ``note`` (e.g. the loss) is shown beside the count."""
        self.count += amount
        if self._first is None:
            self._first = time.monotonic(), self.count
        else:
            self._updates += 1
        if note:
            self._note = note
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(amount)
            return
        now = time.monotonic()
        if now - self._last >= self._interval:
            self._last = now
            self._line()

    def seconds_left(self) -> float | None:
        """Returns how long the rest takes, or ``None`` as long as that is a guess."""
        if self._first is None or self.total is None or self.count >= self.total:
            return None
        start, done = self._first
        seconds = time.monotonic() - start
        if seconds < SETTLED_SECONDS or self._updates < SETTLED_UPDATES or self.count <= done:
            return None
        return (self.total - self.count) * seconds / (self.count - done)

    def close(self) -> None:
        """Ends the bar, or writes the last line."""
        if self._bar is not None:
            self._bar.close()
        elif not self._silent or self.count:
            self._line()

    def _line(self) -> None:
        elapsed = time.monotonic() - self._start
        rate = (self.count - self._initial) / elapsed if elapsed > 0 else 0.0
        parts = [f"{self.description}: {self.count}"]
        # A total that was an estimate and is passed says nothing.
        if self.total is not None and self.count <= self.total:
            parts[0] += f"/{self.total}"
        parts.append(f"{rate:.1f} {self.unit}/s")
        if (left := self.seconds_left()) is not None:
            parts.append(f"{left:.0f} s left")
        if self._note:
            parts.append(self._note)
        print(", ".join(parts), file=self._stream, flush=True)
