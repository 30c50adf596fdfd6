"""What services may say in proper HTTP: one line, the right exit code, and no loss of the rest."""

import csv

import pytest
from bad_entries import BAD, BAD_DOCUMENTS
from hostile_server import answer
from hostile_services import (
    KEY,
    PATIENT,
    described,
    documents,
    entry,
    materials_project,
    mp_words,
    optimade,
    optimade_words,
    page,
    serving,
    tfmat,
)

from tfmat.datasets.store import Dataset

PACKAGE = "matgan-plus-icsd-filter"
ROW = [0] * 85


@pytest.fixture(autouse=True)
def _loopback(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")


def rows(first):
    """Two rows of 85 atom counts, of which the first number is another."""
    return [[first, *ROW[1:]], ROW]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (rows(256), "counts with numbers beyond uint8"),
        (rows(-1), "counts with numbers beyond uint8"),
        (rows(10**400), "counts with numbers beyond uint8"),
        (rows(0.5), "counts as numbers"),
        (rows(float("nan")), "counts as numbers"),
        (rows(float("inf")), "counts as numbers"),
        (rows(True), "counts as true and false"),
        (rows("\x1b[31m" + "x" * 100_000), "counts as texts"),
        (rows(None), "counts as nothing"),
        (rows([1]), "counts as whole numbers of shape (2, 85, 1)"),
        (rows({}), "counts as lists or objects"),
        ([ROW], "counts as whole numbers of shape (1, 85)"),
        ([ROW, ROW[:-1]], "of unequal length"),
        ([ROW, ROW, ROW], "shape (3, 85)"),
        ([], "shape (0,)"),
        (None, "counts as nothing"),
        ({"other": [ROW, ROW]}, "without the output counts"),
        ({"counts": {"counts": [ROW, ROW]}}, "counts as lists or objects"),
        ("x" * 200_000, "counts as texts"),
        (5, "counts as whole numbers of shape ()"),
    ],
)
def test_predicted_tensors(capsys, tmp_path, outputs, message):
    answers = {"predict": lambda path: answer({"outputs": outputs})}
    assert message in predict(capsys, tmp_path, answers, 2)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "1e39"])
def test_numbers_that_no_float_holds(capsys, tmp_path, number):
    row = "[" + ",".join(["[" + ",".join(["[0.5]"] * 28) + "]"] * 28) + "]"
    body = f'{{"outputs": [{row}, {row.replace("0.5", number, 1)}]}}'
    answers = {"predict": lambda path: answer(body)}
    line = predict(capsys, tmp_path, answers, 2, package="ccdcgan-bi-se-compact", out="out")
    assert "crystal_graph with NaN or infinity" in line


@pytest.mark.parametrize(
    ("change", "message", "code"),
    [
        ({"model_spec": {"version": "1e400"}}, "not with the metadata", 2),
        ({"model_spec": {"version": float("inf")}}, "not with the metadata", 2),
        ({"model_spec": {"version": "-1"}}, "not with the metadata", 2),
        ({"model_spec": {"version": 10**300}}, "not with the metadata", 2),
        ({"model_spec": {"version": [1]}}, "not with the metadata", 2),
        ({"model_spec": None}, "not with the metadata", 2),
        ({"metadata": []}, "not with the metadata", 2),
        ({"metadata": {"signature_def": {"signature_def": [1]}}}, "not with the metadata", 2),
        ({"metadata": {"signature_def": {"signature_def": {}}}}, "has no signature", 2),
        (
            {"metadata": {"signature_def": {"signature_def": {"\x1b]0;evil\x07" * 999: {}}}}},
            "not with the metadata",
            2,
        ),
    ],
)
def test_descriptions(capsys, tmp_path, change, message, code):
    def metadata(path):
        good = described("generate", {"inputs": {}, "outputs": {}})
        return answer({**good, **change})

    assert message in predict(capsys, tmp_path, {"metadata": metadata}, code)


@pytest.mark.parametrize(
    "dims",
    [[{"size": "1e400"}], [{"size": float("inf")}], [{"size": None}], [5], 5, [{"size": [1]}]],
)
def test_shapes(capsys, tmp_path, dims):
    tensor = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": dims}}
    signature = {"serving_default": {"inputs": {"noise": tensor}, "outputs": {}}}
    body = {
        "model_spec": {"version": "1"},
        "metadata": {"signature_def": {"signature_def": signature}},
    }
    line = predict(capsys, tmp_path, {"metadata": lambda path: answer(body)}, 2)
    assert "not with the metadata" in line


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([{"version": "1e400", "state": "AVAILABLE"}], 2),
        ([{"version": 1, "state": "\x1b[31m" + "x" * 5000}], 1),
        ([{"version": 1, "state": [[[]]], "status": {"error_message": "\ud800\x07"}}], 1),
        ([{"version": 1, "state": "END", "status": {"error_message": [5]}}], 2),
        ([{"version": 1, "state": "END", "status": 5}], 2),
        ([5], 2),
        (None, 2),
        ({}, 2),
    ],
)
def test_states(capsys, tmp_path, states, code):
    answers = {
        "metadata": lambda path: answer({"error": "no"}, "404 Not Found"),
        "status": lambda path: answer({"model_version_status": states}),
    }
    predict(capsys, tmp_path, answers, code)


def predict(capsys, tmp_path, answers, code, package=PACKAGE, out="out.csv"):
    words = ["-n", 2, "--timeout", PATIENT, "--retries", 0, "--out", tmp_path / out]
    with serving(package, answers) as server:
        found, line = tfmat(capsys, "predict", "--url", server.url, "--package", package, *words)
    assert found == code, line
    assert not list(tmp_path.iterdir())
    return line


def test_one_bad_entry_costs_no_other(capsys, tmp_path):
    """All kinds of them at once, among good ones."""
    out = tmp_path / "out"
    entries = [pair[0] for pair in BAD.values()]
    total = len(entries) + 6

    def pages(number, path):
        good = page(server.url, number, data_returned=total)
        if number == 2:
            good["data"][1:1] = entries
        return answer(good)

    with optimade(pages) as server:
        assert tfmat(capsys, *optimade_words(server.url, out, PATIENT))[0] == 0
    assert list(Dataset.open(out).ids) == [f"{i}-{k}" for i in (1, 2, 3) for k in (0, 1)]
    with (out / "rejected.csv").open(newline="", encoding="utf-8") as stream:
        found = list(csv.DictReader(stream))
    for row, (name, (_, reason)) in zip(found, BAD.items(), strict=True):
        expected = ("duplicate", reason) if row["id"] == "x" else (reason,)
        assert row["reason"].startswith(expected), (name, row["reason"])
        assert row["reason"].isprintable()
    assert len(BAD) >= 45


@pytest.mark.parametrize("name", [name for name, (value, _) in BAD.items() if value])
def test_the_reason_of_each(name):
    from tfmat.datasets.fetching.entry import crystal_of_entry, identifier, plain_entry
    from tfmat.errors import InputError

    value, reason = BAD[name]
    with pytest.raises(InputError, match=f"^{reason}"):
        kept = plain_entry(value)
        identifier(kept)
        attributes = kept.get("attributes")
        crystal_of_entry(attributes if isinstance(attributes, dict) else {})


def changed(number, **changes):
    """Pages of which one is changed; ``links`` and ``meta`` hold changes, the rest replaces."""

    def pages(server):
        def respond(at, path):
            found = page(server().url, at)
            if at == number:
                for name, value in changes.items():
                    both = isinstance(value, dict) and isinstance(found.get(name), dict)
                    found[name] = {**found[name], **value} if both else value
            return answer(found)

        return respond

    return pages


@pytest.mark.parametrize(
    ("pages", "kept", "message"),
    [
        (changed(2, links={"next": None}), 4, "more_data_available"),
        (changed(2, links={"next": None}, meta={"more_data_available": False}), 4, "6 entries"),
        (changed(3, data=[]), 4, "6 entries match, but gave 4"),
        (changed(2, data=[]), 2, "a page has none"),
        (changed(3, data=[], meta={"data_returned": None}), 4, "6 entries match"),
        (changed(3, meta={"more_data_available": True}), 6, "more_data_available"),
        (changed(3, meta={"data_returned": 60}), 6, "60 entries match, but gave 6"),
        (changed(2, links={"next": "/v1/structures?page=2"}), 4, "circle"),
        (changed(2, links={"next": "http://localhost:9/v1?page=3"}), 4, "another host"),
        (changed(2, links={"next": "https://127.0.0.1:9/v1?page=3"}), 4, "another host"),
        (changed(2, links={"next": "http://me:hush@127.0.0.1/?page=3"}), 4, "user and password"),
        (changed(2, links={"next": "file:///etc/passwd"}), 4, "no address of the web"),
        (changed(2, links={"next": "http://[::1"}), 4, "link to the next page is none"),
        (changed(2, links={"next": 5}), 4, "link to the next page is none"),
        (changed(2, links={"next": {"href": ["x"]}}), 4, "link to the next page is none"),
    ],
)
def test_an_end_that_is_none_is_said(capsys, tmp_path, pages, kept, message):
    out = tmp_path / "out"
    with optimade(lambda number, path: respond(number, path)) as server:
        respond = pages(lambda: server)
        code, line = tfmat(capsys, *optimade_words(server.url, out, PATIENT))
    assert code == 1
    assert message in line
    assert "what came is kept" in line
    dataset = Dataset.open(out)
    assert len(dataset) == kept
    assert message in dataset.metadata["extra"]["fetch"]["incomplete"]
    assert not (tmp_path / "out.work").exists()


@pytest.mark.parametrize(
    "meta",
    [
        {"request_delay": float("inf")},
        {"request_delay": -1},
        {"request_delay": "soon"},
        {"data_returned": "6"},
        {"data_returned": -1, "more_data_available": "no"},
        {"data_returned": True},
        {"warnings": 5},
        {"warnings": [5, {"detail": ["\x1b[31m"] * 999}]},
        {"api_version": {"a": 1}, "database": 5, "provider": [], "implementation": "\x1b[31m"},
    ],
)
def test_what_means_nothing_changes_nothing(capsys, tmp_path, meta):
    out = tmp_path / "out"
    with optimade(lambda number, path: answer(page(server.url, number, **meta))) as server:
        code, line = tfmat(capsys, *optimade_words(server.url, out, PATIENT))
    assert code == (1 if meta.get("data_returned") == -1 and line else 0)
    assert len(Dataset.open(out)) == 6


@pytest.mark.parametrize("end", ["the same entries", "without end", "more than it says"])
def test_endless_pages_end(capsys, tmp_path, end):
    out = tmp_path / "out"
    count = 0

    def pages(number, path):
        nonlocal count
        count += 1
        entries = [entry(f"{count}-{k}" if end != "the same entries" else f"0-{k}") for k in (0, 1)]
        found = page(server.url, 1, [] if end == "without end" and count > 3 else entries)
        found["links"]["next"] = f"{server.url}/v1/structures?page=1&again={count}"
        if end != "more than it says":
            del found["meta"]["data_returned"]
        return answer(found)

    with optimade(pages) as server:
        code, line = tfmat(capsys, *optimade_words(server.url, out, PATIENT))
    assert code == 1
    assert "incomplete" in line
    assert count < 100
    assert len(Dataset.open(out)) >= 2


def test_another_host_is_asked_where_the_index_names_it(capsys, tmp_path):
    with (
        optimade(lambda number, path: answer(page(other.url, 3))) as other,
        optimade(lambda number, path: answer(page(other.url, 2)), links) as server,
    ):
        base = other.url.replace("127.0.0.1", "localhost")
        links.append({"attributes": {"link_type": "child", "base_url": {"href": other.url}}})
        code, line = tfmat(capsys, *optimade_words(server.url, tmp_path / "out", PATIENT))
        assert code == 1, line  # two entries of six are missing
        assert list(Dataset.open(tmp_path / "out").ids) == ["2-0", "2-1", "3-0", "3-1"], line
        links[0]["attributes"] |= {"link_type": "external"}
        asked = len(other.asked)
        code, line = tfmat(capsys, *optimade_words(server.url, tmp_path / "out2", PATIENT))
        assert code == 1
        assert "another host" in line
        assert len(other.asked) == asked
        assert base not in line


links: list = []


def mp(capsys, monkeypatch, server, out):
    pytest.importorskip("mp_api.client")
    settings = "mp_api.client.core.utils.MAPI_CLIENT_SETTINGS.ENDPOINT"
    monkeypatch.setattr(settings, f"{server.url}/", raising=True)
    return tfmat(capsys, *mp_words(out, PATIENT))


def test_one_bad_document_costs_no_other(capsys, tmp_path, monkeypatch):
    bad = [pair[0] for pair in BAD_DOCUMENTS.values()]
    total = 6 + len(bad)

    def pages(number, path):
        found = {**documents(number), "meta": {"total_doc": total}}
        found["data"] = found["data"] + bad if number == 2 else found["data"]
        return answer(found)

    with materials_project(pages, total=6) as server:
        code, line = mp(capsys, monkeypatch, server, tmp_path / "out")
    assert code == 1, line  # more came than it said
    assert "6 entries match" in line
    dataset = Dataset.open(tmp_path / "out")
    assert {f"mp-{10 * i + k}" for i in (1, 2, 3) for k in (0, 1)} <= set(dataset.ids)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()
    with (tmp_path / "out" / "rejected.csv").open(newline="", encoding="utf-8") as stream:
        reasons = [row["reason"] for row in csv.DictReader(stream)]
    expected = [reason for _, reason in BAD_DOCUMENTS.values() if reason]
    for found, reason in zip(reasons, expected, strict=True):
        assert found.startswith(reason)


@pytest.mark.parametrize(
    ("number", "body", "message"),
    [
        (2, {"data": [], "meta": {"total_doc": 6}}, "gave"),
        (3, {"data": [], "meta": {"total_doc": 6}}, "gave 4"),
        (2, {"data": 5, "meta": {"total_doc": 6}}, "no documents"),
        (2, {"data": [], "meta": {"total_doc": "6"}}, "how many"),
        (2, {"data": [], "meta": {"total_doc": float("inf")}}, "how many"),
        (2, {"data": [], "meta": {"total_doc": -1}}, "how many"),
        (2, {"data": []}, "how many"),
        (2, {"message": KEY}, "no documents"),
    ],
)
def test_wrong_counts_are_said(capsys, tmp_path, monkeypatch, number, body, message):
    def pages(at, path):
        return answer(body if at == number else documents(at))

    with materials_project(pages) as server:
        code, line = mp(capsys, monkeypatch, server, tmp_path / "out")
    assert code == 1
    assert message in line
    assert [*tmp_path.iterdir()]  # what came before is there, whole or to go on from


@pytest.mark.parametrize("status", ["200 OK", "401 No", "422 No", "503 No"])
def test_a_service_that_echoes_the_key(capsys, tmp_path, monkeypatch, status):
    text = f"key {KEY} and again {KEY}"
    body = {"detail": text, "data": text, "message": text}
    with materials_project(lambda at, path: answer(body, f"{status} {KEY}")) as server:
        code, _ = mp(capsys, monkeypatch, server, tmp_path / "out")
    assert code in (1, 2)
