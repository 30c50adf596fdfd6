"""Runs commands under faults and says what state they leave: old, new, or neither."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

State = dict[str, Any]
CLOCK = re.compile(r":.*(second|processor|created|started|finished|time|seal$)")


@dataclass(frozen=True)
class Outcome:
    """What became of a command: exit code (negative: killed by a signal) and its words."""

    code: int
    stdout: str
    stderr: str

    @property
    def operations(self) -> int:
        """Operations on the disk; 0 for a command that was killed."""
        found = re.search(r"^operations (\d+)$", self.stderr, re.MULTILINE)
        return int(found[1]) if found else 0

    @property
    def complaint(self) -> str:
        """The last line that is not the count of the operations."""
        lines = [line for line in self.stderr.splitlines() if line.strip()]
        return next((line for line in reversed(lines) if not line.startswith("operations ")), "")


class Machine:
    """A process that has imported what commands need, and forks for each of them."""

    def __init__(self, root: Path, modules: Sequence[str]) -> None:
        self.root = root
        self._logs = root.with_name(f"{root.name}-logs")
        self._logs.mkdir(parents=True)
        self._number = 0
        script = Path(__file__).with_name("faulty.py")
        self._server = subprocess.Popen(
            [sys.executable, str(script), str(root), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"

    def _answer(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().strip()

    def _order(self, **order: Any) -> int:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return int(self._answer())

    def start(self, words: Sequence[str], **fault: int) -> Running:
        """Starts a command in the root folder."""
        self._number += 1
        logs = [str(self._logs / f"{self._number}.{name}") for name in ("out", "err")]
        pid = self._order(
            words=[str(word) for word in words],
            cwd=str(self.root),
            stdout=logs[0],
            stderr=logs[1],
            fault=fault,
        )
        return Running(self, pid, Path(logs[0]), Path(logs[1]))

    def run(self, words: Sequence[str], **fault: int) -> Outcome:
        """Runs a command in the root folder, with one fault or none."""
        return self.start(words, **fault).wait()

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(60)


@dataclass(frozen=True)
class Running:
    """A command that runs."""

    machine: Machine
    pid: int
    stdout: Path
    stderr: Path

    def kill(self, after: float) -> None:
        """Kills it after so many seconds, unless it ends before."""
        time.sleep(after)
        # It is not waited for yet, so that the number is still its own.
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Outcome:
        code = self.machine._order(wait=self.pid)
        # A process that was killed at once has opened neither.
        texts = [
            path.read_text("utf-8", "replace") if path.is_file() else ""
            for path in (self.stdout, self.stderr)
        ]
        return Outcome(code, *texts)


def state_of(*paths: Path) -> State:
    """Returns what is at some paths: each file's hash, or each value of a JSON file.

    What the clock says (seconds, dates) is left out.

    Args:
        paths: Files or folders.
    """
    found: State = {}
    for path in paths:
        files = [path] if path.is_file() else sorted(path.rglob("*")) if path.is_dir() else []
        for file in files:
            if file.is_file():
                _add(found, f"{path.name}/{file.relative_to(path)}", file)
    return {key: value for key, value in found.items() if not CLOCK.search(key)}


def _add(found: State, name: str, file: Path) -> None:
    content = file.read_bytes()
    if file.suffix == ".json":
        value = json.loads(content)
        for key, leaf in _leaves(value):
            found[f"{name}:{key}"] = leaf
    elif file.suffix == ".jsonl":
        for number, line in enumerate(content.decode().splitlines()):
            for key, leaf in _leaves(json.loads(line)):
                found[f"{name}:{number}{key}"] = leaf
    else:
        found[name] = hashlib.sha256(content).hexdigest()


def _leaves(value: Any, key: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [leaf for name in value for leaf in _leaves(value[name], f"{key}.{name}")]
    if isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        return [leaf for i, item in enumerate(value) for leaf in _leaves(item, f"{key}[{i}]")]
    return [(key, value)]


def hidden(folder: Path) -> list[str]:
    """Returns the temporaries in a folder and in those within it."""
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if ".tfmat-" in path.name
    )


@dataclass
class Tally:
    """Counts cases and what went wrong; :meth:`check` fails if anything did."""

    name: str
    cases: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)

    def expect(self, right: bool, kind: str, detail: str = "") -> None:
        if not right:
            self.wrong[kind] += 1
            self.details.append(f"{kind}: {detail}")

    def words(self, outcome: Outcome, where: str) -> None:
        """No traceback, whatever happened."""
        self.expect("Traceback" not in outcome.stderr, "traceback", f"{where}\n{outcome.stderr}")

    def check(self) -> None:
        sys.stdout.write(f"{self.name}: {self.cases} cases, {dict(self.wrong)}\n")
        assert self.cases
        assert not self.wrong, "\n".join([f"{self.name}: {dict(self.wrong)}", *self.details[:5]])


class Command:
    """A command that replaces an output of its own, and how the output looks before and after.

    Args:
        machine: Where it runs.
        old: Words that make the old output; ``None`` for none.
        new: Words that replace it.
        outputs: Names of what it writes.
    """

    def __init__(
        self,
        machine: Machine,
        old: Sequence[str] | None,
        new: Sequence[str],
        outputs: Sequence[str],
    ) -> None:
        self.machine, self.root, self.words = machine, machine.root, list(new)
        self.outputs = [self.root / name for name in outputs]
        self.overwrites = "--overwrite" in new
        # A second output lies beside the first and goes with it.
        self.beside = self.outputs[1].name if len(outputs) > 1 else "/"
        self._before = self.root.with_name(f"{self.root.name}-before") / uuid.uuid4().hex
        self._before.mkdir(parents=True)
        for path in self.outputs:
            _remove(path)
        self.old, _ = self._made(old) if old else ({}, 0)
        for path in self.outputs if old else ():
            _copy(path, self._before / path.name)
        self.new, self.operations = self._made(new)
        # With what a command keeps for later ones, a cache.
        self._known = {path.name for path in (*self.root.iterdir(), *self.outputs)}
        self.restore()
        again, _ = self._made(new)
        assert self.new == again, "the command's output differs from run to run"
        assert self.new != self.old

    def _made(self, words: Sequence[str]) -> tuple[State, int]:
        outcome = self.machine.run(words)
        assert outcome.code == 0, outcome.stderr
        assert not hidden(self.root)
        return self.state(), outcome.operations

    def restore(self) -> None:
        """Gives the folder the old output, and nothing hidden."""
        for path in [*self.outputs, *(self.root / name for name in hidden(self.root))]:
            _remove(path)
        for name in self.unknown():
            _remove(self.root / name)
        for path in self.outputs:
            if (self._before / path.name).exists():
                _copy(self._before / path.name, path)

    def state(self) -> State:
        """Returns what is under the outputs' names."""
        return state_of(*self.outputs)

    def old_but(self, prefix: str) -> State:
        """Returns the old state without what begins so."""
        return {key: self.old[key] for key in self.old if not key.startswith(prefix)}

    def new_but(self, prefix: str) -> State:
        """Returns the new state without what begins so."""
        return {key: self.new[key] for key in self.new if not key.startswith(prefix)}

    def files(self) -> list[Path]:
        """Returns all files of the outputs."""
        within = [path for output in self.outputs for path in [output, *output.rglob("*")]]
        return [path for path in within if path.is_file()]

    def unknown(self) -> list[str]:
        """Returns what is in the folder and should not be."""
        return sorted({path.name for path in self.root.iterdir()} - self._known)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)
