"""Licence and attribution of data: from the import on into whatever is made of them."""

import json
import re

import pytest
from tfmat.cli.main import main

from tfmat.datasets.credit import UNKNOWN, Credit, combined, given
from tfmat.datasets.fetching.providers import find_provider
from tfmat.datasets.splits.write import open_dataset
from tfmat.errors import InputError

FRAME = """2
Lattice="{0} 0 0 0 {0} 0 0 0 {0}" Properties=species:S:1:pos:R:3 id=s-{0}
Na 0 0 0
Cl 2 2 2
"""
WORDS = ("--license", "CC-BY-4.0", "--attribution", "One (2001)", "--attribution", "Two (2002)")
CREDIT = Credit("CC-BY-4.0", ("One (2001)", "Two (2002)"))
RECORD = {"license": "CC-BY-4.0", "attribution": ["One (2001)", "Two (2002)"]}


def run(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(["data", *map(str, words)])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


@pytest.fixture
def structures(tmp_path, capsys):
    """Imports four structures with the words that are given."""
    source = tmp_path / "a.extxyz"
    source.write_text("".join(FRAME.format(edge) for edge in (4.0, 4.5, 5.0, 5.5)))

    def load(name, *words):
        code, _, err = run(capsys, "import", source, "--out", tmp_path / name, *words)
        assert code == 0, err
        return tmp_path / name

    return load


@pytest.fixture
def formulas(tmp_path, capsys):
    source = tmp_path / "a.csv"
    source.write_text("formula\nNaCl\nMgO\nCaO\nLiF\n")

    def load(name, *words, of=source):
        words = ("import", of, "--kind", "compositions", "--out", tmp_path / name, *words)
        code, _, err = run(capsys, *words)
        assert code == 0, err
        return tmp_path / name

    return load


@pytest.mark.parametrize("kind", ["structures", "formulas"])
def test_from_the_import_to_the_split(kind, request, tmp_path, capsys):
    load = request.getfixturevalue(kind)
    folder = load("set", *WORDS)
    dataset = open_dataset(folder)
    assert dataset.credit == CREDIT
    assert dataset.metadata["source"].items() >= RECORD.items()
    # What is said of the data does not make them others.
    assert dataset.sha256 == open_dataset(load("silent")).sha256
    code, out, _ = run(capsys, "info", folder)
    assert code == 0
    lines = ["licence     CC-BY-4.0", "attribution One (2001)", "            Two (2002)"]
    assert "\n".join(lines) in out
    source = json.loads(run(capsys, "info", folder, "--json")[1])["source"]
    assert source.items() >= RECORD.items()
    assert run(capsys, "split", folder, "--out", tmp_path / "parts", "--test-fraction", 0.5)[0] == 0
    for side in ("train", "test"):
        assert open_dataset(tmp_path / "parts" / side).credit == CREDIT


@pytest.mark.parametrize("kind", ["structures", "formulas"])
def test_data_that_say_nothing(kind, request, capsys):
    folder = request.getfixturevalue(kind)("set")
    dataset = open_dataset(folder)
    assert dataset.credit == UNKNOWN
    assert not dataset.metadata["source"].keys() & RECORD.keys()
    out = run(capsys, "info", folder)[1]
    assert "licence     not said" in out
    assert "attribution" not in out


def test_formulas_of_another_dataset(formulas):
    first = formulas("first", *WORDS)
    assert open_dataset(formulas("second", of=first)).credit == CREDIT
    other = open_dataset(formulas("third", "--license", "MIT", of=first)).credit
    assert other == Credit("MIT", CREDIT.attribution)


@pytest.mark.parametrize("kind", ["structures", "compositions"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--license", "my terms"), "--license my terms: give the licence of the data as SPDX"),
        (("--license", "MIT AND"), "--license MIT AND: give"),
        (("--attribution", " "), "--attribution: is empty"),
    ],
)
def test_words_that_are_none(kind, words, message, tmp_path, capsys):
    source = tmp_path / "a"
    source.write_text("formula\nNaCl\n")
    code, _, err = run(capsys, "import", source, "--kind", kind, "--out", tmp_path / "set", *words)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "set").exists()


def test_a_merge_joins_what_its_parts_say(structures, tmp_path, capsys):
    one = structures("one", *WORDS)
    same = structures("same", "--license", "CC-BY-4.0", "--attribution", "Three (2003)")
    other = structures("other", "--license", "MIT", "--attribution", "Two (2002)")
    silent = structures("silent")
    wanted = (
        ((one, same), Credit("CC-BY-4.0", ("One (2001)", "Two (2002)", "Three (2003)"))),
        ((one, other), Credit("CC-BY-4.0 AND MIT", ("One (2001)", "Two (2002)"))),
        ((one, silent), Credit("", ("One (2001)", "Two (2002)"))),
        ((silent, silent), UNKNOWN),
    )
    for number, (parts, credit) in enumerate(wanted):
        out = tmp_path / f"merged-{number}"
        code, _, err = run(capsys, "merge", *parts, "--out", out)
        assert code == 0
        assert open_dataset(out).credit == credit
        said = "the licence of the whole is not known, since that of silent is not" in err
        assert said == (parts == (one, silent))


def test_licences_that_hold_together():
    one, two = Credit("MIT AND CC-BY-4.0", ("a",)), Credit("cc-by-4.0", ("b", "a"))
    assert combined([one, two]) == Credit("MIT AND CC-BY-4.0", ("a", "b"))
    assert combined([two, one]) == Credit("cc-by-4.0 AND MIT", ("b", "a"))
    assert combined([]) == UNKNOWN
    assert given("", ["two\n lines", "two lines"]) == Credit("", ("two lines",))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"attribution": "Jain"}, "attribution a list of texts"),
        ({"attribution": [1]}, "attribution a list of texts"),
        ({"license": 4}, "license has to be a text"),
        ({"license": "my terms"}, "under source, `license` my terms: give"),
    ],
)
def test_a_record_that_was_written_by_hand(structures, entry, message):
    folder = structures("set")
    file = folder / "metadata.json"
    record = json.loads(file.read_text("utf-8"))
    record["source"] |= entry
    del record["seal"]
    file.write_text(json.dumps(record), "utf-8")
    with pytest.raises(InputError, match=message) as caught:
        _ = open_dataset(folder).credit
    assert str(file) in str(caught.value)


def test_databases_that_are_known():
    for name, papers in (("mp", 1), ("oqmd", 2), ("alexandria", 2), ("alexandria-pbesol", 2)):
        credit = find_provider(name).credit
        assert given(credit.licence, credit.attribution) == credit
        assert (credit.licence, len(credit.attribution)) == ("CC-BY-4.0", papers)
    assert find_provider("https://example.org").credit == UNKNOWN


@pytest.mark.parametrize("name", ["bi-se", "formulas"])
def test_shipped_datasets_say_what_their_cards_say(name):
    dataset = open_dataset(name)
    card = (dataset.path / "README.md").read_text("utf-8").replace("*", "")
    card = re.sub(r"```.*?```", "", card, flags=re.DOTALL)
    credit = dataset.credit
    assert f"Licence. {credit.licence}," in card
    for text in credit.attribution:
        assert text in card
    assert len(credit.attribution) == card.count("et al.")
