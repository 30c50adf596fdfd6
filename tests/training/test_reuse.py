"""Which stages of another run may be taken over; no network is needed."""

from __future__ import annotations

import pytest

pytest.importorskip("keras")

from tfmat.errors import InputError
from tfmat.training.reuse import reusable
from tfmat.training.run import Run

pytestmark = pytest.mark.train
RECIPE = {
    "name": "a",
    "data": {"dataset": "here", "property": "energy", "elements": ["Bi"]},
    "coder": {"steps": 5},
    "gan": {"steps": 9, "rate": 0.1},
}
HASH = "ab" * 32
INPUTS = {"coder": ("data", "coder"), "energy": ("data", "coder", "data.property")}


@pytest.fixture
def source(tmp_path):
    run = Run.start(tmp_path / "run", RECIPE, 7, {"name": "here", "sha256": HASH})
    for name in ("coder", "energy", "gan"):
        run.finish(name)
    return run


def changed(**tables):
    return {name: table | tables.get(name, {}) for name, table in RECIPE.items() if name != "name"}


def test_the_same_terms_give_every_stage_that_may_be_taken(source):
    # The GAN is finished too, and not among what may be taken.
    assert reusable(source, RECIPE, 7, HASH, INPUTS) == (["coder", "energy"], [])


def test_what_a_stage_does_not_depend_on_may_differ(source):
    recipe = changed(gan={"steps": 1}, data={"dataset": "there"})
    assert reusable(source, recipe, 7, HASH, INPUTS) == (["coder", "energy"], [])


def test_the_property_matters_to_the_stage_that_names_it(source):
    recipe = changed(data={"property": "gap"})
    taken, (reason,) = reusable(source, recipe, 7, HASH, INPUTS)
    assert taken == ["coder"]
    assert reason == "its energy was trained with data.property = energy, not gap"


def test_a_stage_that_runs_is_passed_over(source):
    source.begin("energy", steps=5)
    assert reusable(source, RECIPE, 7, HASH, INPUTS) == (["coder"], [])


def test_a_key_that_the_other_run_does_not_have_is_a_difference(source):
    with pytest.raises(InputError, match=r"more\.a = None, not 1"):
        reusable(source, RECIPE | {"more": {"a": 1}}, 7, HASH, {"coder": ("more.a",)})


@pytest.mark.parametrize(
    ("recipe", "seed", "sha256", "inputs", "message"),
    [
        (RECIPE, 8, HASH, INPUTS, r"other seed \(7, not 8\)"),
        (RECIPE, 7, "cd" * 32, INPUTS, r"other data \(abababababab, not cdcdcdcdcdcd\)"),
        (RECIPE, 7, HASH, {"constraint": ("data",)}, "has finished no stage that is of use"),
        (changed(coder={"steps": 6}), 7, HASH, INPUTS, r"coder\.steps = 5, not 6"),
        (changed(data={"elements": ["Se"]}), 7, HASH, INPUTS, r"data\.elements = "),
    ],
)
def test_nothing_to_take_is_one_line_that_says_why(source, recipe, seed, sha256, inputs, message):
    with pytest.raises(InputError, match=message) as caught:
        reusable(source, recipe, seed, sha256, inputs)
    assert str(caught.value).startswith(f"`source` {source.folder}: ")
    assert "leave `source` out" in str(caught.value)
    assert "\n" not in str(caught.value)
