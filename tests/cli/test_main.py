import subprocess
import sys

import pytest
from fresh import run_and_list_modules

HEAVY = ("tensorflow", "keras", "pymatgen", "sklearn", "scipy", "torch", "onnxruntime", "numpy")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_help_imports_nothing_heavy(arguments):
    _, modules, output = run_and_list_modules(*arguments)
    assert "tfmat" in output
    assert modules.isdisjoint(HEAVY)


@pytest.mark.parametrize("command", ["data", "train", "generate", "screen", "evaluate", "models"])
def test_help_of_a_command_imports_nothing_heavy(command):
    code, modules, output = run_and_list_modules(command, "--help")
    assert code == 0
    assert f"tfmat {command}" in output
    assert modules.isdisjoint(HEAVY)


def test_import_is_light():
    script = "import sys, tfmat; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()).isdisjoint(HEAVY)


def test_mistyped_command_is_one_line_and_code_2():
    done = subprocess.run(
        [sys.executable, "-c", "from tfmat.cli.main import main; main(['generat'])"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "did you mean generate?" in done.stderr
    assert len(done.stderr.splitlines()) == 1
