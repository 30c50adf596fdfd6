"""tfmat relax with ASE's effective medium theory as the potential."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.io import read, write
from ase.optimize import BFGS
from click.testing import CliRunner
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure
from tfmat.cli.main import tfmat

from tfmat.datasets.folders import read_record
from tfmat.datasets.store import Dataset
from tfmat.installing import command
from tfmat.metric import metric_of, read_metrics, where
from tfmat.relaxation import relax_source
from tfmat.relaxation.relaxing import relax_rows

GPA = 160.21766
MATCHER = StructureMatcher(ltol=0.2, stol=0.3, angle_tol=5)


def alloys(count: int) -> list[Atoms]:
    """Copper-gold cells of four atoms, rattled and at a wrong volume."""
    frames = []
    for index in range(count):
        atoms = bulk("Cu", "fcc", a=3.75, cubic=True)
        atoms.numbers[: index % 4] = 79
        atoms.rattle(0.08, seed=index)
        atoms.set_cell(atoms.cell * (1 + 0.01 * (index % 7 - 3)), scale_atoms=True)
        atoms.info["id"] = f"alloy/{index}"
        frames.append(atoms)
    return frames


def hopeless() -> list[Atoms]:
    """What no potential should be asked about, or this one cannot say anything about."""
    lonely = bulk("Cu", "fcc", a=20.0)
    touching = bulk("Cu", "fcc", a=3.7, cubic=True)
    touching.positions[1] = touching.positions[0] + (0.1, 0, 0)
    iron = bulk("Fe", "bcc", a=2.8)
    for atoms, name in ((lonely, "lonely"), (touching, "touching"), (iron, "iron")):
        atoms.info["id"] = name
    return [lonely, touching, iron]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("relax")


@pytest.fixture(scope="module")
def source(folder):
    file = folder / "alloys.extxyz"
    frames = alloys(8)
    write(file, [*frames[:4], *hopeless(), *frames[4:]], format="extxyz")
    with file.open("a") as stream:
        stream.write('1\nLattice="a"\nCu 0 0 0\n')
    return file


def relax(source, out, *options, cache):
    words = ["relax", str(source), "--out", str(out), "--potential", "emt", "--cache", str(cache)]
    result = CliRunner().invoke(tfmat, [*words, "--json", *options])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def relaxed(source, folder):
    out = folder / "relaxed"
    return out, relax(source, out, cache=folder / "cache")


def table(out):
    with (out / "relaxation.csv").open(encoding="utf-8", newline="") as stream:
        return {row["id"]: row for row in csv.DictReader(stream)}


def test_every_structure_has_a_row_and_failures_have_reasons(relaxed):
    out, summary = relaxed
    rows = table(out)
    assert len(rows) == summary["structures"] == 12
    assert summary["converged"] == 8
    assert summary["failed"] == 4
    reasons = {name: row["reason"] for name, row in rows.items() if row["status"] == "failed"}
    assert reasons["lonely"] == "isolated atom: nothing within 6 Å of atom 1 (Cu)"
    assert reasons["touching"] == "atoms too close: 0.10 Å, less than 0.5 Å"
    assert reasons["iron"] == "element not covered: the potential has not learned Fe"
    assert len(reasons) == 4  # and the frame that cannot be read
    with (out / "rejected.csv").open(encoding="utf-8", newline="") as stream:
        assert {row["id"] for row in csv.DictReader(stream)} == set(reasons)
    failed = read(out / "failed.extxyz", ":")
    assert [atoms.info["id"] for atoms in failed] == ["lonely", "touching", "iron"]
    assert failed[0].info["reason"] == reasons["lonely"]


def test_fragments_with_vacuum_between_are_no_crystals(folder):
    """Two atoms in a large box come to rest: no force is left, and there is no crystal either."""
    pair = Atoms("Cu2", [[0, 0, 0], [2.3, 0, 0]], cell=np.eye(3) * 9, pbc=True)
    sheet = Atoms("Cu", cell=np.diag([2.6, 2.6, 14]), pbc=True)
    file = folder / "loose.extxyz"
    for atoms, name in ((pair, "pair"), (sheet, "sheet")):
        atoms.info["id"] = name
    write(file, [pair, sheet, *alloys(1)], format="extxyz")
    out = folder / "loose"
    words = ("--fixed-cell",)
    summary = relax(file, out, *words, cache=folder / "cache")
    assert (summary["converged"], summary["failed"]) == (1, 2)
    assert summary["reasons"] == {"fragments and vacuum": 2}
    rows = table(out)
    assert rows["pair"]["reason"].startswith("fragments and vacuum: 1 cluster, 365 Å³/atom, ")
    assert rows["sheet"]["reason"].startswith("fragments and vacuum: 1 sheet, 95 Å³/atom, ")
    assert len(Dataset.open(out)) == 1


def test_energies_and_forces_are_those_of_ase(relaxed, source):
    out, summary = relaxed
    rows = table(out)
    dataset = Dataset.open(out)
    dataset.verify()
    given = {atoms.info.get("id"): atoms for atoms in read(source, ":11")}
    elements = {symbol: entry["energy_per_atom"] for symbol, entry in summary["references"].items()}
    for index, name in enumerate(dataset.ids):
        row = rows[name]
        for atoms, prefix in ((given[name], "initial_"), (dataset[index].to_atoms(), "")):
            atoms.calc = EMT()
            base = np.mean([elements[symbol] for symbol in atoms.symbols])
            energy = atoms.get_potential_energy() / len(atoms) - base
            assert float(row[f"{prefix}formation_energy_per_atom"]) == pytest.approx(
                energy, abs=2e-6
            )
            force = np.linalg.norm(atoms.get_forces(), axis=1).max()
            assert float(row[f"{prefix}max_force"]) == pytest.approx(force, abs=2e-6)
        assert float(row["max_stress"]) == pytest.approx(
            np.abs(atoms.get_stress()).max() * GPA, abs=1e-4
        )
        delta = float(row["delta_formation_energy_per_atom"])
        assert delta == pytest.approx(
            float(row["initial_formation_energy_per_atom"])
            - float(row["formation_energy_per_atom"]),
            abs=2e-6,
        )
        assert dataset.property("delta_formation_energy_per_atom")[index] == pytest.approx(
            delta, abs=1e-6
        )
        volume = atoms.get_volume() / given[name].get_volume() - 1
        assert float(row["volume_change"]) == pytest.approx(volume, abs=2e-6)


def test_ase_relaxes_to_the_same_energies(relaxed, source):
    rows = table(relaxed[0])
    base = {symbol: e["energy_per_atom"] for symbol, e in relaxed[1]["references"].items()}
    for atoms in read(source, ":4"):
        name = atoms.info["id"]
        atoms.calc = EMT()
        BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=0.01, steps=300)
        energy = atoms.get_potential_energy() / len(atoms)
        energy -= np.mean([base[symbol] for symbol in atoms.symbols])
        assert float(rows[name]["formation_energy_per_atom"]) == pytest.approx(energy, abs=2e-3)


def test_references_are_the_relaxed_elements(relaxed):
    references = relaxed[1]["references"]
    for symbol, start in (("Cu", 3.6), ("Au", 4.1)):
        atoms = bulk(symbol, "fcc", a=start)
        atoms.calc = EMT()
        BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-4)
        assert references[symbol]["prototype"] == "A_cF4_225_a"
        assert references[symbol]["energy_per_atom"] == pytest.approx(
            atoms.get_potential_energy(), abs=1e-4
        )


def test_the_record_says_what_the_energies_are(relaxed, source):
    out, summary = relaxed
    energies = read_record(out)["extra"]["energies"]
    assert energies["references"] == summary["references"]
    assert energies["method"].startswith("EMT ")
    assert "EMT" in energies["scale"]
    units = {name: entry["unit"] for name, entry in read_record(out)["properties"].items()}
    assert units["delta_formation_energy_per_atom"] == "eV/atom"
    assert units["max_force"] == "eV/Å"
    card = (out / "README.md").read_text("utf-8")
    assert "tfmat relax alloys.extxyz --out relaxed --potential emt\n" in card
    assert "A_cF4_225_a" in card
    assert str(source.parent) not in card


def test_cif_files_and_frames_hold_the_relaxed_structures(relaxed):
    out, _ = relaxed
    rows, dataset = table(out), Dataset.open(out)
    frames = read(out / "structures.extxyz", ":")
    for crystal, name, frame in zip(dataset, dataset.ids, frames, strict=True):
        structure = Structure.from_file(out / rows[name]["cif"])
        assert MATCHER.fit(structure, crystal.to_structure())
        assert frame.info["id"] == name
        np.testing.assert_allclose(frame.positions, crystal.positions, atol=1e-7)
    assert rows["alloy/0"]["cif"] == "cif/alloy_0.cif"


# Ctrl-C as soon as the first chunk is there, however busy the machine is.
SCRIPT = """
import os, signal, sys
from tfmat.relaxation import relax_source
from tfmat.work import chunks
relax_source.CHUNK = 3

class Interrupted(chunks.Progress):
    def update(self, *words):
        super().update(*words)
        if self.description == "relaxing":
            os.kill(os.getpid(), signal.SIGINT)

chunks.Progress = Interrupted
from tfmat.cli.main import main
if __name__ == "__main__":
    main(sys.argv[1:])
"""


def test_neither_processes_nor_an_interruption_change_the_result(
    relaxed, source, folder, monkeypatch
):
    out, _ = relaxed
    (folder / "small_chunks.py").write_text(SCRIPT)
    words = ["relax", str(source), "--potential", "emt", "--cache", str(folder / "cache")]
    words += ["--out", str(folder / "broken"), "--workers", "2"]
    process = subprocess.Popen([sys.executable, str(folder / "small_chunks.py"), *words])
    chunks = folder / "broken.work" / "structures"
    assert process.wait() == 130
    done = len(list(chunks.glob("[0-9]*.json")))
    assert done
    assert not (folder / "broken").exists()
    computed = []

    def watched(calculator, crystals, **options):
        computed.append(len(crystals))
        return relax_rows(calculator, crystals, **options)

    monkeypatch.setattr(relax_source, "CHUNK", 3)
    monkeypatch.setattr(relax_source, "relax_rows", watched)
    relax(source, folder / "broken", cache=folder / "cache")
    assert len(computed) == 4 - done
    assert not (folder / "broken.work").exists()
    # The others were computed in one chunk.
    assert Dataset.open(folder / "broken").sha256 == Dataset.open(out).sha256
    for name in ("relaxation.csv", "summary.json", "structures.extxyz"):
        assert (folder / "broken" / name).read_bytes() == (out / name).read_bytes()


def test_an_unfinished_run_with_other_settings_is_not_mixed_in(source, folder):
    out = folder / "mixed"
    relax(source, out, "--limit", "1", cache=folder / "cache")
    (folder / "mixed.work").mkdir()
    (folder / "mixed.work" / "recipe.json").write_text("{}")
    words = ["relax", str(source), "--out", str(out), "--potential", "emt", "--overwrite"]
    result = CliRunner().invoke(tfmat, words)
    assert result.exception is not None
    assert "other settings" in str(result.exception)


def test_a_fixed_cell_stays(source, folder):
    out = folder / "fixed"
    relax(source, out, "--fixed-cell", "--limit", "4", cache=folder / "cache")
    for crystal, atoms in zip(Dataset.open(out), read(source, ":4"), strict=True):
        np.testing.assert_allclose(crystal.lattice, atoms.cell.array, atol=1e-7)
    for row in table(out).values():
        assert float(row["volume_change"]) == pytest.approx(0, abs=1e-6)
        assert float(row["max_force"]) < 0.05


def test_symmetry_can_be_kept(folder):
    # A chain of copper and gold along z, which would buckle and shear.
    atoms = bulk("Cu", "sc", a=2.6) * (1, 1, 2)
    atoms.numbers[0] = 79
    atoms.info["id"] = "chain"
    file = folder / "chain.extxyz"
    write(file, atoms, format="extxyz")
    relax(file, folder / "kept", "--symmetry", cache=folder / "cache")
    [row] = table(folder / "kept").values()
    assert row["initial_space_group"] == row["space_group"] == "123"
    assert "within the space group" in (folder / "kept" / "README.md").read_text("utf-8")
    assert "--symmetry" in (folder / "kept" / "README.md").read_text("utf-8")


def test_no_steps_only_label(source, folder):
    out = folder / "static"
    summary = relax(source, out, "--steps", "0", cache=folder / "cache")
    assert summary["static"] == 8
    assert not where(read_metrics(summary), structures="relaxed")
    assert metric_of(summary, "kept_prototype").value is None
    dataset = Dataset.open(out)
    given = {atoms.info.get("id"): atoms for atoms in read(source, ":11")}
    for crystal, name in zip(dataset, dataset.ids, strict=True):
        np.testing.assert_allclose(crystal.positions, given[name].positions, atol=1e-7)
    assert np.isnan(dataset.property("delta_formation_energy_per_atom")).all()
    np.testing.assert_array_equal(
        dataset.property("formation_energy_per_atom"),
        dataset.property("initial_formation_energy_per_atom"),
    )


def test_results_can_be_relaxed_again_and_numbers_of_the_source_stay(relaxed, folder):
    out, _ = relaxed
    again = folder / "again"
    summary = relax(out, again, cache=folder / "cache")
    assert summary["converged"] == 8
    assert summary["source"]["format"] == "dataset"
    first, second = Dataset.open(out), Dataset.open(again)
    np.testing.assert_allclose(
        second.property("source_formation_energy_per_atom"),
        first.property("formation_energy_per_atom"),
    )
    assert np.abs(second.property("delta_formation_energy_per_atom")).max() < 1e-6
    assert second.property("steps").max() == 0
    # What the first source said is not renamed once more.
    assert not [name for name in second.properties if name.startswith("source_source_")]
    assert {f"source_{name}" for name in first.properties if not name.startswith("source_")} <= {
        *second.properties
    } | {"source_created"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "no such file"),
        (
            ["{source}", "--potential", "lda"],
            "not known; there are: chgnet, sevennet, sevennet-0, emt",
        ),
        (["{source}", "--out", "{folder}"], "not empty"),
        (["{source}", "--out", "{folder}", "--overwrite"], "has not written"),
        (["{iron}"], "none of 1 structures has a relaxed form; the first: .*Fe"),
    ],
)
def test_wrong_words_are_one_line(relaxed, source, folder, tmp_path, words, message):
    iron = tmp_path / "iron.extxyz"
    write(iron, hopeless()[2], format="extxyz")
    places = {"source": source, "folder": folder, "iron": iron}
    words = [word.format(**places) for word in words]
    defaults = ["--out", str(tmp_path / "x"), "--potential", "emt", "--cache", str(tmp_path / "c")]
    # What is given last counts.
    result = CliRunner().invoke(tfmat, ["relax", *defaults, *words])
    assert result.exception is not None
    assert re.search(message, str(result.exception))
    assert not (tmp_path / "x.work").exists()


def test_where_all_fail_the_reasons_are_kept(source, tmp_path):
    iron = tmp_path / "iron.extxyz"
    write(iron, hopeless()[2], format="extxyz")
    out = tmp_path / "x"
    words = ["relax", str(iron), "--out", str(out), "--potential", "emt", "--overwrite"]
    words += ["--cache", str(tmp_path / "c")]
    assert CliRunner().invoke(tfmat, words).exception is not None
    assert "element not covered" in (out / "relaxation.csv").read_text("utf-8")
    assert json.loads((out / "summary.json").read_text("utf-8"))["failed"] == 1
    assert not (out / "metadata.json").exists()
    # What was written is no dataset, but it is the command's own: a better call replaces it.
    words[1] = str(source)
    assert CliRunner().invoke(tfmat, words).exception is None
    assert (out / "metadata.json").is_file()


def test_a_cache_that_cannot_be_written_costs_nothing(source, folder, tmp_path):
    (tmp_path / "file").write_text("")
    summary = relax(source, tmp_path / "out", "--steps", "0", cache=tmp_path / "file" / "cache")
    assert summary["static"] == 8


def test_a_missing_extra_is_named(source, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "chgnet", None)
    monkeypatch.setitem(sys.modules, "chgnet.model", None)
    result = CliRunner().invoke(tfmat, ["relax", str(source), "--out", str(tmp_path / "out")])
    assert command("relax") in str(result.exception)
    assert not list(tmp_path.iterdir())
