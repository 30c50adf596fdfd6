"""Validity and recovery of sets of formulas: bars against the numbers."""

from tfmat.evaluation.formulas.evaluate import evaluate_compositions
from tfmat.evaluation.formulas.pictures import pictures_of
from tfmat.figures.judged_formulas import recovery, validity
from tfmat.figures.style import save

TRAIN = ["Li2O", "NaCl", "MgO", "LiFeO2"]
HELD_OUT = ["KCl", "Na2FeO2"]


def heights(axes, words):
    (bars,) = (group for group in axes.containers if group.get_label() == words)
    return [round(bar.get_height(), 6) for bar in bars]


def test_bars_of_validity_are_the_shares_of_each_set():
    (axes,) = validity({"made": (0.5, 0.25), "training set": (1.0, 0.75)}, ["training set"]).axes
    bars = [bar for group in axes.containers for bar in group if bar.get_x() > -1]
    drawn = {round(bar.get_x() + bar.get_width() / 2, 6): bar.get_height() for bar in bars}
    assert drawn == {-0.2: 50, 0.2: 25, 0.8: 100, 1.2: 75}
    assert [text.get_text() for text in axes.texts] == ["50.0", "100.0", "25.0", "75.0"]
    made, known = (bar.get_facecolor() for bar in bars[:2])
    assert made != known


def test_bars_of_recovery_stand_at_their_number_of_elements():
    figure = recovery({"a": {"one": {"2": 0.5, "10": 0.1}, "two": {"2": 1.0}}})
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "10"]
    assert heights(axes, "one") == [50, 10]
    assert heights(axes, "two") == [100, 0]


def test_pictures_show_what_was_measured(tmp_path):
    made = ["Li2O", "Li2O", "KCl", "NaCl2"]
    found = evaluate_compositions(
        {"made": made},
        train=_file(tmp_path, "train", TRAIN),
        holdout=_file(tmp_path, "h", HELD_OUT),
    )
    pictures = pictures_of(found)
    assert list(pictures) == ["fig4a-validity", "fig5a-uniqueness", "fig5b-recovery"]
    (axes,) = pictures["fig4a-validity"](tmp_path).axes
    assert [text.get_text() for text in axes.texts] == ["75.0", "100.0", "75.0", "100.0"]
    training, held_out, new = pictures["fig5b-recovery"](tmp_path).axes
    assert training.get_title(loc="left") == "training formulas found again"
    # Li2O of Li2O, NaCl, MgO; nothing of LiFeO2. KCl of KCl; nothing of Na2FeO2.
    assert heights(training, "made") == [round(100 / 3, 6), 0]
    assert heights(held_out, "made") == [100, 0]
    # Of KCl, Li2O, NaCl2, distinct ones of two elements, all but Li2O are new.
    assert heights(new, "made") == [round(200 / 3, 6)]
    # The training set would find itself.
    assert len(training.containers) == 1


def test_what_was_not_measured_has_no_picture(tmp_path):
    assert list(pictures_of(evaluate_compositions(["Li2O"]))) == [
        "fig4a-validity",
        "fig5a-uniqueness",
    ]
    save(validity({}), tmp_path, "none")
    save(recovery({}), tmp_path, "nothing")


def _file(folder, name, formulas):
    file = folder / f"{name}.txt"
    file.write_text("\n".join(formulas) + "\n", "utf-8")
    return file
