"""A training that is killed anywhere goes on to the same end; exports are whole or not at all."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_compositions
from faults import Machine, State, Tally, hidden, state_of

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

from tfmat.files import folder_size

pytestmark = [pytest.mark.train, pytest.mark.slow, pytest.mark.timeout(3600)]
MODULES = [
    "tensorflow",
    "keras",
    "onnxruntime",
    "tf2onnx",
    "smact",
    "pandas",
    "tfmat.cli.train",
    "tfmat.cli.export",
    "tfmat.matgan.chain",
    "tfmat.release.exporting",
]
TRAIN = (
    "train matgan --recipe tiny.toml --data data --seed 5 --threads 1 --out run "
    "--set gan.steps=30 --no-figures"
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    root = tmp_path_factory.mktemp("training") / "root"
    root.mkdir()
    tiny_compositions.write_dataset(root / "data")
    tiny_compositions.write_recipe(root / "tiny.toml")
    machine = Machine(root, MODULES)
    yield machine
    machine.close()


def state(folder: Path) -> State:
    """What a run has computed: losses, lists of formulas and networks, not when and how fast."""
    found = state_of(folder / "log.jsonl", *folder.glob("*.csv"), *folder.glob("package/*.onnx"))
    return {key: value for key, value in found.items() if "per_second" not in key}


@pytest.fixture(scope="module")
def unbroken(machine: Machine) -> tuple[State, int, float]:
    """The run that nobody stops: its state, operations on the disk and seconds."""
    began = time.monotonic()
    outcome = machine.run(TRAIN.split())
    seconds = time.monotonic() - began
    assert outcome.code == 0, outcome.stderr
    found = state(machine.root / "run")
    assert any("onnx" in key for key in found)
    assert not hidden(machine.root)
    shutil.move(machine.root / "run", machine.root / "whole")
    return found, outcome.operations, seconds


def go_on(machine: Machine, unbroken: State, tally: Tally, where: str) -> None:
    """Resumes a run and counts whether it comes to the same end."""
    tally.cases += 1
    run = machine.root / "run"
    resumed = machine.run([*TRAIN.split(), "--resume"])
    tally.words(resumed, where)
    tally.expect(resumed.code == 0, "does not go on", f"{where}: {resumed}")
    tally.expect(state(run) == unbroken, "differs from the unbroken", where)
    left = [*hidden(machine.root), *run.glob("stages/*/checkpoint-*")]
    tally.expect(not left, "temporaries stay", f"{where}: {left}")
    shutil.rmtree(run, ignore_errors=True)


def test_a_kill_at_many_operations(machine: Machine, unbroken: tuple[State, int, float]) -> None:
    whole, operations, _ = unbroken
    tally = Tally("train: kill at an operation")
    for point in sorted(random.Random(3).sample(range(1, operations + 1), 40)):
        outcome = machine.run(TRAIN.split(), kill=point)
        tally.expect(outcome.code == -9, "not killed", f"{point}: {outcome}")
        go_on(machine, whole, tally, f"point {point}")
    tally.check()


def test_a_kill_at_many_times(machine: Machine, unbroken: tuple[State, int, float]) -> None:
    whole, _, seconds = unbroken
    times = random.Random(4)
    tally = Tally("train: kill at a time")
    for _ in range(10):
        running = machine.start(TRAIN.split())
        after = times.uniform(0, seconds)
        running.kill(after)
        tally.words(running.wait(), f"{after:.2f} s")
        go_on(machine, whole, tally, f"{after:.2f} s")
    tally.check()


def test_a_full_disk(machine: Machine, unbroken: tuple[State, int, float]) -> None:
    whole, operations, _ = unbroken
    tally = Tally("train: disk full")
    for point in sorted(random.Random(5).sample(range(1, operations), 20)):
        outcome = machine.run(TRAIN.split(), full=point)
        tally.words(outcome, f"point {point}")
        tally.expect(outcome.code == 1, "wrong exit code", f"{point}: {outcome}")
        tally.expect("No space left" in outcome.complaint, "not named", outcome.stderr)
        tally.expect("run" in outcome.complaint, "not named", outcome.stderr)
        go_on(machine, whole, tally, f"point {point}")
    tally.check()


def test_a_small_disk(machine: Machine, unbroken: tuple[State, int, float]) -> None:
    whole, _, _ = unbroken
    run = machine.root / "run"
    small = machine.root / "disk"
    size = folder_size(machine.root / "whole")
    tally = Tally("train: small disk")
    for share in (0.02, 0.2, 0.4, 0.6, 0.8):
        small.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={int(size * share)}", "tmpfs", str(small)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            small.rmdir()
            pytest.skip("a disk can be mounted by root alone")
        words = TRAIN.replace("--out run", "--out disk/run").split()
        try:
            outcome = machine.run(words)
            tally.words(outcome, f"{share}")
            tally.expect(outcome.code == 1, "wrong exit code", f"{share}: {outcome}")
            tally.expect("No space left" in outcome.complaint, "not named", outcome.stderr)
            tally.expect(not hidden(small), "temporaries stay", f"{share}")
            if (small / "run").exists():
                shutil.copytree(small / "run", run)
        finally:
            subprocess.run(["umount", str(small)], check=True)
            small.rmdir()
        go_on(machine, whole, tally, f"{share}")
    tally.check()


def test_two_at_once(machine: Machine, unbroken: tuple[State, int, float]) -> None:
    whole, _, _ = unbroken
    tally = Tally("train: two at once")
    for _ in range(3):
        running = [machine.start(TRAIN.split()) for _ in range(2)]
        outcomes = sorted((each.wait() for each in running), key=lambda outcome: outcome.code)
        tally.expect([outcome.code for outcome in outcomes] == [0, 2], "codes", str(outcomes))
        tally.expect(state(machine.root / "run") == whole, "mixed", str(outcomes))
        for outcome in outcomes:
            tally.words(outcome, "")
        go_on(machine, whole, tally, "")
    tally.check()


def test_an_export_is_killed_or_finds_the_disk_full(
    machine: Machine, unbroken: tuple[State, int, float]
) -> None:
    words = ["export", "whole", "--out", "package", "--overwrite", "--no-measure", "--name", "tiny"]
    package = machine.root / "package"
    tally = Tally("export: kill, disk full")
    first = machine.run(words)
    assert first.code == 0, first.stderr
    whole = state_of(package)
    for point in random.Random(6).sample(range(1, first.operations), 12):
        for fault in ("kill", "full"):
            tally.cases += 1
            outcome = machine.run(words, **{fault: point})
            tally.words(outcome, f"{fault} {point}")
            tally.expect(state_of(package) == whole, "lost", f"{fault} {point}")
            if fault == "full" and outcome.code:
                tally.expect(
                    "package: No space left" in outcome.complaint, "not named", outcome.stderr
                )
                tally.expect(not hidden(machine.root), "temporaries stay", f"{fault} {point}")
    again = machine.run(words)
    tally.expect(again.code == 0 and not hidden(machine.root), "temporaries stay", again.stderr)
    tally.check()
