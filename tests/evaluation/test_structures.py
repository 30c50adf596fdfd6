"""Structures as the field counts them, against smact, pymatgen, SciPy and counts by hand."""

import csv
import json
import math

import ase.io
import hull_systems
import numpy as np
import pytest
import smact
from ase.data import atomic_masses
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from scipy import constants
from scipy.stats import pearsonr
from smact.screening import smact_validity

import tfmat
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.evaluation.structures.described import describe
from tfmat.metric import metric_of

BI_SE = Dataset.open("bi-se")


def structure(symbols, edge=4.0, spacing=0.5):
    points = [[spacing * place] * 3 for place in range(len(symbols))]
    return Structure(Lattice.cubic(edge), symbols, points)


def some(count=40):
    """Returns random structures of many elements, noble gases and actinides among them."""
    random = np.random.default_rng(5)
    found = []
    for _ in range(count):
        numbers = random.choice(np.arange(1, 95), int(random.integers(1, 4)))
        lattice = np.diag(random.uniform(3, 7, 3)) + random.uniform(-1, 1, (3, 3))
        points = random.uniform(0, 1, (len(numbers), 3)) @ lattice
        found.append(Crystal.from_arrays(lattice, points, numbers))
    return found


def test_each_structure_is_described_as_by_pymatgen():
    crystals = some() + [BI_SE[row] for row in range(0, 400, 40)]
    found = describe(crystals)
    for row, crystal in enumerate(crystals):
        true = crystal.to_structure()
        kilograms = atomic_masses[crystal.numbers].sum() * constants.atomic_mass
        cubic_metres = true.volume * constants.angstrom**3
        assert found.density[row] == pytest.approx(kilograms / cubic_metres / 1000)
        assert found.volume[row] == pytest.approx(true.volume)
        distances = [near.nn_distance for around in true.get_all_neighbors(8.0) for near in around]
        assert found.shortest[row] == pytest.approx(min(distances))
        assert found.structure_valid[row] == (min(distances) > 0.5 and true.volume >= 0.1)
    for row in range(40, len(crystals)):  # of random ones the tolerance may decide
        group = SpacegroupAnalyzer(crystals[row].to_structure(), symprec=0.1)
        assert found.density[row] == pytest.approx(crystals[row].to_structure().density, rel=1e-3)
        assert found.groups[row] == (group.get_space_group_symbol(), group.get_space_group_number())


@pytest.mark.parametrize("alloys", [True, False])
def test_compositions_are_judged_as_by_smact(alloys):
    crystals = some(200)
    found = describe(crystals, symmetry=False)
    judged = found.composition_valid if alloys else found.balanced
    for crystal, valid in zip(crystals, judged, strict=True):
        formula = crystal.to_structure().composition.reduced_formula
        assert valid == smact_validity(
            crystal.to_structure().composition,
            include_alloys=alloys,
            oxidation_states_set="smact14",
        ), formula


def test_symmetry_is_counted():
    made = [structure(["Na", "Cl"]), structure(["Na", "Cl"]), some()[3].to_structure()]
    found = tfmat.evaluate_structures(made)
    numbers = [SpacegroupAnalyzer(one, symprec=0.1).get_space_group_number() for one in made]
    assert metric_of(found, "space_group_P1").numerator == numbers.count(1)
    assert metric_of(found, "space_groups").value == len(set(numbers))


def test_the_judge_says_version_set_and_flags():
    found = tfmat.evaluate_structures([structure(["Na", "Cl"])])
    judge = metric_of(found, "composition_valid").judge
    assert judge.settings["smact_version"] == "4.0.2"
    assert (judge.settings["oxidation_states"], judge.settings["alloys"]) == ("smact14", True)
    assert metric_of(found, "balanced").judge.settings["alloys"] is False
    assert smact.__name__ == "smact"


def test_shares_and_distances_against_the_known_by_hand(tmp_path):
    known = ["NaCl", "NaBr", "KCl", "LiF"]
    with DatasetWriter(tmp_path / "known", {"name": "known"}) as writer:
        for formula in known:
            elements = [formula[:-2], formula[-2:]] if formula != "KCl" else ["K", "Cl"]
            if formula == "LiF":
                elements = ["Li", "F"]
            writer.add(Crystal.from_structure(structure(elements)), formula)
    made = [structure(["Na", "Cl"]), structure(["Na"]), structure(["Mg", "O"], 4.2)]
    found = tfmat.evaluate_structures(made, tmp_path / "known")
    # Na, Cl, Br, K, Li, F, Mg, O.
    held, known_held = np.array([2, 1, 0, 0, 0, 0, 1, 1]), np.array([2, 2, 1, 1, 1, 1, 0, 0])
    assert metric_of(found, "element_correlation", against="known").value == pytest.approx(
        pearsonr(held / 3, known_held / 4).statistic
    )
    covered = metric_of(found, "elements_covered", against="known")
    assert (covered.numerator, covered.denominator) == (2, 6)
    systems = metric_of(found, "systems_covered", against="known")
    assert (systems.numerator, systems.denominator) == (1, 4)
    # One third of the structures has one element, none of the known ones.
    sizes = metric_of(found, "n_elements_distance", against="known")
    assert sizes.value == pytest.approx(1 / 3)
    assert metric_of(found, "elements").value == 4
    assert metric_of(found, "systems").value == 3
    # Areas between the two cumulative distributions.
    ours = sorted(one.density for one in made)
    theirs = sorted(
        Dataset.open(tmp_path / "known")[row].to_structure().density for row in range(4)
    )
    edges = np.array(sorted([*ours, *theirs]))
    area = sum(
        width * abs(np.mean(np.array(ours) <= left) - np.mean(np.array(theirs) <= left))
        for left, width in zip(edges[:-1], np.diff(edges), strict=True)
    )
    distance = metric_of(found, "density_distance", against="known")
    assert distance.value == pytest.approx(area, rel=1e-3)
    assert metric_of(found, "valid", set="known").value == 1.0


def test_sun_of_a_hull_made_by_hand(tmp_path):
    hull_systems.write(tmp_path / "known", hull_systems.KNOWN, scale="PBE")
    rows = [
        ("LiCd", -0.30),  # below the hull, and a compound
        ("LiCd", -0.30),  # its copy
        ("LiCd2", -0.15),  # near the hull
        ("LiCd", 0.9),  # far above
        ("Li", 0.02),  # an element near its hull
        ("CoO", -1.2),  # known
    ]
    hull_systems.write(tmp_path / "made", rows, scale="PBE")
    # Cells that mean nothing are of one kind, so that CoO alone is known.
    with DatasetWriter(tmp_path / "seen", {"name": "seen"}) as writer:
        writer.add(Dataset.open(tmp_path / "made")[5], "CoO")
    found = tfmat.evaluate_structures(
        tmp_path / "made", {"seen": tmp_path / "seen"}, hull={"hull": tmp_path / "known"}
    )
    above = tfmat.hull(tmp_path / "made", {"hull": tmp_path / "known"})
    verdicts = tfmat.novelty(tmp_path / "made", {"seen": tmp_path / "seen"})
    for name, limit in (("sun", 1e-3), ("msun", 0.1)):
        for subset, fewest in (({}, 1), ({"n_elements": "2+"}, 2)):
            expected = sum(
                one.distinct and one.novel and energy <= limit and len(set(numbers)) >= fewest
                for one, energy, numbers in zip(
                    verdicts,
                    np.where(above.judged, above.above, math.inf),
                    [Dataset.open(tmp_path / "made")[row].numbers.tolist() for row in range(6)],
                    strict=True,
                )
            )
            share = metric_of(found, name, **subset)
            assert (share.numerator, share.denominator) == (expected, 6)
            assert share.tolerance.value == limit
            assert share.judge.settings["hull"] == "hull"
    assert metric_of(found, "sun").numerator == 1


def test_energies_that_come_with_the_structures_count(tmp_path):
    with DatasetWriter(tmp_path / "made", {"name": "made"}) as writer:
        for place, above in enumerate([0.0, 0.05, 0.3]):
            one = Crystal.from_structure(structure(["Na", "Cl"], 4 + place, 0.4))
            writer.add(one, str(place), {"e_above_hull": above})
        writer.add(Crystal.from_structure(structure(["K", "Cl"])), "without")
    with DatasetWriter(tmp_path / "known", {"name": "known"}) as writer:
        writer.add(BI_SE[0], "one")
    found = tfmat.evaluate_structures(tmp_path / "made", tmp_path / "known", out=tmp_path / "out")
    msun = metric_of(found, "msun")
    assert msun.denominator == 4
    assert "1 without an energy" in msun.note
    assert "e_above_hull of made" in str(msun.judge)
    with (tmp_path / "out" / "structures.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["e_above_hull"] for row in rows] == ["0.000000", "0.050000", "0.300000", ""]


@pytest.mark.parametrize(
    "symbols",
    [["He"], ["Ar", "Xe"], ["Fe"], ["H", "H"], ["Og"], ["Pm", "O"], ["Na", "Cl"]],
)
def test_odd_structures_alone_are_judged(symbols, tmp_path):
    with DatasetWriter(tmp_path / "known", {"name": "known"}) as writer:
        writer.add(BI_SE[0], "one")
    found = tfmat.evaluate_structures([structure(symbols)], tmp_path / "known")
    assert found["structures"] == 1
    json.dumps(found, allow_nan=False)
    assert metric_of(found, "structure_valid").denominator == 1
    assert metric_of(found, "sun").value is None
    assert "give `hull`" in metric_of(found, "sun").note


def test_deuterium_is_hydrogen(tmp_path):
    made = Structure(Lattice.cubic(4), ["D", "D", "O"], [[0, 0, 0], [0.3, 0, 0], [0.5, 0.5, 0.5]])
    found = tfmat.evaluate_structures([made], out=tmp_path / "out")
    with (tmp_path / "out" / "elements.csv").open(encoding="utf-8") as stream:
        assert {row["element"] for row in csv.DictReader(stream)} == {"H", "O"}
    assert metric_of(found, "composition_valid").value == 1.0


def test_a_set_in_which_nothing_is_valid():
    # Atoms on top of each other, and a composition that nobody takes.
    found = tfmat.evaluate_structures([structure(["Na", "Na", "Cl"], 4.0, 0.01)] * 3)
    assert metric_of(found, "structure_valid").value == 0
    assert metric_of(found, "valid").value == 0
    assert metric_of(found, "uniqueness").numerator <= 1
    json.dumps(found, allow_nan=False)


def test_a_folder_without_structures_has_metrics_of_nothing(folder_of_failures, tmp_path):
    found = tfmat.evaluate_structures(folder_of_failures, "bi-se", out=tmp_path / "out")
    assert found["structures"] == 0
    assert found["not_judged"] > 0
    for name in (
        "uniqueness",
        "valid",
        "median_density",
        "space_group_P1",
        "space_groups",
        "elements",
    ):
        assert metric_of(found, name).value is None
    assert metric_of(found, "element_correlation", against="bi-se").value is None
    # Of the known ones there is all the same.
    assert metric_of(found, "valid", set="bi-se").denominator == len(BI_SE)


def test_lemat_genbench_reads_what_is_written(tmp_path):
    made = some(12)
    folder, table = tmp_path / "cifs", tmp_path / "structures.csv"
    found = tfmat.evaluate_structures(
        made, export=[("lemat-genbench", folder), ("lemat-genbench", table)]
    )
    assert len(found["exported"]) == 2
    files = sorted(folder.iterdir())
    assert len(files) == 12
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for crystal, file, row in zip(made, files, rows, strict=True):
        for read in (Structure.from_file(file), Structure.from_str(row["cif_string"], fmt="cif")):
            assert read.composition == crystal.to_structure().composition
            assert read.volume == pytest.approx(crystal.to_structure().volume, rel=1e-6)


def test_mattergen_reads_total_energies_in_the_order_of_the_structures(tmp_path):
    frames = []
    for place, row in enumerate([5, 100, 30]):
        one = BI_SE[row].to_structure()
        one.properties = {"id": f"s{place}", "energy_per_atom": -3.0 - 0.1 * place}
        frames.append(one)
    found = tfmat.evaluate_structures(frames, export=[("mattergen", tmp_path / "mattergen")])
    assert "energies.npy" not in found["exported"][0]
    read = ase.io.read(tmp_path / "mattergen" / "structures.extxyz", ":")
    energies = np.load(tmp_path / "mattergen" / "energies.npy", allow_pickle=False)
    assert [atoms.info["id"] for atoms in read] == ["s0", "s1", "s2"]
    for place, atoms in enumerate(read):
        assert energies[place] == pytest.approx((-3.0 - 0.1 * place) * len(atoms))
        assert len(atoms) == len(frames[place])
    # Without energies it says so, and writes none.
    found = tfmat.evaluate_structures(some(2), export=[("mattergen", tmp_path / "plain")])
    assert "2 have no energy_per_atom" in found["exported"][0]
    assert not (tmp_path / "plain" / "energies.npy").exists()


def test_an_export_replaces_only_exports(tmp_path):
    made = some(2)
    mine = tmp_path / "mine.csv"
    mine.write_text("formula\nNaCl\n", "utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("mine", "utf-8")
    for place, name in (
        (mine, "lemat-genbench"),
        (tmp_path / "folder", "lemat-genbench"),
        (tmp_path / "folder", "mattergen"),
        (tmp_path / "x.csv", "mattergen"),
    ):
        with pytest.raises(InputError):
            tfmat.evaluate_structures(made, export=[(name, place)], overwrite=True)
    assert mine.read_text("utf-8") == "formula\nNaCl\n"
    table = tmp_path / "table.csv"
    for _ in range(2):
        tfmat.evaluate_structures(made, export=[("lemat-genbench", table)], overwrite=True)
    with pytest.raises(InputError, match="`overwrite`"):
        tfmat.evaluate_structures(made, export=[("lemat-genbench", table)])


@pytest.fixture
def folder_of_failures(tmp_path):
    import report_pages
    from tfmat.cli.main import main

    with pytest.raises(SystemExit):
        main(["generate", "ccdcgan", "-n", "3", "--out", str(tmp_path / "made")])
    return report_pages.without_structures(tmp_path / "made", tmp_path / "none")
