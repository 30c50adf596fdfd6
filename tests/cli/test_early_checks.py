"""Wrong words, recipes and data, and missing extras, are refused before anything heavy starts."""

import json
import subprocess
import sys

import pytest
from command_tree import leaves

HEAVY = (
    "tensorflow",
    "keras",
    "torch",
    "sklearn",
    "mp_api",
    "optimade",
    "chgnet",
    "sevenn",
    "grpc",
    "parsl",
)
OUT = ["--out", "out"]
MATGAN = ["generate", "matgan", "--out", "new.csv"]
# For every command words that only its own checks can refuse.
WRONG = {
    "data build": [
        ["xx-yy", *OUT],
        ["bi-se", *OUT, "--prototypes", "nowhere"],
        ["bi-se", "--out", "full"],
    ],
    "data augment": [["nowhere", "--system", "Bi-Se", *OUT], ["bi-se", "--system", "Bi-Xx", *OUT]],
    "data merge": [["bi-se", "nowhere", *OUT], ["bi-se", "bi-se", "--out", "full"]],
    "data import": [["nowhere.csv", *OUT], ["formulas.csv", "--rule", "mp", *OUT]],
    "data fetch mp": [["--elements", "Bi", "--out", "full"], OUT],
    "data fetch optimade": [
        ["--provider", "nobody", "--elements", "Bi", *OUT],
        ["--provider", "mp", "--elements", "Bi", "--out", "full"],
    ],
    "data enumerate": [["--elements", "Xx"], ["--against", "nowhere"], ["--out", "formulas.csv"]],
    "data split": [["nowhere", *OUT], ["bi-se", *OUT, "--leave-out", "Xx"]],
    "report": [
        ["nowhere", "--out", "new.html"],
        ["full", "--out", "new.html"],
        ["formulas.csv", "--out", "new.txt"],
        ["full", "--out", "formulas.csv"],
    ],
    "data list": [["nowhere"]],
    "data info": [["nowhere"]],
    "recipes list": [["--nothing"]],
    "recipes show": [["nowhere"], ["quickstart", "gan.stepz"], ["wrong.toml"]],
    "generate ccdcgan": [
        ["--model", "nowhere"],
        ["--model", "matgan-plus-oqmd"],
        ["--only", "Xx"],
        ["--out", "full"],
    ],
    "generate dcgan": [["--model", "ccdcgan-bi-se"], ["--require", "Fe"]],
    "generate matgan": [
        ["--model", "nowhere", "--backend", "tensorflow"],
        ["--formula-pattern", "??"],
        ["--shard", "3/2"],
        ["--shard", "1"],
        ["--novel-against", "nowhere"],
        ["--out", "formulas.csv"],
    ],
    "screen": [
        ["nowhere", *OUT],
        ["full", *OUT],
        ["--model", "nowhere", *OUT],
        ["full", "--out", "full"],
    ],
    "models add-prototypes": [["nowhere", *OUT], ["ccdcgan-bi-se", *OUT]],
    "web": [["--package", "nowhere", *OUT], ["--package", "matgan-plus-oqmd", "--out", "full"]],
    "discover": [
        ["--model", "nowhere", *OUT],
        ["--from", "nowhere", *OUT],
        ["--out", "full"],
        ["--from", "bi-se", "--potential", "nothing", *OUT],
        ["nowhere.toml", *OUT],
        ["wrong.toml", *OUT],
    ],
    "relax": [
        ["nowhere", *OUT],
        ["bi-se", "--out", "full"],
        ["bi-se", "--potential", "nothing", *OUT],
        ["bi-se", "--calculator", "torch", *OUT],
        ["formulas.csv", *OUT],
    ],
    "evaluate reconstruction": [["nowhere"], ["bi-se", "--stage", "autoencoder"]],
    "evaluate compositions": [["nowhere.csv"], []],
    "evaluate structures": [["nowhere"], ["bi-se", "--against", "nowhere"]],
    "evaluate hull": [
        ["bi-se", "--against", "bi-se", *OUT, "--shard", "1/2"],
        ["nowhere", "--against", "bi-se", *OUT],
        ["--against", "bi-se", "--out", "full"],
    ],
    "export": [["nowhere", *OUT], ["full", *OUT]],
    "serve": [["--package", "nowhere", *OUT], ["--package", "ccdcgan-bi-se", "--out", "full"]],
    "predict": [
        ["--package", "nowhere", "--url", "http://127.0.0.1:1"],
        ["--package", "ccdcgan-bi-se", "--url", "grpc://127.0.0.1", "--only", "Xx", *OUT],
        ["--package", "ccdcgan-bi-se", "--url", "ftp://127.0.0.1", *OUT],
    ],
    "models add-domain": [["nowhere"], []],
    "models list": [["--models-dir", "nowhere"]],
    "models show": [["nowhere"]],
    "models verify": [["nowhere"], []],
    "completion": [["tcsh"]],
    "merge": [["nowhere", *OUT], ["formulas.csv", "--out", "new.csv"], ["full", *OUT], OUT],
    "launch": [
        ["--config", "nowhere.py", "--shards", "2", "--", *MATGAN],
        ["--config", "formulas.csv", "--shards", "2", "--", "models", "list"],
        ["--config", "formulas.csv", "--shards", "2", "--", *MATGAN, "--shard", "1/2"],
        ["--config", "formulas.csv", "--shards", "2", "--", "generate", "matgan"],
        ["--config", "formulas.csv", "--shards", "0", "--", *MATGAN],
    ],
}
TRAIN = [
    ["--recipe", "nowhere", *OUT],
    ["--recipe", "wrong.toml", *OUT],
    ["--set", "name.stepz=1", *OUT],
    ["--set", "data.test_fraction=2", *OUT],
    ["--data", "nowhere", *OUT],
    ["--out", "full"],
    ["--resume", *OUT],
    ["--resume", "--overwrite", "--recipe", "quickstart", *OUT],
    ["--from", "nowhere", *OUT],
    ["--strategy", "multiworker", *OUT],
]
WRONG |= {f"train {name}": TRAIN for name in ("lattice-ae", "sites-ae", "constraint", "dcgan")}
WRONG |= {f"train {name}": TRAIN for name in ("ccdcgan", "matgan", "composition-ae", "elemnet")}
# One process for all: the modules of the first command that brings a heavy one tell.
SCRIPT = """
import json, sys
from tfmat.cli.main import main
orders, heavy, blocked = json.load(sys.stdin)
for name in blocked:
    sys.modules.pop(name, None)

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(name, name=name)

import importlib.util
if blocked:
    sys.meta_path.insert(0, Blocker())
    there = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *more: (
        None if name.partition(".")[0] in blocked else there(name, *more)
    )
for words in orders:
    sys.stderr.write("\\0")
    try:
        main(words)
    except SystemExit as end:
        code = end.code
    print(json.dumps([words, code, [name for name in heavy if name in sys.modules]]))
"""


def run(orders, folder, blocked=()):
    """Returns for each order exit code, heavy modules and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps([orders, HEAVY, blocked]),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('[["')]
    return list(zip(rows, done.stderr.split("\0")[1:], strict=True))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("somebody's")
    (tmp_path / "formulas.csv").write_text("formula\nLi2O\n")
    (tmp_path / "wrong.toml").write_text('name = "wrong"\n[gan]\nstepz = 1\n')
    return tmp_path


def test_every_command_has_wrong_words():
    assert set(WRONG) == {path for path, _ in leaves()}


def test_wrong_words_are_refused_before_anything_heavy(folder):
    orders = [[*path.split(), *words] for path, many in WRONG.items() for words in many]
    for (words, code, heavy), said in run(orders, folder):
        assert code == 2, (words, said)
        assert heavy == [], words
        assert said.startswith("tfmat: "), (words, said)
        assert len(said.splitlines()) == 1, (words, said)
    assert sorted(path.name for path in folder.iterdir()) == ["formulas.csv", "full", "wrong.toml"]


MISSING = [
    ("train", ["train", "ccdcgan", *OUT]),
    ("train", ["train", "matgan", *OUT]),
    ("train", ["export", "full", *OUT]),
    ("train", ["generate", "matgan", "--backend", "tensorflow"]),
    ("relax", ["relax", "bi-se", *OUT]),
    ("relax", ["discover", *OUT]),
    ("relax", ["data", "build", "ga-sb", *OUT]),
    ("relax", ["data", "augment", "bi-se", "--system", "Ga-Sb", *OUT]),
    ("sevennet", ["relax", "bi-se", "--potential", "sevennet", *OUT]),
    ("sevennet", ["data", "build", "cu-au", "--potential", "emt", "--refine", "sevennet", *OUT]),
    ("serving", ["serve", "--package", "ccdcgan-bi-se", *OUT]),
    ("serving", ["predict", "--package", "ccdcgan-bi-se", "--url", "grpc://127.0.0.1:1", *OUT]),
    ("parallel", ["launch", "--config", "formulas.csv", "--shards", "2", "--", *MATGAN]),
    ("mp", ["data", "fetch", "mp", "--elements", "Bi", "--api-key", "k" * 32, *OUT]),
    ("optimade", ["data", "fetch", "optimade", "--provider", "oqmd", "--elements", "Bi", *OUT]),
]


def test_missing_extras_are_named_before_anything_heavy(folder):
    from tfmat.installing import command

    blocked = [*HEAVY, "tensorflow_serving", "tf2onnx", "onnx"]
    for (extra, _), ((words, code, heavy), said) in zip(
        MISSING, run([words for _, words in MISSING], folder, blocked), strict=True
    ):
        assert code == 2, (words, said)
        assert heavy == [], words
        assert command(extra) in said, (words, said)
        assert len(said.splitlines()) == 1
