"""Slots: what is stored of a crystal, chosen, joined and laid out."""

from __future__ import annotations

import numpy as np
import pytest
from random_slots import some_slots

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.slots import Slots, joined, new_slots, ordered, slot_type

LAYOUT = GraphLayout(28, 28, 200, 25, 200, ("Bi", "Se"))
SYSTEMS = [[83], [34, 83], [], [8, 26, 3], [83, 34]]


@pytest.fixture
def slots():
    made = some_slots(LAYOUT, SYSTEMS, precision="<f4")
    made.slots["count"] = np.arange(1, len(made.slots) + 1)
    return made


def same(one: Slots, other: Slots) -> None:
    np.testing.assert_array_equal(one.lattice, other.lattice)
    for name in ("row", "element", "count", "latent"):
        np.testing.assert_array_equal(one.slots[name], other.slots[name])


def test_they_take_1300_bytes_a_crystal_of_three_elements(tmp_path, slots):
    paths = slots.save(tmp_path)
    opened = Slots.open(tmp_path)
    assert isinstance(opened.slots.base, np.memmap)
    assert opened.slots.dtype == slot_type(200, "<f2")
    assert 3 * opened.slots.dtype.itemsize + 25 * 4 == 1318
    assert {path.name for path in paths} == {"slots.npy", "lattices.npy"}
    np.testing.assert_array_equal(opened.slots["latent"], slots.slots["latent"].astype(np.float16))
    np.testing.assert_array_equal(opened.lattice, slots.lattice)


def test_any_rows_in_any_order(slots):
    rows = [4, 0, 2, 3, 0]
    chosen = slots.of(rows)
    assert list(chosen.counts()) == [list(slots.counts())[row] for row in rows]
    np.testing.assert_array_equal(chosen.lattice, slots.lattice[rows])
    for place, row in enumerate(rows):
        own = chosen.slots["latent"][chosen.slots["row"] == place]
        np.testing.assert_array_equal(own, slots.slots["latent"][slots.slots["row"] == row])
    assert slots.most() == 3
    assert slots.of([0, 2]).most() == 1


def test_joining_undoes_taking_apart(slots):
    same(joined([slots.of([0, 1]), slots.of([2]), slots.of([3, 4])]), slots)


def test_the_table_has_a_row_for_the_cell_and_one_for_each_element(slots):
    table = slots.table(4)
    assert table.shape == (5, 5, 202)
    np.testing.assert_array_equal(table[:, 0, :25], slots.lattice)
    assert not table[:, 0, 25:].any()
    for row, elements in enumerate(SYSTEMS):
        own = slots.slots[slots.slots["row"] == row]
        np.testing.assert_array_equal(table[row, 1 : 1 + len(own), 0], elements)
        np.testing.assert_array_equal(table[row, 1 : 1 + len(own), 1], own["count"])
        np.testing.assert_array_equal(table[row, 1 : 1 + len(own), 2:], own["latent"])
        assert not table[row, 1 + len(own) :].any()
    with pytest.raises(ValueError, match="has 3 elements, there is room for 2"):
        slots.table(2)


def test_slots_are_ordered_by_count_electronegativity_and_number():
    channels = [np.zeros((count, 3)) for count in (3, 1, 1, 2, 1)]
    owners = [(1, 0), (1, 1), (0, 2), (1, 3), (1, 4)]
    # O 3.44, Na 0.93, H 2.20, Cl 3.16, Li 0.98
    made = ordered(new_slots(owners, channels, [8, 11, 1, 17, 3], 4))
    assert made["row"].tolist() == [0, 1, 1, 1, 1]
    assert made["element"].tolist() == [1, 11, 3, 17, 8]
    assert made["count"].tolist() == [1, 1, 1, 2, 3]


def test_a_graph_tells_no_counts(slots):
    assert list(slots.without_counts().counts())[:2] == [None, None]
    assert next(slots.counts()) == {83: 1}
