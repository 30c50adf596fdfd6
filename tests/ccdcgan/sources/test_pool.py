"""Which crystal of a composition is taken."""

import numpy as np

from tfmat.ccdcgan.sources.pool import choose
from tfmat.ccdcgan.sources.source import Candidate
from tfmat.crystals.crystal import Crystal


def copper(edge):
    lattice = edge / 2 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
    return Crystal(lattice, np.zeros((1, 3)), np.array([29], np.uint8))


def candidates(*edges, source="prototype"):
    return [Candidate(source, copper(edge), f"{edge}") for edge in edges]


def by_edge(crystals):
    """An energy that falls with the size of the cell, so the largest is the best."""
    return np.array([-abs(np.linalg.det(one.lattice)) for one in crystals])


def test_the_sound_crystal_of_lowest_energy():
    made = [candidates(2.0, 3.6, 4.0) + candidates(3.8, 9.0, source="writer")]
    (chosen,) = choose(made, 0.7, (5, 100), by_edge)
    assert chosen.candidate.prototype == "4.0"  # 9.0 has too much room
    assert chosen.energy == by_edge([copper(4.0)])[0]
    assert chosen.first == {"prototype": False, "writer": True}
    assert (chosen.sound, chosen.made) == (
        {"prototype": 2, "writer": 1},
        {"prototype": 3, "writer": 2},
    )


def test_without_a_judge_the_first_that_is_sound():
    (chosen,) = choose([candidates(2.0, 3.6, 4.0)], 0.7, None, None)
    assert chosen.candidate.prototype == "3.6"


def test_where_none_is_sound_the_one_whose_atoms_are_farthest_apart():
    none, some = choose([[], candidates(1.8, 2.2, 2.0)], 0.9, None, by_edge)
    assert none.candidate is None
    assert some.candidate.prototype == "2.2"


def test_an_energy_that_is_not_known_does_not_win():
    def unknown(crystals):
        return np.where(np.arange(len(crystals)) == 0, np.nan, 1.0)

    (chosen,) = choose([candidates(3.6, 4.0)], 0.7, None, unknown)
    assert chosen.candidate.prototype == "4.0"


def test_by_chance_each_sound_one_is_as_likely():
    made = [candidates(2.0, 3.6, 4.0)] * 1000
    lots = (np.arange(1000) + 0.5) / 1000
    found = [one.candidate.prototype for one in choose(made, 0.7, None, None, lots)]
    assert {name: found.count(name) for name in set(found)} == {"3.6": 500, "4.0": 500}
