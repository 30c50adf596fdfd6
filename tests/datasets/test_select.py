"""The selection measures the Niggli cell, not the cell as given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.select import niggli_lengths, obstacle, passes, select
from tfmat.datasets.store import Dataset, DatasetWriter


def cell(lattice, atoms=1):
    return Crystal.from_arrays(lattice, np.zeros((atoms, 3)), [3] * atoms)


def test_a_skewed_description_of_a_small_cell_passes():
    cubic = np.eye(3) * 5.0
    skewed = np.array([[1, 0, 0], [3, 1, 0], [-2, 4, 1]]) @ cubic
    assert np.linalg.norm(skewed, axis=1).max() > 20
    assert passes(cell(skewed))
    np.testing.assert_allclose(niggli_lengths(skewed), [5, 5, 5], atol=1e-9)


def test_the_limits_are_included():
    assert passes(cell(np.eye(3) * 10.0, atoms=20))
    assert obstacle(cell(np.eye(3) * 5.0, atoms=21)) == "21 atoms, more than 20"
    longer = obstacle(cell(np.diag([5, 5, 10.01])))
    assert longer == "an edge of 10.01 Å, longer than 10"
    assert passes(cell(np.diag([5, 5, 10.01])), max_length=None)
    assert passes(cell(np.eye(3) * 5.0, atoms=21), max_atoms=None)


@given(
    st.lists(st.floats(2.5, 12), min_size=3, max_size=3),
    st.lists(st.floats(55, 125), min_size=3, max_size=3),
)
def test_lengths_agree_with_pymatgen(lengths, angles):
    try:
        lattice = Lattice.from_parameters(*lengths, *angles)
    except ValueError:
        return
    if not lattice.volume > 0.2 * np.prod(lengths):
        return
    expected = lattice.get_niggli_reduced_lattice().abc
    found = niggli_lengths(lattice.matrix)
    np.testing.assert_allclose(sorted(found), sorted(expected), rtol=1e-3)


def test_a_dataset_is_selected_row_by_row(tmp_path):
    with DatasetWriter(tmp_path / "set", {}) as writer:
        for edge in (5, 11, 9):
            writer.add(cell(np.eye(3) * edge), str(edge))
    steps = []
    chosen = select(Dataset.open(tmp_path / "set"), on_step=steps.append)
    assert chosen.tolist() == [True, False, True]
    assert steps == [1, 1, 1]


def test_an_absurd_cell_does_not_pass(tmp_path):
    with DatasetWriter(tmp_path / "set", {}) as writer:
        # Of a dataset that was written before such cells were refused.
        absurd = Crystal(np.eye(3) * 1e100, np.zeros((1, 3)), np.array([1], np.uint8))
        writer.add(absurd, "absurd")
        writer.add(cell(np.eye(3) * 5), "good")
    assert select(Dataset.open(tmp_path / "set")).tolist() == [False, True]


@pytest.mark.slow
def test_the_share_of_the_papers_selection(data_dir, tmp_path):
    from tfmat.datasets.importing import import_dataset

    import_dataset(data_dir / "mp_le20.extxyz.gz", tmp_path / "set")
    dataset = Dataset.open(tmp_path / "set")
    assert len(dataset) == 75_973
    # 61,581 pass in the given cell; Niggli cells pass slightly more.
    assert 61_581 < select(dataset).sum() < 63_000
