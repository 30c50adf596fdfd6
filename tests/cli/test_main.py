import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fresh import run_and_list_modules
from tfmat.cli import main

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


@pytest.mark.parametrize("words", [[], ["data"], ["train"]])
def test_no_command_shows_the_help_in_lines(words, capfd):
    with pytest.raises(SystemExit):
        main.main(words)
    output = "".join(capfd.readouterr())
    assert output.startswith("Usage: tfmat")
    assert len(output.splitlines()) > 8


def test_a_place_that_cannot_be_written_to_is_one_line(monkeypatch, capsys):
    for number, code in ((errno.EACCES, 2), (errno.ENOSPC, 1)):

        def fail(number=number, **_):
            raise OSError(number, os.strerror(number), "somewhere")

        monkeypatch.setattr(main.tfmat, "main", fail)
        with pytest.raises(SystemExit) as caught:
            main.main([])
        assert caught.value.code == code
        error = capsys.readouterr().err
        assert error.startswith("tfmat: somewhere: ")
        assert len(error.splitlines()) == 1


def test_what_cannot_be_read_is_not_taken_for_out(monkeypatch, capsys, tmp_path):
    file = tmp_path / "metadata.json"
    file.touch()
    # The superuser may read everything.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != file or mode != os.R_OK)

    def fail(**_):
        raise PermissionError(errno.EACCES, "Permission denied", str(file))

    monkeypatch.setattr(main.tfmat, "main", fail)
    with pytest.raises(SystemExit) as caught:
        main.main([])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "it cannot be read" in error
    assert "--out" not in error


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
