"""Whatever stands in a package's metadata, a command ends in order and says one line."""

import json
import shutil
from types import SimpleNamespace

import pytest
from damages import GONE, INSTEAD, damaged, paths, renamed, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tfmat.cli.main import main

from tfmat.inference.described import first_flaw

pytest.importorskip("onnx")

from oracle import make_package

COMMANDS = {
    "show": ("models", "show"),
    "show as JSON": ("models", "show", "--json"),
    "verify": ("models", "verify"),
    "matgan": ("generate", "matgan", "-n", "1", "--model"),
    "ccdcgan": ("generate", "ccdcgan", "-n", "1", "--model"),
    "serve": ("serve", "--out", "served", "--package"),
    "predict": ("predict", "--url", "http://127.0.0.1:1", "--retries", "0", "--package"),
}


def constraint_as(name):
    return lambda m: renamed(m, ("parts", "constraint"), name)


def put(instead, *path):
    return lambda m: damaged(m, path, instead)


REFUSED = {
    "command as part": constraint_as("c $(touch escaped)"),
    "path as part": constraint_as("x/../../../../../escaped/constraint"),
    "line end in part": constraint_as("constraint\n"),
    "unknown part": constraint_as("foo"),
    "unknown family": put("other", "family"),
    "no family": put(GONE, "family"),
    "no name": put("", "name"),
    "escape in name": put("\x1b[2J", "name"),
    "no parts": put({}, "parts"),
    "no inputs": put(GONE, "parts", "generator", "inputs"),
    "empty inputs": put({}, "parts", "generator", "inputs"),
    "no outputs": put(GONE, "parts", "generator", "outputs"),
    "no sizes": put(["batch"], "parts", "generator", "inputs", "noise", "shape"),
    "size as text": put(["batch", "6"], "parts", "generator", "inputs", "noise", "shape"),
    "no bytes": put(GONE, "parts", "generator", "onnx", "float32", "bytes"),
    "parameters as text": put("7", "parts", "generator", "parameters"),
    "metrics as list": put([1], "metrics"),
    "recipe as number": put(3, "recipe"),
    "no recipe": put(GONE, "recipe"),
    "training null": put(None, "training"),
    "dataset null": put(None, "dataset"),
    "licence of data": put({"license": "my terms"}, "dataset"),
    "attribution as text": put({"attribution": "Jain"}, "dataset"),
    "no attribution": put({"attribution": []}, "dataset"),
    "escape in attribution": put({"attribution": ["\x1b[2J"]}, "dataset"),
    "threshold as text": put("x", "presence_threshold"),
    "elements as text": put("BiSe", "elements"),
    "element missing": put(["Bi"], "elements"),
    "half a character": put("\ud800", "recipe", "description"),
    "SavedModel as text": put("x", "parts", "generator", "saved_model"),
    "SavedModel of no files": put(
        {"folder": "serving", "files": []}, "parts", "generator", "saved_model"
    ),
    "SavedModel elsewhere": put(
        {"folder": "../../etc", "files": []}, "parts", "generator", "saved_model"
    ),
}
TEXTS = {
    "deep": "[" * 100_000,
    "deep, but JSON": '{"format": ' + "[" * 500 + "]" * 500 + "}",
    "not a number": "NaN",
    "no Unicode": b"\xff\xfe\x00",
    "endless number": "1" * 10_000,
}


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    folder = make_package(tmp_path_factory.mktemp("models") / "oracle")
    metadata = json.loads((folder / "metadata.json").read_text("utf-8"))
    metadata |= {
        "metrics": {"gan": {"loss": {"value": 1.0, "unit": "1", "note": "none"}}},
        "dataset": {"name": "mine", "sha256": "0" * 64, "training": 9, "held_out": 1},
        "training": {"created": "2026-01-01T00:00:00Z", "versions": {"python": "3"}},
        "measured": {
            "generated": {
                "unique": {"value": 0.5, "unit": "1", "note": "of 9", "command": "tfmat generate"}
            }
        },
    }
    return SimpleNamespace(folder=folder, metadata=metadata)


def ends(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert len(captured.err.splitlines()) <= 1
    return end.value.code, captured.err


@pytest.mark.parametrize("damage", [*REFUSED, *TEXTS])
def test_every_command_refuses_it_in_one_line(damage, oracle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "models" / "foreign"
    folder.mkdir(parents=True)
    if damage in REFUSED:
        write(folder, REFUSED[damage](oracle.metadata))
    else:
        text = TEXTS[damage]
        (folder / "metadata.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    for name, words in COMMANDS.items():
        code, stderr = ends(capsys, *words, folder)
        assert (name, code) == (name, 2)
        assert "metadata.json: " in stderr
    assert ends(capsys, "models", "list", "--models-dir", "models") == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_all_other_damage_is_refused_or_harmless(oracle):
    """Reading takes no damage as a reason to break off without a word."""
    refused = 0
    for path in list(paths(oracle.metadata))[::5]:
        for instead in INSTEAD:
            flaw = first_flaw(damaged(oracle.metadata, path, instead))
            refused += flaw is not None
            assert flaw is None or len(flaw.splitlines()) == 1
    assert refused > 400
    assert first_flaw(oracle.metadata) is None


@pytest.mark.parametrize(("key", "value"), [("box", 3), ("sites_sigma", 3), ("sites_sigma", 1e12)])
def test_peaks_that_fit_in_no_box(key, value, oracle, tmp_path, capsys):
    folder = shutil.copytree(oracle.folder, tmp_path / "foreign")
    write(folder, damaged(oracle.metadata, ("recipe", "voxels", key), value))
    code, stderr = ends(capsys, *COMMANDS["ccdcgan"], folder, "--out", tmp_path / "new")
    assert code == 2
    assert "voxels: sites_sigma must be at most an eighth of the box" in stderr


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_not_refused_breaks_no_command(oracle, tmp_path_factory, monkeypatch, capsys, data):
    keys = sorted(paths(oracle.metadata), key=str)
    metadata = damaged(
        oracle.metadata, data.draw(st.sampled_from(keys)), data.draw(st.sampled_from(INSTEAD))
    )
    work = tmp_path_factory.mktemp("work")
    monkeypatch.chdir(work)
    folder = shutil.copytree(oracle.folder, work / "models" / "foreign")
    write(folder, metadata)
    for name in ("show", "show as JSON", "verify", "ccdcgan"):
        assert ends(capsys, *COMMANDS[name], folder)[0] in (0, 2)
    assert ends(capsys, "models", "list", "--models-dir", "models") == (0, "")
