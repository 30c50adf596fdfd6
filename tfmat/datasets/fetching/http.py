"""HTTP with manners: a steady rate, waits as the server asks, tries again, one line of error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from tfmat import __version__
from tfmat.errors import InputError, TfmatError, one_line
from tfmat.retry import BUSY, RetryPolicy, retry_after

# A database that is restarted may answer 500, too.
_PASSING = BUSY | {500}
_AGAIN = "give the same command again to go on from here"
# Seconds to connect, and between two bytes of an answer: a query may take a database long.
_TIMEOUT = (15.0, 180.0)


class ServiceError(TfmatError):
    """A service cannot be reached, or does not answer as it should (exit code 1)."""


class Pace:
    """How fast a service may be asked, and for how long it is asked again.

    Args:
        rate: Most requests in a second.
        attempts: Tries of one request before it counts as failed.
        first_wait: Seconds before the second try where the server names none; doubled each time.
        longest_wait: Seconds; a server that asks for a longer wait ends the work for now.

    Attributes:
        retries: How often a request is sent again.
        requests: Requests sent.
        answered: Whether anything has answered so far.
        failure: Why the last request failed for good; clients in between may swallow it.
        on_wait: Called with a short text before a wait of some seconds.
    """

    def __init__(
        self,
        rate: float = 2.0,
        *,
        attempts: int = 7,
        first_wait: float = 1.0,
        longest_wait: float = 300.0,
    ) -> None:
        self.retries = RetryPolicy(attempts - 1, first_wait, longest_wait)
        self.requests = 0
        self.answered = False
        self.failure: TfmatError | None = None
        self.on_wait: Callable[[str], object] = str
        self._between = 1.0 / rate
        self._next = 0.0

    def take_turn(self) -> None:
        """Sleeps until the next request may be sent."""
        now = time.monotonic()
        if now < self._next:
            time.sleep(self._next - now)
        self._next = time.monotonic() + self._between
        self.requests += 1

    def delay(self, seconds: float) -> None:
        """Puts the next request off, as a server wished in its answer."""
        self._next = max(self._next, time.monotonic() + min(seconds, self.retries.longest_pause))

    def wait(self, attempt: int, asked: float | None, why: str) -> None:
        """Waits before a request is sent again.

        Args:
            attempt: Tries that have failed, from 1.
            asked: Seconds that the server asks for, if it does.
            why: What happened, for the progress and the error.

        Raises:
            ServiceError: The server asks for more than ``longest_wait``.
        """
        if asked is not None and asked > self.retries.longest_pause:
            raise ServiceError(f"{why}, and asks for a pause of {asked:.0f} s; {_AGAIN} then")
        seconds = self.retries.pause(attempt) if asked is None else asked
        if seconds >= 2:
            self.on_wait(f"waiting {seconds:.0f} s: {why}")
        time.sleep(seconds)


class PoliteSession(requests.Session):
    """A session of ``requests`` that keeps to a pace; any client that takes a session can use it.

    Args:
        pace: Shared by all sessions that talk to one service.
    """

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self.pace = pace
        self.headers["user-agent"] = f"tfmat/{__version__}"

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        """Sends a request, again where the trouble may pass.

        Raises:
            ServiceError: Nothing answers, or not in time, or the server stays busy.
        """
        self.pace.failure = None
        try:
            return self._persistent(method, url, *arguments, **options)
        except TfmatError as error:
            self.pace.failure = error
            raise

    def _persistent(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        # In place of the clients' own: one waits 1000 s for a word, another 20 s for big pages.
        options["timeout"] = _TIMEOUT
        host = urlsplit(url).netloc
        why = ""
        attempts = 1 + self.pace.retries.count
        for attempt in range(1, attempts + 1):
            self.pace.take_turn()
            asked = None
            try:
                answer = super().request(method, url, *arguments, **options)
            except (requests.exceptions.MissingSchema, requests.exceptions.InvalidURL) as error:
                raise InputError(f"{url}: no address of a service") from error
            except requests.RequestException as error:
                why = f"{host} {_words(error)}"
                # A host that never answered is misspelt or not there; waiting does not help.
                if not self.pace.answered and isinstance(error, requests.ConnectionError):
                    raise ServiceError(f"{why}; check the address and the network") from error
            else:
                self.pace.answered = True
                if answer.status_code not in _PASSING:
                    return answer
                why = f"{host} answers {answer.status_code} ({answer.reason})"
                asked = retry_after(answer.headers.get("retry-after"))
            if attempt < attempts:
                self.pace.wait(attempt, asked, why)
        raise ServiceError(f"{why}, {attempts} times; {_AGAIN} later")

    def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
        """Takes keys off a request that is redirected to another host."""
        super().rebuild_auth(prepared_request, response)
        if self.should_strip_auth(response.request.url, prepared_request.url):
            prepared_request.headers.pop("x-api-key", None)


def _words(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "does not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "has no certificate that can be trusted"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "broke its answer off"
    if isinstance(error, requests.ConnectionError):
        text = str(error)
        if "NameResolution" in text or "Name or service" in text or "getaddrinfo" in text:
            return "is no known host"
        return "cannot be reached" if "refused" in text or "unreachable" in text else "hung up"
    return f"failed ({type(error).__name__}: {one_line(str(error))[:120]})"
