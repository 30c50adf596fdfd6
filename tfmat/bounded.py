"""HTTP answers that end: whole within a deadline and a length, whatever the server does.

The timeouts of urllib3 count from one byte to the next, so that a server which drips, or says
``100 Continue`` for ever, is waited for without end. Here the sockets themselves know when the
answer must be there and how many bytes may still come.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import urllib3

# So much is unpacked at once: it may become a thousand times longer.
_BLOCK = 1 << 14
# Status lines and headers, in bytes.
_HEADERS = 1 << 18


class TooLongError(OSError):
    """An answer is longer than it may be."""


class StrangeEncodingError(OSError):
    """An answer is packed in a way that was not asked for."""


class _Bounds(threading.local):
    ends: float | None = None
    left: int = 0


_current = _Bounds()


@contextmanager
def bounds(seconds: float, longest: int) -> Iterator[None]:
    """Bounds what the connections of :func:`bounded` do in this thread.

    Args:
        seconds: Within which all of it is over; connecting and sending included.
        longest: Bytes that the bodies of the answers may have, unpacked. On the way an answer
            may be twice as long, for what holds its pieces together.

    Raises:
        TimeoutError: From within the block: the time is over.
        TooLongError: From within the block: more bytes came.
    """
    before = _current.ends, _current.left
    _current.ends, _current.left = time.monotonic() + seconds, 2 * longest + _HEADERS
    try:
        yield
    finally:
        _current.ends, _current.left = before


def seconds_left() -> float | None:
    """Returns the seconds until the bounds of this thread end; ``None`` where there are none.

    Raises:
        TimeoutError: They have ended.
    """
    if _current.ends is None:
        return None
    left = _current.ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time for the whole answer is over")
    return left


class _Socket:
    """A connected socket that keeps to the bounds of the thread that uses it."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """Returns the stream that answers are read from."""
        self._sock._io_refs += 1  # as the socket's own does; closing the stream takes it off
        return io.BufferedReader(socket.SocketIO(self, "r"))  # type: ignore[arg-type]

    def recv_into(self, buffer: Any, *arguments: Any) -> int:
        """Receives, within the bounds."""
        self._take_time()
        count: int = self._sock.recv_into(buffer, *arguments)
        if _current.ends is not None:
            _current.left -= count
            if _current.left < 0:
                raise TooLongError("more bytes than an answer may have")
        return count

    def sendall(self, data: Any) -> None:
        """Sends, within the bounds, however slowly the other side takes it."""
        view = memoryview(data).cast("B")
        while view:
            self._take_time()
            view = view[self._sock.send(view[:_BLOCK]) :]

    def _take_time(self) -> None:
        left = seconds_left()
        if left is not None:
            self._sock.settimeout(left)


def bounded(base: Any, opened: Callable[[Any], object] = id) -> Any:
    """Returns a class of urllib3's connections that keep to :func:`bounds`.

    Args:
        base: urllib3's class.
        opened: Called with each connection that was made.
    """

    class Bounded(base):
        sock: Any

        def _new_conn(self) -> Any:
            sock = super()._new_conn()
            left = seconds_left()
            if left is not None:  # for TLS, which begins now
                sock.settimeout(left)
            return sock

        def connect(self) -> None:
            super().connect()
            self.sock = _Socket(self.sock)
            opened(self)

    return Bounded


def read_all(response: urllib3.BaseHTTPResponse, longest: int) -> bytes:
    """Reads and unpacks the body of an answer, within the bounds.

    Args:
        response: An answer whose body was not read; ``gzip`` is what it may be packed in.
        longest: Bytes that the body may have, unpacked.

    Raises:
        TooLongError: It has more.
        StrangeEncodingError: It is packed otherwise, or twice.
        TimeoutError: The time is over.
        urllib3.exceptions.HTTPError: The connection or the packing breaks.
    """
    packing = response.headers.get("Content-Encoding", "identity").lower()
    if packing not in ("", "identity", "gzip"):
        raise StrangeEncodingError(packing)
    content = bytearray()
    while block := response.read1(_BLOCK, decode_content=True):
        content += block
        if len(content) > longest:
            raise TooLongError("more bytes than an answer may have")
        seconds_left()
    return bytes(content)


def cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """Finds an error among those that led to another; urllib3 and requests wrap them in theirs.

    Args:
        error: The last of them.
        kind: What to look for.
    """
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        if isinstance(one, kind):
            return one
        seen.add(id(one))
        inner = [arg for arg in one.args if isinstance(arg, BaseException)]
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *inner]
        waiting = [item for item in waiting if isinstance(item, BaseException)]
    return None
