import copy
import itertools
import json
import re
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from oracle import make_package
from ruamel.yaml import YAML

from tfmat.inference.metadata import read_metadata
from tfmat.matgan.elements import ELEMENTS
from tfmat.matgan.recipe import MatganRecipe
from tfmat.recipes.loader import to_mapping
from tfmat.release.card import card, write_card

HASH = "5" * 64
METRICS = {
    "constraint": {"test_mae": {"value": 0.0906, "unit": "eV/atom", "note": "of 884 structures"}},
    "gan": {"nothing": {"value": None, "unit": "1", "note": "no sample"}},
}


def generated(**values):
    return {
        name: {
            "value": value,
            "unit": "1",
            "note": f"share | of {name}",
            "command": "tfmat generate x",
        }
        for name, value in values.items()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("models") / "oracle")


@pytest.fixture
def structures(folder):
    metadata = read_metadata(folder)
    return {
        **metadata,
        "dataset": {"name": "mine", "sha256": HASH, "training": 7953, "held_out": 884},
        "training": {
            "created": "2026-11-20T11:47:22Z",
            "versions": {"tensorflow": "2.21.0"},
            "stages": {"gan": {"steps": 20000, "replicas": 1, "seconds": 1600.5}},
        },
        "metrics": METRICS,
        "measured": {
            "generated": {
                **generated(space_group_P1=0.93, median_volume_per_atom=43.2),
                **generated(median_volume_per_atom_of_data=31.0),
            }
        },
    }


@pytest.fixture
def compositions(structures):
    return {
        **structures,
        "family": "matgan",
        "name": "formulas",
        "elements": list(ELEMENTS),
        "recipe": to_mapping(MatganRecipe("any")),
        "measured": {"generated": generated(balanced=0.849, unique=0.951)},
        "parts": {"generator": structures["parts"]["generator"]},
    }


def split(text):
    _, front, body = text.split("---\n", 2)
    return YAML(typ="safe").load(front), body


def test_front_matter_holds_the_metrics(structures):
    front, _ = split(card(structures))
    assert "license" not in front  # whose weights these are, nobody said
    assert split(card({**structures, "license": "cc-by-4.0"}))[0]["license"] == "cc-by-4.0"
    assert front["library_name"] == "onnx"
    assert front["datasets"] == ["mine"]
    (model,) = front["model-index"]
    (result,) = model["results"]
    assert result["dataset"]["revision"] == HASH
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert values["test_mae"] == 0.0906
    assert values["space_group_P1"] == 0.93
    assert "nothing" not in values  # without a value
    assert front["metrics"] == sorted(values)


@pytest.mark.parametrize("family", ["structures", "compositions"])
def test_sections_come_in_their_order(request, family):
    _, body = split(card(request.getfixturevalue(family)))
    titles = [line[3:] for line in body.splitlines() if line.startswith("## ")]
    assert titles == [
        "Model description",
        "Intended use",
        "How to use",
        "Training",
        "Evaluation",
        "Speeds, sizes",
        "Bias, risks and limitations",
        "Provenance and citation",
    ]
    # Tables are whole: each row has as many cells as the row above it.
    rows = [line.replace("\\|", "") for line in body.splitlines()]
    for above, row in itertools.pairwise(rows):
        if above.startswith("|") and row.startswith("|"):
            assert above.count("|") == row.count("|"), row


def test_training_is_said_so_that_it_can_be_repeated(structures):
    _, body = split(card(structures))
    assert HASH in body
    assert "7,953 to learn from" in body
    assert "| gan | 20,000 | 128 | 1 | 1,600 s |" in body
    recipe = tomllib.loads(body.split("```toml\n")[1].split("```")[0])
    assert recipe == structures["recipe"]
    assert "tfmat train ccdcgan --recipe recipe.toml --data mine --seed 0" in body


def test_licence_and_attribution_of_the_data(structures):
    assert "licence of the data" not in card(structures)
    data = {"license": "CC-BY-4.0 AND MIT", "attribution": ["A (1)", "B | C (2)"]}
    front, body = split(card({**structures, "dataset": structures["dataset"] | data}))
    assert "| licence of the data | CC-BY-4.0 AND MIT |" in body
    assert "| attribution | A (1); B \\| C (2) |" in body
    assert "license" not in front  # that is the weights'


def test_what_is_weak_is_said(structures, compositions):
    _, body = split(card(structures))
    assert "93.0% of the generated cells have no symmetry" in body
    assert "43.2 Å³, 39% larger than" in body
    assert "off by 0.091 eV/atom" in body
    _, body = split(card(compositions))
    assert "15.1% of the formulas are not valid" in body
    assert "smact_validity" in body
    assert "4.9% of the formulas repeat others" in body


@pytest.mark.parametrize(("share", "said"), [(0.925, "7.5%"), (1.0, None)])
def test_short_contacts_are_said_where_there_are_any(structures, share, said):
    found = generated(**{"structures_beyond_1.5_angstrom": share})
    _, body = split(card({**structures, "measured": {"generated": found}}))
    words = "of the structures have two atoms closer than 1.5 Å"
    assert (f"{said} {words}" in body) if said else (words not in body)


def test_every_measured_figure_has_its_command(structures):
    _, body = split(card(structures))
    for line in body.splitlines():
        if line.startswith("| space_group_P1 |"):
            break
    else:
        pytest.fail("the metric is missing")
    assert "Of what the package generates, by `tfmat generate x`:" in body


def test_plain_onnx_runtime_as_the_card_shows_it(folder, structures, monkeypatch):
    _, body = split(card(structures))
    code = body.split("With ONNX Runtime alone:\n\n```python\n")[1].split("```")[0]
    monkeypatch.chdir(folder)
    names: dict = {}
    exec(compile(code, "card", "exec"), names)  # the card's own lines
    assert names["results"]["crystal_graph"].shape == (4, 8, 8, 1)


def test_package_that_was_never_trained_or_generates_nothing(folder, structures, tmp_path):
    plain = read_metadata(folder)
    _, body = split(card(plain))
    assert "These networks are not trained." in body
    assert "Nothing was measured." in body
    without = copy.deepcopy(structures)
    del without["parts"]["generator"]
    _, body = split(card(without))
    assert "lacks a generator" in body
    (tmp_path / "metadata.json").write_text(json.dumps(without), "utf-8")
    write_card(tmp_path)
    assert (tmp_path / "README.md").read_text("utf-8") == card(without)


def test_papers_are_those_of_the_citation_file(structures, compositions):
    citation = (Path(__file__).parents[2] / "CITATION.cff").read_text("utf-8")
    for metadata in (structures, compositions):
        _, body = split(card(metadata))
        dois = set(re.findall(r"10\.\d+/[\w.-]+", body))
        assert dois
        assert all(doi in citation for doi in dois)
