"""Recipes: every key is checked, --set reaches every value, and nothing is lost on the way."""

import dataclasses
import tomllib

import pytest
import tomli_w

from tfmat import recipes
from tfmat.ccdcgan.recipe import (
    CcdcganRecipe,
    ConstraintTerm,
    load_recipe,
)
from tfmat.errors import InputError
from tfmat.matgan import recipe as matgan


@pytest.mark.parametrize("name", recipes.names())
def test_shipped_recipes_load_under_their_own_name(name):
    load = {"ccdcgan": load_recipe, "matgan": matgan.load_recipe}[recipes.read(name)["family"]]
    assert load(name).name == name


def test_settings_override_values_of_every_kind(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n')
    recipe = load_recipe(
        str(path),
        [
            "gan.steps=7",
            "gan.learning_rate=1",
            "sites_autoencoder.filters=[8, 16]",
            "data.dataset=some/folder",
            'gan.terms=[{property = "band_gap", form = "target", target = 1.5}]',
        ],
    )
    assert recipe.gan.steps == 7
    assert isinstance(recipe.gan.learning_rate, float)
    assert recipe.sites_autoencoder.filters == (8, 16)
    assert recipe.data.dataset == "some/folder"
    assert recipe.gan.terms == (ConstraintTerm("band_gap", 0.1, "target", 1.5),)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("gan.step=7", "did you mean steps"),
        ("gan.steps=many", "must be of type int"),
        ("gan.steps=true", "must be of type int"),
        ("gan.form=conv", "must be one of reference, dense"),
        ("gan", "key=value"),
        ("name.x=1", "is a value, not a table"),
        ("voxels.sites_grid=31", "even number"),
        ("gan=3", "must be a table"),
        ("sites_autoencoder.filters=3", "must be a list"),
        ("graph.height=2", "latents fill"),
        ("family=matgan", "matgan recipe"),
        ("sites_autoencoder.loss=cross-entropy", "form reference learns by loss mse"),
        ("sites_autoencoder.form=compact", "form compact learns by loss cross-entropy"),
        ("sites_autoencoder.batch_size=0", "batch_size of the autoencoder must be positive"),
        ("gan.learning_rate=-1", "learning_rate of the gan must be positive"),
        ("constraint.dropout=1", "below 1, not 1.0"),
        ("voxels.sites_grid=40", "multiple of 16"),
    ],
)
def test_wrong_settings_are_refused_with_one_line(tmp_path, setting, message):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n')
    with pytest.raises(InputError, match=message) as error:
        load_recipe(str(path), [setting])
    assert "\n" not in str(error.value)


def test_a_gan_that_sees_all_structures_has_no_split_by_question():
    for split in ("formula", "system", "created"):
        with pytest.raises(InputError, match=r"gan\.structures=training"):
            load_recipe("bi-se", [f"data.split={split}"])
    assert load_recipe("bi-se", ["data.split=formula", "gan.structures=training"])


def test_unknown_recipe_lists_the_known_ones():
    with pytest.raises(InputError, match="no such recipe"):
        load_recipe("no-such-recipe")


def test_a_file_that_is_no_toml(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("name = ")
    with pytest.raises(InputError, match="not readable as TOML"):
        load_recipe(str(path))


def test_a_recipe_survives_being_written_and_read():
    recipe = CcdcganRecipe(name="x", gan=dataclasses.replace(CcdcganRecipe("x").gan, steps=3))
    text = tomli_w.dumps(recipes.to_mapping(recipe))
    again = recipes.build(CcdcganRecipe, tomllib.loads(text))
    assert again == recipe
