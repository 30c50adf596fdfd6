"""Noise to crystal structures: what ``tfmat generate ccdcgan`` does, without TensorFlow.

Noise -> crystal graph (generator) -> predicted energy (constraint) and the elements that are
present -> voxels (decoders) -> cell and atoms -> checks. Every crystal graph gives one result:
a structure, or the reason why there is none, which is how the papers count their success rate
(structures over crystal graphs: 2,832 and 3,743 of 13,000).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.domain import Domain
from tfmat.ccdcgan.environments.parts import CONSTRAINT, CRITIC
from tfmat.ccdcgan.request import SOUND_DISTANCE, StructureRequest, check_request
from tfmat.ccdcgan.sources import choices, compositions, slot_gan
from tfmat.ccdcgan.voxels.decode import MIN_DISTANCE
from tfmat.ccdcgan.voxels.reasons import TOO_CLOSE, DecodeError, Mode
from tfmat.crystals.contacts import shortest_contact, volume_per_atom
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.distances import shortest_distance
from tfmat.crystals.symmetry import symmetrise
from tfmat.errors import InputError
from tfmat.inference.noise import vector_noise

# What is used of a package; `*` stands for any letters.
PARTS = (
    "generator",
    "writer",
    compositions.PART,
    choices.PART,
    slot_gan.PART,
    "constraint*",
    CONSTRAINT,
    CRITIC,
    "lattice_decoder",
    "sites_decoder",
)

STRUCTURE = "structure"
TOO_MANY = "too many atoms"
TOO_FEW = "too few atoms"
NOT_ALLOWED = "an element that is not allowed"
NOT_REQUIRED = "a required element is missing"
OTHER_FORMULA = "another formula"
OTHER_KINDS = "too few or too many elements"
DEGENERATE = "cell too flat"
NOT_KEPT = "not kept: worse than others of like composition"


@dataclass(frozen=True)
class Result:
    """What became of one crystal graph.

    Args:
        identifier: ``tfmat-<seed>-<index>``.
        status: ``structure``, or the reason why there is none.
        crystal: The structure, or ``None``.
        properties: Predicted by the package's constraints, by property name, in their units; of
            what a writer writes only where it is a structure, and one that a constraint of crystal
            graphs predicts only where it fits in the voxels.
        latent_sha256: SHA-256 of the noise vector (float32, little endian).
        min_distance: Shortest distance between two atoms, in Å; NaN where no cell was decoded.
        contact: The shortest distance over the sum of both covalent radii; NaN likewise.
        volume_per_atom: In Å³; NaN likewise.
        sound: Whether distances and volume are those of a crystal: contact at least 0.7, volume
            within the training range where the package says it; ``None`` where no cell was decoded.
        domain: Whether predictions are to be believed of it (:mod:`tfmat.ccdcgan.domain`):
            ``inside``, ``outside: ...``; ``""`` without a structure, or where the package does not
            say what it learned from.
        source: Where its crystal comes from, for packages that have sources; like all that follow.
        prototype: Identifier of the known crystal that it was made from, in the training data.
        smact: smact's verdict on the composition.
        first: For each source whether the first crystal that it made is sound.
    """

    identifier: str
    status: str
    crystal: Crystal | None
    properties: dict[str, float]
    latent_sha256: str
    min_distance: float = math.nan
    contact: float = math.nan
    volume_per_atom: float = math.nan
    sound: bool | None = None
    domain: str = ""
    source: str = ""
    prototype: str = ""
    smact: bool | None = None
    first: Mapping[str, bool] = field(default_factory=dict)


def generate(
    codec: Codec,
    count: int,
    seed: int,
    *,
    first: int = 0,
    mode: Mode = "robust",
    request: StructureRequest | None = None,
    batch_size: int = 64,
    part: range | None = None,
) -> Iterator[Result]:
    """Generates crystal graphs and decodes them, one batch at a time.

    Args:
        codec: A package with generator and decoders; constraints are used if it has any.
        count: Number of crystal graphs.
        seed: Seed of the noise.
        first: Index of the first crystal graph.
        mode: How voxels are decoded, ``robust`` or ``faithful``.
        request: What structures have to fulfil; the papers' limits by default.
        batch_size: Crystal graphs generated at once.
        part: Only these of the ``count``, as :func:`tfmat.ccdcgan.shards.part_of` says; all by
            default.

    Returns:
        One result for every crystal graph, in the order of the indices, made when asked for.

    Raises:
        InputError: The package lacks a part, or cannot fulfil the request.
    """
    request = request or StructureRequest(max_atoms=codec.recipe.data.max_atoms)
    check_request(request, codec)
    part = range(count) if part is None else part
    every = range(first, first + count)
    wanted = every[part.start : part.stop]
    if codec.recipe.gan.form == "sources":
        from tfmat.ccdcgan.from_sources import from_sources

        return from_sources(codec, wanted, seed, request, batch_size)
    if "writer" in codec.package.parts:
        return _written(codec, every, part, seed, request, batch_size)
    codec.package.require("generator", "lattice_decoder", "sites_decoder")
    return _results(codec, wanted, seed, mode, request, batch_size)


def _results(
    codec: Codec, wanted: range, seed: int, mode: Mode, request: StructureRequest, batch_size: int
) -> Iterator[Result]:
    package, layout = codec.package, codec.layout
    length = codec.recipe.gan.latent
    for start in range(0, len(wanted), batch_size):
        indices = wanted[start : start + batch_size]
        latents = vector_noise(seed, indices.start, len(indices), length)
        graphs = package.run("generator", latents)
        properties = {
            name: package.run(part, graphs).reshape(-1) for part, name in codec.constraints.items()
        }
        present = codec.presence.of(layout, graphs)
        reasons = [_reason(row, layout.elements, request) for row in present]
        decodable = np.array([reason is None for reason in reasons])
        decoded = codec.decode(layout.unpack_slots(graphs[decodable], present[decodable]), mode)
        for row, index in enumerate(indices):
            reason = reasons[row]
            found: Crystal | str
            if reason is not None:
                found = reason
            else:
                crystal = next(decoded)
                found = crystal.reason if isinstance(crystal, DecodeError) else crystal
            yield judged(
                found,
                request,
                codec.domain,
                Result(
                    f"tfmat-{seed}-{index:07d}",
                    STRUCTURE,
                    None,
                    {name: float(values[row]) for name, values in properties.items()},
                    hashlib.sha256(latents[row].tobytes()).hexdigest(),
                ),
            )


def _written(
    codec: Codec, every: range, part: range, seed: int, request: StructureRequest, batch_size: int
) -> Iterator[Result]:
    """Yields results of a generator that writes crystals.

    A part comes from the same batches as it would among all, so that it is the same to the last
    digit: batches that reach beyond it are made whole.
    """
    from tfmat.ccdcgan.rejecting import PREDICTED, kept, predicted
    from tfmat.ccdcgan.writer.generating import write_crystals

    begin = part.start // PREDICTED * PREDICTED

    def written() -> Iterator[Result]:
        crystals = write_crystals(codec, every, seed, request, batch_size, begin=begin)
        for index, noise, found in crystals:
            latent = hashlib.sha256(noise.tobytes()).hexdigest()
            result = Result(f"tfmat-{seed}-{index:07d}", STRUCTURE, None, {}, latent)
            yield judged(found, request, codec.domain, result)

    results = written()
    if codec.predicted:
        results = predicted(results, codec)
    results = islice(results, part.start - begin, part.stop - begin)
    if request.keep is not None:
        results = kept(results, len(every), codec, request.keep, request.keep_by, part=part)
    return results


def _reason(
    present: NDArray[np.bool_], elements: tuple[str, ...], request: StructureRequest
) -> str | None:
    """Says why a crystal graph need not be decoded, from the elements that it holds."""
    symbols = {symbol for symbol, there in zip(elements, present, strict=True) if there}
    if request.allowed and not symbols <= set(request.allowed):
        return NOT_ALLOWED
    return None if symbols >= set(request.required) else NOT_REQUIRED


def judged(
    found: Crystal | str, request: StructureRequest, domain: Domain | None, result: Result
) -> Result:
    """Returns the result with what was decoded and how good it is."""
    if isinstance(found, str):
        # The decoder does not give out a cell whose atoms are that close.
        return replace(result, status=found, sound=False if found == TOO_CLOSE else None)
    try:
        if request.symprec is not None:
            found = symmetrise(found, request.symprec)
        distance = shortest_distance(found)
    except InputError:
        return replace(result, status=DEGENERATE)
    contact, volume = shortest_contact(found), volume_per_atom(found)
    usual = domain is None or domain.volume_per_atom[0] <= volume <= domain.volume_per_atom[1]
    status = _flaw(found, request, distance, contact, volume)
    return replace(
        result,
        status=status,
        crystal=found if status == STRUCTURE else None,
        min_distance=distance,
        contact=contact,
        volume_per_atom=volume,
        sound=distance >= MIN_DISTANCE and contact >= SOUND_DISTANCE and usual,
        domain=domain.place(found, contact) if domain and status == STRUCTURE else "",
    )


def _flaw(
    crystal: Crystal, request: StructureRequest, distance: float, contact: float, volume: float
) -> str:
    """Says what of the request a crystal does not fulfil; ``structure`` if nothing."""
    numbers = set(crystal.numbers.tolist())
    if len(crystal) < request.min_atoms:
        return TOO_FEW
    if len(crystal) > request.max_atoms:
        return TOO_MANY
    if any(atomic_numbers[symbol] not in numbers for symbol in request.required):
        return NOT_REQUIRED
    if any(atomic_numbers[symbol] in numbers for symbol in request.excluded):
        return NOT_ALLOWED
    if request.n_elements and not request.n_elements[0] <= len(numbers) <= request.n_elements[1]:
        return OTHER_KINDS
    if request.formula and not _is_formula(crystal, request):
        return OTHER_FORMULA
    if distance < MIN_DISTANCE:
        return TOO_CLOSE
    if contact < request.min_distance:
        return f"atoms closer than {request.min_distance:g} of the sum of their covalent radii"
    if request.volume_per_atom is not None:
        least, most = request.volume_per_atom
        if not least <= volume <= most:
            return f"volume per atom outside {least:.4g} to {most:.4g} Å³"
    return STRUCTURE


def _is_formula(crystal: Crystal, request: StructureRequest) -> bool:
    """Tells whether a cell holds as many formula units as asked for, and nothing else."""
    formula, counts = dict(request.formula or ()), _counted(crystal)
    least, most = request.units
    return any(
        counts == {symbol: units * count for symbol, count in formula.items()}
        for units in range(least, most + 1)
    )


def _counted(crystal: Crystal) -> dict[str, int]:
    """Returns the number of atoms of each element of a cell, by symbol."""
    counts = Counter(crystal.numbers.tolist())
    return {chemical_symbols[number]: count for number, count in counts.items()}
