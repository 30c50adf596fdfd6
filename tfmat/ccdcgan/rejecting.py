"""Results of a writer with what the package's constraints predict, and the better share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.environments.judging import energies
from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.environments.rejection import By, select
from tfmat.ccdcgan.generate import NOT_KEPT, Result
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

# Results that are predicted at once, whatever the size of a batch.
PREDICTED = 64
# Crystals begun of which the structures are ranked together, at most: memory stays bounded.
RANKED = 4096


def predicted(results: Iterable[Result], codec: Codec) -> Iterator[Result]:
    """Adds predicted properties to the structures among results.

    Args:
        results: One for every crystal that was begun.
        codec: A package with constraints.

    Yields:
        The results in their order. A structure that does not fit in the voxels has none of the
        properties that are predicted from its crystal graph.
    """
    rest = iter(results)
    while some := list(islice(rest, PREDICTED)):
        crystals = [one.crystal for one in some if one.crystal is not None]
        values = iter(_predictions(crystals, codec))
        for one in some:
            found = {} if one.crystal is None else next(values)
            yield replace(one, properties={**one.properties, **found})


def _predictions(crystals: Sequence[Crystal], codec: Codec) -> list[dict[str, float]]:
    """Returns what is predicted of each crystal, by property."""
    found: list[dict[str, float]] = [{} for _ in crystals]
    if CONSTRAINT in codec.predicted:
        name = codec.predicted[CONSTRAINT]
        values = energies(crystals, codec.package, codec.descriptor)
        for one, value in zip(found, values, strict=True):
            one[name] = float(value)
    readers = {part: name for part, name in codec.predicted.items() if part != CONSTRAINT}
    drawn: dict[int, Crystal] = {}
    for place, crystal in enumerate(crystals if readers else ()):
        with suppress(InputError):
            drawn[place] = codec.drawable(crystal)
    inputs = codec.constraint_inputs(list(drawn.values()))
    for part, name in readers.items():
        values = codec.package.run(part, inputs).reshape(-1)
        for place, value in zip(drawn, values, strict=True):
            found[place][name] = float(value)
    return found


def ranked_ends(count: int) -> list[int]:
    """Returns where the blocks end in which structures are ranked, of :data:`RANKED` at most.

    Args:
        count: Crystals begun.
    """
    blocks = math.ceil(count / RANKED)
    return [count * (block + 1) // blocks for block in range(blocks)]


def kept(
    results: Iterable[Result],
    count: int,
    codec: Codec,
    share: float,
    by: By,
    *,
    part: range | None = None,
) -> Iterator[Result]:
    """Keeps the better share of the structures among results.

    They are ranked in blocks of like size, of :data:`RANKED` results at most.

    Args:
        results: One for every crystal that was begun, or for those of a part.
        count: How many there are in all.
        codec: A package with critic and constraint of environments.
        share: As for :func:`tfmat.ccdcgan.environments.rejection.better_share`.
        by: Who judges.
        part: Which of the ``count`` the results are, whole blocks; all by default.

    Yields:
        The results in their order; what is not kept has the status :data:`NOT_KEPT`.
    """
    rest = iter(results)
    part = range(count) if part is None else part
    ends = ranked_ends(count)
    for first, end in zip([0, *ends], ends, strict=False):
        if not part.start <= first < part.stop:
            continue
        some = list(islice(rest, end - first))
        places = [place for place, one in enumerate(some) if one.crystal is not None]
        crystals = [one.crystal for one in some if one.crystal is not None]
        chosen = select(crystals, codec.package, codec.descriptor, share, by).kept
        good = {places[number] for number in chosen}
        for place, one in enumerate(some):
            if one.crystal is None or place in good:
                yield one
            else:
                yield replace(one, status=NOT_KEPT, crystal=None, domain="")
