import csv
import itertools
import re

import numpy as np
import pytest
from hull_systems import GENERATED, KNOWN, write

from tfmat.evaluation.hull import stability as hull
from tfmat.evaluation.hull.entries import read_entries
from tfmat.evaluation.hull.plots import draw
from tfmat.evaluation.hull.report import evaluate
from tfmat.evaluation.plotting import write_labels
from tfmat.figures.style import MANY, figure_of, formula_label


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    known = read_entries(str(write(folder / "known", KNOWN)))
    return known, read_entries(str(write(folder / "made", GENERATED)))


def picture(name, known, generated=None):
    system = hull.parse_system(name)
    _, above = hull.distances([system], known, generated)
    found = hull.hulls(system, known, generated)
    return found, draw(found, known, generated, above)


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


def labels(axes):
    return [text.get_text() for text in axes.texts if text.get_text()]


def test_a_binary_system_with_both_hulls(sets):
    found, figure = picture("Cd-Li", *sets)
    (axes,) = figure.axes
    drawn = lines(axes)
    for name, expected in (
        ("convex hull of the known", found.known),
        ("redefined hull", found.redefined),
    ):
        order = np.argsort(expected.fractions[:, 1])
        points = np.column_stack([expected.fractions[order, 1], expected.energies[order]])
        np.testing.assert_array_equal(drawn[name], points)
    assert {"Li$_{4}$Cd$_{3}$", "LiCd$_{2}$", "LiCd$_{3}$"} <= set(labels(axes))
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names[:3] == [
        "known (4 + 2 of subsystems)",
        "generated (4)",
        "generated below (2)",
    ]
    assert [tick.get_text() for tick in axes.get_xticklabels()][::5] == ["Cd", "Li"]


def test_the_first_element_is_on_the_left(sets):
    _, figure = picture("Li-Cd", sets[0])
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()][::5] == ["Li", "Cd"]
    (line,) = axes.lines
    assert line.get_xydata()[1, 0] == 0.25  # Li3Cd has a quarter of Cd


def test_a_ternary_system_before_and_after(sets):
    found, figure = picture("Co-Li-O", *sets)
    left, right, bar = figure.axes
    assert bar.get_ylabel() == "formation energy (eV/atom)"
    assert right.get_title() == "redefined hull"
    assert "Li$_{2}$CoO$_{3}$" not in labels(left)
    assert "Li$_{2}$CoO$_{3}$" in labels(right)
    edges = {
        frozenset(pair)
        for facet in found.known.facets
        for pair in itertools.combinations(facet.tolist(), 2)
    }
    assert len(left.lines) == len(edges)


def test_a_ternary_system_alone(sets):
    _, figure = picture("Co-Li-O", sets[0])
    assert len(figure.axes) == 2  # the triangle and the bar of colours


def test_nothing_below_is_said(sets):
    known, _ = sets
    _, figure = picture("Co-Li-O", known, known)
    assert figure.axes[1].get_title() == "nothing generated lies below it"


def test_four_elements_have_no_picture(sets):
    _, figure = picture("Cd-Co-Li-O", *sets)
    assert figure is None


def test_what_is_far_above_is_counted(tmp_path):
    rows = [("LiCd", -0.2), *[("Li2Cd", 0.6 + index / 1000) for index in range(40)]]
    _, figure = picture("Cd-Li", read_entries(str(write(tmp_path / "d", rows))))
    assert any("40 more above" in text for text in labels(figure.axes[0]))


def test_thousands_of_points_are_an_image(tmp_path):
    rows = [("LiCd", -0.2 + index / 10_000) for index in range(MANY + 1)]
    known = read_entries(str(write(tmp_path / "d", rows)))
    _, figure = picture("Cd-Li", known, known)
    assert figure.axes[0].collections[0].get_rasterized()
    figure.savefig(tmp_path / "d.svg")
    assert (tmp_path / "d.svg").stat().st_size < 500_000


def test_labels_cover_neither_each_other_nor_the_points():
    figure, (axes,) = figure_of(5, 4)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    random = np.random.default_rng(0)
    points = 0.5 + random.uniform(-0.2, 0.2, (14, 2))
    names = [f"Bi{index}Se{index + 1}" for index in range(14)]
    write_labels(figure, axes, points, names, np.tile([0.0, -1.0], (14, 1)))
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
    assert len(boxes) == 14
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    spots = axes.transData.transform(points)
    assert not any(box.contains(*spot) for box in boxes for spot in spots)


@pytest.mark.parametrize("seed", range(4))
def test_lines_to_far_labels_cross_no_label(seed):
    figure, (axes,) = figure_of(5, 4)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    points = 0.5 + np.random.default_rng(seed).uniform(-0.12, 0.12, (14, 2))
    names = [f"Bi{index}Se{index + 1}" for index in range(14)]
    write_labels(figure, axes, points, names, np.tile([0.0, -1.0], (14, 1)))
    named = [text for text in axes.texts if text.get_text()]
    leaders = [text for text in axes.texts if not text.get_text()]
    assert leaders
    for leader in leaders:
        start, offset = axes.transData.transform(leader.xy), np.array(leader.get_position())
        for text in named:
            if getattr(text, "xy", None) == leader.xy:
                continue  # its own
            box = text.get_window_extent(figure.canvas.get_renderer())
            on_line = [start + t * figure.dpi / 72 * offset for t in np.linspace(0, 1, 200)]
            assert not any(box.contains(*spot) for spot in on_line), text.get_text()


def test_numbers_are_subscripts():
    assert formula_label("Bi2Se3") == "Bi$_{2}$Se$_{3}$"


def test_names_that_find_no_room_are_counted_and_none_overlaps():
    figure, (axes,) = figure_of(2.4, 2.4)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.text(0.5, 0.5, "in the way", ha="center")
    points = 0.5 + np.random.default_rng(0).uniform(-0.05, 0.05, (60, 2))
    names = [f"Bi{index + 10}Se{index + 11}" for index in range(60)]
    write_labels(figure, axes, points, names, np.tile([0.0, -1.0], (60, 1)))
    shown = [text for text in axes.texts if text.get_text()]
    left = 60 - sum("Bi" in text.get_text() for text in shown)
    assert left > 0
    assert f"{left} more names find no room" in labels(axes)
    boxes = [text.get_window_extent(figure.canvas.get_renderer()) for text in shown]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_names_of_a_binary_keep_off_points_and_line(sets):
    _, figure = picture("Cd-Li", sets[0], sets[1])
    (axes,) = figure.axes
    renderer = figure.canvas.get_renderer()
    named = [text for text in axes.texts if text.get_text()]
    assert len(named) >= 3
    points = np.concatenate([drawn.get_offsets() for drawn in axes.collections])
    spots = axes.transData.transform(points)
    for text in named:
        box = text.get_window_extent(renderer)
        assert not any(box.contains(*spot) for spot in spots), text.get_text()


def test_counts_of_table_picture_and_csv_agree(sets, tmp_path):
    known, made = sets
    systems = [hull.parse_system(name) for name in ("Cd-Li", "Co-Li-O", "Co-O", "Li-O")]
    evaluate(tmp_path / "hull", known, made, systems, pictures=4)
    with (tmp_path / "hull" / "hull.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["set"] == "generated"]
    with (tmp_path / "hull" / "table.csv").open(encoding="utf-8", newline="") as stream:
        table = {row["system"]: row for row in csv.DictReader(stream)}
    for system in systems:
        name = hull.system_name(system)
        of_it = [row for row in rows if row["system"] == name]
        assert len(of_it) == int(table[name]["structures"]), name
        _, figure = picture(name, known, made)
        legend = [
            text.get_text()
            for axes in figure.axes
            if axes.get_legend()
            for text in axes.get_legend().get_texts()
        ]
        said = {
            kind: int(match[1])
            for kind in ("generated", "generated below")
            for text in legend
            if (match := re.fullmatch(rf"{kind} \((\d+)(?: \+ \d+ of subsystems)?\)", text))
        }
        assert said.get("generated", 0) == len(of_it), name
        if table[name]["below_hull"]:
            below = sum(float(row["e_above_known_hull"]) < -hull.BELOW for row in of_it)
            assert said.get("generated below", 0) == below == int(table[name]["below_hull"]), name


def test_names_lie_apart_in_the_saved_picture_of_a_crowded_triangle(tmp_path):
    random = np.random.default_rng(1)
    rows, symbols = [], ("Li", "Co", "O")
    for counts in itertools.product(range(4), repeat=3):
        if sum(n > 0 for n in counts) > 1 and np.gcd.reduce(counts) == 1:
            x, y, z = np.array(counts) / sum(counts)
            formula = "".join(f"{s}{n}" for s, n in zip(symbols, counts, strict=True) if n)
            rows.append((formula, -3 * (x * y + y * z + x * z) + 0.03 * random.normal()))
    known = read_entries(str(write(tmp_path / "known", rows[::2])))
    made = read_entries(str(write(tmp_path / "made", rows)))
    _, figure = picture("Co-Li-O", known, made)
    figure.savefig(tmp_path / "saved.png")
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes:
        boxes = [t.get_window_extent(renderer) for t in axes.texts if t.get_text()]
        if (legend := axes.get_legend()) is not None:
            assert len(boxes) > 10
            boxes.append(legend.get_window_extent(renderer))
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
