"""When and after how long a request is sent again; what answers of HTTP say about it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=Exception)

# Too many requests, and what a server or a proxy before it says of one that is not there now.
BUSY = frozenset((429, 502, 503, 504))


@dataclass(frozen=True)
class RetryPolicy:
    """How often something is tried again, and the pauses in between.

    Args:
        count: Further tries after the first.
        first_pause: Seconds before the second try; doubled for each further one.
        longest_pause: Seconds to which it grows.
        spread: Pauses are shortened at random, by half at most, so that clients do not come back
            together.
    """

    count: int
    first_pause: float
    longest_pause: float
    spread: bool = False

    def pause(self, failed: int) -> float:
        """Returns how many seconds to wait where the server does not say.

        Args:
            failed: Tries that have failed, from 1.
        """
        seconds = min(self.first_pause * 2.0 ** (failed - 1), self.longest_pause)
        return seconds * random.uniform(0.5, 1) if self.spread else seconds  # noqa: S311

    def until_done(
        self, call: Callable[[], T], passing: type[E], wait: Callable[[int, E], bool]
    ) -> T:
        """Calls until it succeeds, or fails in a way that will not pass, or too often.

        Args:
            call: What to do.
            passing: The errors that may be gone at the next try.
            wait: Waits before another try; gets the number of tries that have failed and the last
                error, and returns whether there is to be one.

        Raises:
            Exception: The last error, with the number of tries as ``tries``; or any other at once.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return call()
            except passing as error:
                if tries > self.count or not wait(tries, error):
                    error.tries = tries  # type: ignore[attr-defined]
                    raise


def retry_after(value: str | None) -> float | None:
    """Reads the header ``Retry-After``.

    Args:
        value: Seconds or a date of HTTP.

    Returns:
        Seconds from now, at least 0; ``None`` if the server does not say.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
