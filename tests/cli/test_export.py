import subprocess
import sys
from pathlib import Path

import pytest
from tfmat.cli.main import main

from tfmat.files import write_json
from tfmat.training.run_record import FORMAT, FORMAT_VERSION

METADATA = {"format": "tfmat-model-package"}


def tfmat(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


RECORD = {
    "format": FORMAT,
    "format_version": FORMAT_VERSION,
    "created": "2026-01-01T00:00:00Z",
    "seed": 0,
    "versions": {},
    "dataset": {"name": "mine", "sha256": "0" * 64},
    "stages": {},
}


@pytest.fixture
def run(tmp_path):
    """A run that looks trained to who does not load its networks."""
    folder = tmp_path / "runs" / "run"
    (folder / "weights").mkdir(parents=True)
    write_json(folder / "run.json", RECORD)
    (folder / "recipe.toml").write_text('family = "matgan"')
    (folder / "weights" / "generator.keras").write_bytes(b"")
    write_json(folder / "package" / "metadata.json", METADATA)
    return folder


def refused(capsys, run, out, *words):
    code, stdout, stderr = tfmat(capsys, "export", run, "--out", out, *words)
    assert (code, stdout) == (2, "")
    assert len(stderr.splitlines()) == 1
    return stderr


def test_what_cannot_be_exported_is_said(capsys, tmp_path, run):
    out = tmp_path / "out"
    stderr = refused(capsys, tmp_path / "nowhere", out)
    assert f"{tmp_path / 'nowhere'}: holds no training run; give a folder" in stderr
    assert "Errno" not in stderr
    for name in ("a b", "../x", "", "-x", "Bi₂Se₃"):
        assert "cannot be the name of a package" in refused(capsys, run, out, f"--name={name}")
    assert "--license" in refused(capsys, run, out, "--license", "my terms")
    assert "--data-license my terms: give" in refused(capsys, run, out, "--data-license=my terms")
    assert "--attribution: is empty" in refused(capsys, run, out, "--attribution", "")
    (run / "weights" / "generator.keras").unlink()
    assert f"{run}: this run has no trained network yet" in refused(capsys, run, out)
    assert not out.exists()


def test_nothing_is_replaced_but_a_package(capsys, tmp_path, run):
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter").write_text("precious")
    assert "not written" in refused(capsys, run, thesis, "--overwrite")
    assert "--overwrite" not in refused(capsys, run, thesis)
    for place in (run, run.parent, run / "weights", run / "package" / "deeper"):
        assert "which is read" in refused(capsys, run, place, "--overwrite")
    served = tmp_path / "served"
    write_json(served / "metadata.json", METADATA)
    assert "or --overwrite to replace it" in refused(capsys, run, served)
    (served / "models.config").write_text("")
    assert "not written" in refused(capsys, run, served, "--overwrite")
    # The run's own package may be replaced.
    assert "or --overwrite to replace it" in refused(capsys, run, run / "package")
    assert (run / "weights" / "generator.keras").exists()
    assert (thesis / "chapter").read_text() == "precious"


CHECKED = """
import sys
from pathlib import Path
from tfmat.errors import InputError
from tfmat.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert end.code == 2, end.code
import tfmat.export.package  # the tests' own conftest needs it where there is no Keras
assert not {"keras", "tensorflow", "onnx"} & set(sys.modules)
"""


def test_all_of_that_is_known_before_tensorflow(tmp_path, run):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    for source, out in ((tmp_path, tmp_path / "new"), (run, tmp_path / "full")):
        subprocess.run(
            [sys.executable, "-c", CHECKED, "export", source, "--out", Path(out)],
            check=True,
            capture_output=True,
        )
