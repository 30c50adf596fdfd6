"""What the viewer draws, against pymatgen's neighbours and counts by hand."""

import json
from itertools import product

import numpy as np
import pytest
from ase.build import bulk
from ase.data import covalent_radii

from tfmat.crystals.crystal import Crystal
from tfmat.viewer import assets
from tfmat.viewer.scene import palette, scene


def crystal_of(atoms):
    return Crystal.from_arrays(atoms.cell.array, atoms.positions, atoms.numbers)


def places(drawn):
    """Returns the positions of all atoms of a scene, and whose images the last are."""
    cell = np.array(drawn["cell"]).reshape(3, 3)
    home = np.array(drawn["xyz"]).reshape(-1, 3)
    images = np.array(drawn["images"], dtype=int).reshape(-1, 4)
    return np.concatenate([home, home[images[:, 0]] + images[:, 1:] @ cell]), images


def test_rock_salt_has_its_faces_and_every_bond():
    drawn = scene(crystal_of(bulk("NaCl", "rocksalt", a=5.64, cubic=True)))
    points, images = places(drawn)
    bonds = np.array(drawn["bonds"]).reshape(-1, 2)
    # A block of 3 x 3 x 3 atoms, and for each atom of the cell its neighbours below 0.
    cell = np.array(drawn["cell"]).reshape(3, 3)
    fractional = points @ np.linalg.inv(cell)
    halves = {tuple(row) for row in np.rint(2 * fractional).astype(int).tolist()}
    assert set(product(range(3), repeat=3)) <= halves
    assert len(halves) == len(points)
    counts = np.bincount(bonds.ravel(), minlength=len(points))
    assert counts[:8].tolist() == [6] * 8
    lengths = np.linalg.norm(points[bonds[:, 0]] - points[bonds[:, 1]], axis=1)
    assert lengths == pytest.approx(2.82, abs=2e-3)
    assert (images[:, 1:] != 0).any(axis=1).all()


@pytest.mark.parametrize("seed", range(6))
def test_atoms_of_the_cell_have_the_bonds_of_pymatgen(seed):
    random = np.random.default_rng(seed)
    # Of non-metals alone: whatever is near enough is joined.
    numbers = random.choice([6, 7, 8, 14, 16, 34], 7)
    lattice = np.diag(random.uniform(3, 6, 3)) + random.uniform(-1, 1, (3, 3))
    crystal = Crystal.from_arrays(lattice, random.uniform(-3, 9, (7, 3)), numbers)
    drawn = scene(crystal)
    points, _ = places(drawn)
    found = np.bincount(drawn["bonds"], minlength=len(points))[:7]
    expected = []
    for site, around in enumerate(crystal.to_structure().get_all_neighbors(4.0)):
        reach = [
            1.2 * (covalent_radii[numbers[site]] + covalent_radii[numbers[one.index]])
            for one in around
        ]
        expected.append(sum(one.nn_distance < far for one, far in zip(around, reach, strict=True)))
    assert found.tolist() == expected


def test_the_shape_of_the_crystal_is_kept():
    crystal = crystal_of(bulk("ZnO", "wurtzite", a=3.25, c=5.2))
    drawn = scene(crystal)
    cell = np.array(drawn["cell"]).reshape(3, 3)
    assert cell @ cell.T == pytest.approx(crystal.lattice @ crystal.lattice.T, abs=2e-2)
    assert np.linalg.det(cell) == pytest.approx(np.linalg.det(crystal.lattice), rel=1e-3)
    # c up.
    assert cell[2, 1] > 0.9 * np.linalg.norm(cell[2])


def test_alkali_metals_are_joined_to_non_metals_alone():
    drawn = scene(crystal_of(bulk("CsCl", "cesiumchloride", a=3.4)))
    _, images = places(drawn)
    numbers = np.array([*drawn["z"], *(drawn["z"][owner] for owner in images[:, 0])])
    pairs = numbers[np.array(drawn["bonds"]).reshape(-1, 2)]
    assert len(pairs)
    assert (pairs.sum(axis=1) == 55 + 17).all()


def test_one_atom_without_neighbours():
    drawn = scene(Crystal.from_arrays(np.eye(3) * 20, [[10.0, 10, 10]], [2]))
    assert drawn["images"] == drawn["bonds"] == []
    assert drawn["z"] == [2]


def test_a_dense_cell_is_drawn_without_the_images_around_it():
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True) * (4, 4, 4)
    drawn = scene(crystal_of(atoms))
    _, images = places(drawn)
    # Those on faces are there; what is joined through them would be too much.
    assert (images[:, 1:] >= 0).all()
    # A block of 4 x 4 x 4 cells has 9³ halves of edges, of which every second is an atom.
    assert 256 + len(images) == (9**3 + 1) // 2
    json.dumps(drawn, allow_nan=False)


def test_every_element_has_a_look():
    crystals = [Crystal.from_arrays(np.eye(3) * 9, [[0.0, 0, 0]], [z]) for z in range(1, 119)]
    looks = palette(crystals)
    assert len(looks) == 118
    for symbol, colour, radius in looks.values():
        assert symbol
        assert len(colour) == 7
        assert 0 < radius < 2
    assert looks["26"][0] == "Fe"
    for crystal in crystals:
        scene(crystal)


def test_the_library_is_what_its_makers_published(monkeypatch, tmp_path):
    assert "3Dmol" in assets.library()
    assert "BSD-3-Clause" in assets.licence()
    (tmp_path / assets.LIBRARY).write_text("alert(1)", "utf-8")
    monkeypatch.setattr(assets, "_PLACE", tmp_path)
    with pytest.raises(Exception, match="install tfmat again"):
        assets.library()
