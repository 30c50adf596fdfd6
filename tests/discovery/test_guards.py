"""Campaigns of sets that nobody wishes for: they end with a count of nothing, and say why."""

import csv

import numpy as np
import pytest
import report_pages
from campaigns import alloy, table, write
from tfmat.cli.main import main

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import DatasetWriter
from tfmat.discovery.campaign import Campaign, Judging, Relaxing
from tfmat.discovery.discover import discover
from tfmat.discovery.known_formulas import split
from tfmat.errors import InputError


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return write(tmp_path_factory.mktemp("guards") / "known", ["Cu2Au2"])


def cubic(edge, numbers, positions):
    return Crystal(np.eye(3) * edge, np.array(positions, float), np.array(numbers, np.uint8))


def helium():
    return cubic(4.2, [2, 2], [[0, 0, 0], [2.1, 2.1, 2.1]])


def overlapping():
    return cubic(3.0, [29, 79], [[0, 0, 0], [0, 0, 0.1]])


def stored(folder, *crystals):
    with DatasetWriter(folder, {"name": folder.name}) as writer:
        for number, crystal in enumerate(crystals):
            writer.add(crystal, f"{folder.name}-{number}", {})
    return folder


def campaign(source, known):
    return Campaign(
        structures=str(source),
        judge=Judging((f"known={known}",), any_charge=True),
        relax=Relaxing(potential="emt", steps=5),
    )


def lost(summary):
    return {step["step"]: (step["left"], step["lost"]) for step in summary["funnel"]}


@pytest.mark.parametrize(
    ("crystals", "step", "expected"),
    [
        ([helium()], "relaxed by emt", (0, {"element not covered": 1})),
        ([overlapping()] * 2, "sound", (0, {"atoms within 0.5 Å": 2})),
        ([alloy("Cu2Au2")], "novel", (0, {"known structures": 1})),
        ([alloy("Cu2Au2")] * 3, "distinct", (1, {"copies of others": 2})),
    ],
    ids=["noble gas", "nothing valid", "one known", "duplicates"],
)
def test_nothing_is_left_and_it_is_said(tmp_path, known, crystals, step, expected):
    source = stored(tmp_path / "made", *crystals)
    summary = discover(campaign(source, known), tmp_path / "out", cache=tmp_path / "c", say=str)
    assert lost(summary)[step] == expected
    assert summary["candidates"] == 0
    assert table(tmp_path / "out") == []
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_folder_of_failures_alone(tmp_path, known):
    with pytest.raises(SystemExit):
        main(["generate", "ccdcgan", "-n", "2", "--out", str(tmp_path / "made")])
    none = report_pages.without_structures(tmp_path / "made", tmp_path / "none")
    summary = discover(campaign(none, known), tmp_path / "out", cache=tmp_path / "c", say=str)
    assert lost(summary)["structures"][0] == summary["candidates"] == 0


def test_single_elements_have_no_hull(tmp_path, known):
    source = stored(tmp_path / "made", alloy("Cu4"))
    summary = discover(campaign(source, known), tmp_path / "out", cache=tmp_path / "c", say=str)
    assert summary["warnings"] == ["only pure elements: no hull"]
    (row,) = table(tmp_path / "out")
    assert (row["formula"], row["e_above_hull"]) == ("Cu", "")


def test_known_ones_that_do_not_relax_are_named(tmp_path):
    bad = stored(tmp_path / "known", overlapping())
    source = stored(tmp_path / "made", alloy("Cu3Au"))
    summary = discover(campaign(source, bad), tmp_path / "out", cache=tmp_path / "c", say=str)
    assert summary["warnings"] == [
        "known: known structures that are no part of the hull: 1 atoms too close",
        "no known structures of these systems: nothing to lie above",
    ]


def test_a_file_of_structures_is_no_list_of_formulas(tmp_path):
    from ase.io import write as write_frames

    file = tmp_path / "known.extxyz"
    write_frames(file, [alloy("Cu4").to_atoms()], format="extxyz")
    with pytest.raises(InputError, match="tfmat data import"):
        split({"known": str(file)})
    # What is neither keeps its own words.
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(InputError, match="no column of formulas"):
        split({"known": str(other)})


def test_candidates_are_one_where_there_is_one(tmp_path, capsys):
    source = stored(tmp_path / "made", alloy("Cu3Au"))
    words = ["discover", "--from", source, "--potential", "emt", "--steps", 5, "--any-charge"]
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in (*words, "--out", tmp_path / "out")])
    assert end.value.code == 0
    assert "1 candidate in " in capsys.readouterr().out
    with (tmp_path / "out" / "result" / "candidates.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 1
