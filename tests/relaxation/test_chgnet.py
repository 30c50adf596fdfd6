"""CHGNet in batches against the chgnet package itself, one crystal at a time."""

import numpy as np
import pytest
from perovskite import perovskite
from pymatgen.core import Lattice, Structure

from tfmat.crystals.crystal import Crystal
from tfmat.relaxation.databases.perturb import perturbed
from tfmat.relaxation.databases.prototypes import aflow
from tfmat.relaxation.relax import relax
from tfmat.relaxation.volume import NO_ENERGY

chgnet_package = pytest.importorskip("chgnet.model")
pytestmark = pytest.mark.relax

# eV/Å³ for each GPa.
_GPA = 1 / 160.21766208


@pytest.fixture(scope="module")
def package():
    return chgnet_package.CHGNet.load(use_device="cpu", verbose=False)


@pytest.fixture(scope="module")
def calculator():
    from tfmat.relaxation.potentials.chgnet import ChgnetCalculator

    return ChgnetCalculator()


@pytest.fixture(scope="module")
def crystals():
    """Real geometries off their symmetric places: at a straight angle float32 knows no force."""
    random = np.random.default_rng(3)
    chosen = [prototype for prototype in aflow() if len(prototype) <= 12][::17]
    filled = [prototype.filled((83, 34)) for prototype in chosen]
    filled.append(Crystal.from_structure(perovskite()))
    filled.append(Crystal.from_structure(Structure(Lattice.cubic(2.9), ["Fe"], [[0, 0, 0]])))
    return [perturbed(crystal, random, strain=0.04, displacement=0.15) for crystal in filled]


def test_energies_forces_and_stresses_are_those_of_the_package(package, calculator, crystals):
    from tfmat.relaxation.potentials.corrections import anion_correction

    found = calculator.evaluate(crystals)
    alone = calculator.energies(crystals)
    for row, crystal in enumerate(crystals):
        expected = package.predict_structure(crystal.to_structure(), task="efs")
        energy = float(expected["e"]) - anion_correction(crystal.numbers)
        assert found.energies[row] == pytest.approx(energy, abs=1e-5)
        assert alone[row] == pytest.approx(energy, abs=1e-5)
        strongest = np.abs(expected["f"]).max()
        np.testing.assert_allclose(
            found.forces[row], expected["f"], rtol=0, atol=3e-4 * max(strongest, 1)
        )
        np.testing.assert_allclose(found.stresses[row], expected["s"] * _GPA, rtol=1e-3, atol=1e-5)


def test_the_batch_does_not_change_a_crystal(calculator, crystals):
    together = calculator.evaluate(crystals)
    for row, crystal in enumerate(crystals):
        alone = calculator.evaluate([crystal])
        assert alone.energies[0] == pytest.approx(together.energies[row], abs=1e-6)
        np.testing.assert_allclose(alone.forces[0], together.forces[row], atol=1e-4)


def test_batches_are_bounded_in_atoms(calculator):
    big = Crystal.from_structure(perovskite() * (3, 3, 3))
    sizes = [len(big) * len(rows) for rows in calculator._batches([big] * 6)]
    assert sum(sizes) == 6 * len(big)
    assert max(sizes) <= 640
    huge = [Crystal.from_structure(perovskite() * (6, 6, 5))]
    assert list(calculator._batches(huge)) == [[0]]


def test_an_atom_beyond_all_cutoffs_has_the_energy_that_the_package_gives(package, calculator):
    gas = Structure(Lattice.cubic(15), ["Se", "Bi"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    package.graph_converter.set_isolated_atom_response("ignore")
    near = Structure(Lattice.cubic(15), ["Se", "Bi"], [[0, 0, 0], [0.2, 0, 0]])
    crystals = [Crystal.from_structure(item) for item in (gas, near)]
    found = calculator.evaluate(crystals)
    assert np.abs(found.forces[0]).max() == 0
    # The package has no answer to a crystal without any bond; one bond it knows.
    expected = package.predict_structure(near, task="efs")
    np.testing.assert_allclose(found.forces[1], expected["f"], atol=1e-5)


def test_what_it_has_not_learned_and_what_is_too_dense_has_no_energy(calculator, crystals):
    radon = Crystal.from_structure(Structure(Lattice.cubic(4), ["Rn"], [[0, 0, 0]]))
    dense = Crystal.from_structure(Structure(Lattice.cubic(0.9), ["Bi"], [[0, 0, 0]]))
    overlapping = Crystal.from_structure(
        Structure(Lattice.cubic(5), ["Bi", "Se", "Se"], [[0, 0, 0], [0.5, 0, 0], [0.5, 0, 0]])
    )
    found = calculator.evaluate([radon, crystals[0], dense, overlapping])
    assert np.isnan(found.energies[[0, 2, 3]]).all()
    assert found.energies[1] == pytest.approx(calculator.energies(crystals[:1])[0], abs=1e-6)
    ends = relax([radon, overlapping], calculator)
    assert [end.reason for end in ends] == [NO_ENERGY, NO_ENERGY]


def test_relaxed_crystals_are_at_rest_for_the_package_too(package, calculator):
    from ase.filters import FrechetCellFilter
    from chgnet.model.dynamics import CHGNetCalculator

    random = np.random.default_rng(5)
    rocksalt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(6.1), ["Bi", "Se"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    ).get_primitive_structure()
    starts = [
        perturbed(Crystal.from_structure(item), random, strain=0.04, displacement=0.1)
        for item in (rocksalt, perovskite())
    ]
    for end in relax(starts, calculator, fmax=0.02):
        assert end.converged
        assert end.energy < end.initial_energy
        atoms = end.crystal.to_structure().to_ase_atoms()
        atoms.calc = CHGNetCalculator(package, use_device="cpu")
        assert np.linalg.norm(FrechetCellFilter(atoms).get_forces(), axis=1).max() < 0.025


def test_a_model_of_another_form_is_refused(package):
    from tfmat.relaxation.potentials.chgnet_network import ChgnetNetwork

    other = chgnet_package.CHGNet(mlp_first=False)
    with pytest.raises(ValueError, match="mlp_first"):
        ChgnetNetwork(other)
