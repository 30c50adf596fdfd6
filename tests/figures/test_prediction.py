"""Predicted against true: points, numbers, table."""

import csv

import numpy as np
from scipy import stats

from tfmat.figures import predicted_against_true
from tfmat.figures.prediction import write_predictions


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_the_numbers_are_those_of_the_points():
    rng = np.random.default_rng(1)
    true = rng.normal(size=50)
    # A regression's line has an R² that scipy knows, too.
    fit = stats.linregress(noisy := true + rng.normal(size=50), true)
    predicted = fit.slope * noisy + fit.intercept
    true, predicted = np.append(true, [np.nan, 1.0]), np.append(predicted, [0.0, np.inf])
    (axes,) = predicted_against_true(true, predicted, "formation_energy", "eV/atom").axes
    (points,) = axes.collections
    np.testing.assert_array_equal(points.get_offsets(), np.column_stack([true, predicted])[:50])
    error = sum(abs(a - b) for a, b in zip(true[:50], predicted[:50], strict=True)) / 50
    assert words(axes) == [
        f"MAE {error:.3g} eV/atom\nR² {fit.rvalue**2:.3g}\n50 held-out structures"
    ]
    assert axes.get_xlim() == axes.get_ylim()


def test_one_structure_has_no_r2_and_none_has_no_numbers():
    (axes,) = predicted_against_true(np.array([1.0]), np.array([1.5]), "gap", "eV").axes
    assert words(axes) == ["MAE 0.5 eV\n1 held-out structures"]
    (axes,) = predicted_against_true(np.array([np.nan]), np.array([1.5])).axes
    assert words(axes) == ["no held-out structures"]


def test_the_table(tmp_path):
    file = tmp_path / "constraint.csv"
    write_predictions(file, np.array([7, 2]), np.array([0.5, -1]), np.array([0.25, 2], np.float32))
    with file.open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["row", "true", "predicted"]
    assert rows[1:] == [["7", "0.500000", "0.250000"], ["2", "-1.000000", "2.000000"]]
