"""User errors: one line, the right exit code, and the extra that mends it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmat.errors import (
    InputError,
    MissingExtraError,
    one_line,
    printable,
    printable_lines,
    require,
)
from tfmat.installing import command


def test_a_missing_extra_is_named():
    with pytest.raises(MissingExtraError, match=re.escape(command("relax"))) as error:
        require("no_such_module_of_tfmat", "relax", "relaxation")
    assert error.value.exit_code == 2
    assert isinstance(error.value, InputError)


def test_a_broken_module_is_not_reported_as_a_missing_one(tmp_path, monkeypatch):
    (tmp_path / "broken_module_of_tfmat.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        require("broken_module_of_tfmat", "train", "training")


@given(st.text(st.one_of(st.characters(), st.characters(categories=["Cs", "Cc", "Cf"]))))
def test_what_is_printable_can_be_written_and_stays(text):
    assert printable(text).isprintable()
    printable(text).encode()
    assert printable(printable(text)) == printable(text)
    assert text.isprintable() == (printable(text) == text)
    assert str(InputError(text)) == printable(text)
    lines = printable_lines(text).split("\n")
    assert lines == [printable(line) for line in text.replace("\r\n", "\n").split("\n")]


def test_what_cannot_be_seen_has_its_number():
    assert printable("a\tb\u00a0c\x1b[31m\u202e\ud800") == "a b c<U+001B>[31m<U+202E><U+D800>"
    assert one_line(" a\r\n b\x00") == "a b<U+0000>"
