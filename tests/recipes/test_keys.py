"""What the keys of recipes mean: all of them, from one truth, with units and sources."""

import dataclasses
import json
import re
import tomllib
from importlib import resources

import pytest
from tfmat.cli.main import main

from tfmat import families
from tfmat.errors import InputError
from tfmat.recipes import keys as recipe_keys
from tfmat.recipes.loader import build, names, read

FAMILIES = ("ccdcgan", "matgan")


def leaves(table, prefix=""):
    """Yields dotted name and value of every field of a recipe, by plain recursion."""
    for field in dataclasses.fields(table):
        value = getattr(table, field.name)
        if dataclasses.is_dataclass(value):
            yield from leaves(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, value


@pytest.mark.parametrize("family", FAMILIES)
def test_every_key_has_a_meaning(family):
    for key in recipe_keys.keys(family):
        assert len(key.meaning) > 5, key.name
        assert key.meaning.endswith("."), key.name
        assert key.wanted, key.name
        # A unit that the words have is found, so that programs have it too.
        assert ("Å" in key.meaning) <= bool(key.unit), key.name


def test_units_and_choices():
    found = {key.name: key for key in recipe_keys.keys("ccdcgan")}
    lengths = {"data.max_length", "voxels.box", "voxels.sites_sigma", "voxels.lattice_sigma"}
    lengths |= {f"descriptor.{name}" for name in ("shortest", "longest", "spacing", "width")}
    lengths |= {"labels.displacement", "prototypes.symprec"}
    assert {name for name, key in found.items() if key.unit == "Å"} == lengths
    assert found["gan.terms[].target"].unit == "the property's unit"
    assert found["gan.form"].choices == ("reference", "dense", "writer", "sources", "none")
    assert found["name"].default is None
    assert found["gan.batch_size"].default == 128


@pytest.mark.parametrize("name", names())
def test_a_recipe_is_shown_whole(name):
    tables = read(name)
    recipe = build(families.get(tables.get("family", "ccdcgan")).recipe(), tables)
    shown = recipe_keys.show(name)
    values = {entry.key.name: entry.value for entry in shown.entries}
    assert {key: value for key, value in values.items() if "[]" not in key} == dict(leaves(recipe))
    text = (resources.files("tfmat.recipes") / f"{name}.toml").read_text("utf-8")
    # Every comment behind a value is somebody's source; none is lost and none is made up.
    behind = re.findall(r"^[a-z_0-9]+ = .*?[^\"]#(?!.*\")\s*(.*)$", text, re.MULTILINE)
    sources = [entry.source for entry in shown.entries if entry.source]
    assert set(behind) <= set(sources)
    assert all(source in text for source in sources)
    given = {entry.key.name for entry in shown.entries if entry.given}
    plain = {
        f"{table}.{key}"
        for table, inner in tables.items()
        if isinstance(inner, dict)
        for key in inner
    }
    assert plain <= given


def test_a_mark_in_a_text_is_no_comment(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('name = "a # b"  # of mine\n[data]\ndataset = "x#y"\n', "utf-8")
    found = {entry.key.name: entry for entry in recipe_keys.show(str(file)).entries}
    assert (found["name"].value, found["name"].source) == ("a # b", "of mine")
    assert (found["data.dataset"].value, found["data.dataset"].source) == ("x#y", "")
    assert tomllib.loads(file.read_text("utf-8"))["name"] == "a # b"


def test_a_part_of_a_recipe_and_what_there_is_not():
    names_of = [entry.key.name for entry in recipe_keys.show("quickstart", "graph").entries]
    assert names_of == ["graph.height", "graph.width", "graph.lattice_slot"]
    assert [e.key.name for e in recipe_keys.show("quickstart", "gan.ema").entries] == ["gan.ema"]
    with pytest.raises(
        InputError, match=r"gan.stepz: not in a recipe \(did you mean gan.steps\?\)"
    ):
        recipe_keys.show("quickstart", "gan.stepz")


def said(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(list(words))
    assert end.value.code in (0, None)
    return capsys.readouterr().out


def test_the_commands(capsys):
    listed = said(capsys, "recipes", "list")
    assert [line.split()[0] for line in listed.splitlines()] == names()
    assert "default of train matgan" in listed
    assert [row["name"] for row in json.loads(said(capsys, "recipes", "list", "--json"))] == names()
    text = said(capsys, "recipes", "show", "quickstart", "data.max_length")
    assert text.splitlines()[0] == "data.max_length = 10.0 Å   # Å; paper, Methods"
    assert "Largest a, b and c, in Å. [default 10.0; a number above 0]" in " ".join(text.split())
    (row,) = json.loads(said(capsys, "recipes", "show", "quickstart", "gan.ema", "--json"))["keys"]
    assert row == {
        "key": "gan.ema",
        "value": 0.999,
        "unit": None,
        "default": 0.0,
        "given": True,
        "source": None,
        "wanted": "a number of at least 0 and below 1",
        "meaning": "Decay of the moving average of the generator's weights that is exported; 0 "
        "means none.",
    }
    # What is shown can be given to --set.
    term = said(capsys, "recipes", "show", "quickstart", "gan.terms").splitlines()[0]
    assert read("quickstart", [term.replace(" = ", "=", 1)])["gan"]["terms"][0]["weight"] == 0.1
