"""The sieve and the reduction beforehand give the verdicts of StructureMatcher, pair by pair."""

import numpy as np
import pytest
from disturbed import described, disturb, random_crystal
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import matchers
from tfmat.crystals.reduced_cells import Cell, reduce
from tfmat.datasets.splits.groups import formula
from tfmat.datasets.store import Dataset
from tfmat.evaluation.novelty.lattices import LatticeTree, lattice_parameters, unit_lattice
from tfmat.evaluation.novelty.pool import NIGGLI, PRIMITIVE, Pool
from tfmat.evaluation.novelty.screen import Screen

BI_SE = Dataset.open("bi-se")
CHANGES = (
    np.eye(3),
    [[1, 2, 0], [0, 1, -1], [0, 0, 1]],
    [[2, 0, 0], [0, 1, 0], [0, 0, 1]],
    [[1, 1, 0], [-1, 1, 0], [0, 0, 1]],
    [[0, 1, 0], [1, 0, 0], [1, 1, -1]],
)


def of_formula(bismuth, selenium, number):
    wanted = ((34, selenium), (83, bismuth))
    rows = [row for row in range(len(BI_SE)) if formula(BI_SE[row]) == wanted]
    step = max(1, len(rows) // number)
    return [BI_SE[row] for row in rows[::step]][:number]


def brute(query: Crystal, known: list[Crystal]) -> dict[int, str]:
    """Verdicts of pymatgen alone, nothing reduced beforehand."""
    found = {}
    first, second = matchers()
    for row, crystal in enumerate(known):
        pair = query.to_structure(), crystal.to_structure()
        if first.fit(*pair):
            found[row] = PRIMITIVE
        elif second.fit(*pair):
            found[row] = NIGGLI
    return found


def matched(query: Crystal, known: list[Crystal]) -> dict[int, str]:
    return dict(Pool([reduce(crystal) for crystal in known]).matches(reduce(query)))


@pytest.mark.parametrize("counts", [(1, 1), (1, 2), (2, 3), (4, 1)])
def test_real_structures_of_one_formula(counts):
    known = of_formula(*counts, 9)
    rng = np.random.default_rng(counts[1])
    found = 0
    for row in range(5):
        query = described(known[row], CHANGES[row])
        query = disturb(query, rng, noise=0.1 * row, strain=0.02)
        expected = brute(query, known)
        assert matched(query, known) == expected
        found += len(expected)
    assert found > 0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.sampled_from([(1,), (2,), (1, 1), (1, 2), (2, 2), (3, 1), (1, 1, 2), (4, 2)]),
    noise=st.floats(0, 1.2),
    strain=st.floats(0, 0.12),
    change=st.sampled_from(CHANGES),
    wide=st.booleans(),
)
def test_crystals_of_any_shape_around_the_tolerances(seed, counts, noise, strain, change, wide):
    rng = np.random.default_rng(seed)
    origin = random_crystal(rng, counts)
    # Enough of them that the sieve is used, near and far from the query.
    known = [disturb(origin, rng, noise * share, strain) for share in (0, 0.3, 0.6, 1.0)]
    known += [described(origin, change), disturb(described(origin, change), rng, noise, strain)]
    known += [random_crystal(rng, counts) for _ in range(2 if wide else 0)]
    query = described(origin, CHANGES[1])
    assert matched(query, known) == brute(query, known)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), strain=st.floats(0, 0.2), shape=st.floats(0.2, 4))
def test_every_lattice_mapping_of_pymatgen_is_found(seed, strain, shape):
    rng = np.random.default_rng(seed)
    target = Lattice(rng.normal(size=(3, 3)) + np.diag([1, 2, 2 * shape])).scale(1)
    target = target.get_niggli_reduced_lattice()
    moved = Lattice(target.matrix @ (np.eye(3) + rng.normal(0, strain, (3, 3)))).scale(1)
    moved = moved.get_niggli_reduced_lattice()
    found = LatticeTree([unit_lattice(target.matrix)]).mappings(unit_lattice(moved.matrix))
    ours = {
        (sign * np.round(basis)).astype(int).tobytes() for basis in found.bases for sign in (1, -1)
    }
    theirs = {
        matrix.astype(int).tobytes()
        for _, _, matrix in moved.find_all_mappings(
            target, ltol=0.2, atol=5, skip_rotation_matrix=True
        )
        if abs(abs(np.linalg.det(matrix)) - 1) < 0.5
    }
    assert ours == theirs


def test_parameters_are_those_of_pymatgen():
    rng = np.random.default_rng(1)
    cells = rng.normal(size=(20, 3, 3))
    expected = [Lattice(cell).parameters for cell in cells]
    np.testing.assert_allclose(lattice_parameters(cells), expected, rtol=1e-12)


def test_elongated_and_flat_cells_among_others():
    rng = np.random.default_rng(3)
    cells = []
    for scale in ((1, 1, 1), (1, 1, 12), (0.2, 1.5, 1.5), (1, 1, 1.1), (1, 2, 5)):
        cell = np.diag(scale) @ (np.eye(3) + rng.normal(0, 0.03, (3, 3)))
        cell *= 4 / abs(np.linalg.det(cell)) ** (1 / 3)
        points = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.4, 0.1, 0.6], [0.1, 0.8, 0.2]])
        cells.append(Crystal.from_arrays(cell, points @ cell, [83, 34, 34, 34]))
    for query in cells:
        assert matched(query, cells) == brute(query, cells)


def test_only_the_form_without_primitive_cells_sees_a_noisy_supercell():
    cell = 3.6 * np.diag([2.0, 1, 1])
    points = np.array([[0, 0, 0], [1.8, 1.8, 1.8], [3.6, 0, 0], [5.4, 1.8, 1.8]])
    known = Crystal.from_arrays(cell, points, [55, 17, 55, 17])
    moved = points + np.array([[0.3, 0, 0], [0, 0, 0], [-0.3, 0, 0], [0, 0, 0]])
    noisy = Crystal.from_arrays(cell, moved, [55, 17, 55, 17])
    assert len(reduce(known).primitive) == 2
    assert len(reduce(noisy).primitive) == 4
    assert brute(noisy, [known]) == {0: NIGGLI}
    for copies in (1, 6):  # compared one by one, and through the sieve
        assert matched(noisy, [known] * copies) == dict.fromkeys(range(copies), NIGGLI)
        assert matched(known, [noisy] * copies) == dict.fromkeys(range(copies), NIGGLI)


def test_the_sieve_leaves_little_for_pymatgen():
    known = of_formula(1, 2, 150)
    cells = [reduce(crystal).primitive for crystal in known]
    same = [cell for cell in cells if len(cell) == 6]
    screen, (judge, _) = Screen(same), matchers()
    candidates = matching = 0
    for cell in same[::10]:
        rows = list(screen.candidates(cell))
        candidates += len(rows)
        structure = cell.to_structure()
        matching += sum(
            judge.fit(structure, same[row].to_structure(), skip_structure_reduction=True)
            for row in rows
        )
    assert 0 < matching <= candidates < 1.3 * matching


def test_a_mask_leaves_out_and_an_unreducible_structure_matches_nothing():
    known = [reduce(crystal) for crystal in of_formula(1, 1, 1)] * 6
    pool = Pool([*known, None])
    allowed = np.array([False, True, False, False, True, False, True])
    assert dict(pool.matches(known[0], allowed)) == {1: PRIMITIVE, 4: PRIMITIVE}
    assert allowed.sum() == 3
    few = np.array([False, True, False, False, False, False, True])
    assert dict(pool.matches(known[0], few)) == {1: PRIMITIVE}


def test_cells_keep_every_bit():
    cell = reduce(of_formula(2, 3, 1)[0]).primitive
    again = Cell.from_structure(cell.to_structure())
    assert again.lattice.tobytes() == cell.lattice.tobytes()
    assert again.fractional.tobytes() == cell.fractional.tobytes()
    assert (again.numbers == cell.numbers).all()
