"""The reference server of optimade-python-tools on loopback, with real structures and bad days.

Run as a program it serves; imported it starts itself in a process of its own. Before the server
stands a layer that answers as ``trouble`` says (a status, or ``hang-up``), and counts requests.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIELDS = [
    {"name": "formation_energy_per_atom", "type": "float", "unit": "eV/atom", "description": "Ef"},
    {"name": "hull_distance", "type": "float", "unit": "eV/atom", "description": "Above hull"},
    {"name": "band_gap", "type": "float", "unit": "J", "description": "In an odd unit"},
    {"name": "energy", "type": "float", "unit": "eV", "description": "Of the whole cell"},
    {"name": "stability", "type": "dictionary", "description": "One set for each functional"},
]


@dataclass
class Server:
    """A server that runs.

    Args:
        url: Its base address.
    """

    url: str

    def trouble(self, *answers: str) -> None:
        """Lets the next requests go wrong: ``ok``, ``429``, ``429 0.2``, ``503``, ``hang-up``."""
        request = urllib.request.Request(
            f"{self.url}/trouble", data=json.dumps(answers).encode(), method="POST"
        )
        urllib.request.urlopen(request).close()

    def requests(self) -> list[str]:
        """Returns the addresses asked for since the last call of this."""
        with urllib.request.urlopen(f"{self.url}/trouble") as answer:
            return json.loads(answer.read())


@contextlib.contextmanager
def serve(folder: Path, entries: list[dict]) -> Iterator[Server]:
    """Serves entries (``id``, ``attributes``) from a process of its own until the block ends."""
    lines = [{"x-optimade": {"meta": {"api_version": "1.2.0"}}}]
    lines += [{"type": "structures", **entry} for entry in entries]
    data = folder / "structures.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "insert_from_jsonl": str(data),
        "insert_test_data": False,
        "validate_api_response": False,
        "log_dir": str(folder / "logs"),
        "provider_fields": {"structures": FIELDS},
    }
    config = folder / "config.json"
    config.write_text(json.dumps(settings), "utf-8")
    environment = {**os.environ, "OPTIMADE_CONFIG_FILE": str(config)}
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, __file__, str(port)], env=environment, stdout=log, stderr=log
        )
        try:
            server = Server(f"http://127.0.0.1:{port}")
            _wait(process, f"{server.url}/v1/info", folder / "server.log")
            server.requests()
            yield server
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen, url: str, log: Path) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), urllib.request.urlopen(url):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"the OPTIMADE server did not start: {log.read_text()[-2000:]}")


def _bad_days(app):
    """Puts the layer before an ASGI application."""
    answers: list[str] = []
    asked: list[str] = []

    async def layer(scope, receive, send):
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        if scope["path"] == "/trouble":
            if scope["method"] == "POST":
                answers[:] = json.loads((await receive())["body"])
            await _answer(send, 200, json.dumps(asked).encode())
            asked.clear()
            return
        asked.append(f"{scope['path']}?{scope['query_string'].decode()}")
        trouble = answers.pop(0) if answers else "ok"
        if trouble == "ok":
            await app(scope, receive, send)
        elif trouble == "hang-up":
            # An answer that ends before its announced end.
            headers = [(b"content-length", b"1000")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"{", "more_body": False})
        elif trouble == "page":
            await _answer(send, 200, b"<html>maintenance</html>")
        else:
            status, _, pause = trouble.partition(" ")
            await _answer(send, int(status), b"{}", pause)

    return layer


async def _answer(send, status, body, pause=""):
    headers = [(b"content-length", str(len(body)).encode())]
    if pause:
        headers.append((b"retry-after", pause.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    import uvicorn
    from optimade.server.config import ServerConfig
    from optimade.server.create_app import create_app

    uvicorn.run(
        _bad_days(create_app(ServerConfig())),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
    )
