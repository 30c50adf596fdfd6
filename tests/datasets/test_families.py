"""Copies of one structure are found, whatever their cell; different structures are not joined."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from tfmat.datasets.crystal import Crystal
from tfmat.datasets.families import families, neighbour_distances
from tfmat.datasets.store import Dataset, DatasetWriter


def brute_force(structure: Structure, count: int) -> np.ndarray:
    """The definition, by pymatgen's neighbour lists."""
    rows = []
    for site in structure:
        near = structure.get_neighbors(site, 14.0)
        rows.append(sorted(neighbour.nn_distance for neighbour in near)[:count])
    return np.mean(rows, axis=0)


@pytest.mark.parametrize(
    "lattice",
    [
        Lattice.cubic(3.2),
        Lattice.from_parameters(3, 4, 9, 80, 95, 110),
        Lattice.from_parameters(2.6, 2.7, 14, 90, 90, 120),
        Lattice.from_parameters(3, 12, 13, 40, 100, 110),
    ],
)
def test_distances_against_pymatgen(lattice):
    random = np.random.default_rng(3)
    for atoms in (1, 2, 5):
        structure = Structure(lattice, ["Si"] * atoms, random.uniform(-1, 2, (atoms, 3)))
        found = neighbour_distances(Crystal.from_structure(structure))
        np.testing.assert_allclose(found, brute_force(structure, 16), atol=1e-8)


def structures():
    rocksalt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    caesium = Structure(Lattice.cubic(3.528), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    other = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.6), ["K", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    return {
        "conventional": rocksalt,
        "primitive": rocksalt.get_primitive_structure(),
        "super": rocksalt.get_primitive_structure() * (1, 1, 2),
        "caesium": caesium,
        "stretched": rocksalt.copy().apply_strain(0.01),
        "other": other,
    }


def test_copies_are_found_in_any_cell(tmp_path):
    found = structures()
    with DatasetWriter(tmp_path / "set", {}) as writer:
        for name, structure in found.items():
            writer.add(Crystal.from_structure(structure), name)
    labels = dict(zip(found, families(Dataset.open(tmp_path / "set")), strict=True))
    assert labels["conventional"] == labels["primitive"] == labels["super"]
    assert len(set(labels.values())) == 4


def test_copies_of_a_build_belong_together(tmp_path):
    random = np.random.default_rng(1)
    names = ["a:0", "a:1", "b:0", "b:0:1", "c"]
    for folder, extra, expected in (
        ("built", {"build": {}}, [0, 0, 2, 3, 4]),
        ("imported", {}, [0, 1, 2, 3, 4]),
    ):
        with DatasetWriter(tmp_path / folder, {}, extra=extra) as writer:
            for name in names:
                lattice = np.eye(3) * random.uniform(3, 9)
                writer.add(Crystal.from_arrays(lattice, [[0, 0, 0]], [3]), name)
        dataset = Dataset.open(tmp_path / folder)
        assert families(dataset) == expected
    assert families(Dataset.open(tmp_path / "built"), rows=[4, 1, 0]) == [0, 1, 1]
