"""The large figures of a page are of what was made; names of bars do not lie over each other."""

import re

from tfmat.metric import share
from tfmat.report.charts import most_frequent
from tfmat.report.contents import Part
from tfmat.report.page import page


def test_baselines_and_known_sets_stand_in_the_table_alone(tmp_path):
    metrics = [
        share("valid", 1, 8, "of the known", subset={"set": "mp"}),
        share("valid", 2, 8, "of noise", subset={"baseline": "noise"}),
        share("valid", 7, 8, "of ours"),
    ]
    text = page([Part("Judged", tmp_path, [], metrics, [], [], {})])
    cards = re.findall(r'<div class="card".*?</div>', text, flags=re.DOTALL)
    assert len(cards) == 1
    assert "87.5%" in cards[0]
    assert "7 of 8" in cards[0]
    for other in ("12.5%", "25.0%"):  # with their meaning, further below
        assert other in text


def test_long_names_below_bars_take_two_rows():
    names = ["P6_3/mmc", "I4_1/amd", "Pnma", "C2/m", "Fm-3m", "R-3m", "P4/mmm", "F-43m"]
    long = most_frequent("Space groups", [n for n in names for _ in range(2)], "group", "cells")
    short = most_frequent("Atoms", [str(n) for n in range(8)], "atoms", "cells")

    def heights(chart):
        centred = r'<text x="[\d.]+" y="([\d.]+)" text-anchor="middle">([^<]+)</text>'
        found = re.findall(centred, chart.svg)
        named = {*names, *map(str, range(8))}
        return {float(y) for y, name in found if name in named and float(y) > 200}

    assert len(heights(long)) == 2
    assert len(heights(short)) == 1
