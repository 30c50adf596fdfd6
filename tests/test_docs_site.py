"""The site is built strictly, needs no other host, and has a page for every command and recipe."""

import re
import subprocess
import sys

import doc_commands
import pytest
from tfmat.cli.main import tfmat as commands

import tfmat.recipes

ROOT = doc_commands.ROOT
# What a browser loads; links in the text may lead anywhere.
_LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*?\bsrc=["']?([^"'\s>]+)"""
    r"""|<link\b[^>]*?\bhref=["']?([^"'\s>]+)""",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("material", reason="needs the [docs] extra")
    pytest.importorskip("mkdocstrings", reason="needs the [docs] extra")
    place = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(place)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def test_nothing_comes_from_another_host(site):
    loaded = [
        (page.relative_to(site), found[0] or found[1])
        for page in site.rglob("*.html")
        for found in _LOADED.findall(page.read_text("utf-8"))
    ]
    assert len(loaded) > 100
    assert not [entry for entry in loaded if re.match(r"(https?:)?//", entry[1])]
    for style in site.rglob("*.css"):
        assert not re.search(r"""url\(["']?(?:https?:)?//""", style.read_text("utf-8")), style


def test_pictures_are_there(site):
    start = (site / "index.html").read_text("utf-8")
    pictures = re.findall(r'<img[^>]*src="([^"]+)"', start)
    assert len(pictures) >= 2
    assert all((site / name).is_file() for name in pictures)


def test_pages_of_the_code(site):
    for name in commands.lazy:
        assert (site / "reference" / "cli" / f"{name}.html").is_file()
    text = (site / "reference" / "cli" / "generate.html").read_text("utf-8")
    assert "tfmat generate matgan" in text
    assert "--formula-pattern" in text
    recipes = (site / "reference" / "recipes.html").read_text("utf-8")
    assert all(f'id="recipe-{name}"' in recipes for name in tfmat.recipes.names())
    python = (site / "reference" / "python.html").read_text("utf-8")
    assert all(f'id="tfmat.{name}"' in python for name in dir(tfmat))


def test_readme_keeps_its_two_commands():
    text = (ROOT / "README.md").read_text("utf-8")
    assert (
        "python3 -m venv .venv && .venv/bin/pip install . "
        "&& .venv/bin/tfmat generate ccdcgan -n 100\n" in text
    )
    assert (
        "python3 -m venv .venv && .venv/bin/pip install '.[train,serving,dev]' "
        "&& .venv/bin/pytest\n" in text
    )
