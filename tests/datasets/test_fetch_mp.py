"""The real client mp-api against documents of emmet, served as the Materials Project does."""

import json
import re
import socket
from pathlib import Path

import numpy as np
import pytest
from tfmat.cli.main import main

from tfmat.datasets.credit import Credit
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError

pytest.importorskip("mp_api.client")
pytest.importorskip("emmet.core")

from mp_server import KEY, VERSION, documents, serve
from pymatgen.core import Composition, Lattice, Structure

from tfmat.datasets.fetching import http as fetch_http
from tfmat.datasets.fetching.fetch import fetch
from tfmat.datasets.fetching.http import Pace, ServiceError
from tfmat.datasets.fetching.materials_project import MaterialsProjectSource
from tfmat.datasets.fetching.query import Wanted

COUNT = 12
_SYSTEM = ("Bi", "Se")


@pytest.fixture(scope="module")
def known():
    return Dataset.open("bi-se")


@pytest.fixture(scope="module")
def collections(known):
    """Documents of real structures, of one outside of the system, and of one with a mixed site."""
    structures = {f"mp-{100 + i}": known[i].to_structure() for i in range(COUNT)}
    rocksalt = Structure(Lattice.cubic(5.0), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    mixed = Structure(Lattice.cubic(4.0), [Composition("Bi0.5Se0.5")], [[0, 0, 0]])
    return documents({**structures, "mp-200": rocksalt, "mp-99": mixed})


@pytest.fixture
def server(collections, monkeypatch):
    from mp_api.client.core.client import _Rester

    # The client keeps what an address once said for as long as the process runs.
    _Rester._get_heartbeat_info.cache_clear()
    for name in ("MP_API_KEY", "PMG_MAPI_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    with serve(collections) as started:
        yield started


def source(server, wanted=None, **options):
    options = {"page_size": 5, "pace": Pace(1000, first_wait=0), "api_key": KEY, **options}
    return MaterialsProjectSource(wanted or Wanted(_SYSTEM), endpoint=server.url, **options)


def run(*words):
    with pytest.raises(SystemExit) as end:
        main(["data", "fetch", "mp", *map(str, words)])
    return end.value.code


def test_pages_of_structures_with_all_that_is_known_of_them(server, known, tmp_path):
    summary = fetch(source(server), tmp_path / "out")
    dataset = Dataset.open(tmp_path / "out")
    # In the familiar form, though emmet writes mp-dw.
    assert sorted(dataset.ids) == [f"mp-{100 + i}" for i in range(COUNT)]
    for index, name in enumerate(dataset.ids):
        original = int(name.removeprefix("mp-")) - 100
        assert np.allclose(dataset[index].lattice, known[original].lattice)
        assert np.allclose(dataset[index].positions, known[original].positions)
        assert np.array_equal(dataset[index].numbers, known[original].numbers)
        for column, value in (
            ("formation_energy_per_atom", -0.5 - 0.01 * original),
            ("e_above_hull", 0.01 * original),
            ("band_gap", 0.1 * original),
            ("energy_per_atom", -3.0),
            ("created", 16130.5),  # 2014-03-01, noon
        ):
            assert dataset.property(column)[index] == pytest.approx(value)
    assert summary["rejected_by_reason"] == {"disordered": 1}
    assert summary["pages"] == 3
    record = dataset.metadata["extra"]
    assert record["fetch"]["database"]["version"] == VERSION
    assert record["fetch"]["query"]["elements"] == ["Bi", "Se"]
    assert record["fetch"]["matches"] == COUNT + 1
    assert record["energies"]["scale"] == "Materials Project GGA_GGA+U_R2SCAN"
    assert dataset.credit == Credit("CC-BY-4.0", ("Jain et al., APL Materials 1, 011002 (2013)",))


def test_only_the_plain_interface_is_asked(server, tmp_path):
    wanted = Wanted(containing=("Se",), count=(2, 2), max_atoms=5)
    fetch(source(server, wanted), tmp_path / "out")
    paths = {path for path, _ in server.asked}
    assert paths == {"/heartbeat", "/materials/summary/", "/materials/provenance/"}
    pages = [question for path, question in server.asked if "_page" in question]
    expected = {"elements": "Se", "nsites_max": "5", "nelements_min": "2", "nelements_max": "2"}
    for number, question in enumerate(pages, start=1):
        assert question.items() >= expected.items()
        assert question["_page"] == str(number)
        assert question["_per_page"] == "5"
        assert question["_sort_fields"] == "material_id"
        assert question["deprecated"] == "False"
        assert question["batch_id_not_eq"] == "gnome_r2scan_statics"
    counted = next(q for p, q in server.asked if "summary" in p)
    conditions = {name: value for name, value in counted.items() if name[0] != "_"}
    same = {name: value for name, value in pages[0].items() if name[0] != "_"}
    assert conditions == same


def test_energies_of_another_functional_come_from_their_collection(server, tmp_path):
    fetch(source(server, thermo_type="GGA_GGA+U", gnome=True), tmp_path / "out")
    dataset = Dataset.open(tmp_path / "out")
    first = list(dataset.ids).index("mp-100")
    assert dataset.property("formation_energy_per_atom")[first] == pytest.approx(-0.4)
    assert dataset.metadata["extra"]["energies"]["scale"] == "Materials Project GGA_GGA+U"
    assert dataset.credit.licence == "CC-BY-4.0 AND CC-BY-NC-4.0"
    assert len(dataset.credit.attribution) == 2
    asked = [question for path, question in server.asked if path == "/materials/thermo/"]
    assert asked[0]["thermo_types"] == "GGA_GGA+U"
    assert not any("batch_id_not_eq" in question for _, question in server.asked)
    # Where that functional was not used nothing is known, rather than another's energy.
    server.collections = {**server.collections, "thermo": []}
    fetch(source(server, thermo_type="GGA_GGA+U"), tmp_path / "other")
    assert np.isnan(Dataset.open(tmp_path / "other").property("e_above_hull")).all()


def test_an_interrupted_fetch_goes_on_and_gives_the_same(server, tmp_path, monkeypatch):
    fetch(source(server), tmp_path / "whole")
    monkeypatch.setattr(fetch_http.time, "sleep", lambda seconds: None)
    # The count, a page with its dates, the second page after a pause, nothing any more.
    server.answers = ["ok", "ok", "ok", "429 1", "ok", "ok", *["503"] * 7]
    with pytest.raises(ServiceError, match=r"503.*7 times"):
        fetch(source(server), tmp_path / "out")
    pages = sorted((tmp_path / "out.work").glob("page-*"))
    assert len(pages) == 2
    server.asked.clear()
    server.answers = []
    fetch(source(server), tmp_path / "out")
    first = next(question for _, question in server.asked if "_page" in question)
    assert first["_page"] == str(len(pages) + 1)
    same = [Dataset.open(tmp_path / name).sha256 for name in ("whole", "out")]
    assert same[0] == same[1]


def test_a_new_version_of_the_database_is_not_mixed_in(server, tmp_path, monkeypatch):
    from mp_api.client.core.client import _Rester

    monkeypatch.setattr(fetch_http.time, "sleep", lambda seconds: None)
    server.answers = ["ok"] * 5 + ["503"] * 7
    with pytest.raises(ServiceError):
        fetch(source(server), tmp_path / "out")
    server.version, server.answers = "2026.01.01", []
    _Rester._get_heartbeat_info.cache_clear()
    with pytest.raises(InputError, match=r"version 2025.09.25, now 2026.01.01"):
        fetch(source(server), tmp_path / "out")


def test_the_key_is_written_nowhere(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MP_API_ENDPOINT", server.url)
    monkeypatch.setattr(
        "mp_api.client.core.utils.MAPI_CLIENT_SETTINGS.ENDPOINT", server.url, raising=True
    )
    monkeypatch.setenv("MP_API_KEY", KEY)
    monkeypatch.setattr(fetch_http.time, "sleep", lambda seconds: None)
    out = tmp_path / "out"
    words = ["--elements", "Bi,Se", "--page-size", 5, "--rate", 1000, "--out", out]
    server.answers = ["ok"] * 5 + ["503"] * 7
    assert run(*words) == 1
    left = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert left
    server.answers = []
    assert run(*words, "--json") == 0
    said = capsys.readouterr()
    assert KEY not in said.out + said.err
    assert json.loads(said.out)["kept"] == COUNT
    for file in [*left, *out.rglob("*")]:
        if file.is_file():
            assert KEY.encode() not in file.read_bytes()
    # Only requests for data carry it.
    for (path, _), headers in zip(server.asked, server.headers, strict=True):
        if path != "/heartbeat":
            assert headers["x-api-key"] == KEY


@pytest.mark.parametrize("name", ["MP_API_KEY", "PMG_MAPI_KEY"])
def test_keys_of_the_environment(server, tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, KEY)
    wanted = Wanted(_SYSTEM, max_atoms=3)
    assert fetch(source(server, wanted, api_key=None), tmp_path / "out")["kept"] > 0


def test_without_a_good_key_one_line(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("pymatgen.core.SETTINGS", {})
    words = ["--elements", "Bi,Se", "--out", tmp_path / "out"]
    monkeypatch.setattr(
        "mp_api.client.core.utils.MAPI_CLIENT_SETTINGS.ENDPOINT", server.url, raising=True
    )
    wrong = "w" * 32
    for key, message in (
        ((), "needs a key"),
        (("--api-key", "short"), "32 letters and digits, this one 5"),
        (("--api-key", wrong), "refuses the key (401)"),
    ):
        assert run(*words, *key) == 2
        error = capsys.readouterr().err
        assert message in error
        assert len(error.strip().splitlines()) == 1
        assert wrong not in error
    assert not (tmp_path / "out").exists()


def test_an_empty_result_and_an_unreachable_service(server, tmp_path):
    with pytest.raises(InputError, match=re.escape("no structure matches elements ('Li', 'O')")):
        fetch(source(server, Wanted(("Li", "O"))), tmp_path / "out")
    assert not list(tmp_path.iterdir())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nobody = MaterialsProjectSource(
        Wanted(_SYSTEM), api_key=KEY, endpoint=f"http://127.0.0.1:{port}"
    )
    with pytest.raises(ServiceError, match="cannot be reached"):
        fetch(nobody, tmp_path / "out")


def test_a_document_without_a_structure_is_kept_aside(server, tmp_path):
    summary = [dict(document) for document in server.collections["summary"][:2]]
    summary[0]["structure"] = None
    summary[1]["structure"] = {**summary[1]["structure"], "sites": []}
    good = server.collections["summary"][2:4]
    server.collections = {**server.collections, "summary": [*summary, *good]}
    found = fetch(source(server), tmp_path / "out")
    assert found["rejected_by_reason"] == {"no structure": 1, "no sites": 1}
    assert found["kept"] == 2
    text = Path(tmp_path / "out" / "rejected.csv").read_text()
    assert "mp-100,no structure" in text
