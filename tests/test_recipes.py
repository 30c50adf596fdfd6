"""Recipes: every key is checked, --set reaches every value, and nothing is lost on the way."""

import dataclasses
import math
import tomllib

import jsonschema
import numpy as np
import pytest
import tomli_w

from tfmat import recipes
from tfmat.ccdcgan.recipe import (
    CcdcganRecipe,
    ConstraintTerm,
    DataRecipe,
    GanRecipe,
    load_recipe,
)
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.elemnet import recipe as elemnet
from tfmat.errors import InputError
from tfmat.matgan import recipe as matgan


@pytest.mark.parametrize("name", recipes.names())
def test_shipped_recipes_load_under_their_own_name(name):
    loaders = {
        "ccdcgan": load_recipe, "matgan": matgan.load_recipe, "elemnet": elemnet.load_recipe
    }  # fmt: skip
    assert loaders[recipes.read(name)["family"]](name).name == name


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
    ("text", "elements"),
    [
        ("Li,Mn,O", ("Li", "Mn", "O")),
        ("Li, Mn ,O", ("Li", "Mn", "O")),
        ('["Li", "Mn", "O"]', ("Li", "Mn", "O")),
        ("['Li','Mn','O']", ("Li", "Mn", "O")),
        ("[Li, Mn, O]", ("Li", "Mn", "O")),  # what a shell leaves of the quotes
        ("Na", ("Na",)),
        ("[]", ()),
    ],
)
def test_a_list_is_understood_as_a_shell_leaves_it(text, elements):
    assert load_recipe("quickstart", [f"data.elements={text}"]).data.elements == elements


def test_lists_of_numbers_and_of_other_texts_too():
    assert load_recipe("quickstart", ["gan.generator_filters=64,32"]).gan.generator_filters == (
        64,
        32,
    )
    assert load_recipe("quickstart", ["gan.generator_filters=64"]).gan.generator_filters == (64,)
    recipe = load_recipe("quickstart", ["data.split=leave-out", "data.leave_out=Bi2Se3,Co-Hf"])
    assert recipe.data.leave_out == ("Bi2Se3", "Co-Hf")
    # A text that is no list stays one.
    assert load_recipe("quickstart", ["data.dataset=a,b"]).data.dataset == "a,b"
    assert matgan.load_recipe("matgan-dense", ["gan.critic_units=8,4"]).gan.critic_units == (8, 4)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("gan.step=7", "did you mean steps"),
        ("gan.steps=many", "gan.steps must be a whole number of at least 1, not 'many'"),
        ("gan.steps=true", "gan.steps must be a whole number of at least 1, not True"),
        ("gan.form=conv", "must be one of reference, dense"),
        ("gan", "key=value"),
        ("name.x=1", "is a value, not a table"),
        ("voxels.sites_grid=31", "even number"),
        ("gan=3", "must be a table"),
        ("sites_autoencoder.filters=few", r"filters\[0\] must be a whole number of at least 1"),
        ("graph.lattice_slot=2", "does not fit graph.lattice_slot 2"),
        ("family=matgan", "matgan recipe"),
        ("sites_autoencoder.loss=cross-entropy", "form reference learns by loss mse"),
        ("sites_autoencoder.form=compact", "form compact learns by loss cross-entropy"),
        (
            "sites_autoencoder.batch_size=0",
            r"sites_autoencoder\.batch_size must be a whole number",
        ),
        ("gan.learning_rate=-1", r"gan\.learning_rate must be a number above 0, not -1"),
        (
            "constraint.dropout=1",
            "constraint.dropout must be a number of at least 0 and below 1",
        ),
        ("voxels.sites_grid=40", "multiple of 16"),
    ],
)
def test_wrong_settings_are_refused_with_one_line(tmp_path, setting, message):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n')
    with pytest.raises(InputError, match=message) as error:
        load_recipe(str(path), [setting])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", recipes.names())
def test_shipped_recipes_fit_the_schema_of_their_family(name):
    tables = recipes.read(name)
    schema = recipes.schema(tables["family"])
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(tables, schema)


@pytest.mark.parametrize(
    "setting",
    [
        "gan.step=7",
        "gan.steps=many",
        "gan.steps=0",
        "gan.form=conv",
        "gan=3",
        "sites_autoencoder.filters=[8, 0]",
        "constraint.dropout=1",
        "voxels.sites_grid=31",
        "voxels.cutoff=1.0",
        'gan.terms=[{property = "band_gap", form = "traget"}]',
        "family=matgan",
        "data.elements={Bi = 1}",
    ],
)
def test_reader_and_schema_refuse_the_same(setting):
    with pytest.raises(InputError):
        load_recipe("quickstart", [setting])
    validator = jsonschema.Draft202012Validator(recipes.schema("ccdcgan"))
    assert not validator.is_valid(recipes.read("quickstart", [setting]))


def test_the_schema_has_words_bounds_and_defaults():
    with pytest.raises(InputError, match="family 'gnome' is not known"):
        recipes.schema("gnome")
    steps = recipes.schema("ccdcgan")["$defs"]["GanRecipe"]["properties"]["steps"]
    assert steps["minimum"] == 1
    assert steps["default"] == 1_000_000
    assert steps["description"].startswith("Steps; each updates the discriminator")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GanRecipe(steps=0), "GanRecipe.steps must be a whole number of at least 1, not 0"),
        (lambda: GanRecipe(form="conv"), "GanRecipe.form must be one of reference, dense"),
        (lambda: GanRecipe(learning_rate=math.nan), "learning_rate must be a finite number"),
        (lambda: GanRecipe(terms=("exp",)), r"GanRecipe.terms\[0\] must be a table, not 'exp'"),
        (lambda: VoxelSpec(sites_grid=31), "VoxelSpec.sites_grid must be an even number"),
        (lambda: VoxelSpec(sites_sigma=3.0), "sites_sigma must be at most an eighth"),
        (lambda: DataRecipe(split="created", leave_out=("Bi",)), "leave_out belongs to split"),
        (
            lambda: dataclasses.replace(matgan.CriticGanRecipe(), steps=7),
            "steps is 7 and epochs is 1000: one of them must be positive",
        ),
    ],
)
def test_a_recipe_made_in_python_is_checked_alike(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_values_of_python_become_those_of_the_fields():
    made = GanRecipe(
        learning_rate=1, steps=np.int64(7), dropout=np.float32(0.5), generator_filters=[8, 4]
    )
    same = GanRecipe(learning_rate=1.0, steps=7, dropout=0.5, generator_filters=(8, 4))
    assert made == same
    assert hash(made) == hash(same)
    assert [type(v) for v in (made.learning_rate, made.steps, made.dropout)] == [float, int, float]
    assert tomli_w.dumps(recipes.to_mapping(made)) == tomli_w.dumps(recipes.to_mapping(same))


def test_numbers_without_end_are_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[data]\nmax_length = inf\n')
    with pytest.raises(InputError, match=r"mine\.toml: data\.max_length must be a finite"):
        load_recipe(str(path))


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
