"""On a full disk a command leaves what was there, and one line that names its output."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import Command, Machine, Outcome, Tally, hidden
from faults_commands import COMMANDS, command_of

SHORT = ["import", "structures", "matgan"]
# What the message may weigh, for the same limit holds for it.
SMALLEST = 4096
MOST = 40
SLOW = {"relax": 12}


@pytest.mark.parametrize("name", SHORT)
def test_some_operations_find_the_disk_full(machine: Machine, name: str) -> None:
    command = command_of(machine, name)
    full_at(command, random.Random(2).sample(range(1, command.operations), 4), name)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", COMMANDS)
def test_many_operations_find_the_disk_full(machine: Machine, name: str) -> None:
    command = command_of(machine, name)
    points = range(1, command.operations)
    full_at(command, random.Random(2).sample(points, min(len(points), SLOW.get(name, MOST))), name)


def full_at(command: Command, points: list[int], name: str) -> None:
    tally = Tally(f"{name}: disk full at an operation")
    for point in points:
        command.restore()
        judge(command, tally, command.machine.run(command.words, full=point), f"point {point}")
    tally.check()


@pytest.mark.parametrize("name", ["matgan"])
def test_no_file_may_grow_beyond_a_length(machine: Machine, name: str) -> None:
    """Whichever library writes it: Python, NumPy, Arrow."""
    command = command_of(machine, name)
    longest = max(path.stat().st_size for path in command.files())
    lengths = [size for size in (SMALLEST, (SMALLEST + longest) // 2) if size < longest]
    assert lengths
    tally = Tally(f"{name}: no long files")
    for length in lengths:
        command.restore()
        outcome = command.machine.run(command.words, longest=length)
        judge(command, tally, outcome, f"longest {length}")
    tally.check()


@pytest.fixture
def small(machine: Machine) -> Iterator[Path]:
    """A disk of a megabyte in the machine's folder."""
    folder = machine.root / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("a disk can be mounted by root alone")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


@pytest.mark.parametrize("name", ["import", "structures", "matgan"])
def test_a_small_disk(machine: Machine, small: Path, name: str) -> None:
    words, outputs = COMMANDS[name]
    words = words.replace(f"--out {outputs[0]}", f"--out small/{outputs[0]}")
    old = words.format(1).split() if words.endswith("--overwrite") else None
    outputs = [f"small/{output}" for output in outputs]
    command = Command(machine, old, words.format(2).split(), outputs)
    size = sum(path.stat().st_size for path in command.files())
    tally = Tally(f"{name}: small disk")
    ballast = small / "ballast"
    for room in (0, size // 3, size * 2 // 3):
        command.restore()
        fill(small, ballast, room)
        outcome = machine.run(command.words)
        ballast.unlink()
        judge(command, tally, outcome, f"{room} bytes left")
    tally.check()


def fill(disk: Path, ballast: Path, room: int) -> None:
    """Fills a disk so that not many more than some bytes are left."""
    with ballast.open("wb", buffering=0) as stream:
        try:
            while stream.write(b"x" * 4096):
                pass
        except OSError:
            stream.truncate(max(0, stream.tell() - room // 4096 * 4096))


def judge(command: Command, tally: Tally, outcome: Outcome, where: str) -> None:
    """Counts what a command has left that found no room, and what the next one makes of it."""
    tally.cases += 1
    tally.words(outcome, where)
    if outcome.code == 0:  # after its output had its place
        tally.expect(command.state() == command.new, "lost", f"{where}: {outcome}")
        return
    tally.expect(outcome.code == 1, "wrong exit code", f"{where}: {outcome}")
    words = outcome.complaint
    named = any(path.name in words for path in command.outputs)
    reason = "No space left on device; " in words or "File too large; " in words
    tally.expect(named and reason, "not named", f"{where}: {outcome.stderr}")
    left = command.state()
    tally.expect(left in (command.old, command.new), "lost", f"{where}: {left}")
    tally.expect(not hidden(command.root), "temporaries stay", f"{where}: {hidden(command.root)}")
    if left == command.old or command.overwrites:
        again = command.machine.run(command.words)
        tally.words(again, where)
        tally.expect(again.code == 0, "does not go on", f"{where}: {again}")
        tally.expect(command.state() == command.new, "differs from the unbroken", where)
