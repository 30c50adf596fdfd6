"""Learning curves: what a log says is what is drawn."""

import json

import numpy as np
import pytest

from tfmat.figures import learning_curves


def write(folder, lines):
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def curves(figure):
    return {
        axes.get_title(loc="left"): [line.get_xydata().tolist() for line in axes.lines]
        for axes in figure.axes
    }


def line(stage, step, **values):
    return {"stage": stage, "step": step, "time": "2025-03-01T12:00:00Z", **values}


def test_every_value_of_every_stage_is_drawn_once(tmp_path):
    lines = [
        line("lattice-ae", 20, loss=0.5, test_loss=0.75, lattice_decoded=1.0, steps_per_second=9),
        line("lattice-ae", 10, loss=4.0, test_loss=3.0, lattice_decoded=0.5, steps_per_second=9),
        line("gan", 5, discriminator_real_loss=0.2, discriminator_fake_loss=0.6, new_thing=7.0),
        line("gan", 10, discriminator_real_loss=0.3, discriminator_fake_loss=0.5),
        line("gan", 15, discriminator_fake_loss=0.4, new_thing=8.0),
    ]
    assert curves(learning_curves(write(tmp_path, lines))) == {
        "lattice-ae · loss": [[[10, 4.0], [20, 0.5]], [[10, 3.0], [20, 0.75]]],
        "lattice-ae · cells decoded": [[[10, 0.5], [20, 1.0]]],
        "gan · discriminator": [
            [[5, 0.2], [10, 0.3]],
            [[5, 0.6], [10, 0.5], [15, 0.4]],
        ],
        "gan · new thing": [[[5, 7.0], [15, 8.0]]],
    }


def test_a_steep_loss_is_on_a_logarithmic_axis_and_no_other():
    def scale(*losses):
        rows = [line("constraint", step, loss=loss) for step, loss in enumerate(losses, 1)]
        (axes,) = learning_curves(rows).axes
        return axes.get_yscale()

    assert scale(100.0, 1.0) == "log"
    assert scale(10.0, 1.0) == "linear"
    assert scale(100.0, -1.0) == "linear"


def test_an_empty_log_and_one_point(tmp_path):
    (axes,) = learning_curves(write(tmp_path, [])).axes
    assert [text.get_text() for text in axes.texts] == ["the log is empty"]
    (axes,) = learning_curves([line("gan", 3, loss=1.0)]).axes
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[3, 1]])
    assert axes.lines[0].get_marker() == "o"
    with pytest.raises(FileNotFoundError):
        learning_curves(tmp_path / "none")
