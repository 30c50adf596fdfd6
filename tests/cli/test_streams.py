"""Nothing that a file's name or a cell says commands a terminal or breaks the output."""

import io
import json
import sys

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfmat.cli import main
from tfmat.cli.streams import harmless

TEXTS = st.text(st.one_of(st.characters(), st.characters(categories=["Cs", "Cc", "Cf"])))


def said(encoding, write):
    """Returns what comes to a terminal of an encoding when `write` writes to standard output."""
    raw = io.BytesIO()
    before, sys.stdout = sys.stdout, io.TextIOWrapper(raw, encoding=encoding, newline="")
    try:
        with harmless():
            write()
            sys.stdout.flush()
        return raw.getvalue().decode(encoding)
    finally:
        sys.stdout = before


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@given(text=TEXTS)
def test_any_text_is_written_in_printable_lines(encoding, text):
    found = said(encoding, lambda: click.echo(text))
    assert found.endswith("\n")
    assert all(line.strip("\r").isprintable() for line in found.split("\n"))


def test_what_can_be_printed_stays():
    assert said("utf-8", lambda: click.echo("Å·–δ 中文\nnext")) == "Å·–δ 中文\nnext\n"
    assert said("utf-8", lambda: sys.stdout.write("one")) == "one"
    assert said("utf-8", lambda: sys.stdout.writelines(["a\x1b", "b"])) == "a<U+001B>b"


def test_a_bar_goes_back_to_the_beginning_of_its_line_and_nothing_else_does():
    assert said("utf-8", lambda: sys.stdout.write("\rimporting: 5")) == "\rimporting: 5"
    assert said("utf-8", lambda: click.echo("bad\rgood")) == "bad good\n"


def test_the_streams_are_put_back():
    before = sys.stdout, sys.stderr
    with pytest.raises(ZeroDivisionError), harmless():
        raise ZeroDivisionError
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.parametrize("name", ["\udcff", "\x1b]0;x\x07", "\u202egpj", "a" * 300, "\n"])
@pytest.mark.parametrize(
    "words",
    [
        ["data", "info", "NAME"],
        ["data", "import", "NAME", "--out", "o"],
        ["data", "import", "NAME", "--kind", "compositions", "--out", "o"],
        ["data", "import", "given.csv", "--kind", "compositions", "--out", "NAME/x/NAME"],
        ["evaluate", "compositions", "NAME"],
        ["evaluate", "structures", "NAME", "--out", "o"],
        ["data", "split", "NAME", "--out", "o"],
        ["screen", "NAME", "--out", "o"],
        ["models", "info", "NAME"],
        ["NAME"],
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else None,
)
def test_any_name_of_a_file_ends_in_one_line(tmp_path, monkeypatch, capsys, name, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "given.csv").write_text("formula\nLi2O\n")
    with pytest.raises(SystemExit) as caught:
        main.main([word.replace("NAME", name) for word in words])
    out, err = capsys.readouterr()
    if caught.value.code == 0:  # a name that a file may have
        assert "given.csv" in words
        return
    assert caught.value.code == 2
    assert len(err.splitlines()) == 1
    assert err.startswith("tfmat: ")
    assert (out + err).replace("\n", "").isprintable()


def test_a_summary_in_json_stays_json(tmp_path, capsys):
    path = tmp_path / "\u202e.csv"
    path.write_text("formula\nLi2O\n")
    with pytest.raises(SystemExit):
        main.main(
            ["data", "import", str(path), "--kind=compositions", f"--out={tmp_path}/out", "--json"]
        )
    assert json.loads(capsys.readouterr().out)["kept"] == 1
