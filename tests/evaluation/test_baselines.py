"""Structures without a network: what they are, and what is said of them."""

import json
import re

import numpy as np
import pytest
from ase.data import covalent_radii
from pymatgen.core import Lattice, Structure
from tfmat.cli.main import main

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.evaluation.novelty.evaluate import evaluate_structures
from tfmat.evaluation.structures.baselines import (
    SHIFT,
    STRAIN,
    disturbed,
    draw_baselines,
    random_crystal,
    substituted,
)
from tfmat.metric import metric_of

ROCK_SALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
)
FLUORITE = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.46), ["Ca", "F"], [[0, 0, 0], [0.25, 0.25, 0.25]]
)


def crystal(structure):
    return Crystal.from_structure(structure)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "known"
    with DatasetWriter(out, {"name": "known"}) as writer:
        for number, structure in enumerate((ROCK_SALT, FLUORITE)):
            writer.add(crystal(structure), f"known-{number}", {})
    return Dataset.open(out)


def volume(one):
    return abs(np.linalg.det(one.lattice))


def test_noise_is_as_large_as_it_is_said_to_be():
    random = np.random.default_rng(1)
    shifts, strains = [], []
    for _ in range(300):
        made = disturbed(crystal(ROCK_SALT), random)
        stretch = np.linalg.solve(crystal(ROCK_SALT).lattice, made.lattice)
        np.testing.assert_allclose(stretch, stretch.T)
        strains.append(np.diag(stretch) - 1)
        shifts.append(made.positions - crystal(ROCK_SALT).positions @ stretch)
    assert np.std(strains) == pytest.approx(STRAIN, rel=0.1)
    assert np.std(shifts) == pytest.approx(SHIFT, rel=0.03)
    assert abs(np.mean(shifts)) < 0.01


def test_elements_take_the_places_of_as_many_atoms():
    # Of CaF2 the fewest are Ca: Mg takes them, H takes those of F.
    made = substituted(crystal(FLUORITE), [12, 1])
    assert made.to_structure().composition.reduced_formula == "MgH2"
    spheres = (covalent_radii[12] ** 3 + 2 * covalent_radii[1] ** 3) / (
        covalent_radii[20] ** 3 + 2 * covalent_radii[9] ** 3
    )
    assert volume(made) / volume(crystal(FLUORITE)) == pytest.approx(spheres)
    fractions = [one.positions @ np.linalg.inv(one.lattice) for one in (made, crystal(FLUORITE))]
    np.testing.assert_allclose(*fractions, atol=1e-9)


def test_random_cells_keep_volume_and_atoms_and_are_not_flat():
    random = np.random.default_rng(2)
    places = []
    for _ in range(200):
        made = random_crystal(crystal(FLUORITE), random)
        assert volume(made) == pytest.approx(volume(crystal(FLUORITE)))
        assert made.numbers.tolist() == crystal(FLUORITE).numbers.tolist()
        lattice = Lattice(made.lattice)
        assert all(60 <= angle <= 120 for angle in lattice.angles)
        assert lattice.volume > 0.3 * np.prod(lattice.abc)
        places.append(made.positions @ np.linalg.inv(made.lattice))
    assert np.histogram(places, 4, (0, 1))[0].min() > 0.9 * np.size(places) / 4


def test_each_baseline_is_drawn_as_it_says(known):
    lithium = ROCK_SALT.copy()
    lithium.replace_species({"Na": "Li", "Cl": "Br"})
    lead = FLUORITE.copy()
    lead.replace_species({"Ca": "F", "F": "Pb"})
    no_prototype = Structure(Lattice.cubic(4), ["O"], [[0, 0, 0]])
    made = [crystal(one) for one in (lithium, lead, no_prototype)]
    sets = draw_baselines(made, {"known": known}, 3)
    assert {name: len(found) for name, found in sets.items()} == {
        "known": 2, "noise": 2, "substitution": 2, "random": 3,
    }  # fmt: skip
    formulas = [one.to_structure().composition.reduced_formula for one in sets["substitution"]]
    assert formulas == ["LiBr", "Pb2F"]
    again = draw_baselines(made, {"known": known}, 3)
    for name, found in sets.items():
        for one, other in zip(found, again[name], strict=True):
            np.testing.assert_array_equal(one.positions, other.positions)
    other = draw_baselines(made, {"known": known}, 4)
    assert not np.allclose(other["random"][0].positions, sets["random"][0].positions)
    assert draw_baselines([], {"known": known}, 0)["random"] == []


def test_what_is_said_of_them(tmp_path, known, capsys):
    lithium = ROCK_SALT.copy()
    lithium.replace_species({"Na": "Li", "Cl": "Br"})
    made = tmp_path / "made"
    with DatasetWriter(made, {"name": "made"}) as writer:
        for number, structure in enumerate((lithium, ROCK_SALT, FLUORITE)):
            writer.add(crystal(structure), f"made-{number}", {})
    out = tmp_path / "baselines"
    words = ["evaluate", "structures", made, "--against", known.path, "--baselines", out]
    with pytest.raises(SystemExit) as end:
        main([*map(str, words), "--no-index", "--json"])
    assert end.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["baselines"]["structures"] == {
        "known": 2, "noise": 2, "substitution": 3, "random": 3,
    }  # fmt: skip
    assert metric_of(found, "novelty", baseline="known").value == 0
    # LiBr is new; the others have the elements of the known ones in their own places, or in each
    # other's: rock salt is the same then.
    substitution = Dataset.open(out / "substitution")
    new = evaluate_structures(substitution.path, known)["novel"]
    assert metric_of(found, "novelty", baseline="substitution").numerator == new >= 1
    for name in ("known", "noise", "substitution", "random"):
        dataset = Dataset.open(out / name)
        alone = evaluate_structures(dataset.path, known)
        for metric in ("uniqueness", "unique_and_novel", "structure_valid", "balanced"):
            expected = metric_of(alone, metric)
            said = metric_of(found, metric, baseline=name)
            assert (said.numerator, said.denominator) == (expected.numerator, expected.denominator)
    with pytest.raises(SystemExit):
        main([*map(str, words), "--no-index", "--overwrite"])
    said = capsys.readouterr().out
    assert re.search(r"  known: 2 structures; distinct 100.0%, distinct and novel 0.0%", said)


def test_baselines_need_known_structures_and_a_place(tmp_path, known):
    with pytest.raises(InputError, match="needs known structures"):
        evaluate_structures(known.path, baselines=tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine", "utf-8")
    with pytest.raises(InputError, match="has not written"):
        evaluate_structures(known.path, known, baselines=tmp_path / "mine", overwrite=True)
