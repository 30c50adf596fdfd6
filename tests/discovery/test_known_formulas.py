"""Campaigns beside lists of formulas: what is known is left out, and where it is known is said."""

import csv

import pytest
from campaigns import alloy, settings, table, write, write_both
from pymatgen.core import Composition

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.composition_store import CompositionWriter
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.datasets.systems import compositions_of
from tfmat.discovery.campaign import Campaign, Judging, Making, Relaxing
from tfmat.discovery.discover import discover
from tfmat.discovery.known_formulas import KnownFormulas, of_structures, split
from tfmat.errors import InputError
from tfmat.formulas.parsing import parse_formulas

BI_SE = Dataset.open("bi-se")


def compositions(*formulas):
    return parse_formulas(list(formulas)).compositions


def listed(file, *formulas):
    file.write_text("formula\n" + "\n".join(formulas) + "\n", "utf-8")
    return file


def dataset(folder, *formulas):
    with CompositionWriter(folder, {"name": folder.name}, 3) as writer:
        writer.add(compositions(*formulas))
    return folder


def test_lists_and_datasets_tell_themselves_apart(tmp_path):
    against = {
        "shipped": "bi-se",
        "made": str(write(tmp_path / "made", ["Cu4"])),
        "names": "formulas",
        "stored": str(dataset(tmp_path / "stored", "Cu3Au")),
        "file": str(listed(tmp_path / "file.csv", "Au2Cu2", "AuCu3")),
    }
    structures, known = split(against)
    assert set(structures) == {"shipped", "made"}
    assert set(known.keys) == {"names", "stored", "file"}
    assert known.names(compositions("CuAu", "Cu6Au2", "Cu5Au")) == ["file", "stored and file", ""]
    assert not split({"made": against["made"]})[1]
    assert KnownFormulas().names(compositions("CuAu")) == [""]
    with pytest.raises(InputError, match="nowhere: no such dataset"):
        split({"it": "nowhere"})
    (tmp_path / "empty.csv").write_text("formula\n", "utf-8")
    with pytest.raises(InputError, match=r"empty\.csv"):
        split({"it": str(tmp_path / "empty.csv")})


def test_formulas_of_structures_are_pymatgens():
    crystals = [BI_SE[row] for row in range(0, len(BI_SE), 200)]
    found = compositions_of(crystals)
    for row, crystal in enumerate(crystals):
        wanted = crystal.to_structure().composition.reduced_composition
        mapping = {str(element): count for element, count in wanted.items()}
        assert Composition(found.formulas()[row]).as_dict() == mapping
    assert len(compositions_of([])) == 0
    known = of_structures({"one": "bi-se"})
    assert known.names(compositions("Bi2Se3", "Bi97Se89", "NaCl")) == ["one", "", ""]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return write_both(tmp_path_factory.mktemp("listed"))


def test_what_a_list_knows_is_counted_as_lost(place, tmp_path):
    known = listed(tmp_path / "papers.csv", "Cu3Au", "NaCl")
    wish = settings(place)
    against = (*wish.judge.against, f"papers={known}", "mine=formulas")
    wish = Campaign(structures=wish.structures, judge=Judging(against), relax=wish.relax, reach=9)
    summary = discover(wish, tmp_path / "out", cache=place / "cache", say=str)
    steps = {step["step"]: step for step in summary["funnel"]}
    assert steps["novel"]["left"] == 2
    assert steps["of a new formula"]["left"] == 1
    assert steps["of a new formula"]["lost"] == {"of a formula in papers": 1}
    assert [row["formula"] for row in table(tmp_path / "out")] == ["CuAu3"]
    assert [row["formula_known_in"] for row in table(tmp_path / "out")] == [""]
    # The list is no hull: that is of the known structures alone.
    assert float(table(tmp_path / "out")[0]["e_above_hull"]) > 0


def test_another_structure_of_a_known_formula_is_one_and_said(place, tmp_path):
    """A layered and a body-centred CuAu: the one is known, the other is another structure of it."""
    same = alloy("Cu2Au2")
    scaled = same.lattice * [[1.0], [1.0], [2**0.5]]
    positions = same.positions @ [[1, 0, 0], [0, 1, 0], [0, 0, 2**0.5]]
    with DatasetWriter(tmp_path / "made", {"name": "made"}) as writer:
        writer.add(Crystal(scaled, positions, same.numbers), "other", {})
    wish = Campaign(
        structures=str(tmp_path / "made"),
        judge=Judging((f"known={place / 'known'}",)),
        relax=Relaxing(potential="emt", steps=1, fmax=99),
        reach=99,
    )
    discover(wish, tmp_path / "out", cache=place / "cache", say=str)
    with (tmp_path / "out" / "screened" / "structures.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert row["novel"] == "1"
    assert [row["formula_known_in"] for row in table(tmp_path / "out")] == ["known"]


def test_formulas_that_are_known_become_no_crystals(place, tmp_path):
    """From generated formulas: novel ones alone are begun, the structures of datasets judged."""
    new = listed(tmp_path / "new.csv", "Cu3Au", "NiPt", "AuCu3", "PdCu", "Ni3Pt")
    known = dataset(tmp_path / "icsd", "NiPt", "LiF")
    wish = Campaign(
        Making("ccdcgan-mp", formulas=str(new), source="prototype"),
        judge=Judging((f"icsd={known}", f"known={place / 'known'}")),
        relax=Relaxing(potential="emt", steps=20),
        reach=99,
    )
    said = []
    summary = discover(wish, tmp_path / "out", threads=1, cache=place / "cache", say=said.append)
    assert said[0] == "3 formulas to make crystals of; left out: 1 in icsd, 1 there already"
    left = {step["step"]: step["left"] for step in summary["funnel"]}
    assert left["begun"] == 3
    assert left["of a new formula"] == left["novel"] <= 3
    with pytest.raises(InputError, match=r"no formula is left .*\(1 in icsd\)"):
        discover(
            Campaign(
                Making("ccdcgan-mp", formulas=str(listed(tmp_path / "old.csv", "PtNi"))),
                judge=Judging((f"icsd={known}",)),
                relax=Relaxing(potential="emt"),
            ),
            tmp_path / "none",
            say=said.append,
        )
    assert not (tmp_path / "none").exists()
