"""The pages on data of one's own, run as they stand: Python and commands, with fewer steps."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tfmat.cli.main import main

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

pytestmark = [pytest.mark.train, pytest.mark.slow, pytest.mark.timeout(3000)]
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


def blocks(page: str, language: str = "") -> list[str]:
    """Returns the blocks of a page in a language; `text` is what another run said."""
    found = re.findall(r"```(\w*)\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    return [block for kind, block in found if kind in ("", language)]


def walk(page: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Runs a page from top to bottom in this process; returns what each block and command said."""
    said: dict[str, str] = {}
    for block in blocks(page, "python"):
        if block in blocks(page):
            for line in block.splitlines():
                if line.startswith("tfmat "):
                    words = shlex.split(line)[1:]
                    # What is reused is not trained, and its steps must be the same.
                    short = SHORT if words[0] == "train" and "--from" not in words else []
                    # After so few steps hardly a structure is sound.
                    short = ["--unfiltered"] if words[0] == "generate" else short
                    said[line] = command(capsys, [*words, *short])
        else:
            exec(compile(block, page, "exec"), {})
            said[block] = capsys.readouterr().out
    return said


def command(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """Runs a command; returns both streams."""
    code = 0
    try:
        main(words)
    except SystemExit as end:
        code = int(end.code or 0)
    output = capsys.readouterr()
    assert code == 0, f"{words}: {output.err[-2000:]}"
    return output.out + output.err


def shown(page: str) -> list[str]:
    """Returns the lines that the page says a training prints."""
    return re.findall(r"^runs/\w+: .*$", "\n".join(blocks(page)), re.MULTILINE)


@pytest.mark.parametrize(("page", "commands"), [("own-system.md", 8), ("own-property.md", 7)])
def test_a_page_runs_and_says_what_it_promises(page, commands, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = walk(page, capsys)
    assert sum(line.startswith("tfmat ") for line in said) == commands
    training = next(text for line, text in said.items() if line.startswith("tfmat train ccdcgan"))
    assert shown(page)
    for line in shown(page):
        assert line in training
