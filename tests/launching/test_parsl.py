"""Real Parsl with two workers on this machine: one is killed, and then the driver."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tfmat.cli.main import main

pytest.importorskip("parsl")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc"),
]
CONFIG = Path(__file__).parents[2] / "examples" / "parsl" / "local.py"
GENERATE = ["generate", "matgan", "-n", "50000", "--threads", "1", "--unique", "--out"]


def start(out, tmp_path):
    words = ["launch", "--config", str(CONFIG), "--shards", "5", "--", *GENERATE, str(out)]
    # Where the tests are run without the environment's programs on PATH.
    environment = {**os.environ, "PATH": "/usr/bin:/bin"}
    with (tmp_path / "launch.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tfmat", *words],
            stdout=log, stderr=log, cwd=tmp_path, env=environment,
        )  # fmt: skip


def wait_for(what, seconds=300):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


def begun(work):
    """Returns the worker of every shard that was begun."""
    logs = sorted((work / "logs").glob("*.log"))
    found = {log.stem: re.findall(r"worker (\d+)", log.read_text("utf-8")) for log in logs}
    return {stem: [int(worker) for worker in workers] for stem, workers in found.items() if workers}


def parts(work):
    return {p.name: p.stat().st_mtime_ns for p in (work / "parts").glob("*.csv.json")}


def with_words(*words):
    """Returns the processes whose command lines hold some words."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_text("utf-8").split("\0")
        except OSError:
            continue
        if all(word in line for word in words):
            found.append(int(folder.name))
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "whole.csv"
    with pytest.raises(SystemExit) as end:
        main([*GENERATE, str(out)])
    assert end.value.code == 0
    return out.read_bytes()


def test_a_worker_is_killed(tmp_path, whole):
    out = tmp_path / "out.csv"
    work = tmp_path / "out.csv.work"
    driver = start(out, tmp_path)
    workers = wait_for(lambda: len(begun(work)) >= 2 and begun(work))
    os.kill(next(iter(workers.values()))[0], signal.SIGKILL)
    assert driver.wait(600) == 0, (tmp_path / "launch.log").read_text("utf-8")
    assert out.read_bytes() == whole
    assert not work.exists()


def test_the_driver_is_killed(tmp_path, whole):
    out = tmp_path / "out.csv"
    work = tmp_path / "out.csv.work"
    driver = start(out, tmp_path)
    wait_for(lambda: parts(work))
    driver.kill()
    driver.wait()
    # Its interchange ends, too.
    wait_for(lambda: not with_words("tfmat.launching.interchange"), 20)
    before = parts(work)
    assert before
    assert not out.exists()
    driver = start(out, tmp_path)
    seen = {}

    def watched():
        seen.update(parts(work) if work.exists() else {})
        return driver.poll() is not None

    wait_for(watched, 600)
    assert driver.returncode == 0, (tmp_path / "launch.log").read_text("utf-8")
    assert out.read_bytes() == whole
    # What was done before was not done again.
    assert {name: seen[name] for name in before} == before
