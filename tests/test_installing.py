"""How tfmat is installed: hints that work from wherever it came, and docs that say the same."""

import json
import re
import shlex
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from tfmat import installing

ROOT = Path(__file__).parents[1]
DOCS = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", *(ROOT / "saved_models").glob("*/*.md")]


class Installed:
    """What pip has written of an install (PEP 610)."""

    def __init__(self, record):
        self.record = record

    def read_text(self, name):
        assert name == "direct_url.json"
        return None if self.record is None else json.dumps(self.record)


@pytest.fixture
def installed(monkeypatch):
    def set_record(record):
        monkeypatch.setattr(metadata, "distribution", lambda name: Installed(record))
        monkeypatch.setattr(installing, "_pip", lambda: "pip")

    return set_record


def test_the_hint_is_of_where_it_came_from(installed, tmp_path):
    clone = tmp_path / "a clone"
    clone.mkdir()
    wheel = tmp_path / "tfmat-0.1.0-py3-none-any.whl"
    wheel.touch()
    installed({"url": clone.as_uri(), "dir_info": {}})
    assert shlex.split(installing.command("train")) == ["pip", "install", f"{clone}[train]"]
    installed({"url": wheel.as_uri(), "archive_info": {}})
    assert shlex.split(installing.command("relax")) == ["pip", "install", f"{wheel}[relax]"]
    assert shlex.split(installing.command()) == ["pip", "install", str(wheel)]
    installed({"url": "https://example.org/tfmat.whl", "archive_info": {}})
    assert shlex.split(installing.command("mp"))[2] == "tfmat[mp] @ https://example.org/tfmat.whl"
    vcs = {"vcs": "git", "commit_id": "abc"}
    installed({"url": "https://example.org/tfmat.git", "vcs_info": vcs})
    word = shlex.split(installing.command("mp"))[2]
    assert word == "tfmat[mp] @ git+https://example.org/tfmat.git@abc"


def test_where_the_source_is_gone_a_clone_is_asked_for(installed, tmp_path):
    installed({"url": (tmp_path / "gone").as_uri(), "dir_info": {}})
    assert installing.command("train") == "in a clone of tfmat: pip install '.[train]'"


def test_on_an_index_one_word_changes_all(installed, tmp_path, monkeypatch):
    installed({"url": (tmp_path / "gone").as_uri(), "dir_info": {}})
    monkeypatch.setattr(installing, "ON_INDEX", "tfmat")
    assert installing.command("train") == "pip install 'tfmat[train]'"


def test_what_is_large_says_so():
    assert installing.advice("train").endswith(" (2.2 GB)")
    if sys.platform == "linux":
        assert installing.CPU_TORCH in installing.advice("relax")


def test_pip_is_that_of_this_python(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert shlex.split(installing.command())[:3] == [sys.executable, "-m", "pip"]


def test_every_extra_for_users_is_known():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(installing.EXTRAS) == set(project["optional-dependencies"]) - {"dev", "docs"}


def test_the_page_says_the_same():
    page = (ROOT / "docs" / "installing.md").read_text("utf-8")
    assert installing.CPU_TORCH in page
    assert f"The base ({installing.BASE} GB" in page
    for name, extra in installing.EXTRAS.items():
        size = f"{extra.size:g}" + (f", of them {extra.cuda:g} CUDA's" if extra.cuda else "")
        assert f"| `[{name}]` | {extra.brings} | {extra.serves} | {size} |" in page


@pytest.mark.skipif(installing.ON_INDEX is not None, reason="an index has it")
def test_no_page_takes_it_from_an_index():
    taken = re.compile(r"pip install (?:'|\")?tfmat(?!-|\[\w+\] @)")
    places = {file.name for file in DOCS if taken.search(file.read_text("utf-8"))}
    assert places == set()
    named = {
        extra
        for file in DOCS
        for words in re.findall(r"pip install (?:-e )?'\.\[([\w,]+)\]'", file.read_text("utf-8"))
        for extra in words.split(",")
    }
    assert named <= {*installing.EXTRAS, "dev", "docs"}
