from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny

from tfmat.ccdcgan.data import load_training_data
from tfmat.ccdcgan.recipe import DataRecipe
from tfmat.datasets.crystal import Crystal
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
    channels = data.channels(rows)
    assert sum(map(len, channels)) == sum(len(data.crystals[row]) for row in rows)
    assert all(len(channel) > 0 and np.abs(channel).max() < 6.0 for channel in channels)


def test_all_elements_that_occur(dataset):
    assert load_training_data(replace(RECIPE, elements=()), dataset, 12.0, 0).elements == (
        "Se",
        "Bi",
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
