"""User errors: one line, the right exit code, and the extra that mends it."""

import pytest

from tfmat.errors import InputError, MissingExtraError, require


def test_a_missing_extra_is_named():
    with pytest.raises(MissingExtraError, match=r"pip install 'tfmat\[relax\]'") as error:
        require("no_such_module_of_tfmat", "relax", "relaxation")
    assert error.value.exit_code == 2
    assert isinstance(error.value, InputError)
    assert "3.13" in str(error.value)


def test_a_broken_module_is_not_reported_as_a_missing_one(tmp_path, monkeypatch):
    (tmp_path / "broken_module_of_tfmat.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        require("broken_module_of_tfmat", "train", "training")
