"""What a MatGAN learns from: distinct formulas that fit, split without a leak."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_compositions

from tfmat.datasets.composition_store import CompositionDataset, CompositionWriter
from tfmat.errors import InputError
from tfmat.formulas.parsing import parse_formulas
from tfmat.matgan.recipe import CompositionDataRecipe, load_recipe, with_steps
from tfmat.matgan.training.data import DUPLICATE, NO_MATRIX, load_training_data


def dataset(folder, formulas):
    with CompositionWriter(folder, {"name": "test", "sha256": "0"}, 8) as writer:
        writer.add(parse_formulas(formulas).compositions)
    return CompositionDataset.open(folder)


def test_duplicates_go_before_the_split_and_what_does_not_fit_is_counted(tmp_path):
    formulas = ["LiF", "Li2O", "Fe", "Na9O2", "KrF2", "LiF", "Fe2O3", "NaCl", "Na2Cl2"]
    data = load_training_data(
        CompositionDataRecipe(test_fraction=0.5), dataset(tmp_path / "data", formulas), seed=0
    )
    assert sorted(data.compositions.formulas()) == ["Fe2O3", "Li2O", "LiF", "NaCl"]
    # Na2Cl2 is NaCl; Fe is a single element, 9 atoms are too many, krypton has no column.
    assert data.left_out == {NO_MATRIX: 3, DUPLICATE: 2}
    assert len(data.train) == len(data.test) == 2
    assert sorted([*data.train, *data.test]) == [0, 1, 2, 3]


def test_the_split_is_of_the_seed(tmp_path):
    folder = tiny_compositions.write_dataset(tmp_path / "data")
    opened = CompositionDataset.open(folder)
    recipe = CompositionDataRecipe()
    first, again, other = (load_training_data(recipe, opened, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.test, again.test)
    assert len(first.test) == 8
    assert not np.array_equal(first.test, other.test)
    assert not set(first.train) & set(first.test)


def test_a_random_split_is_fixed_for_good(tmp_path):
    # A run or package of another version must hold out the same formulas.
    opened = CompositionDataset.open(tiny_compositions.write_dataset(tmp_path / "data"))
    for seed, share in ((0, 0.1), (7, 0.25)):
        data = load_training_data(CompositionDataRecipe(test_fraction=share), opened, seed)
        order = np.random.default_rng(seed).permutation(len(data))
        assert data.test.tolist() == sorted(order[: round(share * len(data))].tolist())
        assert data.split["formulas"] == len(data.test)


def test_formulas_and_systems_are_left_out(tmp_path):
    formulas = ["LiF", "Fe4O6", "Fe3O4", "Bi2Se3", "BiSe", "Se3Bi", "BiSeO", "NaCl"]
    opened = dataset(tmp_path / "data", formulas)
    recipe = CompositionDataRecipe(split="leave-out", leave_out=("O3Fe2", "Se-Bi"))
    data = load_training_data(recipe, opened, 0)
    assert data.compositions[data.test].formulas() == ["Fe2O3", "Bi2Se3", "BiSe", "BiSe3"]
    assert data.compositions[data.train].formulas() == ["LiF", "Fe3O4", "BiSeO", "NaCl"]
    assert data.split["leave_out"] == {"O3Fe2": 1, "Se-Bi": 3}
    systems = CompositionDataRecipe(split="system", test_fraction=0.4)
    for seed in range(5):
        data = load_training_data(systems, opened, seed)
        assert 0 < len(data.test) <= 3
        parts = [
            {frozenset(data.compositions.mapping(row)) for row in part}
            for part in (data.train, data.test)
        ]
        assert not parts[0] & parts[1]


def test_lists_of_formulas_can_be_read_again(tmp_path):
    opened = CompositionDataset.open(tiny_compositions.write_dataset(tmp_path / "data"))
    data = load_training_data(CompositionDataRecipe(), opened, 0)
    files = data.write_formulas(tmp_path)
    assert [file.name for file in files] == ["training.csv", "held_out.csv"]
    for file, subset in zip(files, (data.train, data.test), strict=True):
        header, *formulas = file.read_text("utf-8").splitlines()
        assert header == "formula"
        found = parse_formulas(formulas).compositions
        np.testing.assert_array_equal(found.keys(), data.compositions[subset].keys())


def test_too_few_formulas_are_one_line(tmp_path):
    one = dataset(tmp_path / "one", ["LiF", "Fe"])
    with pytest.raises(InputError, match="1 of 2 formulas are of use, too few to hold out"):
        load_training_data(CompositionDataRecipe(), one, 0)
    assert len(load_training_data(CompositionDataRecipe(test_fraction=0.0), one, 0).train) == 1
    none = dataset(tmp_path / "none", ["Fe"])
    for fraction in (0.0, 0.1):
        with pytest.raises(InputError, match=r"of use|fits in the matrix"):
            load_training_data(CompositionDataRecipe(test_fraction=fraction), none, 0)


def test_epochs_become_steps():
    recipe = with_steps(load_recipe("matgan-oqmd"), 251_368)
    # 1,000 epochs of the paper's training set in batches of 512.
    assert (recipe.gan.steps, recipe.gan.epochs) == (490_954, 0.0)
    assert with_steps(recipe, 7) == recipe
    recipe = with_steps(load_recipe("composition-ae"), 1024)
    assert recipe.autoencoder.steps == 1000


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("gan.steps=7", "gan: steps is 7 and epochs is 1000: one of them"),
        ("gan.epochs=0", "gan: steps is 0 and epochs is 0"),
        ("autoencoder.epochs=-1", "autoencoder.epochs must be a number of at least 0, not -1"),
        ("gan.form=conv", "must be one of matgan-7, matgan-4"),
        ("gan.penalty=0", "gan.penalty must be a number above 0, not 0"),
        ("gan.beta_1=1", "below 1"),
        (
            "decoding.threshold=0",
            "decoding.threshold must be a number above 0 and at most 1",
        ),
        ("data.test_fraction=1", "below 1"),
        ("data.split=formula", "must be one of random, system, leave-out"),
        ("data.split=leave-out", "recipe: data: split leave-out: nothing to leave out"),
        ('data.leave_out=["LiF"]', "leave_out belongs to split leave-out"),
        ("gan.critic_rat=1", "did you mean critic_rate"),
        ("family=ccdcgan", "is a ccdcgan recipe, this command needs matgan"),
    ],
)
def test_wrong_settings_are_one_line(setting, message):
    with pytest.raises(InputError, match=message) as error:
        load_recipe("matgan-oqmd", [setting])
    assert "\n" not in str(error.value)
