"""Crystals drawn: where balls, bonds and edges are, against geometry worked out here."""

import numpy as np
import pytest
from ase.data import covalent_radii
from hypothesis import given, settings
from hypothesis import strategies as st
from perovskite import perovskite
from pymatgen.core import Lattice, Structure

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.drawing import view
from tfmat.errors import InputError
from tfmat.figures import crystals
from tfmat.figures.projection import scene_of
from tfmat.figures.style import save


def discs(figure):
    """Centre and radius in points of the largest disc of each ball, in the order of drawing."""
    found = []
    (axes,) = figure.axes
    for group in sorted(axes.collections, key=lambda one: one.get_zorder()):
        if hasattr(group, "get_sizes") and len(group.get_sizes()):
            radii = np.sqrt(group.get_sizes()) / 2
            # A ball is a run of discs that shrink.
            starts = np.flatnonzero(np.append(True, np.diff(radii) > 0))
            found += [(*group.get_offsets()[at], radii[at]) for at in starts]
    return np.array(found)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_the_view_is_a_rotation_that_shows_c_up_and_a_to_the_eye(seed):
    lattice = np.random.default_rng(seed).normal(size=(3, 3)) * 5
    turn = view(lattice)
    np.testing.assert_allclose(turn.T @ turn, np.eye(3), atol=1e-9)
    assert np.isclose(np.linalg.det(turn), 1)
    a, b, c = lattice @ turn
    assert a[2] > 0.8 * np.linalg.norm(a)
    normal = np.cross(a, b) * np.sign(np.cross(a, b) @ c)
    # a and b lie in a plane that is seen from 15 degrees above.
    assert np.isclose(normal[2] / np.linalg.norm(normal), np.sin(np.radians(15)))


def test_a_perovskite_has_its_corners_faces_and_bonds():
    scene = scene_of(Crystal.from_structure(perovskite()))
    numbers, counts = np.unique(scene.numbers, return_counts=True)
    # Eight corners, the middle, six faces.
    assert dict(zip(numbers.tolist(), counts.tolist(), strict=True)) == {8: 6, 22: 1, 38: 8}
    np.testing.assert_allclose(scene.radii, 0.42 * covalent_radii[scene.numbers])
    kinds = [tuple(sorted(scene.numbers[pair])) for pair in scene.bonds]
    # Titanium to six oxygens; each face's oxygen to its four corners.
    assert (kinds.count((8, 22)), kinds.count((8, 38)), len(kinds)) == (6, 24, 30)
    depths = scene.centres[scene.bonds][..., 2]
    assert (depths[:, 0] <= depths[:, 1]).all()
    lengths = np.linalg.norm(np.diff(scene.edges, axis=1), axis=2)
    np.testing.assert_allclose(lengths, 3.95 / 12)
    middles = scene.edges.mean(axis=1)
    apart = np.linalg.norm(middles[:, None] - scene.centres, axis=2)
    assert (apart > scene.radii).all()


def test_metals_that_give_are_joined_where_nothing_takes():
    sodium = Structure(Lattice.cubic(4.2), ["Na", "Na"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert len(scene_of(Crystal.from_structure(sodium)).bonds)


def test_balls_are_where_the_projection_has_them_the_farthest_first():
    structure = Structure(Lattice.cubic(5.0), ["Bi", "Se", "Se"], [[0.5] * 3, [0.2] * 3, [0.8] * 3])
    figure = crystals([structure])
    drawn = discs(figure)[: -0 or None]
    scene = scene_of(Crystal.from_structure(structure))
    legend = drawn[np.isclose(drawn[:, 2], 6.0)]
    assert len(legend) == 2  # Bi and Se
    balls = drawn[~np.isclose(drawn[:, 2], 6.0)]
    order = np.argsort(scene.centres[:, 2])
    scale = balls[0, 2] / scene.radii[order[0]]
    np.testing.assert_allclose(balls[:, 2], scale * scene.radii[order])
    expected = scale * (scene.centres[order, :2] - scene.centres[order[0], :2])
    np.testing.assert_allclose(balls[:, :2] - balls[0, :2], expected, atol=1e-6)


def test_places_labels_and_elements():
    bismuth = Structure(Lattice.cubic(3.2), ["Bi"], [[0, 0, 0]])
    figure = crystals([perovskite()] * 4 + [bismuth], columns=3)
    (axes,) = figure.axes
    words = [text.get_text() for text in axes.texts]
    assert words == ["SrTiO$_{3}$"] * 4 + ["Bi", "O", "Ti", "Sr", "Bi"]
    rows = {round(text.get_position()[1]) for text in axes.texts[:5]}
    columns = {round(text.get_position()[0]) for text in axes.texts[:5]}
    assert (len(rows), len(columns)) == (2, 3)
    width, height = figure.get_size_inches() * 72
    assert axes.get_xlim() == (0, pytest.approx(width))
    x, y, radius = discs(figure).T
    assert (x - radius >= 0).all()
    assert (x + radius <= width).all()
    assert (y - radius >= 0).all()
    assert (y + radius <= height).all()
    named = crystals([bismuth], labels=["the first"])
    assert [text.get_text() for text in named.axes[0].texts] == ["the first", "Bi"]


def test_none_and_wrong_words(tmp_path):
    figure = crystals([])
    assert [text.get_text() for text in figure.axes[0].texts] == ["no structures"]
    save(figure, tmp_path, "none")
    with pytest.raises(InputError, match="labels: 2 for 1 structures"):
        crystals([perovskite()], labels=["a", "b"])
    with pytest.raises(InputError, match="columns"):
        crystals([perovskite()], columns=0)
    with pytest.raises(InputError, match="is one structure"):
        crystals(perovskite())
