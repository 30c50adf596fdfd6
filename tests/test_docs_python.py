"""The examples of docs/python.md and the scripts of examples/, run as they stand."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tfmat

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "python.md"
EXAMPLES = ROOT / "examples"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder in which `saved_models` is that of the clone."""
    for name in ("ccdcgan-bi-se", "matgan-plus-icsd-filter"):
        if not (ROOT / "saved_models" / name / "metadata.json").is_file():
            pytest.skip(f"{name} is not there")
    (tmp_path / "saved_models").symlink_to(ROOT / "saved_models", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def run(script, folder, *arguments, tail=""):
    """Runs a script in a fresh interpreter, and returns what it prints."""
    source = (EXAMPLES / script).read_text("utf-8") + tail
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments],
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_examples_of_the_page(folder):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, None, 0)
    assert len(examples.examples) > 40
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(examples, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)
    assert (folder / "first.cif").is_file()


def test_the_page_names_all_that_there_is():
    named = re.findall(r"^\| `tfmat\.(\w+)\(", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == dir(tfmat)


def test_generate_and_look(folder):
    light = "\nimport sys\nassert not {'tensorflow', 'keras', 'torch', 'onnx'} & set(sys.modules)\n"
    printed = run("generate_and_look.py", folder, tail=light)
    made = tfmat.load("ccdcgan-bi-se").generate(100, seed=7)
    inside = sum(one.properties["domain"] == "inside" for one in made)
    assert len(made) > 50
    assert f"{len(made)} structures of 100 crystals begun by ccdcgan-bi-se" in printed
    assert f"{inside} are like the training structures" in printed
    assert "different formulas with Li in 20,000 samples" in printed
    assert len(list((folder / "looked-at").glob("*.cif"))) == 10


def test_plain_onnx_runtime_makes_what_tfmat_makes(folder):
    alone = "\nassert not any(name.startswith('tfmat') for name in sys.modules)\n"
    printed = run("plain_onnx_runtime.py", folder, tail=alone).splitlines()
    formulas = tfmat.load("matgan-plus-icsd-filter").generate(1000, seed=7)
    from pymatgen.core import Composition

    assert [Composition(line).reduced_composition for line in printed] == [
        Composition(formula) for formula in formulas[:10]
    ]
    package = "saved_models/ccdcgan-bi-se-compact"
    printed = run("plain_onnx_runtime.py", folder, package, tail=alone).splitlines()
    made = {
        structure.properties["id"]: structure.properties
        for structure in tfmat.load("ccdcgan-bi-se-compact").generate(
            10, seed=7, max_atoms=99, unfiltered=True
        )
    }
    for index, line in enumerate(printed):
        predicted = made[f"tfmat-7-{index:07d}"]["predicted_formation_energy_per_atom"]
        assert line.endswith(f"{predicted:5.2f} eV/atom predicted")


@pytest.mark.slow
@pytest.mark.train
def test_own_data(folder):
    pytest.importorskip("tensorflow")
    printed = run("own_data.py", folder)
    assert "40 of 40 come back from their voxels" in printed
    assert re.search(r"\d+ structures of 20 crystal graphs of <CrystalModel run: Cu, Au>", printed)
    assert (folder / "own" / "run" / "package" / "metadata.json").is_file()
