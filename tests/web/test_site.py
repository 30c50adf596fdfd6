"""The folder of the page: what lies in it, and what cannot be in one."""

import json
import re

import pytest
from ase.data import atomic_numbers, covalent_radii
from tfmat.cli.main import main

from tfmat.errors import InputError
from tfmat.web import site as sites
from tfmat.web.elements import elements
from tfmat.web.site import is_site, write_site

FORMULAS = "matgan-plus-icsd-filter"


def test_a_site_of_formulas(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["web", "--package", FORMULAS, "--out", str(tmp_path / "site"), "--json"])
    assert not end.value.code
    summary = json.loads(capsys.readouterr().out)
    assert summary["models"] == [FORMULAS]
    assert summary["bytes"] < 40e6
    assert is_site(tmp_path / "site")
    card = json.loads((tmp_path / "site" / "models" / FORMULAS / "model.json").read_text())
    assert len(card["elements"]) == 85
    assert (tmp_path / "site" / "models" / FORMULAS / card["files"]["generate"]).is_file()


def test_the_policy_allows_no_script_of_others(tmp_path):
    write_site([FORMULAS], tmp_path / "site")
    text = (tmp_path / "site" / "index.html").read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert rules["connect-src"] == rules["worker-src"] == "'self'"
    assert not re.search(r"<script>|<script [^>]*>[^<]|\son\w+=", text)
    assert "http:" not in text
    assert "https:" not in text


def test_the_worker_names_files_that_are_there(tmp_path):
    write_site([FORMULAS], tmp_path / "one")
    write_site([FORMULAS, "matgan-plus-oqmd"], tmp_path / "two")
    stores = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        text = (folder / "sw.js").read_text("utf-8")
        assert "@" not in text
        for name in re.search(r'addAll\(\["./", (.*?)\]\)', text)[1].split(", "):
            assert (folder / name.strip('"')).is_file(), name
        stores.append(re.search(r"tfmat-([0-9a-f]{16})", text)[1])
    assert stores[0] != stores[1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "name at least one model"),
        (["nowhere"], "nowhere"),
        ([FORMULAS, FORMULAS], "given twice"),
    ],
)
def test_what_makes_no_site(names, message, tmp_path):
    with pytest.raises(InputError, match=message):
        write_site(names, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_only_a_site_is_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine")
    with pytest.raises(InputError):
        write_site([FORMULAS], tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "index.html").read_text() == "mine"
    write_site([FORMULAS], tmp_path / "site")
    with pytest.raises(InputError):
        write_site([FORMULAS], tmp_path / "site")
    write_site([FORMULAS], tmp_path / "site", overwrite=True)


def test_a_changed_runtime_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sites, "RUNTIME_SHA256", "0" * 64)
    with pytest.raises(Exception, match="is not what tfmat came with"):
        write_site([FORMULAS], tmp_path / "site")


def test_the_elements():
    found = elements()
    assert len(found) == 103
    iron = found["26"]
    assert (iron["symbol"], iron["column"], iron["row"]) == ("Fe", 8, 4)
    assert iron["covalent"] == float(covalent_radii[26])
    assert 3 in iron["states"]
    places = [(one["column"], one["row"]) for one in found.values()]
    assert len(set(places)) == len(places)
    # Formulas are written in this order: FeO, not OFe.
    assert iron["rank"] < found[str(atomic_numbers["O"])]["rank"]
