"""Examples of configurations, and the array of Slurm with stand-ins for Slurm's programs."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from tfmat.cli.main import main

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPT = EXAMPLES / "slurm" / "shards.sbatch"


@pytest.mark.parametrize("name", ["local", "slurm"])
def test_configurations_are_parsls(name):
    parsl = pytest.importorskip("parsl")
    config = runpy.run_path(str(EXAMPLES / "parsl" / f"{name}.py"))["config"]
    assert isinstance(config, parsl.Config)


def test_the_one_of_kubernetes_is_python():
    file = EXAMPLES / "parsl" / "kubernetes.py"
    compile(file.read_text("utf-8"), str(file), "exec")


@pytest.fixture
def array(tmp_path):
    """Runs a task of the array where srun runs its words, and scontrol keeps them."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {
        "srun": f'[[ -z ${{FAIL:-}} ]] || exit "$FAIL"; shift; exec {sys.executable} -m tfmat "$@"',
        "scontrol": f'echo "$@" >> {tmp_path}/requeued',
    }.items():
        (programs / name).write_text(f"#!/bin/bash\n{text}\n", "utf-8")
        (programs / name).chmod(0o755)

    def run(task, *words, **more):
        environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "SLURM_ARRAY_TASK_ID": str(task),
            "SLURM_ARRAY_TASK_MAX": "2",
            "SLURM_ARRAY_JOB_ID": "7",
            **more,
        }
        return subprocess.run(
            ["bash", SCRIPT, *words], cwd=tmp_path, env=environment, check=False
        ).returncode

    return run


@pytest.mark.skipif(os.name == "nt", reason="there is no Slurm")
def test_an_array_makes_shards(array, tmp_path):
    enumerate_ = ["data", "enumerate", "--elements", "Li,Mn,O"]
    words = ["all.csv", *enumerate_]
    assert array(1, *words, FAIL="137") == 137
    assert (tmp_path / "requeued").read_text("utf-8") == "requeue 7_1\n"
    assert array(1, *words, FAIL="137", SLURM_RESTART_COUNT="5") == 137
    assert array(1, *words, FAIL="2") == 2
    assert (tmp_path / "requeued").read_text("utf-8") == "requeue 7_1\n"
    assert array(1, *words) == array(2, *words) == 0
    before = (tmp_path / "all.csv.parts" / "1.csv").stat().st_mtime_ns
    assert array(1, *words, SLURM_ARRAY_TASK_MAX="1", TFMAT_SHARDS="2") == 0
    assert (tmp_path / "all.csv.parts" / "1.csv").stat().st_mtime_ns == before
    parts = map(str, sorted((tmp_path / "all.csv.parts").glob("*.csv")))
    for line in (
        ["merge", *parts, "--out", str(tmp_path / "all.csv")],
        [*enumerate_, "--out", str(tmp_path / "whole.csv")],
    ):
        with pytest.raises(SystemExit) as end:
            main(line)
        assert end.value.code == 0
    assert (tmp_path / "all.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
