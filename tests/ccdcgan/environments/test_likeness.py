"""Peers by composition, and what is kept of them, against counts done literally."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.ccdcgan.environments.judging import Judgement
from tfmat.ccdcgan.environments.likeness import LikeCompositions
from tfmat.ccdcgan.environments.rejection import better_share
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

seeds = st.integers(0, 2**31)


def atoms(*numbers: int) -> Crystal:
    count = len(numbers)
    return Crystal.from_arrays(9 * np.eye(3), np.arange(3 * count).reshape(-1, 3), numbers)


def compositions(seed: int, count: int) -> list[Crystal]:
    random = np.random.default_rng(seed)
    return [atoms(*random.choice([83, 34, 52], size=random.integers(1, 6))) for _ in range(count)]


def peers(one: Crystal, other: Crystal) -> float:
    """exp(-d²/2w²), element by element."""
    apart = sum(abs((one.numbers == z).mean() - (other.numbers == z).mean()) for z in (34, 52, 83))
    return float(np.exp(-((apart / 2) ** 2) / (2 * 0.05**2)))


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 12))
def test_means_and_ranks_are_those_of_a_count_over_all_pairs(seed, count):
    crystals = compositions(seed, count)
    values = np.random.default_rng(seed).normal(size=count)
    like = LikeCompositions(crystals, (83, 34, 52))
    for i in range(count):
        weights = np.array([peers(crystals[i], other) for other in crystals])
        mean = (weights * values).sum() / weights.sum()
        # Differences of values of about 1 may cancel.
        assert like.mean(values)[i] == pytest.approx(mean, abs=1e-8)
        below = weights[values < values[i]].sum() + 0.5
        assert like.ranks(values)[i] == pytest.approx(below / weights.sum())


def test_of_each_composition_the_better_half_is_kept():
    # Bi is much lower in energy than Bi2Se3 and Se: without peers only Bi would be kept.
    crystals = [atoms(83)] * 6 + [atoms(83, 83, 34, 34, 34)] * 6 + [atoms(34)] * 4
    energies = np.array([*range(-10, -4), *range(6), *range(10, 14)], dtype=float)
    scores = np.zeros(16)
    kept = better_share(crystals, Judgement(energies, scores), (83, 34), 0.5, "constraint")
    assert kept.tolist() == [0, 1, 2, 6, 7, 8, 12, 13]
    kept = better_share(crystals, Judgement(scores, energies), (83, 34), 0.5, "critic")
    assert kept.tolist() == [3, 4, 5, 9, 10, 11, 14, 15]


def test_both_judges_count_alike_whatever_their_units():
    crystals = [atoms(83, 34)] * 4
    judgement = Judgement(np.array([0.1, 0.2, 0.3, 0.4]), np.array([300.0, 400.0, 100.0, 200.0]))
    # Ranks by energy 1 2 3 4, by score 2 1 4 3.
    assert better_share(crystals, judgement, (83, 34), 0.5).tolist() == [0, 1]


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 30), st.floats(0.01, 1))
def test_as_many_are_kept_as_were_asked_for(seed, count, share):
    random = np.random.default_rng(seed)
    judgement = Judgement(random.normal(size=count), random.normal(size=count))
    kept = better_share(compositions(seed, count), judgement, (83, 34, 52), share)
    assert len(kept) == max(1, round(share * count))
    assert (np.diff(kept) > 0).all()


def test_nothing_of_nothing_and_no_share():
    nothing = Judgement(np.zeros(0), np.zeros(0))
    assert len(better_share([], nothing, (83, 34), 0.5)) == 0
    for share in (0, 1.1, float("nan")):
        with pytest.raises(InputError, match="above 0 and up to 1"):
            better_share([], nothing, (83, 34), share)
    with pytest.raises(InputError, match="give one of both, constraint, critic"):
        better_share([], nothing, (83, 34), 0.5, "chance")
