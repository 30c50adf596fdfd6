"""Reduced cells and their comparison, beside pymatgen's StructureMatcher itself."""

import numpy as np
import pytest
from disturbed import described, disturb

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import matchers
from tfmat.crystals.nearest_basis import NearestMatcher
from tfmat.crystals.reduced_cells import Cell, reduce
from tfmat.datasets.splits.groups import formula
from tfmat.datasets.store import Dataset

BI_SE = Dataset.open("bi-se")
FORMS = ("primitive", "niggli")


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Crystal, Crystal]]:
    """Known ones with themselves, disturbed or described otherwise, and others of a formula."""
    rng = np.random.default_rng(2)
    found = []
    for row in range(0, len(BI_SE), 130):
        known = BI_SE[row]
        found += [
            (known, known),
            (disturb(known, rng, 0.15, 0.02), known),
            (described(known, np.diag([1, 2, 1])), known),
        ]
        others = [other for other in range(row + 1, row + 60) if other < len(BI_SE)]
        same = [other for other in others if formula(BI_SE[other]) == formula(known)]
        found += [(BI_SE[other], known) for other in same[:1]]
    return found


def test_verdicts_and_distances_are_those_of_pymatgen(pairs):
    ours = NearestMatcher()
    accepted = 0
    for first, second in pairs:
        structures = first.to_structure(), second.to_structure()
        cells = reduce(first), reduce(second)
        for judge, form in zip(matchers(), FORMS, strict=True):
            one, other = (getattr(cell, form) for cell in cells)
            same = judge.fit(*structures)
            assert ours.same(one, other) == same
            expected = judge.get_rms_dist(*structures)
            distance = ours.distance(one, other)
            assert (distance is None) == (expected is None)
            if expected is not None:
                # Below 1e-5 pymatgen stops at the first way that it finds.
                assert distance == pytest.approx(expected[0], rel=1e-9, abs=1e-5)
            accepted += same
    assert 0.3 < accepted / (2 * len(pairs)) < 1


def test_cells_are_those_of_pymatgen_digit_by_digit(pairs):
    shrunk = 0
    for crystal, _ in pairs:
        niggli = crystal.to_structure().get_reduced_structure("niggli")
        cells = reduce(crystal)
        primitive = niggli.get_primitive_structure()
        expected = [niggli, niggli if len(primitive) == len(niggli) else primitive]
        shrunk += len(primitive) < len(niggli)
        for structure, cell in zip(expected, (cells.niggli, cells.primitive), strict=True):
            theirs = Cell.from_structure(structure)
            assert cell.lattice.tobytes() == theirs.lattice.tobytes()
            assert cell.fractional.tobytes() == theirs.fractional.tobytes()
            assert cell.numbers.tolist() == theirs.numbers.tolist()
    assert shrunk > 5


def test_cells_of_other_sizes_never_match():
    small, large = (Cell(np.eye(3) * 4, np.zeros((n, 3)), np.full(n, 34, np.uint8)) for n in (1, 2))
    assert not NearestMatcher().same(small, large)
    assert NearestMatcher().distance(small, large) is None
