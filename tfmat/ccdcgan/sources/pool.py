"""The pool: of the crystals that sources made of a composition, the sound one of lowest energy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.sources.source import Candidate
from tfmat.crystals.contacts import volume_per_atom
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.many_contacts import shortest_contacts

# In place of a judge: any sound crystal, so that one composition gives many.
CHANCE = "chance"


@dataclass(frozen=True, eq=False)
class Chosen:
    """What was taken of the crystals of one composition.

    Args:
        candidate: The crystal; ``None`` if there was none.
        energy: Its energy by what chose it, eV/atom; NaN where nothing did.
        first: For each source that made any whether its first one is sound.
        sound: For each how many are.
        made: For each how many there are.
    """

    candidate: Candidate | None
    energy: float
    first: Mapping[str, bool]
    sound: Mapping[str, int]
    made: Mapping[str, int]


def choose(
    made: Sequence[Sequence[Candidate]],
    contact: float,
    volumes: tuple[float, float] | None,
    energies: Callable[[Sequence[Crystal]], NDArray[np.float64]] | None,
    chance: NDArray[np.float64] | None = None,
) -> list[Chosen]:
    """Takes a crystal of each composition.

    Args:
        made: The crystals of each composition, in the order in which they are preferred.
        contact: Shortest distance of two atoms over the sum of their covalent radii that is sound.
        volumes: Range of sound volumes per atom, in Å³; any by default.
        energies: From crystals to energies in eV/atom, NaN where there is none. Without it the
            first sound crystal is taken.
        chance: Numbers in 0 to 1, one for each composition: by them any of the sound crystals is
            taken.

    Returns:
        For each composition what was taken: the sound crystal of the lowest energy; without a sound
        one, the crystal whose atoms are farthest apart.
    """
    flat = [candidate for some in made for candidate in some]
    crystals = [candidate.crystal for candidate in flat]
    contacts = shortest_contacts(crystals)
    sound = contacts >= contact
    if volumes is not None:
        room = np.array([volume_per_atom(crystal) for crystal in crystals])
        sound &= (room >= volumes[0]) & (room <= volumes[1])
    values = np.full(len(flat), np.nan)
    if energies is not None and sound.any():
        values[sound] = energies([crystals[place] for place in np.flatnonzero(sound)])
    chosen, start = [], 0
    for row, some in enumerate(made):
        part = slice(start, start + len(some))
        start += len(some)
        lot = None if chance is None else float(chance[row])
        chosen.append(_choose(some, contacts[part], sound[part], values[part], lot))
    return chosen


def _choose(
    some: Sequence[Candidate],
    contacts: NDArray[np.float64],
    sound: NDArray[np.bool_],
    values: NDArray[np.float64],
    lot: float | None,
) -> Chosen:
    first: dict[str, bool] = {}
    good: dict[str, int] = {}
    count: dict[str, int] = {}
    for candidate, fine in zip(some, sound.tolist(), strict=True):
        name = candidate.source
        first.setdefault(name, fine)
        good[name] = good.get(name, 0) + fine
        count[name] = count.get(name, 0) + 1
    if not some:
        return Chosen(None, float("nan"), first, good, count)
    if not sound.any():
        place = int(np.nan_to_num(contacts).argmax())
    elif lot is not None:
        good_ones = np.flatnonzero(sound)
        place = int(good_ones[min(int(lot * len(good_ones)), len(good_ones) - 1)])
    elif np.isfinite(values).any():
        place = int(np.nanargmin(values))
    else:
        place = int(sound.argmax())
    return Chosen(some[place], float(values[place]), first, good, count)
