"""Progress with rate and time left on a terminal, and plain lines in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TextIO


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
        self._note = ""
        self._bar = None
        # Nothing to do is nothing to tell.
        self._silent = total == 0
        if not self._silent and self._stream.isatty():
            from tqdm import tqdm  # only where a bar is drawn

            self._bar = tqdm(
                desc=description,
                total=total,
                unit=f" {unit}",
                initial=initial,
                file=self._stream,
                dynamic_ncols=True,
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
        if self.total is not None and rate > 0 and self.count < self.total:
            parts.append(f"{(self.total - self.count) / rate:.0f} s left")
        if self._note:
            parts.append(self._note)
        print(", ".join(parts), file=self._stream, flush=True)
