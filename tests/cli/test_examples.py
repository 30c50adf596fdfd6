"""Every help ends with two examples, and they work."""

import contextlib
import csv
import importlib.util
import io
import os
import shlex
import shutil
from functools import cache
from pathlib import Path

import click
import pytest
from ase.build import bulk
from ase.spacegroup import crystal
from command_tree import root, tree
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.cif import CifWriter
from tfmat.cli.examples import examples_in
from tfmat.cli.main import main

from tfmat.inference.metadata import find
from tfmat.matgan.space.enumeration import EnumerationOptions
from tfmat.matgan.space.shards import enumerate_shard
from tfmat.work.shards import Shard

# What these do takes minutes or a potential: they run with -m slow.
LONG = (
    "tfmat train ",
    "tfmat export ",
    "tfmat serve ",
    "tfmat data build ga-sb",
    "tfmat data augment bi-se",
    "tfmat relax generated-ccdcgan",
    "tfmat discover ",
    "tfmat models add-prototypes ",
)
# These need a server, or workers: their words are checked, what happens then has tests of its own.
REMOTE = ("tfmat data fetch ", "tfmat predict ", "tfmat launch ")


@cache
def examples():
    """Returns the examples of every command, by the words that call it."""
    found = {}
    for path, command in tree():
        context = click.Context(command, info_name=f"tfmat {path}".strip())
        found[path] = examples_in(command.get_help(context))
    return found


def every(*beginnings, without=()):
    lines = dict.fromkeys(line for lines in examples().values() for line in lines)
    return [
        line
        for line in lines
        if line.startswith(beginnings or "tfmat") and not line.startswith(without or "\0")
    ]


def test_every_help_ends_with_two_of_its_own():
    for path, lines in examples().items():
        assert len(lines) == 2, path
        assert len(set(lines)) == 2, path
        for line in lines:
            assert f"{line} ".startswith(f"tfmat {path}".strip() + " "), (path, line)
            assert len(line) <= 98, line


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as a user has it, with data of their own and a run."""
    folder = tmp_path_factory.mktemp("examples")
    corner, faces = (0, 0, 0), (0, 0.5, 0.5)
    cube = [90, 90, 90]
    atoms = {
        "cu": bulk("Cu", cubic=True),
        "au": bulk("Au", cubic=True),
        "cu3au": crystal(["Au", "Cu"], [corner, faces], spacegroup=221, cellpar=[3.75] * 3 + cube),
        "cuau3": crystal(["Cu", "Au"], [corner, faces], spacegroup=221, cellpar=[4.0] * 3 + cube),
        "cuau": crystal(
            ["Cu", "Au"], [corner, (0.5, 0.5, 0.5)], spacegroup=123, cellpar=[2.8, 2.8, 3.7, *cube]
        ),
    }
    with (folder / "my-structures.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "cif", "formation_energy_per_atom"])
        for name, cell in atoms.items():
            structure: Structure = AseAtomsAdaptor.get_structure(cell)
            writer.writerow([name, str(CifWriter(structure)), -0.05 if len(name) > 2 else 0.0])
    (folder / "my-formulas.csv").write_text("formula\nLi2O\nMnO2\nLiMn2O4\nNaCl\n", "utf-8")
    for index in (1, 2):
        for part in (folder / f"part-{index}.csv", folder / "shards" / f"{index}.csv"):
            enumerate_shard(EnumerationOptions(elements=("Li", "Mn", "O")), part, Shard(index, 2))
    package = find("ccdcgan-bi-se-compact")
    shutil.copytree(package, folder / "runs" / "quickstart" / "package")
    shutil.copytree(package, folder / "saved_models" / "mine")
    shutil.copytree(package, folder / "served")
    return folder


def run(line, *more):
    """Runs a command in this process; returns its exit code and what it said."""
    said = io.StringIO()
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        pytest.raises(SystemExit) as end,
    ):
        main([*shlex.split(line)[1:], *more])
    return end.value.code, said.getvalue()


def run_all(lines, place):
    """Runs examples in an order in which each finds what it needs; returns those that fail."""
    before = Path.cwd()
    os.chdir(place)
    try:
        left = list(lines)
        while left:
            failed = {}
            for line in left:
                code, said = run(line)
                if code == 2 and "overwrite" in said:  # of another example
                    code, said = run(line, "--overwrite")
                if code:
                    failed[line] = said
            if len(failed) == len(left):
                return failed
            left = list(failed)
        return {}
    finally:
        os.chdir(before)


def leaf_of(line):
    """Returns the command that an example calls, and the words after its name."""
    command, words = root, shlex.split(line)[1:]
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), words.pop(0))
    return command, words


@pytest.mark.parametrize("line", every(*LONG, *REMOTE))
def test_words_of_the_long_ones_are_right(line, place, monkeypatch):
    monkeypatch.chdir(place)
    command, words = leaf_of(line)
    with command.make_context("tfmat", words) as context:
        assert not context.args


def test_the_quick_ones_work(place):
    assert run_all(every(without=(*LONG, *REMOTE)), place) == {}


@pytest.mark.slow
@pytest.mark.train
@pytest.mark.timeout(7200)
def test_the_long_ones_work(tmp_path):
    pytest.importorskip("tensorflow")
    beginnings = LONG[:3]
    if importlib.util.find_spec("tensorflow_serving") is None:
        beginnings = LONG[:2]
    lines = ["tfmat train ccdcgan --out runs/quickstart", *every(*beginnings)]
    assert run_all(lines, tmp_path) == {}


@pytest.mark.slow
@pytest.mark.relax
@pytest.mark.timeout(14400)
def test_those_with_a_potential_work(place):
    pytest.importorskip("chgnet")
    assert run_all(["tfmat generate ccdcgan -n 4 --overwrite", *every(*LONG[3:])], place) == {}
