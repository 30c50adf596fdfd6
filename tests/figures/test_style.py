"""Files of pictures: the same bytes for the same data, text as text, nothing that tells when."""

import re
import struct
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from perovskite import perovskite

from tfmat.figures import crystals, predicted_against_true
from tfmat.figures.style import DOTS, finite, save

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from perovskite import perovskite
from tfmat.figures import crystals
from tfmat.figures.style import save
save(crystals([perovskite()]), Path(sys.argv[1]), "same")
"""


def chunks(png):
    """Returns the names of a PNG file's parts."""
    names, place = [], 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        names.append(png[place + 4 : place + 8].decode())
        place += length + 12
    return names


def test_two_processes_and_other_settings_give_the_same_bytes(tmp_path):
    support = sys.modules["perovskite"].__file__.rsplit("/", 1)[0]
    save(crystals([perovskite()]), tmp_path, "first")
    with mpl.rc_context({"figure.facecolor": "black", "font.size": 30, "svg.fonttype": "path"}):
        save(crystals([perovskite()]), tmp_path, "second")
    subprocess.run([sys.executable, "-c", SCRIPT, tmp_path, support], check=True)
    for ending in ("png", "svg"):
        first = (tmp_path / f"first.{ending}").read_bytes()
        assert first == (tmp_path / f"second.{ending}").read_bytes()
        assert first == (tmp_path / f"same.{ending}").read_bytes()


def test_nothing_tells_when_or_with_what(tmp_path):
    true = np.linspace(0, 1, 20)
    png, svg = save(predicted_against_true(true, true, "band_gap", "eV"), tmp_path, "gap")
    assert set(chunks(png.read_bytes())) == {"IHDR", "pHYs", "IDAT", "IEND"}
    text = svg.read_text("utf-8")
    assert not re.search(r"20\d\d-\d\d|[Mm]atplotlib v|dc:date|dc:creator", text)
    # Words can be searched and read aloud.
    assert ">true band gap (eV)</text>" in text
    width, height = struct.unpack(">II", png.read_bytes()[16:24])
    assert (width, height) == pytest.approx((3.6 * DOTS, 3.5 * DOTS), abs=1)


def test_what_is_not_finite_is_left_out():
    np.testing.assert_array_equal(finite([1, np.nan, None, np.inf, -2]), [1, -2])
    assert finite([]).shape == (0,)
