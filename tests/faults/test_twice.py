"""Two commands with one output at once: one wins, the other gets one line, nothing is mixed."""

from __future__ import annotations

import pytest
from faults import Machine, Tally, hidden
from faults_commands import COMMANDS, command_of

SHORT = ["import", "structures", "matgan"]
SLOW = "relax"


@pytest.mark.parametrize("name", SHORT)
def test_two_at_once(machine: Machine, name: str) -> None:
    twice(machine, name, 3)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", COMMANDS)
def test_two_at_once_many_times(machine: Machine, name: str) -> None:
    twice(machine, name, 3 if name == SLOW else 8)


def twice(machine: Machine, name: str, count: int) -> None:
    command = command_of(machine, name)
    tally = Tally(f"{name}: two at once")
    for _ in range(count):
        tally.cases += 1
        command.restore()
        running = [machine.start(command.words) for _ in range(2)]
        outcomes = sorted((each.wait() for each in running), key=lambda outcome: outcome.code)
        for outcome in outcomes:
            tally.words(outcome, name)
        tally.expect(outcomes[0].code == 0, "nobody wins", str(outcomes))
        # The second may have begun when the first was done.
        if outcomes[1].code:
            tally.expect(outcomes[1].code == 2, "wrong exit code", str(outcomes[1]))
            words = outcomes[1].complaint
            named = f"another process is writing there (tfmat {command.words[0]}" in words
            ended = "folder exists and is not empty" in words or "is there already" in words
            tally.expect(named or ended, "not one line", outcomes[1].stderr)
        tally.expect(command.state() == command.new, "mixed", str(outcomes))
        left = [*hidden(command.root), *command.unknown()]
        tally.expect(not left, "temporaries stay", str(left))
    tally.check()
