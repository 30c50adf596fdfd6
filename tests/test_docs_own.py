"""The pages on data of one's own, run as they stand: Python and commands, with fewer steps."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

pytestmark = [pytest.mark.train, pytest.mark.slow]
DOCS = Path(__file__).parents[1] / "docs"
SHORT = [
    f"--set={network}.steps={steps}"
    for network, steps in (
        ("lattice_autoencoder", 60),
        ("sites_autoencoder", 40),
        ("constraint", 40),
        ("gan", 40),
    )
]


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stderr[-2000:]}"
    return done.stdout + done.stderr


def walk(page: str, folder: Path) -> dict[str, str]:
    """Runs a page from top to bottom; returns what each command and script said."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    said: dict[str, str] = {}
    for language, block in blocks:
        if language == "python":
            said[block] = run(folder, "-c", block)
            continue
        for line in block.splitlines():
            if line.startswith("tfmat "):
                words = shlex.split(line)[1:]
                # What is reused is not trained, and its steps must be the same.
                short = SHORT if words[0] == "train" and "--from" not in words else []
                said[line] = run(folder, "-m", "tfmat", *words, *short)
    return said


def shown(page: str) -> list[str]:
    """Returns the lines that the page says a training prints."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(r"^runs/\w+: .*$", text, re.MULTILINE)


@pytest.mark.parametrize(("page", "commands"), [("own-system.md", 8), ("own-property.md", 7)])
def test_a_page_runs_and_says_what_it_promises(page, commands, tmp_path):
    (tmp_path / "saved_models").mkdir()
    said = walk(page, tmp_path)
    assert sum(line.startswith("tfmat ") for line in said) == commands
    training = next(text for line, text in said.items() if line.startswith("tfmat train ccdcgan"))
    assert shown(page)
    for line in shown(page):
        assert line in training
