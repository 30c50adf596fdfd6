"""Building a dataset of Cu-Au with the effective medium theory of ASE as the potential."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase.calculators.emt import EMT
from click.testing import CliRunner
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition, Element, Structure
from tfmat.cli.main import tfmat

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.hull import energy_above_hull
from tfmat.datasets.select import passes
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.relaxation.databases import build as building
from tfmat.relaxation.databases.labelling import LabellingSettings
from tfmat.relaxation.databases.prototypes import aflow
from tfmat.relaxation.potentials.calculator import AseCalculator

CU, AU = 29, 79


def emt() -> AseCalculator:
    return AseCalculator(EMT(), "EMT")


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """CsCl, rocksalt, Cu3Au and MoSi2 filled with magnesium and oxygen, and two that do not fit."""
    wanted = {"AB_cP2_221_b_a", "AB_cF8_225_a_b", "AB3_cP4_221_a_c", "AB2_tI6_139_a_e"}
    folder = tmp_path_factory.mktemp("prototypes") / "few"
    with DatasetWriter(folder, {"name": "few", "sha256": ""}) as writer:
        for prototype in aflow():
            if prototype.name in wanted:
                writer.add(prototype.filled((12, 8)), prototype.name)
                wanted.discard(prototype.name)
        rocksalt = next(p for p in aflow() if p.name == "AB_cF8_225_a_b").filled((11, 17))
        conventional = rocksalt.to_structure() * ((-1, 1, 1), (1, -1, 1), (1, 1, -1))
        writer.add(Crystal.from_structure(conventional), "conventional-rocksalt")
        writer.add(Crystal(np.eye(3) * 3.6, np.zeros((1, 3)), np.array([CU], np.uint8)), "element")
    assert not wanted
    return folder


@pytest.fixture(scope="module")
def built(few, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "cu-au"
    settings = LabellingSettings(copies=3, strain=0.02, displacement=0.05, seed=1, max_length=8.0)
    summary = building.build(out, ("cu", "Au"), settings, prototype_data=few, factory=emt)
    return Dataset.open(out), summary, settings


def test_every_structure_is_what_its_name_says(built):
    dataset, summary, settings = built
    assert len(dataset) == summary["structures"] == summary["kept"] + summary["copies"]
    assert summary["copies"] == 3 * summary["kept"]
    assert len(set(dataset.ids)) == len(dataset)
    for name, crystal in zip(dataset.ids, dataset, strict=True):
        prototype, formula, copy = name.split(":")
        assert crystal.to_structure().reduced_formula == Composition(formula).reduced_formula
        assert passes(crystal, settings.max_atoms, settings.max_length)
        assert int(copy) in range(4)
        assert prototype.startswith(("AB", "conventional"))
    assert {"AB3_cP4_221_a_c:CuAu3:0", "AB3_cP4_221_a_c:AuCu3:0"} <= set(dataset.ids)


def test_both_ways_round_and_duplicates(built):
    dataset, summary, _ = built
    # Five binaries, each both ways round; those with equal sites give one structure, and the
    # conventional cell is the primitive one again.
    assert summary["candidates"] == 10
    assert summary["rejected"] == {"duplicate": 4}
    assert summary["kept"] == 6
    assert "AB_cF8_225_a_b:AuCu:0" not in dataset.ids
    with (dataset.path / "rejected.csv").open() as stream:
        assert "duplicate: the same as AB_cF8_225_a_b:CuAu" in stream.read()


def test_labels_are_formation_energies_of_the_same_potential(built):
    dataset, summary, _ = built
    elements = {}
    for symbol, number in (("Cu", CU), ("Au", AU)):
        assert summary["references"][symbol]["prototype"] == "A_cF4_225_a"
        elements[number] = summary["references"][symbol]["energy_per_atom"]
    # ASE's documentation: copper's lattice constant with EMT is about 3.59 Å.
    copper = Crystal(1.795 * (1 - np.eye(3)), np.zeros((1, 3)), np.array([CU], np.uint8))
    assert elements[CU] == pytest.approx(float(emt().energies([copper])[0]), abs=1e-4)
    totals = emt().energies(list(dataset))
    expected = [
        total - np.mean([elements[int(number)] for number in crystal.numbers])
        for total, crystal in zip(totals, dataset, strict=True)
    ]
    np.testing.assert_allclose(dataset.property("energy_per_atom"), totals, atol=1e-9)
    np.testing.assert_allclose(dataset.property("formation_energy_per_atom"), expected, atol=1e-9)
    by_name = dict(zip(dataset.ids, expected, strict=True))
    assert by_name["AB3_cP4_221_a_c:AuCu3:0"] < 0  # L1_2 Cu3Au is stable in nature and in EMT
    assert dataset.property("e_above_hull").min() == pytest.approx(0, abs=1e-12)


def test_unperturbed_structures_are_at_rest(built):
    dataset, _, _ = built
    for name, crystal in zip(dataset.ids, dataset, strict=True):
        if name.endswith(":0"):
            found = emt().evaluate([crystal])
            assert np.linalg.norm(found.forces[0], axis=1).max() < 0.05
            assert np.abs(found.stresses[0]).max() < 0.01


def test_the_record_names_potential_settings_and_source(built, few):
    dataset, _, settings = built
    record = dataset.metadata["extra"]["build"]
    assert record["calculator"]["name"] == "EMT"
    assert record["calculator"]["version"]
    assert record["elements"] == ["Cu", "Au"]
    assert record["settings"] == settings.record()
    assert dataset.metadata["source"]["sha256"] == Dataset.open(few).sha256
    assert dataset.metadata["selection"] == {"max_atoms": 20, "max_length": 8.0}
    assert not list(dataset.path.parent.glob("*.work"))


def test_processes_do_not_change_the_result(built, few, tmp_path):
    dataset, _, settings = built
    out = tmp_path / "parallel"
    building.build(
        out, ("Cu", "Au"), settings, prototype_data=few, workers=2, factory=_factory_in_module()
    )
    assert Dataset.open(out).sha256 == dataset.sha256


def _factory_in_module():
    # A spawned process imports the factory by name; a test module has none there.
    from tests_build_factory import emt as factory

    return factory


@pytest.fixture(autouse=True)
def _factory_on_path(tmp_path, monkeypatch):
    (tmp_path / "tests_build_factory.py").write_text(
        "from ase.calculators.emt import EMT\n"
        "from tfmat.relaxation.potentials.calculator import AseCalculator\n"
        "def emt():\n"
        "    return AseCalculator(EMT(), 'EMT')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("tests_build_factory", None)


SCRIPT = """
import sys
from pathlib import Path
from ase.calculators.emt import EMT
from tfmat.relaxation.databases import build as building
from tfmat.relaxation.databases import hypothetical
from tfmat.relaxation.potentials.calculator import AseCalculator
from tfmat.relaxation.databases.labelling import LabellingSettings

hypothetical._SMALLEST_CHUNK = 8
building.build(
    Path(sys.argv[1]), ("Cu", "Au"),
    LabellingSettings(relax=False, max_atoms=3, copies=1, limit=24),
    factory=lambda: AseCalculator(EMT(), "EMT"),
)
"""


def test_a_killed_build_goes_on(tmp_path):
    def start(out):
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(out)], stderr=subprocess.PIPE, text=True
        )

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    process = start(broken)
    chunks = tmp_path / "broken.work" / "structures"
    while not list(chunks.glob("*.json")) and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = {file: file.stat().st_mtime_ns for file in chunks.glob("*.json")}
    assert done
    assert not broken.exists()
    again = start(broken)
    while (tmp_path / "broken.work").exists() and again.poll() is None:
        for file, stamp in done.items():
            if file.exists():
                assert file.stat().st_mtime_ns == stamp
        time.sleep(0.05)
    _, progress = again.communicate()
    assert again.returncode == 0, progress
    assert start(whole).wait() == 0
    assert Dataset.open(broken).sha256 == Dataset.open(whole).sha256


def test_an_unfinished_build_with_other_settings_is_not_mixed_in(few, tmp_path):
    class StopHereError(Exception):
        pass

    class Failing(AseCalculator):
        def energies(self, crystals):
            raise StopHereError

    with pytest.raises(StopHereError):
        building.build(
            tmp_path / "x",
            ("Cu", "Au"),
            LabellingSettings(),
            prototype_data=few,
            factory=lambda: Failing(EMT(), "EMT"),
        )
    with pytest.raises(InputError, match="other settings"):
        building.build(
            tmp_path / "x", ("Cu", "Au"), LabellingSettings(seed=1), prototype_data=few, factory=emt
        )


def test_a_potential_that_binds_nothing(few, tmp_path):
    class Repulsive(AseCalculator):
        def energies(self, crystals):
            return np.array([1 / np.linalg.det(crystal.lattice) ** 2 for crystal in crystals])

    with pytest.raises(InputError, match="not bound"):
        building.build(
            tmp_path / "x",
            ("Cu", "Au"),
            LabellingSettings(),
            prototype_data=few,
            factory=lambda: Repulsive(EMT(), "none"),
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name either"),
        (["bi-se", "--elements", "Bi,Se"], "name either"),
        (["bise"], "two to four elements with dashes"),
        (["--elements", "Bi,Xx"], "no element"),
        (["--elements", "Bi"], "two to four"),
        (["--elements", "Bi,Po"], "chgnet: has not learned Po"),
        (["bi-se", "--potential", "emt"], "emt: has not learned bi"),
        (["bi-se", "--potential", "dft"], "not known"),
        (["li-na-k-rb-cs"], "two to four"),
        (["bi-bi"], "twice"),
        (["cu-au", "--potential", "emt", "--prototypes", "nowhere"], "no such dataset"),
    ],
)
def test_wrong_words_are_one_line(tmp_path, arguments, message):
    result = CliRunner().invoke(
        tfmat, ["data", "build", *arguments, "--out", str(tmp_path / "x")], standalone_mode=False
    )
    assert result.exception is not None
    assert message in str(getattr(result.exception, "message", result.exception))


def test_the_command(few, tmp_path):
    arguments = [
        *("data", "build", "cu-au", "--potential", "emt", "--prototypes", str(few)),
        *("--out", str(tmp_path / "out")),
    ]
    result = CliRunner().invoke(tfmat, arguments)
    assert result.exit_code == 0, result.output
    out = Dataset.open(tmp_path / "out")
    lines = result.stdout.splitlines()
    assert lines[0].endswith("6 structures (6 originals, 0 copies) from 10 candidates")
    assert lines[1] == "rejected: 4 duplicate"
    assert lines[4].split() == ["converged", "6", "(100.0%)"]
    stable = (out.property("formation_energy_per_atom") < 0) & (out.property("e_above_hull") <= 0.1)
    assert lines[6].endswith(f" {stable.sum()} ({stable.mean():.2%})")
    assert "paper" not in result.stdout


def test_an_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        building.build(tmp_path, ("Cu", "Au"), LabellingSettings(), factory=emt)


def test_hull_against_pymatgen():
    random = np.random.default_rng(0)
    counts = random.integers(1, 7, size=(60, 2))
    energies = random.normal(0, 0.3, size=60)
    entries = [PDEntry(Composition({"Cu": 1}), 0), PDEntry(Composition({"Au": 1}), 0)]
    compounds = [
        PDEntry(Composition({"Cu": int(a), "Au": int(b)}), energy * (a + b))
        for (a, b), energy in zip(counts, energies, strict=True)
    ]
    diagram = PhaseDiagram([*entries, *compounds])
    expected = [diagram.get_e_above_hull(entry) for entry in compounds]
    shares = counts[:, 1] / counts.sum(axis=1)
    np.testing.assert_allclose(energy_above_hull(shares, energies), expected, atol=1e-9)


@pytest.mark.relax
def test_the_correction_is_the_materials_projects():
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility
    from pymatgen.entries.computed_entries import ComputedStructureEntry

    from tfmat.relaxation.potentials.corrections import anion_correction

    prototype = next(p for p in aflow() if p.name == "A2B3_hR5_166_c_ac")
    for pair in (("Bi", "Se"), ("Al", "O"), ("Ga", "N"), ("Cu", "Au")):
        crystal = prototype.filled([Element(symbol).Z for symbol in pair])
        structure: Structure = crystal.to_structure()
        entry = ComputedStructureEntry(
            structure,
            -1.0,
            parameters={
                "run_type": "GGA",
                "is_hubbard": False,
                "hubbards": {},
                "pseudo_potential": {"functional": "PBE", "labels": [], "pot_type": "paw"},
            },
        )
        MaterialsProject2020Compatibility(check_potcar=False).process_entry(entry, inplace=True)
        assert anion_correction(crystal.numbers) == pytest.approx(
            entry.correction / len(crystal), abs=1e-9
        )
    assert anion_correction(np.array([34, 34], np.uint8)) == 0


@pytest.mark.relax
def test_bismuth_selenide_with_chgnet(tmp_path):
    pytest.importorskip("chgnet")
    from tfmat.relaxation.potentials.chgnet import ChgnetCalculator

    folder = tmp_path / "prototypes"
    with DatasetWriter(folder, {"name": "two", "sha256": ""}) as writer:
        for prototype in aflow():
            if prototype.name in {"A2B3_hR5_166_c_ac", "AB_cP2_221_b_a"}:
                writer.add(prototype.filled((83, 34)), prototype.name)
    result = CliRunner().invoke(
        tfmat,
        [
            *("data", "build", "bi-se", "--out", str(tmp_path / "out")),
            *("--prototypes", str(folder), "--copies", "1", "--steps", "50", "--json"),
        ],
    )
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["references"]["Bi"]["prototype"] == "A_hR2_166_c-3"
    assert summary["references"]["Se"]["prototype"] == "A_hP3_152_a"
    dataset = Dataset.open(tmp_path / "out")
    energies = dict(zip(dataset.ids, dataset.property("formation_energy_per_atom"), strict=True))
    # The Materials Project's uncorrected PBE value for Bi2Se3 is -0.384 eV/atom.
    assert energies["A2B3_hR5_166_c_ac:Bi2Se3:0"] == pytest.approx(-0.384, abs=0.06)
    assert dataset.metadata["extra"]["build"]["calculator"]["name"] == "CHGNet"
    np.testing.assert_allclose(
        ChgnetCalculator().energies(list(dataset)), dataset.property("energy_per_atom"), atol=1e-5
    )


def test_prototypes_of_no_use_are_refused_and_nothing_is_left(few, tmp_path):
    with pytest.raises(InputError, match="no structure of 2 elements and at most 1 atoms"):
        building.build(
            tmp_path / "made" / "out",
            ("Cu", "Au"),
            LabellingSettings(max_atoms=1),
            prototype_data=few,
            factory=emt,
        )
    assert not list((tmp_path / "made").iterdir())


def test_a_selection_that_leaves_nothing_is_refused(few, tmp_path):
    settings = LabellingSettings(relax=False, max_length=1.0)
    with pytest.raises(InputError, match="candidates is left"):
        building.build(
            tmp_path / "made" / "out", ("Cu", "Au"), settings, prototype_data=few, factory=emt
        )
    assert not list((tmp_path / "made").iterdir())
