import copy
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("jsonschema")
pytest.importorskip("onnx")

import jsonschema
from damages import INSTEAD, damaged, paths
from oracle import make_package

from tfmat.inference.described import first_flaw
from tfmat.inference.metadata import read_metadata
from tfmat.inference.schema import SCHEMA, copy_schema, first_problem, schema
from tfmat.inference.verify import verify
from tfmat.matgan.elements import ELEMENTS
from tfmat.metric import Judge, Metric, Tolerance

DATA = {"name": "mine", "sha256": "0" * 64}
SAVED_MODELS = Path(__file__).parents[2] / "saved_models"


@pytest.fixture(scope="module")
def structures(tmp_path_factory):
    return read_metadata(make_package(tmp_path_factory.mktemp("models") / "oracle"))


@pytest.fixture(scope="module")
def compositions(structures):
    """The metadata of a MatGAN, made of those of the other family."""
    metadata = copy.deepcopy(structures)
    metadata.pop("presence_threshold")
    metadata |= {"family": "matgan", "elements": list(ELEMENTS)}
    metadata["decoding"] = {"rule": "argmax", "threshold": 0.5}
    metadata["recipe"]["family"] = "matgan"
    metadata["parts"] = {"generator": metadata["parts"]["generator"]}
    return metadata


def test_the_schema_is_one_and_travels_with_the_package(tmp_path):
    jsonschema.Draft202012Validator.check_schema(schema())
    copy_schema(tmp_path)
    assert json.loads((tmp_path / SCHEMA).read_text("utf-8")) == schema()


def test_whole_metadata_fit(structures, compositions):
    assert first_problem(structures) is None
    assert first_problem(compositions) is None
    assert first_problem({**structures, "license": "cc-by-4.0"}) is None
    judged = metric(judge=Judge("a", "1").__dict__, tolerance=Tolerance(0.5, "Å").__dict__)
    for metrics in ({"loss": metric()}, {"loss": judged}, {"loss": {"value": None, "unit": "1"}}):
        learned = {**structures, "metrics": {"gan": metrics}}
        assert (first_problem(learned), first_flaw(learned)) == (None, None)
    data = {**DATA, "license": "CC-BY-4.0 AND MIT", "attribution": ["One (2001)"]}
    for dataset in (DATA, data):
        assert first_problem({**structures, "dataset": dataset}) is None
        assert first_flaw({**structures, "dataset": dataset}) is None


@pytest.mark.parametrize("folder", [path.parent for path in SAVED_MODELS.glob("*/metadata.json")])
def test_shipped_packages_fit_and_are_whole(folder):
    metadata = read_metadata(folder)
    assert first_problem(metadata) is None
    # Its own copy may be that of an earlier tfmat.
    jsonschema.validate(metadata, json.loads((folder / SCHEMA).read_text("utf-8")))
    assert verify(folder).name == folder.name


def generator(metadata):
    return metadata["parts"]["generator"]


def record(metadata):
    return generator(metadata)["onnx"]["float32"]


def metric(**entries):
    """A metric as packages keep it, with something else in it."""
    return Metric("loss", 0.5, note="of nine").record() | entries


DAMAGE = {
    "no recipe": lambda m: m.pop("recipe"),
    "no part": lambda m: m.update(parts={}),
    "unknown key": lambda m: m.update(licence="none"),
    "version as text": lambda m: m.update(format_version="2"),
    "negative seed": lambda m: m.update(seed=-1),
    "element twice": lambda m: m.update(elements=["Bi", "Bi"]),
    "no element": lambda m: m.update(elements=["bismuth"]),
    "folder as dataset": lambda m: m.update(dataset={"name": "data/mine", "sha256": "0" * 64}),
    "terms of data": lambda m: m.update(dataset={**DATA, "license": "my terms"}),
    "nobody cited": lambda m: m.update(dataset={**DATA, "attribution": []}),
    "attribution empty": lambda m: m.update(dataset={**DATA, "attribution": [" "]}),
    "licence of nothing": lambda m: m.update(dataset={"license": "MIT"}),
    "dataset without hash": lambda m: m.update(dataset={"name": "mine"}),
    "metric without unit": lambda m: m.update(metrics={"gan": {"loss": {"value": 1.0}}}),
    "metric as text": lambda m: m.update(metrics={"gan": {"loss": {"value": "1", "unit": "1"}}}),
    "judge without version": lambda m: m.update(
        metrics={"gan": {"loss": metric(judge={"name": "a"})}}
    ),
    "judge as text": lambda m: m.update(metrics={"gan": {"loss": metric(judge="smact")}}),
    "denominator as text": lambda m: m.update(metrics={"gan": {"loss": metric(denominator="9")}}),
    "tolerance without unit": lambda m: m.update(
        metrics={"gan": {"loss": metric(tolerance={"value": 0.5})}}
    ),
    "subset as text": lambda m: m.update(metrics={"gan": {"loss": metric(subset="all")}}),
    "metric without command": lambda m: m.update(
        measured={"generated": {"unique": {"value": 0.5, "unit": "1", "note": "of 9"}}}
    ),
    "other precision measured": lambda m: m.update(measured={"precisions": {"half": {"bytes": 1}}}),
    "unknown part": lambda m: m["parts"].update(other=generator(m)),
    "hash too short": lambda m: record(m).update(sha256="0" * 63),
    "hash in capitals": lambda m: record(m).update(sha256="A" * 64),
    "empty file": lambda m: record(m).update(bytes=0),
    "absolute file": lambda m: record(m).update(file="/generator.onnx"),
    "file elsewhere": lambda m: record(m).update(file="../generator.onnx"),
    "unknown precision": lambda m: generator(m)["onnx"].update(float8=record(m)),
    "no ONNX": lambda m: generator(m).update(onnx={}),
    "two inputs": lambda m: generator(m)["inputs"].update(more=generator(m)["inputs"]["noise"]),
    "batch left out": lambda m: generator(m)["inputs"]["noise"].update(shape=[4]),
    "no type": lambda m: generator(m)["inputs"]["noise"].pop("dtype"),
    "no folder": lambda m: generator(m).update(saved_model={"files": [record(m)]}),
}


@pytest.mark.parametrize("family", ["structures", "compositions"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_metadata_do_not(request, family, damage):
    metadata = copy.deepcopy(request.getfixturevalue(family))
    DAMAGE[damage](metadata)
    problem = first_problem(metadata)
    assert problem is not None
    assert problem.startswith("$")
    assert "\n" not in problem


@pytest.mark.parametrize("family", ["structures", "compositions"])
def test_checks_and_schema_refuse_the_same(request, family):
    metadata = copy.deepcopy(request.getfixturevalue(family))
    metadata |= {
        "metrics": {"gan": {"loss": {"value": 1.0, "unit": "1", "note": "none"}}},
        "dataset": {**DATA, "held_out": 1, "split": {"kind": "random", "seed": 0}},
        "training": {"versions": {"python": "3"}, "stages": {"gan": {"steps": 1}}},
        "parts": {"generator": metadata["parts"]["generator"]},
    }
    validator = jsonschema.Draft202012Validator(schema())
    assert first_flaw(metadata) is None
    assert validator.is_valid(metadata)
    ways = [way for way in paths(metadata) if way[0] != "recipe"]
    ways += [("recipe",), ("recipe", "name"), ("recipe", "family"), ("recipe", "gan")]
    refused = 0
    for number, way in enumerate(ways):
        for instead in INSTEAD[number % 3 :: 3]:
            changed = damaged(metadata, way, instead)
            if changed.get("family") != metadata["family"]:
                continue  # said before all else
            flaw, errors = first_flaw(changed), list(validator.iter_errors(changed))
            if flaw is None:
                # A later tfmat may say more: what is read is not refused for it.
                assert {error.validator for error in errors} <= {"additionalProperties"}
            elif "presence_threshold must be a list of" not in flaw:
                # Lengths of two lists are no matter of JSON Schema.
                assert errors, (way, instead, flaw)
                refused += 1
    assert refused > 150


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        ({"presence_threshold": [0.1]}, "presence_threshold must be a list of 2, not of 1"),
        ({"served": False}, "served must be true, or left out"),
        ({"elements": ["Bi", "Bi"]}, "elements has Bi twice"),
        ({"dataset": {"name": "mine"}}, "dataset: sha256 is missing, but not name"),
        (
            {"recipe": {"name": "x", "family": "matgan"}},
            "recipe.family must be ccdcgan, not 'matgan'",
        ),
        ({"elements": ["bismuth"]}, "elements[0] must be an element, not 'bismuth'"),
    ],
)
def test_what_several_entries_say_together(structures, change, flaw):
    assert first_flaw({**structures, **change}) == flaw


def test_a_name_of_a_part_is_declared_once(structures):
    for part, family in (("critic", "ccdcgan"), ("constraint-band_gap", None)):
        renamed = copy.deepcopy(structures)
        renamed["parts"][part] = renamed["parts"].pop("constraint")
        flaw, problem = first_flaw(renamed), first_problem(renamed)
        if family is None:
            assert flaw is problem is None
        else:
            assert "parts has an entry 'critic'; a name there must be one of generator" in flaw
            assert "constraint-PROPERTY" in flaw
            assert problem is not None


@pytest.mark.parametrize(
    "damage", [name for name in DAMAGE if re.match("judge|denom|tol|sub", name)]
)
def test_damaged_metrics_are_found_without_jsonschema(structures, damage):
    metadata = copy.deepcopy(structures)
    DAMAGE[damage](metadata)
    assert first_flaw(metadata).startswith("metrics.gan.loss.")


def test_what_belongs_to_the_other_family(structures, compositions):
    for metadata, wrong in (
        (structures, {"decoding": {"rule": "argmax", "threshold": 0.5}}),
        (structures, {"presence_threshold": [-1.0]}),
        (compositions, {"presence_threshold": [0.1]}),
        (compositions, {"elements": ["Bi", "Se"]}),
    ):
        assert first_problem({**metadata, **wrong}) is not None
    for metadata, needed in ((structures, "presence_threshold"), (compositions, "decoding")):
        assert first_problem({k: v for k, v in metadata.items() if k != needed}) is not None
