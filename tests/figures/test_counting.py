"""Reconstruction by size, and curves of what is distinct."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.figures import distinct_structures, reconstruction, uniqueness
from tfmat.figures.style import save


def test_bars_are_the_shares_of_each_size():
    (axes,) = reconstruction({8: (1, 4), 2: (3, 3), 5: (0, 0)}).axes
    assert [bar.get_height() for bar in axes.containers[0]] == [100, 25]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "8"]
    assert [text.get_text() for text in axes.texts] == ["3", "4"]
    assert axes.get_title(loc="left") == "4 of 7 structures reproduced"


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_the_curves_count(verdicts):
    distinct, novel = (list(column) for column in zip(*verdicts, strict=True))
    (axes,) = distinct_structures(distinct, novel).axes
    drawn = [line.get_ydata().tolist() for line in axes.lines]
    count = both = 0
    for place, (new, unknown) in enumerate(verdicts, 1):
        count += new
        both += new and unknown
        assert [line[place] for line in drawn] == [place, count, both]
    assert f"distinct: {count} ({100 * count / len(verdicts):.1f}%)" in axes.lines[1].get_label()


def test_uniqueness_by_samples():
    (axes,) = uniqueness({"a": [(100_000, 0.9), (10_000, 0.99)], "none": []}).axes
    (line,) = axes.lines
    np.testing.assert_allclose(line.get_xydata(), [[10_000, 99], [100_000, 90]])
    assert axes.get_xscale() == "log"


def test_nothing_to_count(tmp_path):
    for name, figure in (
        ("a", reconstruction({})),
        ("b", distinct_structures([], None)),
        ("c", uniqueness({})),
        ("d", distinct_structures([True], None)),
        ("e", uniqueness({"one": [(1, 1.0)]})),
    ):
        save(figure, tmp_path, name)
