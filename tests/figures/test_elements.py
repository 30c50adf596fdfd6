"""Elemental densities: a bar for each element of either set."""

from tfmat.figures.elements import elemental_densities
from tfmat.figures.style import save


def bars(axes):
    return {
        group.get_label(): [round(bar.get_height(), 6) for bar in group]
        for group in axes.containers
    }


def test_bars_are_the_shares_of_both_sets():
    made = {"Li": 0.5, "O": 0.0, "Mn": 0.25, "Se": 0.0}
    (axes,) = elemental_densities(made, {"Li": 1.0, "O": 0.75}, "data", 0.5).axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["Li", "O", "Mn"]
    assert bars(axes) == {"data": [100, 75, 0], "structures": [50, 0, 25]}
    assert axes.get_legend().get_title().get_text() == "Pearson's r = 0.500"


def test_many_elements_are_wrapped_in_rows_of_one_scale():
    made = {f"E{number}": (number + 1) / 100 for number in range(84)}
    figure = elemental_densities(made, made, "data")
    assert [len(axes.get_xticklabels()) for axes in figure.axes] == [28, 28, 28]
    assert figure.get_figwidth() < 8
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    heights = [height for axes in figure.axes for height in bars(axes)["structures"]]
    assert heights == [round(100 * share, 6) for share in made.values()]


def test_alone_and_nothing(tmp_path):
    (axes,) = elemental_densities({"Bi": 1.0}).axes
    assert bars(axes) == {"structures": [100]}
    save(elemental_densities({}), tmp_path, "none")
    save(elemental_densities({str(z): 0.1 for z in range(90)}, {}, "data"), tmp_path, "many")
