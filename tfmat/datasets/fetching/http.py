"""HTTP with manners: a steady rate, waits as the server asks, tries again, one line of error."""

from __future__ import annotations

import http.client
import math
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from tfmat import __version__
from tfmat.bounded import StrangeEncodingError, TooLongError, bounded, bounds, cause, read_all
from tfmat.datasets.fetching.reach import Reach
from tfmat.errors import InputError, TfmatError, one_line
from tfmat.retry import BUSY, RetryPolicy, retry_after

# A database that is restarted may answer 500, too.
_PASSING = BUSY | {500}
_AGAIN = "give the same command again to go on from here"
# A server that is there takes a connection at once, however long a query takes it.
_LONGEST_CONNECT = 15.0
# What a page may take in memory, in bytes; a structure of 200 atoms is about 40,000.
LONGEST_ANSWER = 64 << 20

TIMEOUT = 180.0
RETRIES = 6


class ServiceError(TfmatError):
    """A service cannot be reached, or does not answer as it should (exit code 1)."""


class _PassingError(ServiceError):
    """A failure that may be gone at the next try; ``pause`` is how long the server asks for."""

    tries = 1

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


class Pace:
    """How fast a service may be asked, and for how long it is asked again.

    Args:
        rate: Most requests in a second.
        timeout: Seconds within which an answer must be there, all of it.
        retries: Further tries of one request before it counts as failed.
        first_wait: Seconds before the second try where the server names none; doubled each time.
        longest_wait: Seconds; a server that asks for a longer wait ends the work for now.

    Attributes:
        timeout: As given.
        retries: How often a request is sent again, and after which pauses.
        requests: Requests sent.
        answered: Whether anything has answered so far.
        failure: Why the last request failed for good; clients in between may swallow it.
        on_wait: Called with a short text before a wait of some seconds.
    """

    def __init__(
        self,
        rate: float = 2.0,
        *,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        first_wait: float = 1.0,
        longest_wait: float = 300.0,
    ) -> None:
        self.timeout = timeout
        self.retries = RetryPolicy(retries, first_wait, longest_wait)
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

    def delay(self, seconds: object) -> None:
        """Puts the next request off, as a server wished in its answer; as long as an answer takes.

        Args:
            seconds: What it says; what is no number is nothing.
        """
        if isinstance(seconds, int | float) and 0 < seconds < math.inf:
            self._next = max(self._next, time.monotonic() + min(seconds, self.timeout))

    def wait(self, failed: int, error: _PassingError) -> bool:
        """Waits before a request is sent again.

        Args:
            failed: Tries that have failed, from 1.
            error: What happened, for the progress and the error.

        Raises:
            ServiceError: The server asks for more than ``longest_wait``.
        """
        asked = error.pause
        if asked is not None and asked > self.retries.longest_pause:
            raise ServiceError(f"{error}, and asks for a pause of {asked:.0f} s; {_AGAIN} then")
        seconds = self.retries.pause(failed) if asked is None else asked
        if seconds >= 2:
            self.on_wait(f"waiting {seconds:.0f} s: {error}")
        time.sleep(seconds)
        return True


class _Adapter(HTTPAdapter):
    """Reads answers to their end within the bounds of the thread, and blots a secret out."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, request: Any, stream: bool = False, *arguments: Any, **options: Any) -> Any:
        answer = super().send(request, True, *arguments, **options)
        try:
            content = read_all(answer.raw, LONGEST_ANSWER)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            answer.raw.close()
            raise requests.exceptions.ChunkedEncodingError(error, request=request) from error
        answer.raw.release_conn()
        if self._secret:
            content = content.replace(self._secret, b"*" * len(self._secret))
        answer._content, answer._content_consumed = content, True
        return answer


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = bounded(urllib3.HTTPConnectionPool.ConnectionCls)


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = bounded(urllib3.HTTPSConnectionPool.ConnectionCls)


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class PoliteSession(requests.Session):
    """A session of ``requests`` that keeps to a pace; any client that takes a session can use it.

    An answer must be there within the pace's ``timeout``, redirects included, and must not be
    longer than :data:`LONGEST_ANSWER`.

    Args:
        pace: Shared by all sessions that talk to one service.
        reach: Where it may go; by default to the host that it is first asked for.
        secret: What no answer may give back.
        judge: Takes every answer before a client sees it that trusts what it reads; raises a
            ``TfmatError`` that says what is wrong.
    """

    def __init__(
        self,
        pace: Pace,
        reach: Reach | None = None,
        secret: str = "",
        judge: Callable[[Any], object] = id,
    ) -> None:
        super().__init__()
        self.pace = pace
        self.reach = reach
        self._judge = judge
        self.headers["user-agent"] = f"tfmat/{__version__}"
        self.headers["accept-encoding"] = "gzip"
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(secret))

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        """Sends a request, again where the trouble may pass.

        Raises:
            ServiceError: Nothing answers, or not in time, or too much, the server stays busy, or
                sends us elsewhere.
            TfmatError: The judge's.
        """
        self.pace.failure = None
        try:
            answer = self._persistent(method, url, *arguments, **options)
            self._judge(answer)
        except TfmatError as error:
            self.pace.failure = error
            raise
        return answer

    def send(self, request: Any, **options: Any) -> Any:
        """Sends a prepared request, also one that a redirect led to.

        Raises:
            ServiceError: It would go where it may not; nothing is sent.
        """
        if self.reach is None:
            self.reach = Reach(request.url)
        if problem := self.reach.obstacle(request.url):
            host = urlsplit(self.reach.home).netloc
            raise ServiceError(f"{host} sends us to {problem}; it was not asked")
        return super().send(request, **options)

    def _persistent(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        try:
            return self.pace.retries.until_done(
                lambda: self._once(method, url, *arguments, **options),
                _PassingError,
                self.pace.wait,
            )
        except _PassingError as error:
            often = f", {error.tries} times" if error.tries > 1 else ""
            raise ServiceError(f"{error}{often}; {_AGAIN} later") from error

    def _once(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        # In place of the clients' own: one waits 1000 s for a word, another 20 s for big pages.
        seconds = self.pace.timeout
        options["timeout"] = (min(seconds, _LONGEST_CONNECT), seconds)
        host = urlsplit(url).netloc
        self.pace.take_turn()
        try:
            with bounds(seconds, LONGEST_ANSWER):
                answer = super().request(method, url, *arguments, **options)
        except (requests.exceptions.MissingSchema, requests.exceptions.InvalidURL) as error:
            raise InputError(f"{one_line(url)}: no address of a service") from error
        except requests.RequestException as error:
            why = f"{host} {_words(error, seconds)}"
            if _stays(error):
                raise ServiceError(why) from error
            # A host that never answered is misspelt or not there; waiting does not help.
            if not self.pace.answered and _nobody(error):
                raise ServiceError(f"{why}; check the address and the network") from error
            raise _PassingError(why) from error
        self.pace.answered = True
        if answer.status_code not in _PASSING:
            return answer
        raise _PassingError(
            f"{host} answers {answer.status_code} ({one_line(str(answer.reason))[:80]})",
            retry_after(answer.headers.get("retry-after")),
        )


def _stays(error: requests.RequestException) -> bool:
    """Tells whether another try would end in the same way."""
    kinds = (TooLongError, StrangeEncodingError, requests.TooManyRedirects)
    return any(cause(error, kind) for kind in kinds)


def _nobody(error: requests.RequestException) -> bool:
    """Tells whether there may be no service at all."""
    timeout = cause(error, TimeoutError) or isinstance(error, requests.exceptions.ReadTimeout)
    return isinstance(error, requests.ConnectionError) and not timeout


def _words(error: requests.RequestException, seconds: float) -> str:
    if cause(error, TooLongError):
        megabytes = LONGEST_ANSWER >> 20
        return f"answers with more than {megabytes} MB; give a smaller `page_size`"
    if packing := cause(error, StrangeEncodingError):
        return f"answers in {one_line(str(packing))[:40]}, which was not asked for"
    if isinstance(error, requests.TooManyRedirects):
        return "sends us from one address to the next without end"
    if isinstance(error, requests.Timeout) or cause(error, TimeoutError):
        return f"does not answer in time (`timeout` {seconds:g} s)"
    if isinstance(error, requests.exceptions.SSLError):
        return "has no certificate that can be trusted"
    strange = cause(error, http.client.HTTPException)
    broken = (http.client.RemoteDisconnected, http.client.IncompleteRead)
    if strange is not None and not isinstance(strange, broken):
        return f"answers in broken HTTP ({one_line(str(strange))[:80]})"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "broke its answer off"
    if isinstance(error, requests.ConnectionError):
        text = str(error)
        if "NameResolution" in text or "Name or service" in text or "getaddrinfo" in text:
            return "is no known host"
        return "cannot be reached" if "refused" in text or "unreachable" in text else "hung up"
    return f"failed ({type(error).__name__}: {one_line(str(error))[:120]})"
