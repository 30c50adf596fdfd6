"""Killed at a random time, a command leaves the old or the new output, and a training goes on."""

from __future__ import annotations

import random
import time

import pytest
from faults import Machine, Tally
from faults_commands import COMMANDS, command_of, judge_killed

SHORT = ["formulas", "structures"]
SLOW = "relax"


@pytest.mark.parametrize("name", SHORT)
def test_a_kill_at_some_times(machine: Machine, name: str) -> None:
    kill_after(machine, name, 5)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_kill_at_many_times(machine: Machine, name: str) -> None:
    kill_after(machine, name, 5 if name == SLOW else 15)


def kill_after(machine: Machine, name: str, count: int) -> None:
    """Kills a command after each of some times within those that it takes."""
    command = command_of(machine, name)
    command.restore()
    began = time.monotonic()
    machine.run(command.words)
    longest = time.monotonic() - began
    times = random.Random(name)
    tally = Tally(f"{name}: kill at a time")
    for _ in range(count):
        command.restore()
        running = machine.start(command.words)
        after = times.uniform(0, longest)
        running.kill(after)
        outcome = running.wait()
        tally.words(outcome, f"{after:.3f} s")
        judge_killed(command, tally, f"{after:.3f} s")
    tally.check()
