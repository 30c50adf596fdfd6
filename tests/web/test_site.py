"""The folder of the page: what lies in it, and what cannot be in one."""

import json
import re

import numpy as np
import pytest
import smact
from ase.data import atomic_numbers, covalent_radii
from tfmat.cli.main import main

from tfmat.errors import InputError
from tfmat.inference.package import load
from tfmat.web import site as sites
from tfmat.web.elements import elements
from tfmat.web.site import is_site, write_site
from tfmat.web.sources import ARRAYS, packed

FORMULAS, SOURCES = "matgan-plus-icsd-filter", "ccdcgan-mp"


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
        (["ccdcgan-bi-se-compact"], "a page can run those of the forms writer and sources"),
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


@pytest.mark.parametrize("name", ["RUNTIME_SHA256", "SYMMETRY_SHA256"])
def test_a_changed_program_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sites, name, "0" * 64)
    with pytest.raises(Exception, match="is not what tfmat came with"):
        write_site([FORMULAS], tmp_path / "site")


def test_the_elements():
    found = elements()
    assert len(found) == 103
    iron = found["26"]
    assert (iron["symbol"], iron["column"], iron["row"]) == ("Fe", 8, 4)
    assert iron["covalent"] == float(covalent_radii[26])
    assert 3 in iron["states"]
    symbols = {one["symbol"] for one in found.values() if one["metal"]}
    assert symbols == {one["symbol"] for one in found.values()} & set(smact.metals)
    places = [(one["column"], one["row"]) for one in found.values()]
    assert len(set(places)) == len(places)
    # Formulas are written in this order: FeO, not OFe.
    assert iron["rank"] < found[str(atomic_numbers["O"])]["rank"]


def test_the_arrays_of_sources(tmp_path):
    write_site([SOURCES], tmp_path / "site")
    folder = tmp_path / "site" / "models" / SOURCES
    card = json.loads((folder / "model.json").read_text())
    assert card["form"] == "sources"
    assert set(card["files"]) == {"compositions", "writer", "constraint"}
    content = (folder / ARRAYS).read_bytes()
    found = {}
    for name, place in card["arrays"].items():
        kind, size = np.dtype(place["kind"]), int(np.prod(place["shape"]))
        # A browser's typed arrays begin at multiples of their numbers' width.
        assert place["offset"] % kind.itemsize == 0
        found[name] = np.frombuffer(content, kind, size, place["offset"]).reshape(place["shape"])
    with np.load(load(SOURCES, parts=()).folder / "prototypes.npz") as stored:
        for name in ("ids", "numbers", "counts", "lattices", "fractional"):
            np.testing.assert_array_equal(found[name], stored[name])
        np.testing.assert_array_equal(found["volumeWeights"], stored["volume_weights"])
    count, atoms = len(found["numbers"]), int(found["counts"].sum())
    assert found["cells"].shape == (count, 7)
    assert found["places"].shape == (atoms, 3)
    assert set(found["placed"].tolist()) <= {0, 1}
    # Atoms of the first element lie on one another when one of them is the origin.
    starts = np.cumsum(found["counts"].sum(axis=1)) - found["counts"].sum(axis=1)
    placed = found["placed"] == 1
    assert (found["places"][starts[placed]] == 0).all()


def test_packed_arrays_of_any_widths():
    arrays = {
        "small": np.arange(5, dtype=np.uint8),
        "wide": np.linspace(0, 1, 3),
        "table": np.ones((2, 3), np.float32),
    }
    content, places = packed(arrays)
    assert [places[name]["offset"] for name in ("wide", "table", "small")] == [0, 24, 48]
    assert len(content) == 53
    np.testing.assert_array_equal(np.frombuffer(content, "<f8", 3), arrays["wide"])
