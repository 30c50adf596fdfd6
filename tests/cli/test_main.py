import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fresh import run_and_list_modules
from tfmat.cli import main

from tfmat.datasets.folders import SHIPPED

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


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OSError(errno.ENAMETOOLONG, "File name too long", "a" * 300), 2, "another name"),
        (OSError(errno.EIO, "Input/output error", "a\udcff"), 2, "Input/output error"),
        (OSError(errno.EISDIR, "Is a directory"), 2, "Is a directory"),
        (MemoryError(), 1, "not enough memory"),
        (RecursionError(), 2, "nested without end"),
    ],
)
def test_the_last_resort_is_one_line(error, code, words, monkeypatch, capsys):
    def fail(**_):
        raise error

    monkeypatch.setattr(main.tfmat, "main", fail)
    with pytest.raises(SystemExit) as caught:
        main.main([])
    said = capsys.readouterr().err
    assert caught.value.code == code
    assert words in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("error", [KeyError("a"), ValueError("b"), OSError("no number")])
def test_defects_of_ours_keep_their_traceback(error, monkeypatch):
    def fail(**_):
        raise error

    monkeypatch.setattr(main.tfmat, "main", fail)
    with pytest.raises(type(error)):
        main.main([])


def test_who_is_in_a_hurry_leaves_hashes_unchecked(tmp_path, capsys):
    shutil.copytree(SHIPPED / "formulas", tmp_path / "mine")
    column = tmp_path / "mine" / "counts.npy"
    content = bytearray(column.read_bytes())
    content[-2] ^= 1
    column.chmod(0o644)
    column.write_bytes(content)
    for words, code in (((), 2), (("--no-verify",), 0), (("--verify",), 2)):
        with pytest.raises(SystemExit) as caught:
            main.main(["data", "info", str(tmp_path / "mine"), *words])
        assert caught.value.code == code
        assert ("counts.npy: was changed" in capsys.readouterr().err) == (code == 2)
