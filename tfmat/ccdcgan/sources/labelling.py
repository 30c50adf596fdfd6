"""Crystals of sources for the constraint to learn from: as made, not at rest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfmat.ccdcgan.environments.labels import Sample
from tfmat.ccdcgan.sources.source import PrototypeSource, Wanted
from tfmat.ccdcgan.sources.stages import known_crystals
from tfmat.crystals.many_contacts import shortest_contacts
from tfmat.training.run import Run

# Nearer atoms have energies that nobody needs to know.
_CONTACT = 0.6


def made_of_prototypes(run: Run, compositions: int, each: int, seed: int) -> Iterator[Sample]:
    """Yields crystals that the nearest prototypes of other formulas give for known compositions.

    Args:
        run: A run that has its prototypes.
        compositions: Most compositions.
        each: Crystals of each.
        seed: Seed of the choice.

    Yields:
        Samples of the kind ``written``.
    """
    known = known_crystals(run)
    names = known.prototypes.contents.formula_labels()
    count = len(known.prototypes)
    chosen = np.random.default_rng(seed).choice(count, min(compositions, count), replace=False)
    chosen = np.sort(chosen)
    contents = known.prototypes.contents[chosen]
    nearest = known.prototypes.nearest(contents, each, names[chosen], names)
    volumes = known.predicted[chosen]
    wanted = Wanted(contents, volumes, nearest, np.zeros((len(chosen), 0), np.float32))
    for row, some in zip(chosen.tolist(), PrototypeSource(known).make(wanted, each), strict=True):
        contacts = shortest_contacts([candidate.crystal for candidate in some])
        for place, candidate in enumerate(some):
            if contacts[place] >= _CONTACT:
                name = f"{known.prototypes.ids[row]}:as-{candidate.prototype}"
                yield Sample(name, "written", candidate.crystal)
