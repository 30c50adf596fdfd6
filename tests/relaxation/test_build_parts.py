"""The parts of building a dataset: prototypes, contacts, volume scans, copies, duplicates."""

import itertools

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.data import covalent_radii
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from tfmat.crystals.contacts import scaled, shortest_contact, touching
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.duplicates import first_copies
from tfmat.errors import InputError
from tfmat.relaxation.databases import candidates
from tfmat.relaxation.databases.labelling import LabellingSettings, relax_again
from tfmat.relaxation.databases.perturb import generator, perturbed
from tfmat.relaxation.databases.prototypes import aflow, primitive
from tfmat.relaxation.databases.substitute import Candidate, all_orders, system_numbers
from tfmat.relaxation.potentials.calculator import AseCalculator
from tfmat.relaxation.potentials.references import _KNOWN
from tfmat.relaxation.volume import CLASH, NO_ENERGY, UNBOUND, scan_volumes

PROTOTYPES = list(aflow())


def crystal_from(seed: int, atoms: int = 4) -> Crystal:
    random = np.random.default_rng(seed)
    lattice = np.diag(random.uniform(3, 6, 3)) + random.uniform(-1.5, 1.5, (3, 3))
    positions = random.uniform(0, 1, (atoms, 3)) @ lattice
    return Crystal(lattice, positions, random.choice([29, 34, 79, 83], atoms).astype(np.uint8))


def test_aflow_prototypes_have_two_roles_and_their_own_names():
    assert len(PROTOTYPES) == 176
    assert len({prototype.name for prototype in PROTOTYPES}) == 176
    for prototype in PROTOTYPES:
        assert set(prototype.roles) == {0, 1}
        # The label begins with the stoichiometry, A before B: "A2B3_hR5_166_c_ac".
        formula = prototype.name.split("_")[0]
        first, second = formula.split("B")
        counts = np.bincount(prototype.roles)
        assert int(first[1:] or 1) * counts[1] == int(second or 1) * counts[0], prototype.name


def test_elements_are_named_by_prototypes_that_exist():
    names = {prototype.name for prototype in aflow(components=1)}
    assert set(_KNOWN) <= names


def test_both_ways_round():
    rutile = [p for p in PROTOTYPES if p.name == "A2B_tP6_136_f_a"]
    one, two = all_orders(rutile, (83, 34), max_atoms=20)
    assert (one.identifier, two.identifier) == ("A2B_tP6_136_f_a:Bi2Se", "A2B_tP6_136_f_a:Se2Bi")
    assert np.sum(one.crystal.numbers == 83) == np.sum(two.crystal.numbers == 34) == 4
    assert shortest_contact(touching(one.crystal)) == pytest.approx(1)
    assert list(all_orders(rutile, (83, 34), max_atoms=5)) == []


def test_pairs_of_elements():
    assert system_numbers(("bi", "SE")) == (83, 34)
    for pair in (("Bi", "Bi"), ("Bi", "Q"), ("Bi",), ("Bi", "Se", "Te", "S", "O")):
        with pytest.raises(InputError):
            system_numbers(pair)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_shortest_contact_against_all_images(seed):
    crystal = crystal_from(seed)
    radii = covalent_radii[crystal.numbers]
    best = np.inf
    for shift in itertools.product(range(-4, 5), repeat=3):
        offset = np.array(shift) @ crystal.lattice
        difference = crystal.positions[:, None] + offset - crystal.positions[None]
        ratio = np.linalg.norm(difference, axis=2) / (radii[:, None] + radii[None])
        if shift == (0, 0, 0):
            np.fill_diagonal(ratio, np.inf)
        best = min(best, ratio.min())
    assert shortest_contact(crystal) == pytest.approx(best)


def test_primitive_cell_of_a_supercell():
    rocksalt = next(p for p in PROTOTYPES if p.name == "AB_cF8_225_a_b").filled((29, 79))
    supercell = Crystal.from_structure(rocksalt.to_structure() * (2, 1, 3))
    assert len(primitive(supercell)) == 2
    assert primitive(rocksalt) is rocksalt


@pytest.mark.parametrize("start", [0.9, 1.1])
def test_the_scan_finds_the_volume_that_scipy_finds(start):
    calculator = AseCalculator(EMT(), "EMT")
    chosen = [p for p in PROTOTYPES if p.name == "AB3_cP4_221_a_c"]
    starts = [touching(item.crystal) for item in all_orders(chosen, (29, 79), max_atoms=20)]
    for crystal, scan in zip(
        starts,
        scan_volumes([scaled(crystal, start) for crystal in starts], calculator),
        strict=True,
    ):
        best = minimize_scalar(
            lambda scale, crystal=crystal: calculator.energies([scaled(crystal, scale)])[0],
            bounds=(0.85, 1.3),
            method="bounded",
            options={"xatol": 1e-4},
        )
        assert scan.reason == ""
        assert scan.energy == pytest.approx(best.fun, abs=1e-3)
        assert scan.energy == calculator.energies([scan.crystal])[0]
        ratio = (np.linalg.det(scan.crystal.lattice) / np.linalg.det(crystal.lattice)) ** (1 / 3)
        assert abs(ratio) == pytest.approx(best.x, abs=0.005)


class Curve:
    """A potential that is a function of the first cell vector's length."""

    name, version, scale = "curve", "1", "any"

    def __init__(self, function):
        self.function = function

    def energies(self, crystals):
        return np.array([self.function(np.linalg.norm(c.lattice[0])) for c in crystals])


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda length: 1 / length, UNBOUND),
        (lambda length: -1 / length, CLASH),
        (lambda length: np.nan, NO_ENERGY),
    ],
)
def test_curves_without_a_minimum_say_why(function, reason):
    crystal = Crystal(np.eye(3), np.zeros((1, 3)), np.array([29], np.uint8))
    (scan,) = scan_volumes([crystal], Curve(function))
    assert scan.crystal is None
    assert scan.reason == reason


@pytest.mark.parametrize("best", [0.63, 0.71, 0.83, 0.95, 1.0, 1.11, 1.27, 1.6])
def test_a_parabola_is_met_exactly_wherever_it_lies(best):
    crystal = Crystal(np.eye(3), np.zeros((1, 3)), np.array([29], np.uint8))
    (scan,) = scan_volumes([crystal], Curve(lambda length: (length - best) ** 2 - 1))
    assert np.linalg.norm(scan.crystal.lattice[0]) == pytest.approx(best, abs=1e-9)
    assert scan.energy == pytest.approx(-1)


@pytest.mark.parametrize(("number", "reason"), [(29, ""), (34, CLASH)])
def test_only_metals_are_packed_more_tightly_than_bonds(number, reason):
    crystal = Crystal(np.eye(3), np.zeros((1, 3)), np.array([number], np.uint8))
    (scan,) = scan_volumes([crystal], Curve(lambda length: (length - 0.7) ** 2))
    assert scan.reason == reason


def test_copies_stay_near_and_depend_on_seed_and_name_alone():
    crystal = crystal_from(1, atoms=8)
    still = perturbed(crystal, generator(1, "x"), strain=0, displacement=0.1)
    np.testing.assert_array_equal(still.lattice, crystal.lattice)
    moves = np.linalg.norm(still.positions - crystal.positions, axis=1)
    assert 0 < moves.min() < moves.max() <= 0.1
    squeezed = perturbed(crystal, generator(1, "x"), strain=0.03, displacement=0)
    deformation = np.linalg.inv(crystal.lattice) @ squeezed.lattice - np.eye(3)
    np.testing.assert_allclose(deformation, deformation.T, atol=1e-12)
    assert 0 < np.abs(deformation).max() <= 0.03
    np.testing.assert_allclose(
        squeezed.positions @ np.linalg.inv(squeezed.lattice),
        crystal.positions @ np.linalg.inv(crystal.lattice),
        atol=1e-12,
    )
    again = perturbed(crystal, generator(1, "x"), strain=0.03, displacement=0)
    np.testing.assert_array_equal(again.lattice, squeezed.lattice)
    for seed, name in ((2, "x"), (1, "y")):
        other = perturbed(crystal, generator(seed, name), strain=0.03, displacement=0)
        assert np.abs(other.lattice - squeezed.lattice).max() > 1e-4


def test_duplicates_in_any_cell_but_not_near_misses():
    crystal = crystal_from(2)
    rotation, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    turned = Crystal(crystal.lattice @ rotation, crystal.positions @ rotation, crystal.numbers)
    doubled = Crystal.from_structure(turned.to_structure() * (1, 2, 1))
    moved = perturbed(crystal, generator(0, "moved"), strain=0.0, displacement=0.6)
    swapped = Crystal(crystal.lattice, crystal.positions, crystal.numbers[::-1].copy())
    crystals = [crystal, turned, doubled, moved, swapped, scaled(crystal, 1.01)]
    energies = np.full((6, 1), -1.0)
    assert first_copies(crystals, energies, 1e-3) == [0, 0, 0, 3, 4, 5]
    energies[1] = -1.01
    assert first_copies(crystals[:2], energies, 1e-3) == [0, 1]


def test_a_degenerate_prototype_is_rejected_with_a_reason(tmp_path):
    def candidate(name, lattice):
        numbers = np.array([29, 79], np.uint8)
        crystal = Crystal(np.array(lattice, float), np.array([[0, 0, 0], [1.5, 1.5, 0.5]]), numbers)
        return Candidate(name, name, crystal)

    good = candidate("good", 3 * np.eye(3))
    bad = [
        candidate("flat", [[3, 0, 0], [0, 3, 0], [3, 3, 0]]),
        candidate("skewed", [[3, 0, 0], [3e5, 3, 0], [0, 0, 3]]),
        candidate("thin", [[3, 0, 0], [0, 3, 0], [0, 0, 1e-6]]),
    ]
    kept, dropped = candidates.without_copies([*bad, good], tmp_path / "distinct.json")
    assert kept == [good]
    reasons = {row["id"]: row["reason"] for row in dropped}
    assert reasons["flat"].startswith("broken prototype: ")
    assert reasons["skewed"].startswith("broken prototype: the cell cannot be Niggli-reduced")
    assert reasons["thin"] == "atoms clash: two share a position"


def test_a_relaxed_candidate_in_fragments_is_rejected_with_a_reason():
    row = {
        "id": "pair",
        "prototype": "pair",
        "lattice": np.diag([9.0, 9.0, 9.0]).tolist(),
        "positions": [[0, 0, 0], [2.3, 0, 0]],
        "numbers": [29, 29],
        "energy": 0.0,
    }
    (found,) = relax_again(AseCalculator(EMT(), "EMT"), [row], settings=LabellingSettings())
    assert found["reason"].startswith("fragments and vacuum: 1 cluster, ")
    assert found["converged"]
