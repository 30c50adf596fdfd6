"""Killed right before every operation on the disk, a command leaves the old or the new output."""

from __future__ import annotations

import random

import pytest
from faults import Command, Machine, Tally
from faults_commands import COMMANDS, command_of, judge_killed

# Points at the end, where names change, and of the others a few.
LAST, OTHERS = 7, 3
MOST = 40
SLOW = {"relax": 12}
SHORT = ["import", "structures", "matgan"]


@pytest.mark.parametrize("name", SHORT)
def test_a_kill_at_some_operations(machine: Machine, name: str) -> None:
    command = command_of(machine, name)
    earlier = range(1, command.operations - LAST + 1)
    points = [
        *random.Random(1).sample(earlier, OTHERS),
        *range(earlier.stop, command.operations + 1),
    ]
    kill_at(command, points, name)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_kill_at_many_operations(machine: Machine, name: str) -> None:
    command = command_of(machine, name)
    kill_at(command, some(range(1, command.operations + 1), SLOW.get(name, MOST)), name)


def some(points: range, most: int) -> list[int]:
    """Returns all of them, or where they are many a part."""
    return sorted(random.Random(1).sample(points, min(len(points), most)))


def kill_at(command: Command, points: list[int], name: str) -> None:
    """Kills a command at each of some points and judges what it leaves, and the next command."""
    tally = Tally(f"{name}: kill at an operation")
    for point in points:
        command.restore()
        outcome = command.machine.run(command.words, kill=point)
        tally.expect(outcome.code == -9, "not killed", f"{point}: {outcome}")
        judge_killed(command, tally, f"point {point}")
    tally.check()
