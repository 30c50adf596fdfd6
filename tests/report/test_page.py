"""The page as a file: hostile names, sizes, sources, what is refused."""

import base64
import hashlib
import html
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import browser as browsers
import numpy as np
import pytest
import report_pages
from tfmat.cli.main import main

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError
from tfmat.metric import share
from tfmat.report import hull_charts
from tfmat.report.candidate_map import candidate_map
from tfmat.report.contents import Candidate, Chart, Part
from tfmat.report.elements import element_map
from tfmat.report.folders import formulas
from tfmat.report.joined import joined
from tfmat.report.page import embedded, page
from tfmat.report.pictures import gather
from tfmat.report.published import published
from tfmat.report.report import report
from tfmat.viewer.scene import scene

HOSTILE = [
    "</script><script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "'; document.title='owned'; '",
    "<!--<script>",
    "]]>",
    "a\x00b\x1b[31m\u202e\u2028\u2029c",
    "\ud800half",
    "../../etc/passwd",
    "${document.title='owned'}",
    "x" * 5000,
    "名前",
    "__proto__",
]


class Elements(HTMLParser):
    """Collects elements with their attributes, and the texts of scripts."""

    def __init__(self, text):
        super().__init__()
        self.found, self.scripts, self._in_script = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data):
        if self._in_script:
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)

    def handle_endtag(self, tag):
        self._in_script = False


def crystal(edge=4.0, numbers=(11, 17)):
    points = np.linspace(0, 0.5, len(numbers))[:, None] * np.full(3, edge)
    return Crystal.from_arrays(np.eye(3) * edge, points, numbers)


def hostile_part():
    candidates = []
    for place, name in enumerate(HOSTILE):
        values = {
            "formation_energy_per_atom": [math.nan, math.inf, -math.inf, -0.5][place % 4],
            "status": name,
            "known_as": name,
            "novel": place % 2 == 0,
        }
        candidates.append(Candidate(name, name, values, crystal))
    return Part(
        HOSTILE[0], Path("folder") / "<b>x", [(HOSTILE[1], HOSTILE[0])],
        [share(HOSTILE[0], 1, 2, HOSTILE[1])], [Chart(HOSTILE[0], "<svg></svg>", HOSTILE[1])],
        candidates, {HOSTILE[0]: 3}, [HOSTILE[1]],
    )  # fmt: skip


def test_nothing_hostile_becomes_html():
    text = page([hostile_part()])
    found = Elements(text)
    kinds = [kind.get("id", "") for kind, _ in found.scripts]
    assert kinds == ["data", "", "", ""]
    assert not [tag for tag, _ in found.found if tag == "img"]
    assert not [name for _, given in found.found for name in given if name.startswith("on")]
    rows = json.loads(found.scripts[0][1])["rows"]
    assert len(rows) == len(HOSTILE)
    assert HOSTILE[0] in [row["id"] for row in rows]


def test_hostile_names_are_texts_in_a_browser(chromium, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(page([hostile_part()], "a title"), "utf-8")
    with browsers.opened(chromium, file) as opened:
        rows = opened.locator("#table tbody tr")
        assert rows.count() == len(HOSTILE)
        for place in range(len(HOSTILE)):
            rows.nth(place).click()
            with opened.expect_download() as waiting:
                opened.get_by_role("button", name="Save CIF").click()
            name = waiting.value.suggested_filename
            assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*\.cif", name)
            assert len(name) < 120
        opened.get_by_role("button", name="Formation energy").click()
        assert opened.title() == "a title"


def test_only_the_scripts_of_the_page_may_run():
    text = page([hostile_part()])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    allowed = set(re.findall(r"'sha256-([^']*)'", policy))
    # Of the text as it stands in the file, byte by byte.
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    } == allowed
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]
    assert "unsafe-eval" not in policy


@pytest.mark.parametrize("text", HOSTILE[:6])
def test_embedded_json_is_the_same_and_never_ends_a_script(text):
    value = {"text": text, "numbers": [1, None, 0.25]}
    made = embedded(value)
    assert "<" not in made
    assert json.loads(made) == value


def test_no_number_that_json_lacks():
    with pytest.raises(ValueError, match="JSON"):
        embedded({"energy": math.nan})


def test_a_thousand_candidates_stay_below_ten_megabytes():
    rng = np.random.default_rng(3)
    candidates = []
    for place in range(1000):
        numbers = rng.choice([8, 14, 22, 26, 38], 20)
        lattice = np.diag(rng.uniform(5, 9, 3)) + rng.uniform(-1, 1, (3, 3))
        one = Crystal.from_arrays(lattice, rng.uniform(0, 1, (20, 3)) @ lattice, numbers)
        candidates.append(Candidate(f"one-{place}", "SrTiO3", {}, lambda one=one: one))
    text = page([Part("many", Path("many"), candidates=candidates)])
    assert len(text.encode()) < 10e6
    rows = json.loads(Elements(text).scripts[0][1])["rows"]
    held = sum(row["scene"] is not None for row in rows)
    # Whatever does not fit is said.
    assert held == 1000 or f"Of {1000 - held:,} the page holds no structure" in text


def test_what_is_too_large_is_left_out_and_said():
    huge = crystal(60.0, [11, 17] * 1000)
    candidates = [Candidate(f"one-{at}", "NaCl", {}, lambda: huge) for at in range(200)]
    text = page([Part("large", Path("large"), candidates=candidates)])
    assert len(text.encode()) < 10e6
    assert "it would be too large" in text


def test_the_best_come_first_and_folders_are_joined():
    first = Part("a", Path("a"), candidates=[
        Candidate("x", "NaCl", {"formation_energy_per_atom": -1.0}, lambda: crystal(4.0)),
        Candidate("y", "KCl", {"formation_energy_per_atom": -2.0}, lambda: crystal(5.0)),
        Candidate("z", "LiCl", {}),
    ])  # fmt: skip
    second = Part("b", Path("b"), candidates=[
        Candidate("x", "NaCl", {"novel": True}, lambda: crystal(6.0)),
        Candidate("w", "RbCl", {"formation_energy_per_atom": -3.0}),
    ])  # fmt: skip
    found = joined([first, second])
    assert [one.identifier for one in found] == ["w", "y", "x", "z"]
    assert found[2].values == {"formation_energy_per_atom": -1.0, "novel": True}
    assert found[2].load().lattice[0, 0] == 6.0
    # What was given stays as it was.
    assert first.candidates[0].values == {"formation_energy_per_atom": -1.0}


def test_predictions_that_are_not_believed_come_last():
    part = Part("a", Path("a"), candidates=[
        Candidate(name, "NaCl", {"predicted_formation_energy_per_atom": energy, "domain": domain})
        for name, energy, domain in (
            ("low", -5.0, "outside: bonds of Na"), ("high", 1.0, "inside"), ("good", -1.0, "inside")
        )
    ])  # fmt: skip
    assert [one.identifier for one in joined([part])] == ["good", "high", "low"]
    assert "those in the constraint" in page([part])


def test_the_element_map_counts_formulas():
    formulas = ["NaCl", "NaBr", "KCl", "no formula"]
    table = element_map([Candidate(name, name) for name in formulas])
    shown = dict(re.findall(r'aria-label="(\w+): (\d+) of 4', table))
    assert shown == {"Na": "2", "Cl": "2", "K": "1", "Br": "1"}
    assert len(re.findall(r'class="element[ "]', table)) == 118
    assert element_map([]) == ""


def test_a_folder_of_nothing_is_a_page_of_nothing(folders, tmp_path):
    empty = report_pages.without_structures(folders / "made", tmp_path / "empty")
    text = report(empty, tmp_path / "empty.html").read_text("utf-8")
    assert "0 structures of" in text
    assert 'id="candidates"' not in text


@pytest.mark.parametrize("name", ["made", "joined", "hulls", "formulas"])
def test_the_same_folders_give_the_same_bytes(folders, pages, tmp_path, name):
    sources = {"made": ["made"], "joined": ["relaxed", "hulls", "judged"], "hulls": ["hulls"],
               "formulas": ["formulas.csv"]}  # fmt: skip
    again = report([folders / one for one in sources[name]], tmp_path / "again.html")
    assert again.read_bytes() == pages[name].read_bytes()


def test_numbers_of_the_page_are_those_of_the_folder(folders, pages):
    text = pages["joined"].read_text("utf-8")
    summary = json.loads((folders / "hulls" / "summary.json").read_text("utf-8"))
    for record in summary["metrics"]:
        assert html.escape(record["note"]) in text
    rows = json.loads(Elements(text).scripts[0][1])
    keys = [column["key"] for column in rows["columns"]]
    energy = keys.index("formation_energy_per_atom")
    lines = (folders / "relaxed" / "relaxation.csv").read_text("utf-8").splitlines()
    heads = lines[0].split(",")
    table = {
        line.split(",")[0]: float(line.split(",")[heads.index("formation_energy_per_atom")])
        for line in lines[1:]
    }
    for row in rows["rows"]:
        assert row["values"][energy] == pytest.approx(table[row["id"]], abs=1e-6)
        assert len(row["scene"]["z"]) == 4


def test_hulls_without_pictures_are_counted_and_it_is_said(pages):
    text = pages["hulls"].read_text("utf-8")
    assert "<h1>Hulls of 1 system</h1>" in text
    assert "No hull is drawn" in text


def test_the_map_has_every_candidate_and_what_is_alike_lies_close():
    random = np.random.default_rng(2)
    made = [
        Candidate(f"{formula}-{number}", formula, {"atoms": atoms, "volume_per_atom": volume,
                                                   "novel": number > 0})
        for formula, atoms, volume in (("Bi2Se3", 5, 29.0), ("Na", 1, 38.0), ("LiMnO2", 8, 11.0))
        for number, volume in enumerate(volume + random.normal(0, 0.3, 4))
    ]  # fmt: skip
    chart = candidate_map(made)
    found = re.findall(
        r'class="pick (\w+)" cx="([\d.-]+)" cy="([\d.-]+)"[^>]*data-id="([^"]+)"', chart.svg
    )
    assert sorted(name for *_, name in found) == sorted(one.identifier for one in made)
    assert sum(colour == "data" for colour, *_ in found) == 3
    places = {name: np.array([float(x), float(y)]) for _, x, y, name in found}
    for name, place in places.items():
        others = sorted(places, key=lambda other: np.linalg.norm(places[other] - place))
        assert {other.split("-")[0] for other in others[:4]} == {name.split("-")[0]}
    assert candidate_map(made[:2]) is None
    alike = [Candidate(str(number), "NaCl", {"atoms": 2}) for number in range(9)]
    assert candidate_map(alike) is None
    unread = [Candidate(str(number), "?", {}) for number in range(9)]
    assert candidate_map(unread) is None


def test_of_many_known_structures_the_lowest_of_every_composition_are_drawn(monkeypatch):
    random = np.random.default_rng(0)
    x, y = random.integers(1, 6, 300) / 6, random.normal(size=300)
    assert sorted(zip(*hull_charts._thinned(x, y), strict=True)) == sorted(zip(x, y, strict=True))
    monkeypatch.setattr(hull_charts, "_MOST", 50)
    seen = list(zip(*hull_charts._thinned(x, y), strict=True))
    assert len(set(seen)) == 50
    for place in set(x):
        assert [value for share, value in seen if share == place] == sorted(y[x == place])[:10]


def test_of_a_long_table_the_first_rows_are_shown_and_it_says_so(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(formulas, "_MOST", 50)
    text = report(folders / "formulas.csv", tmp_path / "few.html").read_text("utf-8")
    assert "those of the first 50 rows" in text
    assert len(json.loads(Elements(text).scripts[0][1])["rows"]) <= 50


def test_a_training_run_has_its_curves(tmp_path):
    run = report_pages.run_folder(tmp_path / "run")
    text = report(run, tmp_path / "run.html").read_text("utf-8")
    assert "composition-ae · loss" in text
    assert "held out" in text
    assert "3Dmol" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "--out", "x.html"], "no such folder"),
        (["EMPTY", "--out", "x.html"], "nothing that a page can be made of"),
        (["MADE", "--out", "x.txt"], "call it x.txt.html"),
        (["MADE", "--out", "MINE"], "take another name"),
    ],
)
def test_what_is_wrong_is_one_line(folders, tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    mine = tmp_path / "mine.html"
    mine.write_text("<p>mine", "utf-8")
    known = {"EMPTY": "empty", "MADE": str(folders / "made"), "MINE": "mine.html"}
    with pytest.raises(SystemExit) as end:
        main(["report", *(known.get(word, word) for word in words), "--overwrite"])
    error = capsys.readouterr().err
    assert end.value.code == 2
    assert message in error
    assert error.count("\n") == 1
    assert mine.read_text("utf-8") == "<p>mine"
    assert not (tmp_path / "x.html").exists()


def test_a_page_is_replaced_when_asked(folders, tmp_path):
    file = report(folders / "hulls", tmp_path / "page.html")
    with pytest.raises(InputError, match="`overwrite`"):
        report(folders / "hulls", file)
    assert report(folders / "hulls", file, title="new", overwrite=True) == file
    assert "<h1>new</h1>" in file.read_text("utf-8")


def test_a_scene_is_the_same_for_equal_crystals():
    assert scene(crystal()) == scene(crystal())


def test_a_folder_that_has_its_page_names_it(folders, tmp_path):
    campaign = tmp_path / "campaign"
    campaign.mkdir()
    report([folders / "made"], campaign / "report.html")
    with pytest.raises(InputError, match=r"has its page already; open .*report\.html"):
        report([campaign], tmp_path / "other.html")


def test_pictures_are_gathered_by_the_names_of_the_papers(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for place in ("relaxed/figures/relaxation", "again/figures/relaxation", "hull/pictures/Bi-Se",
                  "run/figures/learning", "new.csv.figures/formulas"):  # fmt: skip
        for ending in (".png", ".svg", ".txt"):
            file = tmp_path / (place + ending)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(place, "utf-8")
    names = ("relaxed", "again", "hull", "run", "new.csv", "none")
    copies = gather([Path(name) for name in names], tmp_path / "all")
    stems = {path.stem for path in (tmp_path / "all").iterdir()}
    assert stems == {"002-table1-relaxation", "again-002-table1-relaxation", "002-fig5-Bi-Se",
                     "004-fig2d-learning", "formulas"}  # fmt: skip
    assert len(copies) == 10
    assert (tmp_path / "all/002-fig5-Bi-Se.svg").read_text("utf-8") == "hull/pictures/Bi-Se"
    with pytest.raises(SystemExit) as end:
        main(["report", str(folders / "hulls"), "--out", "h.html", "--figures", "mine"])
    assert end.value.code == 0
    drawn = len(list((folders / "hulls").glob("pictures/*.[ps][nv]g")))
    assert f"mine: {drawn} pictures" in capsys.readouterr().out


def test_the_papers_stand_below_what_they_measured(pages):
    assert "Long 2021, DFT: 8.2%" in pages["joined"].read_text("utf-8")
    assert published("balanced", of_crystals=False) == "Dan 2020: 84.5%"
    assert published("balanced", of_crystals=True) == ""
