"""What info counts and draws."""

import numpy as np
import pytest

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.info import describe, render
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.datasets.summary import property_lines, statistics


@pytest.fixture
def dataset(tmp_path):
    with DatasetWriter(tmp_path / "set", {"name": "a.csv"}) as writer:
        for index, numbers in enumerate([[83, 34], [83, 83, 34, 34], [34], [83] * 22, [83, 34, 8]]):
            edge = 4.0 + 2.5 * index
            positions = np.zeros((len(numbers), 3))
            energy = {} if index == 2 else {"formation_energy_per_atom": -index / 10}
            writer.add(Crystal.from_arrays(np.eye(3) * edge, positions, numbers), "x", energy)
        writer.reject("y", "disordered")
    return Dataset.open(tmp_path / "set")


def test_the_counts(dataset):
    info = describe(dataset)
    assert info["structures"] == 5
    assert info["atoms"] == 32
    assert info["formulas"] == 4
    assert info["elements"] == {"Se": 4, "Bi": 4, "O": 1}
    assert info["systems"] == {"Bi-Se": 2, "Se": 1, "Bi": 1, "Bi-O-Se": 1}
    assert info["structures_by_number_of_elements"] == {"1": 2, "2": 2, "3": 1}
    assert info["atoms_per_cell"]["counts"] == {"1": 1, "2": 1, "3": 1, "4": 1, "22": 1}
    # 22 atoms at 11.5 Å and 3 atoms at 14 Å are too large.
    assert info["passes_selection"]["structures"] == 3
    assert describe(dataset, None, None)["passes_selection"]["structures"] == 5
    assert info["rejected_by_reason"] == {"disordered": 1}
    energy = info["properties"]["formation_energy_per_atom"]
    assert (energy["known"], energy["unit"]) == (4, "eV/atom")
    assert energy["min"] == -0.4
    assert sum(energy["histogram"]["counts"]) == 4


def test_the_histogram_counts_everything():
    values = np.concatenate([np.random.default_rng(0).normal(size=1000), [500.0, -500.0, np.nan]])
    found = statistics(values, "eV")
    assert found["known"] == sum(found["histogram"]["counts"]) == 1002
    assert found["histogram"]["edges"][-1] < 5
    constant = statistics(np.full(7, 2.0), None)
    assert sum(constant["histogram"]["counts"]) == 7
    assert statistics(np.array([np.nan]), None) == {"unit": None, "known": 0}


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_drawing(dataset, width):
    text = render(describe(dataset), width)
    assert "5 structures, 32 atoms, 4 formulas" in text
    assert "passes      3 of 5 (60.0%)" in text
    assert "disordered 1" in text
    bars = [line for line in text.splitlines() if "█" in line]
    assert all(len(line) <= width for line in bars)


def test_many_sizes_are_drawn_as_ranges(tmp_path):
    with DatasetWriter(tmp_path / "set", {"name": "a"}) as writer:
        for atoms in range(1, 201):
            crystal = Crystal.from_arrays(np.eye(3) * 20, np.zeros((atoms, 3)), [6] * atoms)
            writer.add(crystal, str(atoms))
    text = render(describe(Dataset.open(tmp_path / "set")))
    assert "1-13" in text
    assert len(text.splitlines()) < 40


def test_flags_and_constants_take_one_line():
    flags = np.array([0.0] * 3 + [1.0, np.nan])
    assert property_lines("converged", statistics(flags, None), 80) == [
        "converged: 4 known, 1 are 1 (25.0%)"
    ]
    assert property_lines("gap", statistics(np.full(7, 2.5), "eV"), 80) == [
        "gap: 7 known, all 2.5 eV"
    ]
