"""A look at a site on this machine: a small server on loopback."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tfmat.errors import InputError

HOST = "127.0.0.1"


class _Handler(SimpleHTTPRequestHandler):
    # Some systems tell .js as text/plain, which no browser runs as a module.
    extensions_map = {  # noqa: RUF012
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".txt": "text/plain; charset=utf-8",
    }

    def end_headers(self) -> None:
        """Asks for a page of its own, in which threads may share memory."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """Returns a server of a folder, which only this machine reaches.

    Args:
        folder: The site.
        port: Its port; 0 takes a free one.

    Raises:
        InputError: The port is taken.
    """
    try:
        return ThreadingHTTPServer((HOST, port), partial(_Handler, directory=str(folder)))
    except OSError as error:
        raise InputError(f"`port` {port}: {error.strerror}; give another one") from error
