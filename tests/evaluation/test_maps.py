"""Maps of formulas by t-SNE: the same for the same seed, near what is alike, never a failure."""

import csv
import sys

import numpy as np
import pytest

from tfmat import errors
from tfmat.evaluation.formulas.maps import MapSettings, decoded_and_not, draw_map, embed
from tfmat.formulas.compositions import Compositions
from tfmat.formulas.parsing import parse_formulas

pytest.importorskip("sklearn")


def compositions(anion, count=60):
    random = np.random.default_rng(anion)
    rows = [
        {int(random.integers(37, 57)): int(random.integers(1, 4)), anion: 2} for _ in range(count)
    ]
    return Compositions.from_mappings(rows)


def test_places_repeat_and_neighbours_are_alike():
    from sklearn.neighbors import NearestNeighbors

    oxides, sulphides = compositions(8), compositions(16)
    both = Compositions.concatenate([oxides, sulphides])
    places = embed(both, 3)
    np.testing.assert_array_equal(places, embed(both, 3))
    kind = np.repeat([0, 1], 60)
    nearest = NearestNeighbors(n_neighbors=6).fit(places).kneighbors(places)[1][:, 1:]
    assert (kind[nearest] == kind[:, None]).mean() > 0.8


def test_the_table_has_every_point(tmp_path):
    sets = {"training set": compositions(8), "made": compositions(16, 30)}
    figure = draw_map(sets, MapSettings(40, 1), tmp_path, "fig3-map")
    with (tmp_path / "fig3-map.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["set"] for row in rows] == ["training set"] * 40 + ["made"] * 30
    assert {row["formula"] for row in rows} <= set(
        compositions(8).formulas() + compositions(16, 30).formulas()
    )
    drawn = {group.get_label(): len(group.get_offsets()) for group in figure.axes[0].collections}
    assert drawn == {"training set (40)": 40, "made (30)": 30}


@pytest.mark.parametrize("formulas", [[], ["NaCl"], ["NaCl", "Li2O", "KrF2"]])
def test_few_formulas_are_a_picture_too(tmp_path, formulas):
    found = parse_formulas(formulas).compositions
    draw_map({"made": found}, MapSettings(10, 0), tmp_path, "fig3-map")
    assert (tmp_path / "fig3-map.csv").exists()


def test_formulas_are_parted_by_whether_they_come_back():
    known, mask = compositions(8), np.arange(60) % 5 > 0
    parts = decoded_and_not(known, mask, MapSettings(30, 2))
    assert sum(map(len, parts.values())) == 30
    names = np.array(known.formulas())
    assert set(parts["decoded"].formulas()) <= set(names[mask])
    assert set(parts["not decoded"].formulas()) <= set(names[~mask])


def test_without_scikit_learn_it_is_said_before_any_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(errors.MissingExtraError, match="train"):
        MapSettings(10, 0)
