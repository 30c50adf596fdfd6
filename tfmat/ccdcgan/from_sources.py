"""Results of packages that draw a composition first and have sources of crystals for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.environments.judging import energies
from tfmat.ccdcgan.environments.labels import single_points
from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.generate import STRUCTURE, Result, judged
from tfmat.ccdcgan.request import StructureRequest
from tfmat.ccdcgan.sources.generating import Energies, Sources
from tfmat.ccdcgan.sources.pool import CHANCE
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError


def from_sources(
    codec: Codec, wanted: range, seed: int, request: StructureRequest, batch_size: int
) -> Iterator[Result]:
    """Makes a structure for each of some compositions.

    Args:
        codec: The package.
        wanted: Indices of the compositions.
        seed: Seed of the noise.
        request: What was asked for.
        batch_size: Crystals in one call of a network.

    Returns:
        A result for each, made when asked for.

    Raises:
        InputError: The package cannot fulfil the request.
    """
    sources = Sources(codec)
    sources.conditions(request)  # so that it fails here, if it does
    chooser = chooser_of(codec, request)
    return _results(sources, wanted, seed, request, chooser, batch_size)


def chooser_of(codec: Codec, request: StructureRequest) -> Energies | None:
    """Returns what chooses among the crystals of a composition.

    Args:
        codec: The package.
        request: What was asked for.

    Returns:
        A function from crystals to energies; ``None`` where the package has no constraint, or the
        nearest prototype is what is wanted.

    Raises:
        InputError: There is no such potential, or it is not installed.
    """
    if request.choose_by == CHANCE:
        return None
    if request.choose_by == "constraint":
        if CONSTRAINT not in codec.package.parts:
            return None
        return lambda crystals: energies(crystals, codec.package, codec.descriptor)
    from tfmat.relaxation.potentials.registry import find_potential

    try:
        potential = find_potential(request.choose_by)
        potential.check_installed()
        calculator = potential.factory()
    except InputError as error:
        raise InputError(str(error).replace("`potential`", "`choose_by`")) from error

    def chosen_by(crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        # Compared among crystals of one composition, so that no references are needed.
        rows = single_points(calculator, crystals, potential=potential)
        return np.array([row.get("energy", np.nan) for row in rows])

    return chosen_by


def _results(
    sources: Sources,
    wanted: range,
    seed: int,
    request: StructureRequest,
    chooser: Energies | None,
    batch_size: int,
) -> Iterator[Result]:
    codec = sources.codec
    name = codec.predicted.get(CONSTRAINT)
    for made in sources.make(wanted, seed, request, chooser, batch_size):
        result = Result(
            f"tfmat-{seed}-{made.index:07d}",
            STRUCTURE,
            None,
            {},
            hashlib.sha256(made.noise.tobytes()).hexdigest(),
            smact=made.smact,
        )
        chosen = made.chosen
        if chosen is None or chosen.candidate is None:
            yield replace(result, status=made.reason)
            continue
        candidate = chosen.candidate
        result = replace(
            result, source=candidate.source, prototype=candidate.prototype, first=chosen.first
        )
        result = judged(candidate.crystal, request, codec.domain, result)
        known = request.choose_by == "constraint" and request.symprec is None
        if name and result.crystal is not None:
            energy = chosen.energy
            if not known or not np.isfinite(energy):
                (energy,) = energies([result.crystal], codec.package, codec.descriptor)
            result = replace(result, properties={name: float(energy)})
        yield result
