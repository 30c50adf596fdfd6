"""The fenced blocks of a page: what is run, what is shown, and whether the two agree.

A block of ``sh`` or ``python`` is run, in the order of the page and in one folder; a block of
``text`` behind it shows what it prints. A comment before a block says what it needs::

    <!-- run: slow -->          minutes: with `-m slow` only
    <!-- run: needs chgnet -->  where that module can be imported
    <!-- run: install -->       makes environments: pip's arguments are checked, tfmat is run
    <!-- run: server -->        starts a server: the one of the tests takes its place

After a changed output, ``python tests/support/doc_commands.py [--slow] PAGE...`` runs pages and
writes what they print now.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
# A comment, a fence of commands, and a fence of what they print.
_BLOCK = re.compile(
    r"(?:<!-- run: (?P<marks>[^>]*?) -->\n)?"
    r"(?P<code>```(?P<kind>sh|python)\n(?P<source>.*?)```\n)"
    r"(?:\n(?P<shown>```text\n(?P<output>.*?)```\n))?",
    re.DOTALL,
)
_NUMBER = re.compile(r"[-−+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
# Lines that say how long something took, or the version of a judge: those of the machine.
_THE_MACHINES = re.compile(
    r"seconds|processor time|\bin [\d.]+ s\b|StructureMatcher \d|validity by"
)


@dataclass(frozen=True)
class Block:
    """One fence of commands.

    Args:
        kind: ``sh`` or ``python``.
        source: The commands.
        marks: Words of the comment before it.
        output: What the page shows of its output; ``None`` where it shows nothing.
        span: Where the text of the output lies in the page.
    """

    kind: str
    source: str
    marks: tuple[str, ...]
    output: str | None
    span: tuple[int, int]

    @property
    def slow(self) -> bool:
        """Whether it takes minutes."""
        return "slow" in self.marks

    @property
    def missing(self) -> list[str]:
        """The modules that it needs and that are not installed."""
        if "needs" not in self.marks:
            return []
        names = self.marks[self.marks.index("needs") + 1 :]
        return [name for name in names if importlib.util.find_spec(name) is None]


def blocks(page: Path) -> list[Block]:
    """Returns the fences of a page that are run."""
    return [
        Block(
            found["kind"],
            found["source"],
            tuple((found["marks"] or "").replace(",", " ").split()),
            found["output"],
            found.span("output"),
        )
        for found in _BLOCK.finditer(page.read_text("utf-8"))
    ]


def workplace(folder: Path) -> Path:
    """Makes a folder look like a clone's root to a reader's commands."""
    (folder / "saved_models").symlink_to(ROOT / "saved_models", target_is_directory=True)
    binaries = folder / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("python", "pip", "tfmat"):
        (binaries / name).symlink_to(Path(sys.executable).parent / name)
    return folder


def run(block: Block, folder: Path, stack: ExitStack) -> str:
    """Runs a block and returns what it prints on standard output.

    Args:
        block: What to run.
        folder: Where; see :func:`workplace`.
        stack: Ends the server that a block starts, when it is closed.

    Raises:
        AssertionError: A command ends with another exit code than 0.
    """
    if "server" in block.marks:
        return _serve(block, folder, stack)
    if "install" in block.marks:
        return "".join(_installing(line, folder) for line in commands(block.source))
    words = [sys.executable, "-c"] if block.kind == "python" else ["bash", "-euo", "pipefail", "-c"]
    environment = dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["XDG_CACHE_HOME"] = str(folder / "cache")
    done = subprocess.run(
        [*words, block.source], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{block.source}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def commands(source: str) -> Iterator[str]:
    """Yields the command lines of a block, lines that go on joined, comments left out."""
    for line in source.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def _installing(line: str, folder: Path) -> str:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    known = set(extras["project"]["optional-dependencies"])
    printed = ""
    for part in line.split("&&"):
        words = shlex.split(part, comments=True)
        tool = Path(words[0]).name
        if tool == "pip":
            (named,) = (word for word in words[1:] if word.startswith("."))
            assert set(named.strip(".[]").split(",")) - {""} <= known, part
        elif tool == "tfmat":
            printed += run(Block("sh", part, (), None, (0, 0)), folder, ExitStack())
        else:
            assert tool in ("python3", "pytest", "git", "cd"), part
    return printed


def _serve(block: Block, folder: Path, stack: ExitStack) -> str:
    """Starts the server of the tests on what `tfmat serve` wrote, in the container's place."""
    (line,) = commands(block.source)
    written = folder / re.fullmatch(r"\(?cd (\S+) && docker compose up -d --wait\)?", line)[1]
    assert (written / "compose.yaml").is_file()
    words = [sys.executable, str(ROOT / "tests/support/serving_server.py")]
    words += ["--model_config_file", str(written / "models.config")]
    words += ["--replace_base_path", f"/srv/tfmat/models={written / 'models'}"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    stack.callback(server.wait)
    stack.callback(server.kill)
    for line in server.stdout:
        if "8501" in line:
            return ""
    raise AssertionError("the server ended before it was ready")


def agree(shown: str, printed: str) -> str | None:
    """Compares what a page shows with what is printed: words exactly, numbers nearly.

    Args:
        shown: What the page shows. A line ``...`` stands for any lines.
        printed: What the commands print.

    Returns:
        The first line of the page that is not printed in its place, or ``None``.
    """
    left = iter(printed.splitlines())
    skipping = False
    for line in shown.splitlines():
        if line.strip() == "...":
            skipping = True
            continue
        if skipping:
            found = any(_same(line, other) for other in left)
        else:
            other = next(left, None)
            found = other is not None and _same(line, other)
        if not found:
            return line
        skipping = False
    return None if skipping or next(left, None) is None else "(more is printed than is shown)"


def _same(shown: str, printed: str) -> bool:
    # A column is as wide as its longest entry.
    words = [re.sub(r"[-\s]+", " ", _NUMBER.sub("#", line)).strip() for line in (shown, printed)]
    if words[0] != words[1]:
        return False
    if _THE_MACHINES.search(shown):
        return True
    pairs = zip(_NUMBER.findall(shown), _NUMBER.findall(printed), strict=True)
    return all(_near(first, second) for first, second in pairs)


def _near(shown: str, printed: str) -> bool:
    first, second = (float(text.replace(",", "").replace("−", "-")) for text in (shown, printed))
    least = 0.1 if "." in shown else 3.0
    return abs(first - second) <= max(0.25 * abs(first), least)


def walk(page: Path, folder: Path, *, slow: bool) -> Iterator[tuple[Block, str]]:
    """Runs a page's blocks, and yields each with what it prints.

    Args:
        page: The page.
        folder: An empty folder.
        slow: Whether to run what takes minutes.

    Yields:
        Blocks that were run. One that needs a module which is not installed is left out, and
        so is, without ``slow``, one that takes minutes.
    """
    workplace(folder)
    with ExitStack() as stack:
        for block in blocks(page):
            if not block.missing and (slow or not block.slow):
                yield block, run(block, folder, stack)


def rewrite(page: Path, *, slow: bool) -> None:
    """Runs a page and writes what it prints in the place of what it shows."""
    with tempfile.TemporaryDirectory() as folder:
        made = list(walk(page, Path(folder), slow=slow))
    text = page.read_text("utf-8")
    for block, printed in reversed(made):
        if block.output is not None and agree(block.output, printed) is not None:
            start, end = block.span
            text = text[:start] + printed + text[end:]
    page.write_text(text, "utf-8")


if __name__ == "__main__":
    names = [name for name in sys.argv[1:] if name != "--slow"]
    for name in names:
        rewrite(Path(name).resolve(), slow="--slow" in sys.argv)
