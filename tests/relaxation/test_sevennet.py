"""SevenNet in batches against the sevenn package itself, one crystal at a time."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.data import atomic_numbers
from perovskite import perovskite
from pymatgen.core import Lattice, Structure

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.neighbours import neighbours
from tfmat.errors import InputError, MissingExtraError
from tfmat.installing import command
from tfmat.relaxation.databases.perturb import perturbed
from tfmat.relaxation.databases.prototypes import aflow
from tfmat.relaxation.potentials import sevennet
from tfmat.relaxation.potentials.batched import MPTRJ_ELEMENTS
from tfmat.relaxation.potentials.reference_table import known_references
from tfmat.relaxation.potentials.registry import find_potential
from tfmat.relaxation.potentials.sevennet_graph import build_pairs
from tfmat.relaxation.relax import relax

pytest.importorskip("sevenn", reason="needs the extra [sevennet]")
pytestmark = pytest.mark.sevennet

CHECKPOINTS = {"sevennet": "7net-l3i5", "sevennet-0": "7net-0"}


@pytest.fixture(scope="module", params=["sevennet", "sevennet-0"])
def word(request):
    return request.param


@pytest.fixture(scope="module")
def calculator(word):
    return find_potential(word).factory()


@pytest.fixture(scope="module")
def package(word):
    """The package's own ASE calculator."""
    from sevenn.calculator import SevenNetCalculator

    return SevenNetCalculator(CHECKPOINTS[word], device="cpu")


@pytest.fixture(scope="module")
def crystals():
    random = np.random.default_rng(3)
    chosen = [prototype for prototype in aflow() if len(prototype) <= 12][::29]
    filled = [prototype.filled((83, 34)) for prototype in chosen]
    filled.append(Crystal.from_structure(perovskite()))
    filled.append(Crystal.from_structure(Structure(Lattice.cubic(2.9), ["Fe"], [[0, 0, 0]])))
    # Larger than what is arranged for batches.
    filled.append(Crystal.from_structure(perovskite() * (3, 2, 1)))
    assert max(len(crystal) for crystal in filled) > sevennet._LARGEST
    return [perturbed(crystal, random, strain=0.04, displacement=0.15) for crystal in filled]


def one(symbol: str):
    return np.zeros((1, 3)), np.array([atomic_numbers[symbol]], dtype=np.uint8)


def test_energies_forces_and_stresses_are_those_of_the_package(package, calculator, crystals):
    found = calculator.evaluate(crystals)
    alone = calculator.energies(crystals)
    for row, crystal in enumerate(crystals):
        atoms = crystal.to_structure().to_ase_atoms()
        atoms.calc = package
        energy = atoms.get_potential_energy() / len(atoms)
        assert found.energies[row] == pytest.approx(energy, abs=1e-5)
        assert alone[row] == pytest.approx(energy, abs=1e-5)
        expected = atoms.get_forces()
        np.testing.assert_allclose(
            found.forces[row], expected, rtol=0, atol=3e-4 * max(np.abs(expected).max(), 1)
        )
        np.testing.assert_allclose(
            found.stresses[row], atoms.get_stress(voigt=False), rtol=1e-3, atol=1e-5
        )


def test_forces_and_stresses_are_slopes_of_the_energy(calculator, crystals):
    crystal = crystals[1]
    found = calculator.evaluate([crystal])
    step = 0.01
    for sign_axis in range(3):
        moved = [crystal.positions.copy() for _ in range(2)]
        for positions, sign in zip(moved, (1, -1), strict=True):
            positions[0, sign_axis] += sign * step
        up, down = calculator.energies(
            [Crystal(crystal.lattice, positions, crystal.numbers) for positions in moved]
        )
        slope = -(up - down) * len(crystal) / (2 * step)
        assert found.forces[0][0, sign_axis] == pytest.approx(slope, abs=0.02)
    stretch = [np.diag([1 + sign * 0.002, 1, 1]) for sign in (1, -1)]
    up, down = calculator.energies(
        [Crystal(crystal.lattice @ s, crystal.positions @ s, crystal.numbers) for s in stretch]
    )
    volume = abs(np.linalg.det(crystal.lattice))
    slope = (up - down) * len(crystal) / (0.004 * volume)
    assert found.stresses[0][0, 0] == pytest.approx(slope, abs=2e-3)


def test_the_batch_does_not_change_a_crystal(calculator, crystals):
    together = calculator.evaluate(crystals)
    for row, crystal in enumerate(crystals):
        alone = calculator.evaluate([crystal])
        assert alone.energies[0] == pytest.approx(together.energies[row], abs=1e-5)
        np.testing.assert_allclose(alone.forces[0], together.forces[row], atol=1e-4)


def test_every_crystal_is_in_one_batch(calculator, crystals):
    small = crystals[:3] * 9
    batches = list(calculator._batches([*small, crystals[-1], crystals[0]]))
    assert sorted(row for batch in batches for row in batch) == list(range(len(small) + 2))
    assert max(len(batch) for batch in batches) == calculator.most_crystals
    assert [len(small)] in batches


def test_atoms_beyond_the_cutoff_feel_nothing(calculator):
    gas = Structure(Lattice.cubic(15), ["Se", "Bi"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    found = calculator.evaluate([Crystal.from_structure(gas)])
    assert np.isfinite(found.energies).all()
    assert np.abs(found.forces[0]).max() == 0
    assert np.abs(found.stresses).max() == 0


def test_what_it_has_not_learned_and_what_is_too_dense_has_no_energy(calculator, crystals):
    radon = Crystal.from_structure(Structure(Lattice.cubic(4), ["Rn"], [[0, 0, 0]]))
    dense = Crystal.from_structure(Structure(Lattice.cubic(0.9), ["Bi"], [[0, 0, 0]]))
    # Denser than any crystal, and a hole: one of the checkpoints gives -23 eV/atom.
    neon = Crystal(np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 1.9 ** (1 / 3) * 0.8, *one("Ne"))
    found = calculator.evaluate([radon, crystals[0], dense, neon])
    assert np.isnan(found.energies[[0, 2, 3]]).all()
    assert found.energies[1] == pytest.approx(calculator.energies(crystals[:1])[0], abs=1e-6)


def test_relaxed_crystals_are_at_rest_for_the_package_too(package, calculator):
    from ase.filters import FrechetCellFilter

    random = np.random.default_rng(5)
    rocksalt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(6.1), ["Bi", "Se"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    ).get_primitive_structure()
    start = perturbed(Crystal.from_structure(rocksalt), random, strain=0.04, displacement=0.1)
    (end,) = relax([start], calculator, fmax=0.02)
    assert end.converged
    assert end.energy < end.initial_energy
    atoms = end.crystal.to_structure().to_ase_atoms()
    atoms.calc = package
    assert np.linalg.norm(FrechetCellFilter(atoms).get_forces(), axis=1).max() < 0.025


def test_the_checkpoint_is_the_one_of_the_wheel(word, calculator):
    import sevenn

    place, digest = sevennet.CHECKPOINTS[CHECKPOINTS[word]]
    file = Path(sevenn.__file__).parent / "pretrained_potentials" / place
    assert calculator.weights_sha256 == hashlib.sha256(file.read_bytes()).hexdigest() == digest
    assert CHECKPOINTS[word] in calculator.version
    assert CHECKPOINTS[word] in calculator.scale


def test_another_checkpoint_is_refused_before_it_is_opened(word, tmp_path, monkeypatch):
    package = tmp_path / "sevenn"
    file = package / "pretrained_potentials" / sevennet.CHECKPOINTS[CHECKPOINTS[word]][0]
    file.parent.mkdir(parents=True)
    (package / "__init__.py").touch()
    file.write_bytes(b"not a checkpoint")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sevenn")
    with pytest.raises(InputError, match=r"are not those of sevenn 0\.13\.0"):
        sevennet.checkpoint_file(CHECKPOINTS[word])


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(sevennet, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=re.escape(command("sevennet"))):
        sevennet.sevennet()


def test_the_elements_that_ship_are_minima_of_these_weights(calculator):
    table = known_references(calculator)
    assert {atomic_numbers[name] for name in table} <= MPTRJ_ELEMENTS
    assert len(table) > 80
    for name in ("Cu", "Bi", "Mg"):
        prototype = next(item for item in aflow(components=1) if item.name == table[name].prototype)
        number = {"Cu": 29, "Bi": 83, "Mg": 12}[name]
        start = prototype.filled((number,))
        (end,) = relax([start], calculator, fmax=0.02)
        assert end.energy == pytest.approx(table[name].energy, abs=2e-3)


def test_edges_are_half_of_all_neighbours(crystals):
    graph = build_pairs(crystals[:3], 5.0)
    for number, crystal in enumerate(crystals[:3]):
        first, second, images, _ = neighbours(crystal, 5.0)
        all_ways = crystal.positions[second] - crystal.positions[first] + images @ crystal.lattice
        own = graph.vectors[graph.owners[graph.receivers] == number]
        both = np.concatenate([own, -own])
        assert len(both) == len(all_ways)
        order = [np.lexsort(np.round(ways, 6).T) for ways in (both, all_ways)]
        np.testing.assert_allclose(both[order[0]], all_ways[order[1]], atol=1e-5)


def test_a_process_with_tensorflow_loads_it():
    # Triton's LLVM and TensorFlow's in one process are a segmentation fault.
    pytest.importorskip("tensorflow")
    program = (
        "import tensorflow\n"
        "from pymatgen.core import Lattice, Structure\n"
        "import tfmat\n"
        "one = Structure(Lattice.cubic(2.9), ['Fe'], [[0, 0, 0]])\n"
        "print(len(tfmat.relax([one], potential='sevennet', steps=1)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.split()[-1] == "1"
