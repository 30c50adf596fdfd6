"""What a relaxation changed, against pymatgen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from tfmat.crystals.crystal import Crystal
from tfmat.relaxation.comparison import (
    label,
    rms_displacement,
    same_arrangement,
    volume_change,
)
from tfmat.relaxation.databases.prototype_labels import prototype_label
from tfmat.relaxation.databases.prototypes import aflow
from tfmat.relaxation.potentials.registry import find_potential
from tfmat.relaxation.relaxed_folder import file_names
from tfmat.relaxation.soundness import clash, obstacle

CSCL = Structure.from_spacegroup("Pm-3m", Lattice.cubic(4.1), ["Cs", "Cl"], [[0] * 3, [0.5] * 3])
ROCKSALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(7), ["Cs", "Cl"], [[0] * 3, [0.5] * 3])


def crystal(structure):
    return Crystal.from_structure(structure)


def test_kept_means_the_same_arrangement_of_the_same_species():
    swelled = CSCL.copy()
    swelled.scale_lattice(2 * CSCL.volume)
    assert same_arrangement(crystal(CSCL), crystal(swelled))
    noisy = (ROCKSALT * (1, 1, 2)).perturb(0.15)
    assert same_arrangement(crystal(ROCKSALT * (1, 1, 2)), crystal(noisy))
    assert not same_arrangement(crystal(CSCL), crystal(ROCKSALT.get_primitive_structure()))
    ordered, other = CSCL * (1, 1, 2), CSCL * (1, 1, 2)
    other.replace(0, "Cl")
    other.replace(2, "Cs")
    assert not same_arrangement(crystal(ordered), crystal(other))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 0.2), st.floats(0.9, 1.1))
def test_rms_displacement_counts_neither_shift_nor_strain_nor_wrapping(seed, size, strain):
    random = np.random.default_rng(seed)
    lattice = np.diag(random.uniform(4, 6, 3)) + random.uniform(-1, 1, (3, 3))
    fractional = random.uniform(0, 1, (5, 3))
    moves = random.normal(0, size, (5, 3))
    moves -= moves.mean(axis=0)
    after = fractional + moves @ np.linalg.inv(lattice * strain)
    shifted = (after + random.uniform(-1, 1, 3)) % 1
    numbers = np.full(5, 29, np.uint8)
    before = Crystal(lattice, fractional @ lattice, numbers)
    end = Crystal(lattice * strain, shifted @ lattice * strain, numbers)
    expected = np.sqrt((moves**2).sum(axis=1).mean())
    if np.abs((moves - moves[0]) @ np.linalg.inv(lattice * strain)).max() < 0.5:
        assert rms_displacement(before, end) == pytest.approx(expected, abs=1e-9)
    assert volume_change(before, end) == pytest.approx(strain**3 - 1)


def test_labels_of_known_structures():
    assert label(crystal(CSCL)).prototype == "AB_cP2_221_b_a"
    assert label(crystal(ROCKSALT)).space_group == 225
    assert prototype_label(crystal(ROCKSALT)) == "AB_cF8_225_a_b"
    noise = ROCKSALT.copy().perturb(0.02)
    assert prototype_label(crystal(noise)) == "AB_cF8_225_a_b"
    random = Structure(Lattice.from_parameters(4, 5, 6, 80, 85, 95), ["Cs"] * 3, np.eye(3) * 0.4)
    assert label(crystal(random)).prototype == ""


def test_prototypes_get_their_own_labels_whatever_the_elements():
    # Labels whose sample structure has a higher symmetry by chance, or that describe one
    # arrangement twice, cannot come back.
    found = total = 0
    for prototype in list(aflow(2))[::6]:
        filled = prototype.filled((83, 34))
        if len(filled) > 12:
            continue
        total += 1
        found += prototype_label(filled) == prototype.name
    assert found / total > 0.8, (found, total)


def test_file_names_are_safe_and_differ():
    names = file_names(["mp/1", "mp:1", "MP_1", "..", "x" * 300, "x" * 301, "Bi2Se3-1", ""])
    assert len({name.lower() for name in names}) == len(names)
    assert all(name and set(name).isdisjoint('/\\:*?"<>|') for name in names)
    assert names[0] == "mp_1"
    assert names[-2] == "Bi2Se3-1"


def test_structures_that_no_potential_is_asked_about():
    chgnet = find_potential("CHGNet")
    assert len(chgnet.elements) == 89

    def why(structure):
        return obstacle(crystal(structure), chgnet.elements, chgnet.reach)

    assert why(CSCL) == ""
    assert "has not learned Po" in why(Structure(Lattice.cubic(3.4), ["Po"], [[0, 0, 0]]))
    # Caesium in a chain: its neighbours are its own images.
    assert why(Structure(Lattice.orthorhombic(4, 20, 20), ["Cs"], [[0, 0, 0]])) == ""
    assert why(Structure(Lattice.cubic(6.1), ["Cs"], [[0, 0, 0]])).startswith("isolated atom")
    assert why(Structure(Lattice.cubic(6), ["Cs"] * 2, [[0, 0, 0], [0, 0, 0.05]])).startswith(
        "atoms too close"
    )


def test_atoms_that_a_potential_merged():
    assert clash(crystal(CSCL)) == ""
    merged = Structure(Lattice.cubic(6), ["Bi", "Se"], [[0, 0, 0], [0.15, 0, 0]])
    # 0.9 Å over the covalent radii of 1.48 and 1.20 Å.
    assert clash(crystal(merged)) == "atoms clash: 0.34 of the sum of their covalent radii"
