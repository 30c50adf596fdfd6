"""Energies of relaxing: bars and points against the rows."""

import numpy as np

from tfmat.figures import energies
from tfmat.figures.style import save


def row(before, after, status="converged"):
    fall = "" if "" in (before, after) else f"{float(before) - float(after):.6f}"
    return {
        "status": status,
        "initial_formation_energy_per_atom": str(before),
        "formation_energy_per_atom": str(after),
        "delta_formation_energy_per_atom": fall,
    }


def test_bars_hold_the_falls_and_the_limit_lies_between_them():
    rng = np.random.default_rng(2)
    falls = np.round(rng.exponential(0.4, 300), 3)
    rows = [row(round(0.1 + fall, 3), 0.1) for fall in falls]
    left, right = energies(rows).axes
    near, far = ([(b.get_x(), b.get_width(), b.get_height()) for b in c] for c in left.containers)
    for x, width, height in [*near, *far]:
        # Falls have three digits, so none lies on an edge but for rounding.
        inside = (falls > x + 1e-9) & (falls < x + width - 1e-9)
        on_edge = np.isclose(falls, x) | np.isclose(falls, x + width)
        assert inside.sum() <= height <= (inside | on_edge).sum()
    assert np.isclose(near[-1][0] + near[-1][1], 0.2)
    assert np.isclose(far[0][0], 0.2)
    count = sum(fall < 0.2 for fall in falls.tolist())
    words = left.texts[0].get_text().splitlines()
    assert words[:2] == [f"{100 * count / 300:.1f}% below 0.2 eV/atom", f"({count:,} of 300)"]
    beyond = 300 - int(sum(height for *_, height in [*near, *far]))
    assert words[2:] == ([f"{beyond} beyond {left.get_xlim()[1]:.2g} eV/atom"] if beyond else [])
    (points,) = right.collections
    shown = points.get_offsets()
    hidden = right.get_legend().get_title().get_text()
    assert hidden == f"{300 - len(shown)} made higher than shown"


def test_converged_or_not_and_what_is_not_a_number(tmp_path):
    rows = [
        row(0.5, 0.1),
        row(0.3, -0.1, "unconverged"),
        row("nan", 0.1),
        row("", "", "failed"),
        row(0.2, "inf"),
    ]
    left, right = figure_axes = energies(rows).axes
    texts = [text.get_text() for text in right.get_legend().get_texts()]
    assert texts == ["converged (1)", "not converged (1)"]
    assert [points.get_offsets().tolist() for points in right.collections] == [
        [[0.5, 0.1]],
        [[0.3, -0.1]],
    ]
    assert left.texts[0].get_text() == "0.0% below 0.2 eV/atom\n(0 of 2)"
    save(figure_axes[0].figure, tmp_path, "some")


def test_nothing_relaxed_and_one(tmp_path):
    figure = energies([row("", "", "failed")])
    assert [axes.texts[0].get_text() for axes in figure.axes] == ["nothing relaxed"] * 2
    save(figure, tmp_path, "none")
    figure = energies([row(0.1, 0.1)])
    assert figure.axes[0].texts[0].get_text() == "100.0% below 0.2 eV/atom\n(1 of 1)"
    save(figure, tmp_path, "one")
