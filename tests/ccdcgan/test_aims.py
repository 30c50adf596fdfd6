"""The wanted property is the one that steers, however it was named."""

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from tfmat.ccdcgan.aims import Aim, settings
from tfmat.ccdcgan.recipe import ConstraintTerm, load_recipe
from tfmat.datasets.stored import PROPERTY_NAME
from tfmat.errors import InputError
from tfmat.recipes import to_mapping

ENERGY = "formation_energy_per_atom"


def terms(*given):
    return load_recipe("quickstart", given).gan.terms


def test_a_recipe_steers_by_its_property():
    assert [term.property for term in terms()] == [ENERGY]
    assert terms("data.property=band_gap") == (ConstraintTerm("band_gap", 0.1, "exp"),)
    # The published recipe names the property in its term.
    (term,) = load_recipe("bi-se", ["data.property=band_gap"]).gan.terms
    assert term.property == "band_gap"


def test_a_recipe_of_a_run_steers_by_its_property(tmp_path):
    import tomli_w

    written = tmp_path / "recipe.toml"
    written.write_text(tomli_w.dumps(to_mapping(load_recipe("quickstart"))), "utf-8")
    (term,) = load_recipe(str(written), ["data.property=band_gap"]).gan.terms
    assert term.property == "band_gap"


def test_a_recipe_of_an_earlier_version_is_the_same(tmp_path):
    import tomli_w

    tables = to_mapping(load_recipe("quickstart", ["data.elements=Bi,Se"]))
    assert tables["constraint"].pop("standardise") is False
    assert tables["gan"]["terms"][0].pop("scale") == 1.0
    written = tmp_path / "recipe.toml"
    written.write_text(tomli_w.dumps(tables), "utf-8")
    assert load_recipe(str(written)) == load_recipe("quickstart", ["data.elements=Bi,Se"])


def test_terms_that_are_named_stay():
    named = f'gan.terms=[{{property = "{ENERGY}"}}, {{form = "target", target = 2.0}}]'
    assert [term.property for term in terms(named, "data.property=band_gap")] == [
        ENERGY,
        "band_gap",
    ]
    assert terms("data.property=band_gap", "gan.terms=[]") == ()


def test_aims_become_terms_of_both_signs():
    aims = [
        Aim("band_gap", "target", 1.5),
        Aim(ENERGY, "minimise", weight=0.3),
        Aim("density", "maximise", weight=2.0),
    ]
    recipe = load_recipe("quickstart", settings(aims))
    assert recipe.data.property == "band_gap"
    assert recipe.constraint.standardise
    # The scales are settled by the data.
    assert recipe.gan.terms == (
        ConstraintTerm("band_gap", 0.1, "target", 1.5, 0.0),
        ConstraintTerm(ENERGY, 0.3, "linear", 0.0, 0.0),
        ConstraintTerm("density", -2.0, "linear", 0.0, 0.0),
    )


def test_no_aim_changes_nothing():
    assert settings([]) == []
    assert load_recipe("quickstart", settings([Aim("band_gap")])).data.property == "band_gap"


def test_a_property_has_one_aim():
    with pytest.raises(InputError, match="`property` a: is given twice"):
        settings([Aim("a", "minimise"), Aim("b", "minimise"), Aim("a", "maximise")])


@settings_of_hypothesis(deadline=None)
@given(
    st.from_regex(PROPERTY_NAME, fullmatch=True),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(1e-9, 1e9),
)
def test_any_name_and_number_survives(name, target, weight):
    recipe = load_recipe("quickstart", settings([Aim(name, "target", target, weight)]))
    (term,) = recipe.gan.terms
    assert (term.property, term.target, term.weight) == (name, target, weight)
