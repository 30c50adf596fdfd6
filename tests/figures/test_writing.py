"""Pictures beside results: what fails is a warning, and foreign files stay."""

import warnings

import numpy as np
import pytest

from tfmat.errors import PictureWarning
from tfmat.figures import predicted_against_true
from tfmat.figures.writing import draw_into, is_ours, renew


def good(_):
    return predicted_against_true(np.arange(3.0), np.arange(3.0))


def bad(folder):
    (folder / "structures.csv").write_text("half a table")
    raise ValueError("no such thing\nand more")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_one_that_fails_costs_no_other(tmp_path):
    with pytest.warns(PictureWarning, match="no picture structures: no such thing$"):
        draw_into(tmp_path, lambda: {"structures": bad, "learning": good})
    assert names(tmp_path / "figures") == ["learning.png", "learning.svg"]


def test_a_plan_that_fails_leaves_no_folder(tmp_path):
    def plan():
        raise OSError("gone")

    with pytest.warns(PictureWarning, match="no picture in figures: gone"):
        draw_into(tmp_path, plan)
    with pytest.warns(PictureWarning, match="gone"):
        renew(tmp_path / "own", plan)
    with pytest.warns(PictureWarning, match="no such thing"):
        draw_into(tmp_path, lambda: {"structures": bad})
    assert names(tmp_path) == []


def test_new_pictures_replace_old_ones_and_nothing_else(tmp_path):
    own, foreign = tmp_path / "own", tmp_path / "foreign"
    renew(own, lambda: {"learning": good, "constraint-band_gap": good})
    renew(own, lambda: {"constraint": good})
    assert names(own) == ["constraint.png", "constraint.svg"]
    foreign.mkdir()
    (foreign / "holiday.png").write_bytes(b"")
    assert (is_ours(own), is_ours(foreign), is_ours(tmp_path / "none")) == (True, False, False)
    with pytest.warns(PictureWarning, match="holds what this command has not written"):
        renew(foreign, lambda: {"learning": good})
    for folder in (own, foreign, tmp_path / "none"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            renew(folder, None)
    assert names(tmp_path) == ["foreign"]
    assert names(foreign) == ["holiday.png"]
