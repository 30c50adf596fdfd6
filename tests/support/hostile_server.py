"""A web server on a raw socket that answers with any bytes, as slowly and as long as it likes.

What it answers is decided by a function that gets the path of a request and returns pieces:
bytes are sent, a number of seconds is waited, ``RESET`` breaks the connection, ``HOLD`` keeps it
open and silent. After the last piece the connection is closed.
"""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from typing import Any

RESET, HOLD = object(), object()
Pieces = Iterable[Any]


class HostileServer:
    """The server.

    Args:
        answer: Pieces for a path.

    Attributes:
        asked: Paths of the requests so far, with what follows them.
        heads: Their whole heads.
        answer: As given; may be exchanged at any time.
    """

    def __init__(self, answer: Callable[[str], Pieces]) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.heads: list[str] = []
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Ends all connections."""
        self._over.set()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection:
            connection.settimeout(10)
            stream = connection.makefile("rb")
            head = b"".join(iter(stream.readline, b"\r\n"))
            if not head:
                return
            lines = head.decode("latin1").split("\r\n")
            for line in lines:
                if line.lower().startswith("content-length:"):
                    stream.read(int(line.split(":")[1]))
            path = lines[0].split(" ")[1]
            self.asked.append(path)
            self.heads.append(head.decode("latin1"))
            for piece in self.answer(path):
                if self._over.is_set():
                    return
                if piece is RESET:
                    connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                    return
                if piece is HOLD:
                    self._over.wait(60)
                elif isinstance(piece, bytes):
                    connection.sendall(piece)
                else:
                    time.sleep(piece)


@contextmanager
def hostile(answer: Callable[[str], Pieces]) -> Iterable[HostileServer]:
    """Runs a server until the block ends."""
    server = HostileServer(answer)
    try:
        yield server
    finally:
        server.close()


def answer(body: bytes | str | Any, status: str = "200 OK", *headers: str) -> list[bytes]:
    """Returns a proper answer; what is neither bytes nor text becomes JSON."""
    if not isinstance(body, bytes | str):
        body = json.dumps(body)
    content = body.encode() if isinstance(body, str) else body
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "Connection: close",
        *headers,
    ]
    return ["\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + content]


def drip(content: bytes, pause: float = 0.03) -> Pieces:
    """Sends a byte at a time."""
    for byte in content:
        yield bytes([byte])
        yield pause


def forever(piece: bytes, pause: float = 0.0) -> Pieces:
    """Sends the same without end."""
    for _ in itertools.count():
        yield piece
        if pause:
            yield pause


_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_BODY = b'{"outputs": [], "x": 1}'
_BOMB = gzip.compress(bytes(1 << 28))


def _length(length: str) -> bytes:
    return _OK + f"Content-Length: {length}\r\n\r\n".encode() + _BODY


def _packed(content: bytes, encoding: str = "gzip") -> Pieces:
    return answer(content, "200 OK", f"Content-Encoding: {encoding}")


# What any HTTP server may do; the function takes the path.
WIRE: dict[str, Callable[[str], Pieces]] = {
    "silence": lambda path: [HOLD],
    "hangs up": lambda path: [],
    "resets": lambda path: [RESET],
    "resets within the body": lambda path: [_length("1000"), 0.05, RESET],
    "drips its status line": lambda path: drip(_length("23")),
    "drips its headers": lambda path: itertools.chain(
        [b"HTTP/1.1 200 OK\r\n"], drip(b"A: b\r\n" * 999)
    ),
    "drips its body": lambda path: itertools.chain([_OK + b"\r\n"], drip(b" " * 999)),
    "drips chunks": lambda path: itertools.chain([_CHUNKED], forever(b"1\r\n \r\n", 0.03)),
    "says continue for ever": lambda path: forever(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "says continue slowly": lambda path: forever(b"HTTP/1.1 100 Continue\r\n\r\n", 0.03),
    "continue with endless headers": lambda path: itertools.chain(
        [b"HTTP/1.1 100 Continue\r\n"], forever(b"A: b\r\n")
    ),
    "headers without end": lambda path: itertools.chain([_OK], forever(b"A: b\r\n")),
    "slow headers without end": lambda path: itertools.chain([_OK], forever(b"A: b\r\n", 0.03)),
    "a header line without end": lambda path: itertools.chain([_OK, b"A: "], forever(b"b" * 999)),
    "a status line without end": lambda path: forever(b"HTTP/1.1 200 OK OK"),
    "no HTTP": lambda path: [b"\x00\x00\x12\x04\x00\x00\x00\x00\x00 garbage\r\n\r\n"],
    "a strange status": lambda path: [b"HTTP/1.1 9999 OK\r\n\r\n"],
    "no status": lambda path: [b"HTTP/1.1\r\n\r\n"],
    "switches protocols": lambda path: [b"HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    "no content": lambda path: [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "no body": lambda path: answer(b""),
    "a body without end": lambda path: itertools.chain([_OK + b"\r\n["], forever(b" " * 65536)),
    "a length too long, silence": lambda path: [_length("1000"), HOLD],
    "a length too long": lambda path: [_length("1000")],
    "a length too short": lambda path: [_length("9")],
    "a negative length": lambda path: [_length("-5")],
    "a length that is no number": lambda path: [_length("many")],
    "two lengths": lambda path: [_length("23\r\nContent-Length: 3")],
    "an announced length of terabytes": lambda path: [_length(str(1 << 50)), HOLD],
    "chunks without end": lambda path: itertools.chain(
        [_CHUNKED], forever(b"8000\r\n" + b" " * 0x8000 + b"\r\n")
    ),
    "a chunk size without end": lambda path: itertools.chain([_CHUNKED], forever(b"1" * 999)),
    "a negative chunk": lambda path: [_CHUNKED + b"-5\r\n" + _BODY + b"\r\n0\r\n\r\n"],
    "a chunk size that is none": lambda path: [_CHUNKED + b"zz\r\n" + _BODY + b"\r\n0\r\n\r\n"],
    "trailers without end": lambda path: itertools.chain(
        [_CHUNKED + b"2\r\n{}\r\n0\r\n"], forever(b"A: b\r\n")
    ),
    "a gzip bomb": lambda path: _packed(_BOMB),
    "gzip that is none": lambda path: _packed(b"hello"),
    "gzip that is cut": lambda path: _packed(gzip.compress(_BODY * 99)[:-20]),
    "gzip within gzip": lambda path: _packed(
        gzip.compress(gzip.compress(bytes(1 << 22))), "gzip, gzip"
    ),
    "an unknown packing": lambda path: _packed(_BODY, "\x1b[31mevil"),
    "redirects in a circle": lambda path: answer(b"", "302 Found", f"Location: {path}"),
    "redirects without end": lambda path: answer(b"", "302 Found", f"Location: {path}1"),
    "redirects slowly": lambda path: [0.1, *answer(b"", "302 Found", f"Location: {path}1")],
    "redirects to another host": lambda path: answer(
        b"", "302 Found", "Location: http://localhost:9/x"
    ),
    "redirects to a file": lambda path: answer(b"", "302 Found", "Location: file:///etc/passwd"),
    "redirects with a password": lambda path: answer(
        b"", "302 Found", "Location: http://me:hush@127.0.0.1:9/"
    ),
    "redirects to nothing": lambda path: answer(b"", "302 Found", "Location: http://[::1"),
    "redirects nowhere": lambda path: answer(b"", "302 Found"),
    "a page for people": lambda path: answer("<html>It works!</html>"),
    "lists in lists": lambda path: answer(b'{"data": ' + b"[" * 200_000),
    "objects in objects": lambda path: answer(b'{"data": ' * 100_000),
    "a whole number of 5000 digits": lambda path: answer(b'{"data": ' + b"9" * 5000 + b"}"),
    "no UTF-8": lambda path: answer(b'{"data": "\xff\xfe"}'),
    "a list": lambda path: answer([1, 2]),
    "nothing": lambda path: answer(b"null"),
    "a number": lambda path: answer(b"1e400"),
    "cut JSON": lambda path: answer(_BODY[:-2]),
    "a null byte": lambda path: answer(b"\0" + _BODY),
    "commands for the terminal": lambda path: answer(
        b"\x1b]0;evil\x07\x1b[2J\r\nsecond line", "500 \x1b[31mevil\x07" + "x" * 5000
    ),
    "an error of megabytes": lambda path: answer(b'{"error": "' + b"x" * 900_000 + b'"}', "400 No"),
    "a strange error": lambda path: answer(
        {"error": [[1e308]], "errors": 7, "detail": 1}, "422 No"
    ),
    "comes back in a day": lambda path: answer(b"", "429 Slow", "Retry-After: 86400"),
    "comes back never": lambda path: answer(b"", "503 No", "Retry-After: 1e400"),
    "comes back in the year 0": lambda path: answer(
        b"", "503 No", "Retry-After: Mon, 00 Jan 0000 99:99:99 +9999"
    ),
}
