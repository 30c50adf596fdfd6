"""Two processes on one machine that train together."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

# What `python -c` runs as the command line.
TFMAT = "from tfmat.cli.main import main; main()"


def config(workers: list[str], kind: str = "worker", index: int = 0, **others: list[str]) -> str:
    task = {"type": kind, "index": index}
    return json.dumps({"cluster": {"worker": workers, **others}, "task": task})


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(words: list[str], place: Path) -> list[subprocess.Popen[str]]:
    """Starts ``python WORDS`` twice, as two workers; ``{worker}`` in a word is the number."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    one_thread = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"), "1")
    return [
        subprocess.Popen(
            [sys.executable, *(word.replace("{worker}", str(index)) for word in words)],
            cwd=place,
            env={**os.environ, **one_thread, "TF_CONFIG": config(addresses, index=index)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]


def ended(workers: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Waits for processes; returns exit status and what each wrote to stderr."""
    try:
        texts = [one.communicate(timeout=500)[1] for one in workers]
    finally:
        for one in workers:
            one.kill()
    return [(one.returncode, text) for one, text in zip(workers, texts, strict=True)]
