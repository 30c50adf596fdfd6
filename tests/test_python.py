"""`import tfmat`: its names, how light they are, and that they do what the commands do."""

import ast
import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from tfmat.cli.main import main

import tfmat
from tfmat import families, installing
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.metric import metric_of

NAMES = [
    "evaluate_compositions",
    "evaluate_reconstruction",
    "evaluate_structures",
    "hull",
    "load",
    "load_dataset",
    "novelty",
    "relax",
]
HEAVY = {"tensorflow", "keras", "torch", "onnx", "chgnet"}
TIMES = ("out", "seconds", "cpu_seconds", "novel_dataset")


@pytest.fixture(scope="module")
def structures():
    """Structures of the package that ships."""
    return tfmat.load("ccdcgan-bi-se").generate(12, seed=3)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def command(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    captured = capsys.readouterr()
    assert end.value.code == 0, captured.err
    return json.loads(captured.out)


def same(one, other):
    """Compares summaries as JSON, without what differs from run to run."""
    one, other = json.loads(json.dumps(one)), json.loads(json.dumps(other))
    for name in TIMES:
        one.pop(name, None), other.pop(name, None)
    assert one == other


def fresh(script):
    """Runs a script in a fresh interpreter in which nothing heavy can be imported."""
    blocked = f"import sys\nfor name in {sorted(HEAVY)}: sys.modules[name] = None\n"
    done = subprocess.run([sys.executable, "-c", blocked + script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_brings_nothing_along():
    script = "import sys; before = set(sys.modules); import tfmat; dir(tfmat)\n"
    script += "print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["tfmat"], done.stderr


def test_names():
    assert dir(tfmat) == NAMES == sorted(tfmat.__all__)
    assert all(callable(getattr(tfmat, name)) and getattr(tfmat, name).__doc__ for name in NAMES)
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        _ = tfmat.laod
    # Modules are imported as ever.
    from tfmat import files

    assert files.__name__ == "tfmat.files"


def test_types_are_known_of_all_names():
    tree = ast.parse(Path(tfmat.__file__).read_text("utf-8"))
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    typed = {alias.name: node.module for node in block.body for alias in node.names}
    assert typed == tfmat._MODULES
    assert sorted(typed) == NAMES


def test_the_light_install_is_enough(tmp_path):
    printed = fresh(
        "import tfmat\n"
        "model = tfmat.load('ccdcgan-bi-se-compact', threads=1)\n"
        "made = model.generate(4, seed=1)\n"
        "assert model.decode(model.encode(made))\n"
        "assert len(tfmat.novelty(made, 'bi-se')) == 4\n"
        "assert tfmat.evaluate_structures(made)['structures'] == len(made)\n"
        "words = {'stage': 'autoencoder', 'model': model, 'limit': 4}\n"
        "assert tfmat.evaluate_reconstruction('bi-se', **words)['structures'] == 4\n"
        "assert len(tfmat.hull('bi-se', 'bi-se').ids) == 3147\n"
        "formulas = tfmat.load('matgan-plus-icsd-filter', threads=1).generate(100)\n"
        "assert tfmat.evaluate_compositions(formulas, train='formulas')['results']\n"
        "try:\n"
        "    tfmat.relax(made)\n"
        "except tfmat.errors.MissingExtraError as error:\n"
        "    print(error)\n"
    )
    assert installing.command("relax") in printed


def test_datasets_of_both_kinds():
    assert len(tfmat.load_dataset("bi-se")) == 4188
    assert len(tfmat.load_dataset("formulas").compositions) == 25091
    with pytest.raises(InputError, match=r"^nothing: no such dataset"):
        tfmat.load_dataset("nothing")


def test_the_family_opens_its_package(monkeypatch):
    family = families.get("ccdcgan")
    monkeypatch.setattr(family, "load", lambda folder, **options: (folder.name, options))
    words = {"threads": 2, "precision": "float16"}
    assert tfmat.load("ccdcgan-bi-se", **words) == ("ccdcgan-bi-se", words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"name_or_folder": "nowhere"}, "`name_or_folder` nowhere: no such folder"),
        ({"name_or_folder": "ccdcgan-bi-se", "threads": 0}, "`threads`: must be a whole number"),
        ({"name_or_folder": "ccdcgan-bi-se", "precision": "int8"}, "leave `precision` out"),
        ({"name_or_folder": "x", "models_dir": "nowhere"}, "`models_dir` nowhere: no such folder"),
    ],
)
def test_errors_of_loading_name_the_argument(words, message):
    with pytest.raises(InputError) as error:
        tfmat.load(**words)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_structures_are_judged_as_by_the_command(capsys, structures, tmp_path):
    out, known = tmp_path / "made", tmp_path / "known"
    command(capsys, "generate", "ccdcgan", "-n", 12, "--seed", 3, "--out", out, "--json")
    command(capsys, "data", "import", "bi-se", "--limit", 500, "--out", known, "--json")
    words = ("evaluate", "structures", out, "--against", f"known={known}", "--json")
    by_command = command(capsys, *words)
    same(tfmat.evaluate_structures(out, {"known": known}), by_command)
    from_memory = tfmat.evaluate_structures(structures, {"known": tfmat.load_dataset(known)})
    # In files positions have eight digits, which densities show in their last ones.
    for one, other in zip(from_memory["metrics"], by_command["metrics"], strict=True):
        if one["unit"] == "g/cm³":
            assert one.pop("value") == pytest.approx(other.pop("value"), rel=1e-6)
    for summary in (from_memory, by_command):
        summary.pop("generated")
    same(from_memory, by_command)
    verdicts = {verdict.identifier: verdict for verdict in tfmat.novelty(structures, known)}
    assert len(verdicts) == 12
    assert sum(verdict.novel for verdict in verdicts.values()) == by_command["novel"]
    novel = tmp_path / "novel"
    tfmat.evaluate_structures(structures, known, novel=novel, out=tmp_path / "out")
    assert set(Dataset.open(novel).ids) == {
        name for name, verdict in verdicts.items() if verdict.novel and verdict.distinct
    }


def test_what_failed_before_is_not_judged():
    few = tfmat.load("ccdcgan-bi-se-compact").generate(6, seed=7, max_atoms=4)
    assert few.failed
    verdicts = {verdict.identifier: verdict.reason for verdict in tfmat.novelty(few)}
    assert {name: reason for name, reason in verdicts.items() if reason} == few.failed
    assert len(verdicts) == 6


def test_reconstruction_is_that_of_the_command(capsys):
    words = ("evaluate", "reconstruction", "bi-se", "--limit", 6, "--json")
    same(tfmat.evaluate_reconstruction("bi-se", limit=6), command(capsys, *words))
    model = "ccdcgan-bi-se-compact"
    words = (*words, "--stage", "autoencoder", "--model", model, "--split", "test")
    found = tfmat.evaluate_reconstruction(
        tfmat.load_dataset("bi-se"),
        stage="autoencoder",
        model=tfmat.load(model),
        split="test",
        limit=6,
    )
    same(found, command(capsys, *words))


def test_formulas_are_judged_as_by_the_command(capsys, tmp_path):
    out = tmp_path / "made.csv"
    command(capsys, "generate", "matgan", "-n", 300, "--unique", "--out", out, "--json")
    words = ("evaluate", "compositions", out, "--train", "formulas", "--json")
    by_command = command(capsys, *words, "--baselines", "-n", 50, "--seed", 2)
    formulas = tfmat.load("matgan-plus-icsd-filter").generate(300, unique=True)
    options = {"train": "formulas", "baselines": True, "number": 50, "seed": 2}
    same(tfmat.evaluate_compositions(out, **options), by_command)
    same(tfmat.evaluate_compositions({"made.csv": formulas}, **options), by_command)
    listed = tfmat.evaluate_compositions(["Li2O", "NaCl", "NaCl2"])
    assert metric_of(listed, "balanced_of_distinct", set="samples").value == pytest.approx(2 / 3)
    for wrong in ([], ["xyz"]):
        with pytest.raises(InputError, match=r"^samples: "):
            tfmat.evaluate_compositions(wrong)


def alloys():
    sites = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    four = ["Au"] * 4, ["Au", "Cu", "Cu", "Cu"], ["Cu", "Cu", "Au", "Au"], ["Fe"] * 4
    return [Structure(Lattice.cubic(3.9), species, sites) for species in four]


def test_relaxing_and_the_hull_are_those_of_the_commands(capsys, tmp_path):
    given = alloys()
    (tmp_path / "cif").mkdir()
    for number, structure in enumerate(given):
        structure.properties["id"] = f"alloy-{number}"
        structure.to(str(tmp_path / "cif" / f"alloy-{number}.cif"))
    out = tmp_path / "relaxed"
    command(capsys, "relax", tmp_path / "cif", "--potential", "emt", "--out", out, "--json")
    kept = Dataset.open(out)
    relaxed = tfmat.relax(given, potential="emt")
    assert [one.properties["id"] for one in relaxed] == list(kept.ids)
    energies = [one.properties["formation_energy_per_atom"] for one in relaxed]
    np.testing.assert_allclose(energies, kept.property("formation_energy_per_atom"), atol=1e-6)
    for one, crystal in zip(relaxed, kept, strict=True):
        np.testing.assert_allclose(one.lattice.matrix, crystal.lattice, atol=1e-5)
    assert list(relaxed.failed) == ["alloy-3"]
    assert "has not learned Fe" in relaxed.failed["alloy-3"]

    folder = tmp_path / "hull"
    words = ("evaluate", "hull", out, "--against", f"known={out}", "--out", folder)
    command(capsys, *words, "--pictures", 0, "--json")
    with (folder / "hull.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream) if row["set"] == "generated"}
    above = tfmat.hull(relaxed, {"known": out})
    assert set(above.ids) == set(rows)
    for array, column in (
        (above.above, "e_above_known_hull"),
        (above.above_redefined, "e_above_redefined_hull"),
    ):
        written = [float(rows[name][column]) for name in above.ids]
        np.testing.assert_allclose(array, written, atol=1e-6)
    assert above.warnings == []
    assert above.left_out["structures"] == {"element not covered": 1}
    assert above.stable.tolist() == [False, True, True]


def test_a_hull_needs_energies(structures):
    with pytest.raises(InputError, match="no formation_energy_per_atom"):
        tfmat.hull(structures, "bi-se")
    with pytest.raises(InputError, match=r"^`system` Xx-O: "):
        tfmat.hull("bi-se", "bi-se", system="Xx-O")
    with pytest.raises(InputError, match=r"^against: two have one name"):
        tfmat.hull("bi-se", ["bi-se", "bi-se"])


@pytest.mark.parametrize("wrong", [3, [], ["x"], alloys()[0]], ids=type)
def test_what_is_no_list_of_structures_is_refused(wrong):
    with pytest.raises(InputError, match=r"^structures"):
        tfmat.novelty(wrong)
