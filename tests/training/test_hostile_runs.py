"""A run folder of a stranger: reusing, resuming and exporting it changes nothing outside."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("keras")
import keras

from tfmat.checksums import write_sealed
from tfmat.errors import InputError
from tfmat.files import sha256
from tfmat.inference.keras_weights import load_network
from tfmat.training.run import Run

pytestmark = pytest.mark.train
RECIPE = {"name": "a", "data": {"dataset": "here"}}
DATASET = {"name": "here", "sha256": "ab" * 32}


@pytest.fixture
def victim(tmp_path):
    file = tmp_path / "home" / "thesis.txt"
    file.parent.mkdir()
    file.write_text("precious")
    yield file
    assert file.read_text() == "precious"
    assert [path.name for path in file.parent.iterdir()] == ["thesis.txt"]


@pytest.fixture
def foreign(tmp_path):
    run = Run.start(tmp_path / "foreign", RECIPE, 7, DATASET)
    file = run.stage_folder("coder") / "a.npy"
    file.write_bytes(b"theirs")
    run.finish("coder", [file])
    return run


def claims(foreign, name):
    """Has the foreign run say that its stage wrote a file of some name, with a right hash."""
    info = {**foreign.info}
    info["stages"]["coder"]["files"] = {name: sha256(foreign.stage_folder("coder") / "a.npy")}
    write_sealed(foreign.folder / "run.json", info)


@pytest.mark.parametrize(
    "name",
    [
        "../home/thesis.txt",
        "stages/../../home/thesis.txt",
        "stages/coder/../../../home/thesis.txt",
        "{victim}",
        "run.json",
        ".lock",
        "recipe.toml",
        "stages\\..\\..\\home\\thesis.txt",
        "C:stages/thesis.txt",
        "stages/" + "a" * 300,
        "stages/a\0b",
        "",
    ],
)
def test_reusing_takes_only_what_a_stage_writes(name, foreign, victim, tmp_path):
    name = name.format(victim=victim)
    claims(foreign, name)
    # What the name leads to is there in the foreign folder's surroundings, too.
    (foreign.folder / "home").mkdir()
    (foreign.folder / "home" / "thesis.txt").write_bytes(b"theirs")
    mine = Run.start(tmp_path / "mine", RECIPE, 7, DATASET)
    before = {path.name: path.read_bytes() for path in mine.folder.iterdir()}
    with pytest.raises(InputError) as caught:
        mine.reuse(Run.open(foreign.folder), "coder")
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in mine.folder.iterdir()} == before


@pytest.mark.parametrize(
    "place", [".lock", "log.jsonl", "stages/coder/a.npy", "weights", "tensorboard", "package"]
)
def test_a_link_in_a_run_is_not_written_through(place, foreign, victim):
    path = foreign.folder / place
    path.unlink(missing_ok=True)
    path.symlink_to(victim if path.suffix or place == ".lock" else victim.parent)
    with pytest.raises(InputError, match="is a link"):
        Run.open(foreign.folder)


def test_a_pipe_in_a_run_is_not_waited_for(foreign):
    os.mkfifo(foreign.folder / "log.jsonl")
    with pytest.raises(InputError, match="no plain file"):
        Run.open(foreign.folder)
    for name in ("run.json", "recipe.toml"):
        (foreign.folder / name).unlink()
        os.mkfifo(foreign.folder / name)
        with pytest.raises(InputError):
            Run.open(foreign.folder)


def test_a_part_of_a_recipe_is_no_path(foreign, victim):
    del victim
    for part in ("../../home/thesis", "/etc/passwd", "a/../../x"):
        with pytest.raises(InputError, match=r"leads out|holds"):
            foreign.weights(part)
        with pytest.raises(InputError, match=r"leads out|holds"):
            foreign.stage_folder(part)


RECORDS = {
    "list": "[]",
    "number": "3",
    "text": '"run"',
    "nothing": "null",
    "no format": "{}",
    "no keys": '{"format": "tfmat-run", "format_version": 1}',
    "deep": "[" * 100_000,
    "no Unicode": b"\xff\xfe",
    "cut": '{"format": "tfmat-run',
}


@pytest.mark.parametrize("text", RECORDS.values(), ids=RECORDS)
def test_a_record_that_is_none(text, foreign):
    file = foreign.folder / "run.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=r"run\.json: ") as caught:
        Run.open(foreign.folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("seed",), "x"),
        (("seed",), -1),
        (("created",), None),
        (("versions",), [1]),
        (("dataset",), 3),
        (("dataset", "sha256"), None),
        (("dataset", "path"), ["a"]),
        (("stages",), []),
        (("stages", "coder"), "done"),
        (("stages", "coder", "state"), "perhaps"),
        (("stages", "coder", "files"), ["a"]),
        (("stages", "coder", "files"), {"stages/coder/a.npy": 3}),
        (("stages", "coder", "metrics"), {"loss": 1.0}),
        (("stages", "coder", "metrics"), {"loss": {"value": "x", "unit": "1"}}),
        (
            ("stages", "coder", "metrics"),
            {"loss": {"value": 1.0, "unit": "1", "standard_error": "x"}},
        ),
        (("stages", "coder", "metrics"), {"loss": {"value": 1.0, "unit": "1", "judge": "me"}}),
        (("stages", "coder", "metrics"), {"loss": {"value": 1.0, "unit": "1", "subset": [1]}}),
        (("stages", "coder", "encoded"), "many"),
    ],
)
def test_values_that_no_program_can_use(path, value, foreign):
    info = json.loads((foreign.folder / "run.json").read_text())
    table = info
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    write_sealed(foreign.folder / "run.json", info)
    with pytest.raises(InputError, match=r"run\.json: is damaged"):
        Run.open(foreign.folder)


def network(file: Path) -> Path:
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(file)
    return file


def with_config(file: Path, change) -> None:
    """Writes a .keras file with another configuration."""
    with zipfile.ZipFile(file) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents["config.json"] = change(contents["config.json"].decode()).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"keras.layers"', '"os"'),
        ('"keras.layers"', '"antigravity"'),
        ('"keras.layers"', '"keras.utils"'),
        ('"Dense"', '"Lambda"'),
        ('"Dense"', '"TFSMLayer"'),
        ('"Dense"', '"TorchModuleWrapper"'),
        ('"Zeros"', '"__lambda__"'),
        ('"keras.initializers"', '"tfmat.cli.main"'),
        ('"keras.initializers"', '"keras.src.saving"'),
        ('"Zeros"', '"function"'),
    ],
)
def test_a_network_is_made_of_layers_alone(old, new, tmp_path):
    import sys

    file = network(tmp_path / "a.keras")
    load_network(file)
    with_config(file, lambda text: text.replace(old, new))
    with pytest.raises(InputError, match="no layer that tfmat loads"):
        load_network(file)
    assert "antigravity" not in sys.modules


def test_a_layer_that_no_family_declares_is_refused(tmp_path):
    file = network(tmp_path / "a.keras")
    own = '"registered_name": "evil>Layer"'
    with_config(file, lambda text: text.replace('"registered_name": null', own))
    with pytest.raises(InputError, match="no layer that tfmat loads"):
        load_network(file)


def test_other_files_in_a_network_are_refused(tmp_path):
    file = network(tmp_path / "a.keras")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("assets/../../../victim", "x")
    with pytest.raises(InputError, match="which no network of tfmat has"):
        load_network(file)


def test_a_network_that_fills_the_memory(tmp_path):
    file = tmp_path / "a.keras"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", bytes(2**26))
    with pytest.raises(InputError, match="unpacks to more"):
        load_network(file)


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 100, b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_a_network_that_is_none(content, tmp_path):
    file = tmp_path / "a.keras"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.keras: ") as caught:
        load_network(file)
    assert "\n" not in str(caught.value)
