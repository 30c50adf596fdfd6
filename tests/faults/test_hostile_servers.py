"""Servers that lie, drip, flood and never end: one line, the right exit code, in time, no loss.

Each kind of server of :data:`hostile_server.WIRE` is met by ``tfmat predict``, ``tfmat data fetch
optimade`` and ``tfmat data fetch mp``, in the middle of their work. What it says in proper HTTP is
in ``test_hostile_answers.py``.
"""

import pytest
from hostile_server import WIRE, answer
from hostile_services import (
    TIMEOUT,
    documents,
    materials_project,
    mp_words,
    optimade,
    optimade_words,
    page,
    serving,
    tfmat,
)
from tfmat.cli.main import main

from tfmat.datasets.store import Dataset

PACKAGE = "matgan-plus-icsd-filter"
# What another server, another address or other words would mend; all else may be better later.
WRONG = {
    "continue with endless headers", "headers without end", "a header line without end",
    "a status line without end", "no HTTP", "a strange status", "no status",
    "switches protocols", "no content", "no body", "a body without end",
    "a negative length", "a length that is no number", "two lengths",
    "chunks without end", "a chunk size without end", "gzip within gzip",
    "an unknown packing", "redirects in a circle", "redirects without end",
    "redirects to another host", "redirects to a file", "redirects with a password",
    "redirects to nothing", "redirects nowhere", "a page for people", "lists in lists",
    "objects in objects", "a whole number of 5000 digits", "no UTF-8", "a list",
    "nothing", "a number", "a null byte", "an error of megabytes", "a strange error",
    "redirects slowly",
}  # fmt: skip
# The time is over, or the length is reached: what comes first.
EITHER = {"says continue for ever", "trailers without end", "a gzip bomb", "chunks without end"}
# Of a database only the question can be wrong.
REFUSED = ("an error of megabytes", "a strange error")


@pytest.fixture(autouse=True, scope="module")
def _imported(tmp_path_factory):
    """What commands import counts for none of them."""
    out = tmp_path_factory.mktemp("imported") / "out"
    nobody = "http://127.0.0.1:9"
    predicting = ["predict", "--url", nobody, "--package", PACKAGE, "-n", 1, "--retries", 0]
    for words in ([*predicting, "--out", f"{out}.csv"], optimade_words(nobody, out), mp_words(out)):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
            patch.setenv("MP_API_ENDPOINT", nobody)
            main([str(word) for word in words])


@pytest.fixture(autouse=True)
def _loopback(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")


def test_there_are_enough_of_them():
    assert len(WIRE) >= 62
    assert set(WIRE) >= WRONG | EITHER


def expected(kind):
    return {1, 2} if kind in EITHER else {2} if kind in WRONG else {1}


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A table that an earlier command has written."""
    out = tmp_path_factory.mktemp("before") / "out.csv"
    with pytest.raises(SystemExit) as end:
        main(["generate", "matgan", "--model", PACKAGE, "-n", "2", "--out", str(out)])
    assert not end.value.code
    return out.read_text("utf-8")


def predict(capsys, tmp_path, answers, before):
    out = tmp_path / "out.csv"
    out.write_text(before, "utf-8")
    words = ["-n", 2, "--timeout", TIMEOUT, "--retries", 0, "--out", out, "--overwrite"]
    with serving(PACKAGE, answers) as server:
        found = tfmat(capsys, "predict", "--url", server.url, "--package", PACKAGE, *words)
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert out.read_text("utf-8") == before
    return found


@pytest.mark.parametrize("kind", WIRE)
def test_predict(capsys, tmp_path, before, kind):
    code, line = predict(capsys, tmp_path, {"predict": WIRE[kind]}, before)
    assert code in expected(kind), line


@pytest.mark.parametrize("kind", [kind for number, kind in enumerate(WIRE) if number % 6 == 0])
def test_predict_when_it_asks_what_is_served(capsys, tmp_path, before, kind):
    asked = {"metadata": WIRE[kind], "status": WIRE[kind]}
    code, line = predict(capsys, tmp_path, asked, before)
    assert code in expected(kind), line


def meet(capsys, tmp_path, service, words, good, kind):
    """Fetches from a service that is hostile at its second page, and again when it is well."""
    out, bad = tmp_path / "out", True

    def pages(number, path):
        hostile = (bad and number == 2) or "page=21" in path
        return WIRE[kind](path) if hostile else answer(good(server, number))

    with service(pages) as server:
        command = words(server, out)
        code, line = tfmat(capsys, *command)
        assert code == (2 if kind in REFUSED else 1), line
        assert not out.exists()
        bad = False
        server.asked.clear()
        assert tfmat(capsys, *command)[0] == 0
        first = [path for path in server.asked if "_page=1&" in path or "page_limit=" in path]
        assert not first
    return list(Dataset.open(out).ids)


@pytest.mark.parametrize("kind", WIRE)
def test_fetch_optimade(capsys, tmp_path, kind):
    pytest.importorskip("optimade.client")
    found = meet(
        capsys,
        tmp_path,
        optimade,
        lambda server, out: optimade_words(server.url, out),
        lambda server, number: page(server.url, number),
        kind,
    )
    assert found == [f"{number}-{k}" for number in (1, 2, 3) for k in (0, 1)]


@pytest.mark.parametrize("kind", WIRE)
def test_fetch_mp(capsys, tmp_path, monkeypatch, kind):
    pytest.importorskip("mp_api.client")
    settings = "mp_api.client.core.utils.MAPI_CLIENT_SETTINGS.ENDPOINT"

    def words(server, out):
        monkeypatch.setattr(settings, f"{server.url}/", raising=True)
        return mp_words(out)

    found = meet(
        capsys, tmp_path, materials_project, words, lambda _, number: documents(number), kind
    )
    assert found == [f"mp-{10 * number + k}" for number in (1, 2, 3) for k in (0, 1)]
