"""Outlines of distributions: each is a share of its own set."""

import numpy as np

from tfmat.figures.outlines import outlines
from tfmat.figures.style import save

EDGES = [-2.0, -1.0, 0.0, 1.0]


def test_each_set_adds_up_to_100():
    counts = {"made": [1, 3, 0], "training set": [5, 5, 10], "nothing": [0, 0, 0]}
    (axes,) = outlines(EDGES, counts, "energy (eV/atom)", "training set", mark=0.0).axes
    drawn = {patch.get_label(): patch.get_data().values for patch in axes.patches}
    assert set(drawn) == {"made (4)", "training set (20)"}
    np.testing.assert_allclose(drawn["made (4)"], [25, 75, 0])
    np.testing.assert_allclose(drawn["training set (20)"], [25, 25, 50])


def test_nothing_is_a_picture_too(tmp_path):
    save(outlines(EDGES, {"made": [0, 0, 0]}, "energy"), tmp_path, "none")
    save(outlines(EDGES, {str(n): [n, 1, 1] for n in range(12)}, "energy"), tmp_path, "many")
