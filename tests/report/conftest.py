"""Folders of real commands, once for all tests of the page, and a browser."""

import pytest
from ase.build import bulk
from ase.io import write
from tfmat.cli.main import main

from tfmat.report.report import report


def run(*words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert end.value.code == 0


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Returns a folder with what commands write: made, relaxed, hulls, judged, formulas.csv."""
    place = tmp_path_factory.mktemp("made")
    run("generate", "ccdcgan", "-n", 30, "--seed", 1, "--out", place / "made")
    run("generate", "matgan", "-n", 300, "--seed", 1, "--out", place / "formulas.csv")
    frames = []
    for index in range(12):
        atoms = bulk("Cu", "fcc", a=3.7 + 0.02 * index, cubic=True)
        atoms.numbers[: index % 5] = 79
        atoms.rattle(0.05, seed=index)
        atoms.info["id"] = f"alloy-{index}"
        frames.append(atoms)
    write(place / "alloys.extxyz", frames, format="extxyz")
    run("relax", place / "alloys.extxyz", "--potential", "emt", "--steps", 20,
        "--cache", place / "cache", "--out", place / "relaxed")  # fmt: skip
    relaxed = place / "relaxed"
    run("evaluate", "hull", relaxed, "--against", f"known={relaxed}", "--out", place / "hulls",
        "--pictures", 0)  # fmt: skip
    run("evaluate", "structures", relaxed, "--against", f"known={relaxed}", "--no-index",
        "--hull", relaxed, "--out", place / "judged")  # fmt: skip
    return place


@pytest.fixture(scope="session")
def pages(folders):
    """Returns the pages of these folders by name."""
    sources = {
        "made": ["made"],
        "joined": ["relaxed", "hulls", "judged"],
        "hulls": ["hulls"],
        "formulas": ["formulas.csv"],
    }
    return {
        name: report([folders / one for one in places], folders / f"{name}.html")
        for name, places in sources.items()
    }
