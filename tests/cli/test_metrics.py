"""Every command that measures gives metrics of one form, and prints the same numbers."""

import json
import re
from dataclasses import fields
from pathlib import Path

import click
import hull_systems
import numpy as np
import pytest
import tiny
import tiny_compositions
from ase.build import bulk
from ase.io import write
from tfmat.cli.main import main, tfmat

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import DatasetWriter
from tfmat.metric import Metric, read_metrics
from tfmat.relaxation.databases.prototypes import aflow

pytest.importorskip("onnx")

from oracle import make_package

KEYS = {entry.name for entry in fields(Metric)}
ROOT = Path(__file__).parents[2]
FORMULAS = ROOT / "saved_models" / "matgan-plus-icsd-filter"
TRAINED = ("train composition-ae", "export")
# Words of each command; PLACE/ is a folder with what `place` makes. OUT stands for a new path.
COMMANDS = {
    "generate ccdcgan": "--model PLACE/oracle -n 20 --seed 3 --out OUT",
    "generate matgan": "--model FORMULAS -n 600 --seed 3 --novel-against formulas --out OUT.csv",
    "screen": "PLACE/generated --out OUT --hull elements --any-domain",
    "relax": "PLACE/alloys.extxyz --potential emt --steps 20 --cache PLACE/cache --out OUT",
    "data build": "cu-au --potential emt --prototypes PLACE/prototypes --out OUT",
    "data augment": "PLACE/prototypes --system Cu-Au --potential emt --out OUT",
    "data enumerate": "--n-elements 2-3 --elements H,O,Na --max-count 2 --against PLACE/made.txt",
    "data info": "PLACE/formulas",
    "evaluate reconstruction": "PLACE/structures --limit 6",
    "evaluate compositions": "PLACE/made.txt --train PLACE/formulas --holdout PLACE/made.txt "
    "--against PLACE/made.txt --baselines -n 200",
    "evaluate structures": "PLACE/structures --against PLACE/some --no-index",
    "evaluate hull": "PLACE/made --against PLACE/known --out OUT --pictures 0",
    "train composition-ae": "--recipe PLACE/tiny.toml --data PLACE/formulas --threads 1 --out OUT",
    "export": "PLACE/run --out OUT --samples 200",
}
# More words of commands above, whose branches measure something else.
VARIANTS = {
    "through autoencoders": (
        "evaluate reconstruction",
        "PLACE/structures --limit 6 --stage autoencoder --model PLACE/oracle --split all",
    ),
    "sampled": ("data enumerate", "--n-elements 2 --elements H,O,Na --max-count 8 --sample 20"),
    "stopped": ("data enumerate", "--n-elements 2 --elements H,O,Na --max-count 8 --limit 3"),
    "simplest": ("data enumerate", "--simplest --n-elements 2 --elements Na,O"),
    "labelled": ("relax", COMMANDS["relax"].replace("--steps 20", "--steps 0")),
    "the data's own hull": ("evaluate hull", "--against PLACE/known --out OUT --pictures 0"),
    "copies alone": ("evaluate structures", "PLACE/structures"),
    "stable, unique and novel": (
        "evaluate structures",
        "PLACE/made --against PLACE/structures --hull PLACE/known --no-index --out OUT",
    ),
}
# They do the same as another one does.
SAME = {
    "generate dcgan": "generate ccdcgan",
    **{
        f"train {target}": "train composition-ae"
        for target in (
            "lattice-ae",
            "sites-ae",
            "constraint",
            "dcgan",
            "ccdcgan",
            "matgan",
            "elemnet",
        )
    },
}
# They count rows and files, and measure nothing; `models show` prints metadata.json as it is, and
# what `discover` measures stands in the folders of its stages; `merge` and `launch` print what the
# command of their shards does.
COUNTING = {
    "merge",
    "launch",
    "data list",
    "data merge",
    "recipes list",
    "recipes show",
    "data import",
    "data fetch mp",
    "data fetch optimade",
    "data split",
    "serve",
    "discover",
    "web",
    "models add-prototypes",
    "models add-domain",
    "models list",
    "models show",
    "models verify",
}


def with_json(command=tfmat, name=()):
    """Yields the name of every command that has --json."""
    if isinstance(command, click.Group):
        for part in command.list_commands(click.Context(command)):
            yield from with_json(command.get_command(click.Context(command), part), (*name, part))
    elif any("--json" in parameter.opts for parameter in command.params):
        yield " ".join(name)


def test_every_command_with_json_is_here():
    assert set(with_json()) == {*COMMANDS, *SAME, *COUNTING}
    assert set(SAME.values()) <= set(COMMANDS)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("metrics")
    tiny.write_dataset(folder / "structures")
    tiny.write_dataset(folder / "some", 8)
    tiny_compositions.write_dataset(folder / "formulas")
    tiny_compositions.write_recipe(folder / "tiny.toml")
    make_package(folder / "oracle")
    (folder / "made.txt").write_text("NaCl\nNaCl\nNa2O\nH2O\nHO2\nLiFePO4\nMgCa\n", "utf-8")
    hull_systems.write(folder / "known", hull_systems.KNOWN, scale="PBE")
    changes = {"delta_formation_energy_per_atom": [0.0, 0.1, 0.3, 0.2, 0.1, 0.2, 0.19]}
    hull_systems.write(folder / "made", hull_systems.GENERATED, changes, scale="PBE")
    frames = []
    for index in range(4):
        atoms = bulk("Cu", "fcc", a=3.7, cubic=True)
        atoms.numbers[:index] = 79
        atoms.rattle(0.05, seed=index)
        frames.append(atoms)
    frames.append(bulk("Fe", "bcc", a=2.8))
    write(folder / "alloys.extxyz", frames, format="extxyz")
    with DatasetWriter(folder / "prototypes", {"name": "few", "sha256": ""}) as writer:
        for prototype in aflow():
            if prototype.name in {"AB_cP2_221_b_a", "AB_cF8_225_a_b", "AB3_cP4_221_a_c"}:
                writer.add(prototype.filled((46, 28)), prototype.name)
        writer.add(Crystal(np.eye(3) * 2.55, np.zeros((1, 3)), np.array([29], np.uint8)), "Cu")
    run(["generate", "ccdcgan", "--model", f"{folder}/oracle", "--out", f"{folder}/generated"])
    return folder


def run(words):
    with pytest.raises(SystemExit) as end:
        main(words)
    return end.value.code


def called(capsys, place, out, command, words, *more):
    """Returns what a command prints, with ``out`` as a new place."""
    if "FORMULAS" in words and not (FORMULAS / "metadata.json").is_file():
        pytest.skip("the package is not there")
    texts = words.replace("PLACE", str(place)).replace("FORMULAS", str(FORMULAS))
    given = [*command.split(), *texts.replace("OUT", str(out)).split(), *more]
    capsys.readouterr()
    code = run(given)
    stdout, stderr = capsys.readouterr()
    assert code == 0, stderr
    return stdout


def check(found):
    """Checks the form of the metrics of a summary, and returns them."""
    assert found["metrics"]
    for record in found["metrics"]:
        assert set(record) == KEYS
    metrics = read_metrics(found)
    for metric in metrics:
        assert metric.name
        assert metric.unit
        assert metric.note
        assert all(isinstance(value, str | int) for value in metric.subset.values())
        if metric.numerator is not None:
            # A share, of nothing or of something.
            assert metric.unit == "1"
            expected = metric.numerator / metric.denominator if metric.denominator else None
            assert metric.value == expected
            assert metric.value is None or 0 <= metric.value <= 1
        if metric.judge is not None:
            assert metric.judge.name
    names = [(metric.name, tuple(sorted(metric.subset.items()))) for metric in metrics]
    assert len(set(names)) == len(names)
    return metrics


def agree(metrics, text):
    """Checks that every percentage of a text is that of a metric or of its standard error."""
    known = {
        f"{value:.{digits}%}"
        for metric in metrics
        for value in (metric.value, metric.standard_error)
        if value is not None and metric.unit == "1"
        for digits in (1, 2, 3)
    }
    shown = re.findall(r"-?\d+\.\d+%", text)
    assert set(shown) <= known
    return shown


EVERY = {
    **{name: (name, words) for name, words in COMMANDS.items() if name not in TRAINED},
    **VARIANTS,
}


@pytest.mark.parametrize("name", EVERY)
def test_json_has_metrics_of_one_form_and_the_terminal_the_same(capsys, place, tmp_path, name):
    command, words = EVERY[name]
    text = called(capsys, place, tmp_path / "one", command, words, "--json")
    metrics = check(json.loads(text))
    shown = agree(metrics, called(capsys, place, tmp_path / "two", command, words))
    without_percentages = {"evaluate compositions", "screen", "simplest", "stopped"}
    assert shown or name in without_percentages
    for file in tmp_path.rglob("*.json"):
        kept = json.loads(file.read_text("utf-8"))
        if file.name in ("summary.json", "one.csv.json"):
            assert read_metrics(kept) == metrics


@pytest.mark.train
def test_training_and_export_give_the_same(capsys, place, tmp_path):
    pytest.importorskip("tensorflow")
    pytest.importorskip("tf2onnx")
    command, other = TRAINED
    text = called(capsys, place, place / "run", command, COMMANDS[command], "--json")
    metrics = check(json.loads(text))
    assert {metric.subset["stage"] for metric in metrics} == {"composition-ae"}
    kept = json.loads((place / "run" / "run.json").read_text("utf-8"))["stages"]
    records = kept["composition-ae"]["metrics"]
    assert all(set(record) == KEYS for record in records.values())
    assert {name: record["value"] for name, record in records.items()} == {
        metric.name: metric.value for metric in metrics
    }
    text = called(capsys, place, tmp_path / "package", other, COMMANDS[other], "--json")
    assert check(json.loads(text)) == metrics
    # The card and `models show` print them.
    card = (tmp_path / "package" / "README.md").read_text("utf-8")
    shown = called(capsys, place, None, f"models show {tmp_path / 'package'}", "")
    for metric in metrics:
        assert f"| composition-ae | {metric.name} | {metric.value:.4g} | {metric.unit} |" in card
        assert f"{metric.name}  " in shown
        assert f"{metric.value:.4g}" in shown
