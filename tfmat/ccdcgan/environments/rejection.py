"""Which of the structures that were written are worth keeping."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.environments.descriptor import Descriptor
from tfmat.ccdcgan.environments.judging import Judgement, judge
from tfmat.ccdcgan.environments.likeness import LikeCompositions
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError
from tfmat.inference.package import NetworkSet

By = Literal["both", "constraint", "critic"]
WAYS: tuple[By, ...] = get_args(By)


@dataclass(frozen=True, eq=False)
class Selection:
    """What became of structures of which a share was kept.

    Args:
        kept: Numbers of those that were kept, ascending.
        judgement: What critic and constraint say of all.
        seconds: What describing and judging them took.
    """

    kept: NDArray[np.intp]
    judgement: Judgement
    seconds: float


def select(
    crystals: Sequence[Crystal],
    networks: NetworkSet,
    descriptor: Descriptor,
    share: float,
    by: By = "both",
) -> Selection:
    """Judges structures and keeps the better share.

    Args:
        crystals: The structures.
        networks: A package with critic and constraint.
        descriptor: As they were trained with.
        share: As for :func:`better_share`.
        by: Who judges.

    Raises:
        InputError: As for :func:`better_share`; the package lacks one of both, or a structure has
            other elements or too many atoms.
    """
    began = time.perf_counter()
    judgement = judge(crystals, networks, descriptor)
    kept = better_share(crystals, judgement, descriptor.numbers, share, by)
    return Selection(kept, judgement, time.perf_counter() - began)


def check_share(share: float, by: str) -> None:
    """Refuses a share, or a judge, that there cannot be.

    Args:
        share: As for :func:`better_share`, like the other one.
        by: Who judges.

    Raises:
        InputError: The share is none, or there is no such judge.
    """
    if not 0 < share <= 1:
        raise InputError(f"`keep` {share:g}: give a share above 0 and up to 1")
    if by not in WAYS:
        raise InputError(f"`keep_by` {by}: give one of {', '.join(WAYS)}")


def better_share(
    crystals: Sequence[Crystal],
    judgement: Judgement,
    numbers: Sequence[int],
    share: float,
    by: By = "both",
) -> NDArray[np.intp]:
    """Chooses the better share of structures, each compared with those of like composition.

    With ``both`` the ranks by constraint and critic are added up, so that neither's unit matters,
    and ranked again. The composition of what is kept is about that of what was given.

    Args:
        crystals: The structures.
        judgement: What critic and constraint say of them.
        numbers: Atomic numbers of the system's elements.
        share: How many to keep, in 0 to 1.
        by: Who judges.

    Returns:
        Numbers of the structures that are kept, ascending: ``share`` of them, rounded to whole
        ones, at least one where there are any.

    Raises:
        InputError: The share is none, or there is no such judge.
    """
    check_share(share, by)
    if not crystals:
        return np.zeros(0, dtype=np.intp)
    like = LikeCompositions(crystals, numbers)
    ranks = np.zeros(len(crystals))
    if by != "critic":
        ranks += like.ranks(judgement.energies)
    if by != "constraint":
        ranks += like.ranks(-judgement.scores)
    kept = max(1, round(share * len(crystals)))
    return np.sort(np.argsort(like.ranks(ranks), kind="stable")[:kept])
