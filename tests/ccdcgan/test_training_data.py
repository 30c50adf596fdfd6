from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny

from tfmat.ccdcgan.recipe import DataRecipe, load_recipe
from tfmat.ccdcgan.training.data import load_training_data
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.splits.groups import formula
from tfmat.datasets.splits.rules import rows_hash
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError

RECIPE = DataRecipe(elements=("Se", "Bi"), test_fraction=0.25)


@pytest.fixture
def dataset(tmp_path):
    return Dataset.open(tiny.write_dataset(tmp_path / "data"))


def test_selection_split_and_order_of_elements(dataset):
    data = load_training_data(RECIPE, dataset, 12.0, seed=3)
    assert data.elements == ("Se", "Bi")
    assert data.numbers == (34, 83)
    assert len(data) == 24
    assert sorted([*data.train, *data.test]) == list(range(24))
    assert len(data.test) == 6
    again = load_training_data(RECIPE, dataset, 12.0, seed=3)
    assert np.array_equal(again.test, data.test)
    other = load_training_data(RECIPE, dataset, 12.0, seed=4)
    assert not np.array_equal(other.test, data.test)
    energies = dataset.property("formation_energy_per_atom")
    assert np.array_equal(data.property("formation_energy_per_atom"), energies[data.rows])


def test_channels_hold_every_atom_once(dataset):
    data = load_training_data(RECIPE, dataset, 12.0, seed=3)
    rows = np.array([3, 1])
    channels, cells = data.channels(rows, VoxelSpec(box=12.0))
    assert sum(map(len, channels)) == sum(len(data.crystals[row]) for row in rows)
    assert all(len(channel) > 0 and np.abs(channel).max() < 6.0 for channel in channels)
    assert len(cells) == len(channels)
    assert cells[0] is data.crystals[3].lattice
    assert cells[-1] is data.crystals[1].lattice


def test_all_elements_that_occur_as_a_formula_has_them(dataset):
    assert load_training_data(replace(RECIPE, elements=()), dataset, 12.0, 0).elements == (
        "Bi",
        "Se",
    )


def test_what_is_left_out_is_counted(tmp_path):
    cell, positions = np.eye(3) * 4.0, np.array([[0.0, 0, 0], [2, 2, 2]])
    with DatasetWriter(tmp_path / "mixed", {"name": "mixed"}) as writer:
        for index in range(4):
            crystal = Crystal.from_arrays(cell * (1 + index / 10), positions, [83, 34])
            writer.add(crystal, f"fits-{index}")
        writer.add(Crystal.from_arrays(cell, positions, [83, 16]), "sulphur")
        writer.add(Crystal.from_arrays(np.diag([4.0, 4.0, 11.0]), positions, [83, 34]), "long")
        writer.add(Crystal.from_arrays(cell * 1.6, positions * 2, [83, 34]), "wide")
    dataset = Dataset.open(tmp_path / "mixed")
    data = load_training_data(RECIPE, dataset, 2.2, 0)
    assert len(data) == 4
    assert data.rejected == {
        "other elements": 1,
        "too many atoms or too long a cell": 1,
        "larger than the box of the sites voxels": 1,
    }
    with pytest.raises(InputError, match=r"none of 7 structures is of use .*other elements: 7"):
        load_training_data(replace(RECIPE, elements=("Cu",), max_length=99), dataset, 50.0, 0)
    with pytest.raises(InputError, match="Xx is no element"):
        load_training_data(replace(RECIPE, elements=("Xx",)), dataset, 12.0, 0)


def test_an_absurd_cell_is_left_out_and_the_rest_goes_on(tmp_path):
    with DatasetWriter(tmp_path / "data", {"name": "data"}) as writer:
        for size in (4.0, 4.5, 5.0):
            crystal = Crystal.from_arrays(size * np.eye(3), [[0, 0, 0], [2, 2, 2]], [83, 34])
            writer.add(crystal, f"sound-{size}")
        # What a file may say, and no reduction can take.
        flat = np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]])
        writer.add(Crystal(flat, np.zeros((1, 3)), np.array([83], np.uint8)), "flat")
    data = load_training_data(RECIPE, Dataset.open(tmp_path / "data"), 12.0, 0)
    assert len(data) == 3
    assert data.rejected == {"a cell that cannot be reduced": 1}


def test_formula_split_parts_no_formula(dataset):
    data = load_training_data(replace(RECIPE, split="formula"), dataset, 12.0, seed=1)

    def formulas(rows):
        counts = [np.bincount(data.crystals[row].numbers, minlength=84)[[34, 83]] for row in rows]
        return {tuple(count // np.gcd(*count)) for count in counts}

    assert not formulas(data.train) & formulas(data.test)


def test_left_out_formulas_are_held_out_of_what_passes_the_selection(dataset):
    rule = replace(RECIPE, split="leave-out", leave_out=("Se2Bi2", "Bi3Se", "Co-Hf"), max_atoms=3)
    data = load_training_data(rule, dataset, 12.0, seed=1)
    left_out = {((34, 1), (83, 1)), ((34, 1), (83, 3))}
    inside = [formula(crystal) in left_out for crystal in data.crystals]
    assert data.test.tolist() == np.flatnonzero(inside).tolist()
    assert data.split["leave_out"] == {"Se2Bi2": sum(inside), "Bi3Se": 0, "Co-Hf": 0}
    assert data.split["sha256"] == rows_hash(data.rows[data.test])
    lines = data.held_out_list().splitlines()
    assert lines[0] == "id,formula"
    assert lines[1:] == [f"{dataset.ids[data.rows[index]]},BiSe" for index in data.test]


def test_what_is_new_is_held_out(tmp_path, dataset):
    with DatasetWriter(tmp_path / "dated", {"name": "dated"}) as writer:
        for row, crystal in enumerate(dataset):
            created = {} if row % 6 == 0 else {"created": 17725.0 + row}
            writer.add(crystal, dataset.ids[row], created)
    dated = Dataset.open(tmp_path / "dated")
    settings = ["data.split=created", "data.from_date=2018-07-30", "data.undated=test"]
    # A date is a value of TOML's own.
    recipe = load_recipe(str(tiny.write_recipe(tmp_path / "tiny.toml")), settings).data
    assert recipe.from_date == "2018-07-30"
    found = load_training_data(recipe, dated, 12.0, seed=1)
    assert found.test.tolist() == [0, 6, 12, *range(17, 24)]
    share = replace(recipe, from_date="", undated="train")
    assert load_training_data(share, dated, 12.0, seed=1).test.tolist() == [19, 20, 21, 22, 23]
    with pytest.raises(InputError, match="have no dates"):
        load_training_data(recipe, dataset, 12.0, seed=1)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("data.split=leave_out", "must be one of random, formula, system, leave-out, created"),
        ("data.split=leave-out", "recipe: data: split leave-out: nothing to leave out"),
        ('data.leave_out=["BiSe"]', "recipe: data: split random: leave_out belongs to"),
        ("data.leave_out={BiSe = 1}", "data.leave_out must be a list, not"),
        ("data.from_date=2018-07-30", "from_date and undated belong to split created"),
    ],
)
def test_splits_that_contradict_themselves(setting, message, tmp_path):
    with pytest.raises(InputError, match=message):
        load_recipe(str(tiny.write_recipe(tmp_path / "tiny.toml")), [setting])
