"""Elements and chemical systems of a dataset, against sets of symbols."""

from collections import Counter

import numpy as np
import pytest
from ase.data import chemical_symbols

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.datasets.systems import elements_of, largest_systems

OXIDES = [3, 8, 25, 26]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("systems") / "data"
    with DatasetWriter(folder, {"name": "systems"}) as writer:
        for index in range(60):
            numbers = random.choice(OXIDES, int(random.integers(1, 5)))
            positions = random.uniform(0, 5, (len(numbers), 3))
            writer.add(Crystal.from_arrays(5 * np.eye(3), positions, numbers), str(index))
    return Dataset.open(folder)


def symbols(crystal):
    return frozenset(chemical_symbols[number] for number in crystal.numbers)


def test_elements_stand_as_in_a_formula(dataset):
    assert elements_of(dataset) == ("Li", "Mn", "Fe", "O")


def test_systems_count_what_lies_within_them(dataset):
    there = [symbols(crystal) for crystal in dataset]
    wanted = {
        system: sum(other <= system for other in there)
        for system in Counter(there)
        if len(system) in (2, 3)
    }
    found = largest_systems(dataset, range(2, 4), 100)
    assert {frozenset(system.elements): system.structures for system in found} == wanted
    assert [system.structures for system in found] == sorted(wanted.values(), reverse=True)
    assert found[0].name == "-".join(found[0].elements)
    assert len(largest_systems(dataset, range(2, 4), 2)) == 2
    assert largest_systems(dataset, range(7, 9), 2) == []
