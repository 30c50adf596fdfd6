"""Results with the energies that a constraint of environments predicts, and the better share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.environments.judging import energies
from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.environments.rejection import By, select
from tfmat.ccdcgan.generate import NOT_KEPT, Result

# Results that are predicted at once, whatever the size of a batch.
_PREDICTED = 64
# Crystals begun of which the structures are ranked together, at most: memory stays bounded.
RANKED = 4096


def predicted(results: Iterable[Result], codec: Codec) -> Iterator[Result]:
    """Adds predicted energies to the structures among results.

    Args:
        results: One for every crystal that was begun.
        codec: A package with a constraint of environments.

    Yields:
        The results in their order.
    """
    name = codec.predicted[CONSTRAINT]
    rest = iter(results)
    while some := list(islice(rest, _PREDICTED)):
        crystals = [one.crystal for one in some if one.crystal is not None]
        values = iter(energies(crystals, codec.package, codec.descriptor))
        for one in some:
            found = {} if one.crystal is None else {name: float(next(values))}
            yield replace(one, properties={**one.properties, **found})


def kept(
    results: Iterable[Result], count: int, codec: Codec, share: float, by: By
) -> Iterator[Result]:
    """Keeps the better share of the structures among results.

    They are ranked in blocks of like size, of :data:`RANKED` results at most.

    Args:
        results: One for every crystal that was begun.
        count: How many there are.
        codec: A package with critic and constraint of environments.
        share: As for :func:`tfmat.ccdcgan.environments.rejection.better_share`.
        by: Who judges.

    Yields:
        The results in their order; what is not kept has the status :data:`NOT_KEPT`.
    """
    blocks = math.ceil(count / RANKED)
    rest = iter(results)
    for block in range(blocks):
        some = list(islice(rest, count * (block + 1) // blocks - count * block // blocks))
        places = [place for place, one in enumerate(some) if one.crystal is not None]
        crystals = [one.crystal for one in some if one.crystal is not None]
        chosen = select(crystals, codec.package, codec.descriptor, share, by).kept
        good = {places[number] for number in chosen}
        for place, one in enumerate(some):
            if one.crystal is None or place in good:
                yield one
            else:
                yield replace(one, status=NOT_KEPT, crystal=None, domain="")
