"""Rows of tokens: what they keep of a crystal, and which rows are of equal right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_crystals import reference_crystals

from tfmat.ccdcgan.voxels.cell import canonicalise, parameters
from tfmat.ccdcgan.writer.tokens import BINS, CELL, Examples, Vocabulary, slots_of
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.distances import shortest_distance
from tfmat.crystals.matching import match_rms, matchers

CRYSTALS = reference_crystals()


def vocabulary_of(crystal, max_atoms=24):
    return Vocabulary(tuple(sorted(set(crystal.numbers.tolist()))), max_atoms, 20.0)


def examples_of(crystal, **options):
    return Examples.of([canonicalise(crystal)], vocabulary_of(crystal, **options))


@pytest.mark.parametrize("name", CRYSTALS)
def test_every_row_brings_the_crystal_back(name):
    crystal = CRYSTALS[name]
    examples = examples_of(crystal)
    judges = matchers()
    rows = examples.all_of(0)
    for row in rows[:: max(1, len(rows) // 4)]:
        # Half a bin of 1/96 along three edges of up to 9 Å.
        assert match_rms(crystal, examples.vocabulary.crystal(row), judges) < 0.1


@pytest.mark.parametrize("name", CRYSTALS)
def test_rows_differ_by_origin_and_inversion_alone(name):
    crystal = CRYSTALS[name]
    examples = examples_of(crystal)
    rows = examples.all_of(0)
    first = int(examples.counts[0][(examples.counts[0] > 0).argmax()])
    assert 1 <= len(rows) <= 2 * first
    # Any crystal moved, or inverted through any point, has the same rows.
    for sign, shift in ((1, [0.31, 0.17, 0.43]), (-1, [0.05, 0.62, 0.29])):
        other = canonicalise(crystal)
        moved = Crystal(
            other.lattice, sign * other.positions + shift @ other.lattice, other.numbers
        )
        found = Examples.of([moved], examples.vocabulary).all_of(0)
        # A coordinate on the edge of a bin may fall on either side.
        gap = np.abs(found - rows) if found.shape == rows.shape else np.array([np.inf])
        assert np.minimum(gap, BINS - gap).max() <= 1


def test_draws_are_these_rows_and_all_of_them():
    examples = examples_of(CRYSTALS["triclinic"])
    drawn = examples.draw(np.zeros(400, np.intp), np.random.default_rng(0))
    assert np.array_equal(np.unique(drawn, axis=0), examples.all_of(0))


def test_the_first_atom_is_the_origin_and_all_are_in_order():
    examples = examples_of(CRYSTALS["triclinic"])
    vocabulary = examples.vocabulary
    for row in examples.all_of(0):
        counts, places = row[: vocabulary.elements], row[vocabulary.elements + CELL :]
        places = places.reshape(-1, 3)
        assert not places[0].any()
        assert not places[counts.sum() :].any()
        start = 0
        for count in counts:
            mine = [tuple(place) for place in places[start : start + count]]
            assert mine == sorted(set(mine))
            start += count


def test_jitter_scales_the_cell_alone():
    examples = examples_of(CRYSTALS["triclinic"])
    rows = np.zeros(2000, np.intp)
    drawn = examples.draw(rows, np.random.default_rng(1), jitter=0.02)
    still = examples.draw(rows, np.random.default_rng(1))
    cell = slice(examples.vocabulary.elements, examples.vocabulary.elements + 3)
    middle = 2.0 + 0.08 * (drawn[:, cell] + 0.5)
    spread = np.log(middle / parameters(canonicalise(CRYSTALS["triclinic"]).lattice)[:3])
    assert abs(spread.std() - 0.02) < 0.004
    assert np.array_equal(
        np.delete(drawn, np.r_[cell], axis=1), np.delete(still, np.r_[cell], axis=1)
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_rows_of_a_row_are_the_same_rows(seed):
    random = np.random.default_rng(seed)
    vocabulary = Vocabulary((8, 22, 56), 10, 10.0)
    counts = random.multinomial(random.integers(1, 11), [0.4, 0.3, 0.3])
    cell = np.array([30, 40, 50, 60, 55, 62]) + random.integers(0, 8, 6)
    places = random.choice(BINS**3, counts.sum(), replace=False)
    padded = np.zeros((1, 10, 3), int)
    padded[0, : len(places)] = np.stack(np.unravel_index(places, (BINS,) * 3), axis=1)
    row = vocabulary.join(counts[None], cell[None], padded)[0]
    rows = Examples.of([vocabulary.crystal(row)], vocabulary).all_of(0)
    assert np.array_equal(rows[:, :9], np.tile(row[:9], (len(rows), 1)))
    for other in rows:
        again = Examples.of([vocabulary.crystal(other)], vocabulary).all_of(0)
        assert np.array_equal(again, rows)


def test_cells_beyond_the_bins_take_the_nearest():
    vocabulary = Vocabulary((83, 34), 4, 10.0)
    assert vocabulary.lengths == 100
    values = np.array([[0.5, 5.0, 30.0, 59.0, 90.0, 125.0]])
    assert vocabulary.cell_bins(values).tolist() == [[0, 37, 99, 0, 60, 121]]


def test_slots_of_atoms():
    counts = np.array([[2, 0, 1], [0, 1, 0], [0, 0, 4]])
    assert slots_of(counts, 4).tolist() == [[0, 0, 2, 3], [1, 3, 3, 3], [2, 2, 2, 2]]


def test_the_coordinates_of_symmetry_are_exact():
    cell = np.diag([4.0, 4.5, 5.0])
    sites = [[0, 0, 0], [1 / 2, 1 / 3, 1 / 4], [1 / 6, 1 / 8, 1 / 12], [2 / 3, 5 / 6, 1 / 16]]
    crystal = Crystal(cell, np.array(sites) @ cell, np.full(4, 34, np.uint8))
    examples = Examples.of([crystal], Vocabulary((34,), 4, 10.0))
    rows = [examples.vocabulary.crystal(row) for row in examples.all_of(0)]
    wanted = shortest_distance(crystal)
    for found in rows:
        # The lengths are those of bins, the fractions exact.
        assert abs(shortest_distance(found) / wanted - 1) < 0.02
