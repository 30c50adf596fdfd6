"""Copies of one structure are found, whatever their cell; different structures are not joined."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure, SymmOp

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.importing import import_dataset
from tfmat.datasets.splits.copies import families, neighbour_distances
from tfmat.datasets.store import REPEATED, Dataset, DatasetWriter


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


def twisted(handed, scale=1.0):
    """Tellurium: three atoms on a screw axis that turns one way or the other."""
    a, c, x = 4.456 * scale, 5.926 * scale, 0.2633
    turns = [[x, 0, 0], [0, x, 1 / 3], [-x, -x, 2 / 3]]
    positions = [[u, v, handed * w] for u, v, w in turns]
    return Structure(Lattice.hexagonal(a, c), ["Te"] * 3, positions)


def write(folder, structures, extra=None):
    with DatasetWriter(folder, {}, extra=extra) as writer:
        for name, structure in structures:
            writer.add(Crystal.from_structure(structure), name)
    return Dataset.open(folder)


def test_the_other_hand_a_supercell_and_another_order_are_copies(tmp_path):
    right, left = twisted(1), twisted(-1)
    large = left * (2, 1, 2)
    large.sort(key=lambda site: site.frac_coords[2])
    turned = left.copy()
    turned.apply_operation(SymmOp.from_axis_angle_and_translation([1, 2, 3], 70))
    turned.translate_sites(range(3), [0.3, 0.8, 0.1])
    skewed = left.copy()
    skewed.make_supercell([[1, 0, 0], [3, 1, 0], [0, -2, 1]])
    same = [("r", right), ("l", left), ("large", large), ("turned", turned), ("skewed", skewed)]
    other = ("other", twisted(1, 1.02))
    assert families(write(tmp_path / "set", [*same, other])) == [0] * 5 + [5]


def test_structures_of_one_identifier_belong_together(tmp_path):
    cubes = [Structure(Lattice.cubic(3 + number / 5), ["Li"], [[0, 0, 0]]) for number in range(7)]
    names = ["mp-1", "mp-1#2", "mp-2", "mp-1#3", "x#y", "x#z", "#2"]
    rows = list(zip(names, cubes, strict=True))
    assert families(write(tmp_path / "now", rows, {REPEATED: 2})) == [0, 0, 2, 0, 4, 5, 6]
    # As it was imported before the record said so: split as ever.
    assert families(write(tmp_path / "before", rows)) == list(range(7))
    both = write(tmp_path / "built", [("a:0#2", cubes[0]), ("a:1", cubes[1])], {
        REPEATED: 1,
        "build": {},
    })  # fmt: skip
    assert families(both) == [0, 0]


def test_the_import_records_repeated_identifiers(tmp_path):
    frame = '1\nLattice="{0} 0 0 0 4 0 0 0 4" id={1} Properties=species:S:1:pos:R:3\nSi 0 0 0\n'
    for names, expected in ((["a", "a", "b"], [0, 0, 2]), (["a", "b", "a#2"], [0, 1, 2])):
        source = tmp_path / f"{len(set(names))}.xyz"
        source.write_text("".join(frame.format(3 + i, name) for i, name in enumerate(names)))
        import_dataset(source, tmp_path / source.stem)
        assert families(Dataset.open(tmp_path / source.stem)) == expected


def test_an_absurd_cell_is_its_own_family(tmp_path):
    flat = np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]])
    cube = Crystal.from_arrays(np.eye(3) * 4, [[0, 0, 0]], [83])
    with DatasetWriter(tmp_path / "set", {}) as writer:
        for name, crystal in (
            ("flat", Crystal(flat, np.zeros((1, 3)), np.array([83], np.uint8))),
            ("flat-2", Crystal(flat, np.zeros((1, 3)), np.array([83], np.uint8))),
            ("cube", cube),
            ("cube-2", cube),
        ):
            writer.add(crystal, name)
    assert families(Dataset.open(tmp_path / "set")) == [0, 1, 2, 2]


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


def test_copies_of_a_build_beside_other_structures(tmp_path):
    """After augment, merge or relax only names of a build's form tell copies."""
    names = ["oqmd:1", "oqmd:2", "AB_cF8:NaCl:0", "AB_cF8:NaCl:1", "AB_cF8:KCl:0"]
    cubes = [Structure(Lattice.cubic(3 + number / 5), ["Li"], [[0, 0, 0]]) for number in range(5)]
    rows = list(zip(names, cubes, strict=True))
    for mark in ("augment", "merge", "relaxation"):
        record = [] if mark == "augment" else {}
        assert families(write(tmp_path / mark, rows, {mark: record})) == [0, 1, 2, 2, 4]
    assert families(write(tmp_path / "none", rows)) == list(range(5))
