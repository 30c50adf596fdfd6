"""``tfmat discover`` with a potential that is always there, on alloys that are counted by hand."""

import csv
import json
import shutil
from dataclasses import replace

import pytest
from campaigns import MADE, settings, table, write, write_both
from tfmat.cli.main import main

from tfmat.datasets.sources import read_source
from tfmat.discovery import campaign as campaigns
from tfmat.discovery.campaign import Campaign, Making, Relaxing
from tfmat.discovery.discover import discover
from tfmat.discovery.known_formulas import KnownFormulas
from tfmat.discovery.screening import candidates, with_predicted
from tfmat.errors import InputError
from tfmat.relaxation import relax_source


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return write_both(tmp_path_factory.mktemp("campaign"))


@pytest.fixture(scope="module")
def done(place):
    said = []
    summary = discover(settings(place), place / "out", cache=place / "cache", say=said.append)
    return summary, said


def test_what_is_left_is_counted(done):
    summary, _ = done
    left = {step["step"]: step["left"] for step in summary["funnel"]}
    assert left == {
        "begun": 4,
        "structures": 4,
        "sound": 4,
        "charge-neutral": 4,  # alloys
        "distinct": 3,  # Cu3Au is there twice
        "novel": 2,  # Cu2Au2 is known
        "relaxed by emt": 2,
        "at rest": 2,
        "distinct and novel still": 2,
        "within 500 meV/atom of the hull": 2,
    }
    for before, after in zip(summary["funnel"], summary["funnel"][1:], strict=False):
        assert before["left"] - after["left"] == sum(after["lost"].values())


def test_candidates_are_ranked(place, done):
    rows = table(place / "out")
    assert [row["rank"] for row in rows] == ["1", "2"]
    assert {row["formula"] for row in rows} == {"Cu3Au", "CuAu3"}
    above = [float(row["e_above_hull"]) for row in rows]
    assert above == sorted(above)
    for row in rows:
        assert (place / "out" / "result" / row["cif"]).is_file()


def test_known_structures_get_the_same_energies(place, done):
    """The hull by hand: EMT's energies of the three known cells and the two elements."""
    _, said = done
    assert any("known: 3 known structures" in line for line in said)
    with (place / "out" / "known" / "known-relaxed" / "relaxation.csv").open() as stream:
        known = {
            r["formula"]: float(r["formation_energy_per_atom"]) for r in csv.DictReader(stream)
        }
    middle = min(known["CuAu"], 0.0)
    for row in table(place / "out"):
        gold = {"Cu3Au": 0.25, "CuAu3": 0.75}[row["formula"]]
        hull = middle * min(gold, 1 - gold) / 0.5
        found = float(row["formation_energy_per_atom"]) - hull
        assert float(row["e_above_hull"]) == pytest.approx(found, abs=2e-5)


def test_a_page_and_the_settings(place, done):
    out = place / "out"
    assert "3Dmol" in (out / "report.html").read_text("utf-8")
    assert campaigns.read_campaign(out / "campaign.toml") == settings(place)
    card = (out / "result" / "README.md").read_text("utf-8")
    assert card.startswith("# 2 candidates")
    assert "| novel | 2 | 1 known structures |" in card
    assert {file.name for file in (out / "result" / "figures").iterdir()} == {
        "funnel.png",
        "funnel.svg",
    }


def test_it_goes_on_where_it_was_ended(place, done, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(place / "out", out)
    for name in ("result", "hull"):
        shutil.rmtree(out / name)
    (out / "report.html").unlink()

    def never(*_, **__):
        raise AssertionError("relaxed again")

    monkeypatch.setattr("tfmat.discovery.judging.relax_source", never)
    assert discover(settings(place), out, cache=place / "cache", say=str) == done[0]
    for name in ("candidates.csv", "candidates.extxyz", "funnel.csv", "README.md"):
        assert (out / "result" / name).read_bytes() == (place / "out/result" / name).read_bytes()


def test_the_time_is_over_and_it_goes_on(place, done, tmp_path, monkeypatch):
    monkeypatch.setattr(relax_source, "CHUNK", 1)
    out = tmp_path / "out"
    first = discover(settings(place), out, minutes=1e-6, cache=place / "cache", say=str)
    assert first["not_reached"] == 1
    assert len(table(out)) == 1
    assert (out / "relaxed.work").is_dir()
    last = discover(settings(place), out, cache=place / "cache", say=str)
    assert last == done[0]
    assert table(out) == table(place / "out")
    assert not (out / "relaxed.work").exists()


def test_other_settings_are_another_campaign(place, done, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(place / "out", out)
    with pytest.raises(InputError, match=r"another relax\.fmax; repeat its settings"):
        discover(settings(place, fmax=0.1), out, say=str)
    assert discover(settings(place, fmax=0.1), out, overwrite=True, cache=place / "cache", say=str)
    assert campaigns.read_campaign(out / "campaign.toml").relax.fmax == 0.1


def test_nothing_of_others_is_replaced(place, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(InputError, match="mine"):
        discover(settings(place), tmp_path / "mine", overwrite=True, say=str)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "all of it"
    with pytest.raises(InputError, match="is read and would be replaced"):
        discover(settings(place), place / "made", overwrite=True, say=str)


def test_too_many_known_structures(place, tmp_path):
    with pytest.raises(InputError, match="3 structures lie in the 1 systems"):
        discover(settings(place, known_limit=2), tmp_path / "out", cache=place / "cache", say=str)


def test_by_command_twice_refined(place, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["discover", "--from", place / "made", "--against", place / "known"]
    words += ["--potential", "emt", "--refine", "emt", "--within", "0.5", "--out", out, "--json"]
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert not end.value.code
    summary = json.loads(capsys.readouterr().out)
    assert summary["potentials"] == ["emt", "emt"]
    assert (out / "relaxed-refined").is_dir()
    with pytest.raises(SystemExit) as end:
        main(["discover", str(out / "campaign.toml"), "--out", str(tmp_path / "again")])
    assert not end.value.code
    assert "candidates in" in capsys.readouterr().out
    assert table(tmp_path / "again") == table(out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "nobody"], "nobody"),
        (["--model", "matgan-plus-oqmd"], "a model of tfmat train matgan, not of crystal"),
        (["--from", "nowhere"], "there is no such folder"),
        (["--from", "nowhere", "--refine", "emt"], "needs a hull to be near to"),
        (["--potential", "dft"], "dft"),
        (["--require", "Li"], "Li"),
        (["nowhere.toml"], "nowhere.toml"),
        (["--against", "nowhere"], "nowhere: no such dataset"),
        (["--against", "formulas", "--refine", "emt"], "--against a dataset of structures"),
    ],
)
def test_wrong_words(words, message, tmp_path, capsys):
    out = tmp_path / "out"
    more = [] if "--potential" in words else ["--potential", "emt"]
    with pytest.raises(SystemExit) as end:
        main(["discover", *words, *more, "--out", str(out)])
    err = capsys.readouterr().err.splitlines()
    assert (end.value.code, len(err)) == (2, 1), err
    assert message in err[0]
    assert not out.exists()


def test_a_model_whose_elements_no_potential_knows(tmp_path, capsys):
    """Nothing is left in the end, and that is said by reason."""
    out = tmp_path / "out"
    words = ["--model", "ccdcgan-bi-se", "-n", "8", "--any-charge", "--potential", "emt"]
    words += ["--against", "bi-se"]
    with pytest.raises(SystemExit) as end:
        main(["discover", *words, "--out", str(out)])
    assert not end.value.code
    said = capsys.readouterr().out
    assert "relaxed by emt" in said
    assert "0 candidates" in said
    assert table(out) == []


def test_the_lowest_that_the_model_may_judge_come_first(tmp_path):
    with (tmp_path / "results.csv").open("w") as stream:
        stream.write("id,predicted_formation_energy_per_atom,domain\n")
        stream.write("made-0,-0.1,inside\nmade-1,-0.9,outside\nmade-3,-0.2,inside\n")
    source = read_source(write(tmp_path / "made", MADE))
    table = tmp_path / "structures.csv"
    row = ",1,1,1,1\n"
    table.write_text(
        "id,structure_valid,composition_valid,distinct,novel\n"
        + "".join(f"made-{number}{row}" for number in range(4))
    )
    found, _ = candidates(
        with_predicted(source, tmp_path),
        table,
        known=True,
        listed=KnownFormulas(),
        any_charge=False,
    )
    assert [entry.identifier for entry in found] == ["made-3", "made-0", "made-1", "made-2"]


def test_a_list_of_formulas_becomes_candidates(place, tmp_path):
    """Each formula is begun once; what EMT does not know would stop it, so it is left out."""
    listed = tmp_path / "new.csv"
    listed.write_text("formula,times_generated\nCu3Au,4\nNiPt,1\nAuCu3,1\nLiCoO2,1\n", "utf-8")
    metals = ("Cu", "Au", "Ni", "Pt")
    wish = Campaign(
        Making("ccdcgan-mp", formulas=str(listed), elements=metals, source="prototype"),
        relax=Relaxing(potential="emt", steps=50),
        reach=9.0,
    )
    said = []
    summary = discover(wish, tmp_path / "out", threads=1, cache=tmp_path / "cache", say=said.append)
    left = {step["step"]: step["left"] for step in summary["funnel"]}
    assert left["begun"] == left["structures"] == 2
    assert said[0] == (
        "2 formulas to make crystals of; left out: 1 there already, 1 of other elements than were "
        "asked for"
    )
    assert {row["formula"] for row in table(tmp_path / "out")} <= {"Cu3Au", "NiPt"}
    assert campaigns.read_campaign(tmp_path / "out" / "campaign.toml") == wish
    with pytest.raises(InputError, match="`structures` are there already, `formulas` are not"):
        discover(replace(wish, structures=str(place / "made")), tmp_path / "two", say=said.append)
