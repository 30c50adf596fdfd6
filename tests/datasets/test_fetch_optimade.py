"""Against the reference server of optimade-python-tools, in a process of its own."""

import csv
import gzip
import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase.data import chemical_symbols
from tfmat.cli.main import main

from tfmat.datasets.store import Dataset
from tfmat.errors import InputError

for module in ("optimade.client", "fastapi", "uvicorn", "mongomock"):
    pytest.importorskip(module)

from optimade_server import serve  # noqa: E402

from tfmat.datasets.fetching import http as fetch_http  # noqa: E402
from tfmat.datasets.fetching import optimade as fetch_optimade  # noqa: E402
from tfmat.datasets.fetching.fetch import FetchOptions, fetch  # noqa: E402
from tfmat.datasets.fetching.http import Pace, ServiceError  # noqa: E402
from tfmat.datasets.fetching.optimade import OptimadeSource  # noqa: E402
from tfmat.datasets.fetching.providers import find_provider  # noqa: E402
from tfmat.datasets.fetching.query import Wanted  # noqa: E402

GOOD = 23
# Known of every structure.
KNOWN = "screening_formation_energy_per_atom"


def entry(name, crystal, energy, number):
    symbols = [chemical_symbols[z] for z in crystal.numbers]
    elements = sorted(set(symbols))
    species = [{"name": e, "chemical_symbols": [e], "concentration": [1.0]} for e in elements]
    attributes = {
        "lattice_vectors": crystal.lattice.tolist(),
        "cartesian_site_positions": crystal.positions.tolist(),
        "species_at_sites": symbols,
        "species": species,
        "nsites": len(symbols),
        "elements": elements,
        "nelements": len(elements),
        "nperiodic_dimensions": 3,
        "structure_features": [],
        "last_modified": f"2024-05-{number % 28 + 1:02d}T00:00:00Z",
        "formation_energy_per_atom": energy,
        "hull_distance": None if number % 5 == 0 else -0.01 + 0.01 * number,
        "band_gap": 1.0,
        "energy": energy * len(symbols),
        "stability": {"gga_gga+u": {"formation_energy_per_atom": 2 * energy}},
    }
    return {"id": name, "attributes": attributes}


@pytest.fixture(scope="module")
def known():
    """The structures that the server has: of the shipped dataset, in pages beside bad ones."""
    return Dataset.open("bi-se")


@pytest.fixture(scope="module")
def server(known, tmp_path_factory):
    energies = known.property(KNOWN)
    entries = [entry(known.ids[i], known[i], float(energies[i]), i) for i in range(GOOD)]
    partly, layer, empty = (entry(name, known[0], 0.0, 1) for name in ("part", "2D", "none"))
    partly["attributes"]["species"][0]["concentration"] = [0.8]
    layer["attributes"]["nperiodic_dimensions"] = 2
    empty["attributes"] |= {"cartesian_site_positions": [], "species_at_sites": []}
    entries[3:3] = [partly]
    entries[9:9] = [layer, empty]
    with serve(tmp_path_factory.mktemp("optimade"), entries) as started:
        yield started


@pytest.fixture(autouse=True)
def _loopback(monkeypatch, request):
    monkeypatch.setenv("NO_PROXY", "*")
    if "server" in request.fixturenames:
        started = request.getfixturevalue("server")
        started.trouble()
        started.requests()


def source(server, wanted=None, text="", **options):
    options = {"page_size": 5, "pace": Pace(1000, first_wait=0), **options}
    return OptimadeSource(server.url, wanted or Wanted(("Bi", "Se")), text, **options)


def run(*words):
    with pytest.raises(SystemExit) as end:
        main(["data", "fetch", "optimade", *map(str, words)])
    return end.value.code


def test_all_pages_with_energies_and_what_is_no_crystal(server, known, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["--provider", f"{server.url}/v1", "--elements", "Bi,Se", "--page-size", 5]
    assert run(*words, "--rate", 1000, "--out", out, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    dataset = Dataset.open(out)
    dataset.verify()
    assert list(dataset.ids) == [known.ids[i] for i in range(GOOD)]
    for index in range(GOOD):
        assert np.array_equal(dataset[index].positions, known[index].positions)
        assert np.array_equal(dataset[index].lattice, known[index].lattice)
        assert np.array_equal(dataset[index].numbers, known[index].numbers)
    energies = known.property(KNOWN)[:GOOD]
    assert np.array_equal(dataset.property("formation_energy_per_atom"), energies)
    # What lies below the hull of all others is on the hull; every fifth is unknown.
    above = dataset.property("e_above_hull")
    assert np.isnan(above[::5]).all()
    assert above[1] == 0
    assert above[6] == pytest.approx(0.05)
    # Joules are no eV, and the energy of a cell is none of an atom.
    assert dataset.properties == ["formation_energy_per_atom", "e_above_hull"]
    with (out / "rejected.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["id"]: row["reason"].split(":")[0] for row in rows} == {
        "part": "disordered",
        "2D": "no crystal",
        "none": "no sites",
    }
    assert rows[0]["where"] == "page 1, entry 4"
    assert summary["kept"] == GOOD
    assert summary["rejected_by_reason"] == {"disordered": 1, "no crystal": 1, "no sites": 1}
    assert not (tmp_path / "out.work").exists()


def test_the_record_names_query_date_and_version(server, tmp_path):
    fetch(source(server, Wanted(("Bi", "Se"), max_atoms=8), "nelements=2"), tmp_path / "out")
    metadata = Dataset.open(tmp_path / "out").metadata
    record = metadata["extra"]["fetch"]
    assert record["query"]["filter"] == (
        '(nelements=2) AND (elements HAS ONLY "Bi","Se" AND nsites<=8)'
    )
    assert record["started"][:2] == "20"
    assert record["started"][-1] == "Z"
    assert record["database"]["api_version"] == "1.2.0"
    assert record["database"]["provider"] == "exmpl"
    assert record["database"]["implementation_version"]
    assert record["database"]["newest_change"].startswith("2024-05-")
    assert record["matches"] == metadata["counts"]["structures"] + 3
    assert metadata["extra"]["columns"]["e_above_hull"] == "_exmpl_hull_distance"
    assert server.url in metadata["extra"]["energies"]["scale"]
    assert metadata["source"]["url"] == server.url


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory):
    """The hash of a fetch that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    fetch(source(server), out)
    return Dataset.open(out).sha256


def test_a_killed_fetch_goes_on_from_its_last_page(server, whole, tmp_path, capsys):
    out, work = tmp_path / "out", tmp_path / "out.work"
    words = ["--provider", server.url, "--elements", "Bi,Se", "--page-size", "5", "--out", str(out)]
    command = [sys.executable, "-c", "from tfmat.cli.main import main; main()"]
    command += ["data", "fetch", "optimade", *words, "--rate", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        while len(list(work.glob("page-*"))) < 2:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    pages = len(list(work.glob("page-*.json.gz")))
    assert not out.exists()
    server.requests()
    assert run(*words, "--rate", 1000, "--json") == 0
    assert json.loads(capsys.readouterr().out)["resumed_from_page"] == pages
    asked = [address for address in server.requests() if "/v1/structures" in address]
    assert len(asked) == 6 - pages
    assert f"page_offset={5 * pages}" in asked[0]
    assert Dataset.open(out).sha256 == whole


def test_busy_and_broken_answers_change_nothing(server, whole, tmp_path):
    server.trouble("ok", "429 0", "ok", "503", "hang-up", "ok", "500", "429")
    fetch(source(server), tmp_path / "out")
    assert Dataset.open(tmp_path / "out").sha256 == whole
    assert len(server.requests()) == 12


def test_a_fetch_that_failed_goes_on_later(server, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch_http.time, "sleep", lambda seconds: None)
    server.trouble("ok", "ok", "ok", *["503"] * 7)
    with pytest.raises(ServiceError, match=r"503.*the same command again"):
        fetch(source(server), tmp_path / "out")
    server.trouble("ok", "ok", "page")
    with pytest.raises(ServiceError, match="no answer of an OPTIMADE service"):
        fetch(source(server), tmp_path / "out")
    server.requests()
    summary = fetch(source(server), tmp_path / "out")
    assert summary["resumed_from_page"] == 3
    assert Dataset.open(tmp_path / "out").sha256 == whole


def test_a_work_folder_of_another_query_is_not_taken(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch_http.time, "sleep", lambda seconds: None)
    server.trouble("ok", "ok", *["503"] * 7)
    with pytest.raises(ServiceError):
        fetch(source(server), tmp_path / "out")
    with pytest.raises(InputError, match="another query"):
        fetch(source(server, Wanted(("Se",))), tmp_path / "out")


@pytest.mark.parametrize("damage", ["cut", "flipped", "other", "no page", "gone"])
def test_a_damaged_page_is_fetched_again(server, whole, tmp_path, monkeypatch, damage):
    monkeypatch.setattr(fetch_http.time, "sleep", lambda seconds: None)
    server.trouble("ok", "ok", "ok", "ok", *["503"] * 7)
    with pytest.raises(ServiceError):
        fetch(source(server), tmp_path / "out")
    pages = sorted((tmp_path / "out.work").glob("page-*"))
    assert len(pages) == 3
    path, content = pages[1], bytearray(pages[1].read_bytes())
    if damage == "gone":
        path.unlink()
    elif damage == "other":  # whole, but with other entries than it was written with
        head, entries = gzip.decompress(content).decode().splitlines()
        path.write_bytes(gzip.compress(f"{head}\n{entries.replace('34', '35')}\n".encode()))
    else:
        # In the check sum: elsewhere it may be another way to write a text that repeats itself.
        content[-8] ^= 4
        found = {"cut": content[: len(content) // 2], "no page": b"[]", "flipped": content}
        path.write_bytes(found[damage])
    summary = fetch(source(server), tmp_path / "out")
    assert summary["resumed_from_page"] == 1
    assert Dataset.open(tmp_path / "out").sha256 == whole


def test_selection_limit_and_overwrite(server, known, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["--provider", server.url, "--nelements", "2", "--rate", 1000, "--out", out]
    assert run(*words, "--limit", 7, "--max-length", 6, "--page-size", 3) == 0
    dataset = Dataset.open(out)
    counts = dataset.metadata["counts"]
    assert counts["structures"] + counts["rejected"] == 7
    assert counts["rejected_by_reason"]["selection"] > 0
    assert all(np.linalg.norm(crystal.lattice, axis=1).min() <= 6 for crystal in dataset)
    assert run(*words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(*words, "--overwrite") == 0
    assert len(Dataset.open(out)) == GOOD
    package = tmp_path / "package"
    package.mkdir()
    (package / "metadata.json").write_text('{"format": "tfmat-model-package"}', "utf-8")
    assert run(*words, "--out", package, "--overwrite") == 2
    assert "has not written" in capsys.readouterr().err


def test_pages_that_are_there_are_not_asked_for_again(server, tmp_path):
    """What to keep of them is decided when the dataset is written."""
    with pytest.raises(InputError, match="all 26 structures were rejected"):
        fetch(source(server), tmp_path / "out", FetchOptions(max_length=1.0))
    server.requests()
    summary = fetch(source(server), tmp_path / "out", FetchOptions(max_length=100.0))
    assert server.requests() == []
    assert summary["kept"] == GOOD
    assert summary["properties"]["formation_energy_per_atom"] == GOOD
    assert Dataset.open(tmp_path / "out").metadata["extra"]["fetch"]["database"]["api_version"]


def test_fields_by_name_also_within_others(server, known, tmp_path):
    fields = {"formation_energy_per_atom": "_exmpl_stability.gga_gga+u.formation_energy_per_atom"}
    fetch(source(server, properties={**fields, "total": "_exmpl_energy"}), tmp_path / "out")
    dataset = Dataset.open(tmp_path / "out")
    expected = 2 * known.property(KNOWN)[:GOOD]
    assert np.array_equal(dataset.property("formation_energy_per_atom"), expected)
    assert "total" in dataset.properties
    with pytest.raises(InputError, match="has no field '_exmpl_no'"):
        fetch(source(server, properties={"x": "_exmpl_no"}), tmp_path / "other")


def test_a_known_field_in_a_wrong_unit_is_left_out(server, tmp_path, monkeypatch):
    found = fetch_optimade.find_provider(server.url)
    fields = {"band_gap": "_exmpl_band_gap", "e_above_hull": "_exmpl_gone"}
    monkeypatch.setattr(
        fetch_optimade,
        "find_provider",
        lambda *_: fetch_optimade.Provider(
            found.name, found.url, fields, found.method, found.scale
        ),
    )
    summary = fetch(source(server), tmp_path / "out")
    assert summary["notes"] == [
        "band_gap: left out, the service gives _exmpl_band_gap in J, not eV",
        "e_above_hull: the service has no field _exmpl_gone",
    ]
    assert "energies" not in Dataset.open(tmp_path / "out").metadata["extra"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--filter", "elements HAS"], "no filter of OPTIMADE"),
        (["--filter", "nonsense=1"], "says:"),
        (["--elements", "Li,O"], "no structure matches"),
        (["--elements", "Bi,Qq"], "Qq: no element"),
        (["--nelements", "2", "--page-size", "501"], "--page-size 501"),
        ([], "say what to fetch"),
        (["--max-atoms", "3", "--property", "x"], "NAME=FIELD"),
        (["--max-atoms", "3", "--thermo-type", "R2SCAN"], "--thermo-type is for"),
    ],
)
def test_wrong_questions_end_in_one_line(server, tmp_path, capsys, words, message):
    out = tmp_path / "out"
    assert run("--provider", server.url, "--rate", 1000, "--out", out, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
    # Nothing is left in the way of a better question.
    assert not list(tmp_path.iterdir())


def test_what_the_service_warns_of_is_noted_once(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch_http.time, "sleep", lambda seconds: None)
    text = 'NOT _other_energy<0 OR elements HAS "Se"'
    server.trouble("ok", "ok", "ok", *["503"] * 7)
    with pytest.raises(ServiceError):
        fetch(source(server, text=text), tmp_path / "out")
    notes = fetch(source(server, text=text), tmp_path / "out")["notes"]
    assert len([note for note in notes if "_other_energy" in note]) == 1


def test_a_folder_of_something_else_is_left_alone(server, tmp_path):
    (tmp_path / "out.work").mkdir()
    (tmp_path / "out.work" / "mine").write_text("")
    with pytest.raises(InputError, match="in the way"):
        fetch(source(server), tmp_path / "out")
    assert (tmp_path / "out.work" / "mine").exists()


@pytest.mark.parametrize(
    ("provider", "code", "message"),
    [
        ("materials-project", 2, "unknown; give alexandria, alexandria-pbesol, mp, oqmd"),
        ("http://127.0.0.1:9", 1, "cannot be reached"),
        ("http://nowhere.invalid/optimade", 1, "no known host"),
        ("{server}/no/such", 2, "no OPTIMADE service there"),
        ("https://me:secret@a.example", 2, "a user or password in it"),
        ("me:secret@a.example", 2, "unknown; give"),
        ("https://a.example/v1?key=secret", 2, "--provider https://a.example/v1: give the base"),
    ],
)
def test_wrong_addresses_end_in_one_line(server, tmp_path, capsys, provider, code, message):
    words = ["--provider", provider.format(server=server.url), "--max-atoms", 5]
    assert run(*words, "--out", tmp_path / "out") == code
    error = capsys.readouterr().err
    assert message in error
    assert "secret" not in error
    assert len(error.strip().splitlines()) == 1


def test_a_place_that_cannot_be_written_is_named_as_it_was_given(server, tmp_path):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "out"
    with pytest.raises(InputError, match=f"^{re.escape(str(out))}: cannot be made there"):
        fetch(source(server), out)


def test_a_limit_belongs_to_the_options_of_python_too(server, tmp_path):
    summary = fetch(source(server), tmp_path / "out", FetchOptions(limit=6, max_atoms=20))
    assert summary["read"] == 6
    assert summary["pages"] == 2
    with pytest.raises(InputError, match="max_atoms"):
        fetch(source(server), tmp_path / "other", FetchOptions(max_atoms=0))


def test_an_entry_in_the_manner_of_oqmd():
    """Identifiers are numbers, sites name elements, and stable is what lies below zero."""
    service = OptimadeSource("oqmd", Wanted(("Na", "Cl")))
    service.columns = dict(find_provider("oqmd").fields)
    attributes = {
        "lattice_vectors": [[0, 2.8, 2.8], [2.8, 0, 2.8], [2.8, 2.8, 0]],
        "species_at_sites": ["Na", "Cl"],
        "cartesian_site_positions": [[0, 0, 0], [2.8, 2.8, 2.8]],
        "_oqmd_delta_e": -1.9,
        "_oqmd_stability": -0.4,
        "_oqmd_band_gap": None,
    }
    row = service.row({"id": 4061139, "type": "structure", "attributes": attributes})
    assert row.name == "4061139"
    assert row.crystal is not None
    assert row.crystal.numbers.tolist() == [11, 17]
    assert row.fields["formation_energy_per_atom"] == -1.9
    assert row.fields["e_above_hull"] == 0
    assert np.isnan(row.fields["band_gap"])
    assert service.energies()["scale"] == "OQMD"
