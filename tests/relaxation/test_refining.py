"""A database relaxed again near its hull: Cu-Au with effective medium theory both times."""

import json

import numpy as np
import pytest
from ase.calculators.emt import EMT
from click.testing import CliRunner
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition
from tfmat.cli.main import tfmat

from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.relaxation.databases.build import build
from tfmat.relaxation.databases.labelling import LabellingSettings
from tfmat.relaxation.databases.refining import Refinement, joined
from tfmat.relaxation.potentials.calculator import AseCalculator

WITHIN = 0.03


class Shifted(EMT):
    """Effective medium theory with a field that favours gold-rich compounds."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        gold = float(np.mean(atoms.numbers == 79))
        shift = -0.08 * len(atoms) * gold * gold * (1 - gold)
        for name in ("energy", "free_energy"):
            self.results[name] += shift


def first():
    return AseCalculator(EMT(), "EMT")


def second():
    return AseCalculator(Shifted(), "shifted")


@pytest.fixture(scope="module")
def refined(tmp_path_factory):
    out = tmp_path_factory.mktemp("refined") / "cu-au"
    settings = LabellingSettings(limit=14, seed=3, max_length=12.0)
    again = Refinement(second, WITHIN)
    return Dataset.open(out) if build_to(out, settings, again) else None


def build_to(out, settings, refinement):
    return build(out, ("Cu", "Au"), settings, factory=first, refinement=refinement)


def test_near_the_hull_both_energies_are_known_and_elsewhere_only_the_first(refined):
    old = refined.property("screening_formation_energy_per_atom")
    above = refined.property("screening_e_above_hull")
    new = refined.property("formation_energy_per_atom")
    assert np.isfinite(old).all()
    assert (np.isfinite(new) == (above <= WITHIN)).all()
    assert 0 < np.isfinite(new).sum() < len(new)
    assert (np.isfinite(new) == np.isfinite(refined.property("e_above_hull"))).all()


def test_the_energies_are_those_of_the_second_potential(refined):
    new = refined.property("energy_per_atom")
    references = refined.metadata["extra"]["energies"]["references"]
    formation = refined.property("formation_energy_per_atom")
    entries = {}
    for row in np.flatnonzero(np.isfinite(new)):
        crystal = refined[int(row)]
        assert second().energies([crystal])[0] == pytest.approx(new[row], abs=1e-9)
        gold = np.mean(crystal.numbers == 79)
        base = (
            gold * references["Au"]["energy_per_atom"]
            + (1 - gold) * references["Cu"]["energy_per_atom"]
        )
        assert formation[row] == pytest.approx(new[row] - base)
        composition = Composition({"Cu": 1 - gold, "Au": gold})
        entries[row] = PDEntry(composition, formation[row] * composition.num_atoms)
    elements = [PDEntry(Composition(symbol), 0.0) for symbol in ("Cu", "Au")]
    diagram = PhaseDiagram([*entries.values(), *elements])
    for row, entry in entries.items():
        expected = diagram.get_e_above_hull(entry, allow_negative=True)
        assert refined.property("e_above_hull")[row] == pytest.approx(expected, abs=1e-8)


def test_the_record_names_both_potentials(refined):
    extra = refined.metadata["extra"]
    assert extra["energies"]["scale"] == "as shifted gives it"
    assert extra["screening_energies"]["scale"] == "as EMT gives it"
    assert extra["build"]["calculator"]["name"] == "EMT"
    assert extra["build"]["refinement"]["calculator"]["name"] == "shifted"
    assert extra["build"]["refinement"]["within"] == WITHIN
    known = int(np.isfinite(refined.property("formation_energy_per_atom")).sum())
    assert extra["build"]["refined"]["kept"] == known
    names = {item["name"] for item in extra["build"]["metrics"] if item["subset"]}
    assert {"stable", "metastable"} <= names
    assert "negative" not in names


def test_a_wide_net_refines_all(tmp_path, refined):
    settings = LabellingSettings(limit=14, seed=3, max_length=12.0)
    build_to(tmp_path / "all", settings, Refinement(second, 100.0))
    every = Dataset.open(tmp_path / "all")
    assert np.isfinite(every.property("formation_energy_per_atom")).all()
    chosen = np.isfinite(refined.property("formation_energy_per_atom"))
    for name in np.array(refined.ids)[chosen]:
        assert name in every.ids


def test_one_start_ends_nowhere_lower_than_two(tmp_path):
    # Without the volume scan of the filled prototype there are no lower ends to be found.
    settings = LabellingSettings(limit=14, seed=3, max_length=12.0, duplicates="keep")
    energies = []
    for starts in (1, 2):
        build_to(tmp_path / str(starts), settings, Refinement(second, 0.3, starts))
        found = Dataset.open(tmp_path / str(starts))
        assert found.metadata["extra"]["build"]["refinement"]["starts"] == starts
        known = zip(found.ids, found.property("energy_per_atom"), strict=True)
        energies.append({name: energy for name, energy in known if np.isfinite(energy)})
    one, two = energies
    assert len(one.keys() & two.keys()) > 3
    for name in one.keys() & two.keys():
        assert one[name] >= two[name] - 1e-12


def test_it_goes_with_neither_copies_nor_unrelaxed_structures(tmp_path):
    for settings in (LabellingSettings(copies=1), LabellingSettings(relax=False)):
        with pytest.raises(InputError, match="`refine` relaxes"):
            build_to(tmp_path / "x", settings, Refinement(second, 0.1))
    assert not list(tmp_path.iterdir())


def test_what_fails_the_second_time_goes():
    screening = {"e_above_hull": 0.0}
    rows = [{"id": name, "energy": 1.0, "screening": screening} for name in "abc"]
    found = joined(rows, {"a": {"id": "a", "energy": 2.0}}, {"a": {}, "b": {}})
    assert [row["id"] for row in found] == ["a", "c"]
    assert found[0]["energy"] == 2.0
    assert np.isnan(found[1]["energy"])


def test_the_command_says_what_was_relaxed_again(tmp_path):
    words = ["data", "build", "cu-au", "--out", str(tmp_path / "x"), "--limit", "6"]
    options = ["--potential", "emt", "--refine", "emt", "--max-length", "12", "--within", "0.05"]
    result = CliRunner().invoke(tfmat, [*words, *options])
    assert result.exit_code == 0, result.output
    assert "relaxed again with emt" in result.output
    assert "below 0 eV/atom" not in result.output
    result = CliRunner().invoke(tfmat, [*words[:-2], "--refine", "lda", "--potential", "emt"])
    assert "`potential` lda: not known" in str(result.exception)
    assert json.loads((tmp_path / "x" / "metadata.json").read_text())["extra"]["build"]["refined"]
