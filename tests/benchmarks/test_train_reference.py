from __future__ import annotations

import json
from pathlib import Path

import pytest
from programs import program

from tfmat.errors import InputError

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "train_reference.py"


@pytest.fixture(scope="module")
def script():
    return program(SCRIPT)


@pytest.fixture
def run(tmp_path):
    """Writes what a stopped run holds; the bytes do not matter."""
    run = tmp_path / "runs" / "a"
    texts = {
        "run.json": "{}",
        "recipe.toml": "",
        "log.jsonl": '{"stage": "sites-ae", "step": 10, "loss": 0.5}\n',
        "weights/lattice_encoder.keras": "weights" * 1000,
        "stages/graphs/train.npy": "numbers",
        "stages/sites-ae/checkpoint-000000010/state.json": "old",
        "stages/sites-ae/checkpoint-000000020/state.json": "new",
        "stages/sites-ae/.checkpoint-000000030.tmp": "half",
        "package/metadata.json": "{}",
        ".lock": "",
    }
    for name, text in texts.items():
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return run


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_parcel_brings_back_what_a_run_needs(script, run, tmp_path):
    out = tmp_path / "out"
    manifest = script.pack([run, tmp_path / "runs" / "not begun"], out, 4096)
    assert manifest["runs"] == ["a"]
    assert len(manifest["parts"]) > 2
    assert all(part["bytes"] <= 4096 for part in manifest["parts"])
    assert json.loads((out / "curves.jsonl").read_text("utf-8"))["run"] == "a"
    (installed,) = script.join(out, tmp_path / "home", overwrite=False)
    expected = tree(run)
    for left in (
        "stages/sites-ae/checkpoint-000000010/state.json",
        "stages/sites-ae/.checkpoint-000000030.tmp",
        "package/metadata.json",
        ".lock",
    ):
        del expected[left]
    assert tree(installed) == expected
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["a"]


def test_checkpoints_are_left_out_of_a_small_parcel(script, run, tmp_path):
    script.pack([run], tmp_path / "out", 10**6, most_bytes=7000)
    (installed,) = script.join(tmp_path / "out", tmp_path / "home", overwrite=False)
    assert "weights/lattice_encoder.keras" in tree(installed)
    assert not any("checkpoint" in name for name in tree(installed))


def test_an_older_parcel_is_replaced(script, run, tmp_path):
    script.pack([run], tmp_path / "out", 1000)
    script.pack([run], tmp_path / "out", 10**6)
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_damaged_part_and_a_run_that_is_there_are_refused(script, run, tmp_path):
    out = tmp_path / "out"
    script.pack([run], out, 4096)
    with pytest.raises(InputError, match="a: exists"):
        script.join(out, run.parent, overwrite=False)
    assert script.join(out, run.parent, overwrite=True) == [run]
    part = out / "runs.tar.01"
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"runs\.tar\.01: is missing or damaged"):
        script.join(out, tmp_path / "home", overwrite=False)
    with pytest.raises(InputError, match="holds no parcel"):
        script.join(tmp_path, tmp_path / "home", overwrite=False)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("bi-se", ("bi-se", "constraint")),
        ("bi-se:sites-ae", ("bi-se", "sites-ae")),
        ("matgan-quickstart", ("matgan-quickstart", "matgan")),
        ("composition-ae", ("composition-ae", "composition-ae")),
    ],
)
def test_the_target_goes_as_far_as_no_gan_is_needed(script, word, expected):
    assert script.split_word(word) == expected


def test_run_folders_are_called_like_the_recipes(script):
    assert script.run_folder(Path("runs"), "recipes/mine.toml") == Path("runs/mine")
