"""Noise to crystal structures: what ``tfmat generate ccdcgan`` does, without TensorFlow.

Noise -> crystal graph (generator) -> predicted energy (constraint) and the elements that are
present -> voxels (decoders) -> cell and atoms -> checks. Every crystal graph gives one result:
a structure, or the reason why there is none, which is how the papers count their success rate
(structures over crystal graphs: 2,832 and 3,743 of 13,000).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.voxels.decode import MIN_DISTANCE
from tfmat.ccdcgan.voxels.reasons import TOO_CLOSE, DecodeError, Mode
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.distances import shortest_distance
from tfmat.crystals.symmetry import symmetrise
from tfmat.errors import InputError
from tfmat.inference.noise import vector_noise

# What is used of a package; `*` stands for any letters.
PARTS = ("generator", "writer", "constraint*", "lattice_decoder", "sites_decoder")

STRUCTURE = "structure"
TOO_MANY = "too many atoms"
TOO_FEW = "too few atoms"
NOT_ALLOWED = "an element that is not allowed"
NOT_REQUIRED = "a required element is missing"
OTHER_FORMULA = "another formula"
OTHER_KINDS = "too few or too many elements"
DEGENERATE = "cell too flat"


@dataclass(frozen=True)
class StructureRequest:
    """What a structure has to fulfil; nothing that breaks one of them is ever given out.

    Args:
        min_distance: Shortest distance between two atoms, in Å; at least 0.5.
        min_atoms: Smallest number of atoms in the cell.
        max_atoms: Largest number of atoms in the cell.
        required: Symbols of elements that have to be there.
        allowed: Symbols of the only elements that may be there; empty means all of the package.
        symprec: If set, cells are symmetrised with this tolerance, in Å.
        n_elements: Fewest and most elements.
        formula: Symbol and number of atoms of each element of the cell.
    """

    min_distance: float = MIN_DISTANCE
    min_atoms: int = 1
    max_atoms: int = 20
    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    symprec: float | None = None
    n_elements: tuple[int, int] | None = None
    formula: tuple[tuple[str, int], ...] | None = None


@dataclass(frozen=True)
class Result:
    """What became of one crystal graph.

    Args:
        identifier: ``tfmat-<seed>-<index>``.
        status: ``structure``, or the reason why there is none.
        crystal: The structure, or ``None``.
        properties: Predicted by the package's constraints, by property name, in their units.
        latent_sha256: SHA-256 of the noise vector (float32, little endian).
        min_distance: Shortest distance between two atoms, in Å; NaN without a structure.
    """

    identifier: str
    status: str
    crystal: Crystal | None
    properties: dict[str, float]
    latent_sha256: str
    min_distance: float = float("nan")


def generate(
    codec: Codec,
    count: int,
    seed: int,
    *,
    first: int = 0,
    mode: Mode = "robust",
    request: StructureRequest | None = None,
    batch_size: int = 64,
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

    Returns:
        One result for every crystal graph, in the order of the indices, made when asked for.

    Raises:
        InputError: The package lacks a part, or cannot fulfil the request.
    """
    request = request or StructureRequest(max_atoms=codec.recipe.data.max_atoms)
    _check(request, codec)
    if "writer" in codec.package.parts:
        return _written(codec, range(first, first + count), seed, request, batch_size)
    codec.package.require("generator", "lattice_decoder", "sites_decoder")
    return _results(codec, range(first, first + count), seed, mode, request, batch_size)


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
        present = layout.present(graphs, codec.presence)
        reasons = [_reason(row, layout.elements, request) for row in present]
        decodable = np.array([reason is None for reason in reasons])
        lattice, sites = layout.unpack(graphs[decodable])
        decoded = codec.decode(lattice, sites, present[decodable], mode)
        for row, index in enumerate(indices):
            reason = reasons[row]
            found: Crystal | str
            if reason is not None:
                found = reason
            else:
                crystal = next(decoded)
                found = crystal.reason if isinstance(crystal, DecodeError) else crystal
            status, result, distance = _judge(found, request)
            yield Result(
                f"tfmat-{seed}-{index:07d}",
                status,
                result,
                {name: float(values[row]) for name, values in properties.items()},
                hashlib.sha256(latents[row].tobytes()).hexdigest(),
                distance,
            )


def _written(
    codec: Codec, wanted: range, seed: int, request: StructureRequest, batch_size: int
) -> Iterator[Result]:
    """Yields results of a generator that writes crystals."""
    from tfmat.ccdcgan.writer.generating import write_crystals

    for index, noise, found in write_crystals(codec, wanted, seed, request, batch_size):
        status, crystal, distance = _judge(found, request)
        latent = hashlib.sha256(noise.tobytes()).hexdigest()
        yield Result(f"tfmat-{seed}-{index:07d}", status, crystal, {}, latent, distance)


def _check(request: StructureRequest, codec: Codec) -> None:
    for option, symbols in (("`require`", request.required), ("`only`", request.allowed)):
        unknown = [symbol for symbol in symbols if symbol not in codec.layout.elements]
        if unknown:
            raise InputError(
                f"{option} {' '.join(unknown)}: is none of {', '.join(codec.layout.elements)}, "
                f"the elements of {codec.package.name}"
            )
    if request.allowed and not set(request.required) <= set(request.allowed):
        raise InputError("`require` names an element that `only` leaves out")
    if request.max_atoms < max(1, request.min_atoms):
        raise InputError(
            f"`max_atoms` {request.max_atoms} must be at least `min_atoms` {request.min_atoms}"
        )


def _reason(
    present: NDArray[np.bool_], elements: tuple[str, ...], request: StructureRequest
) -> str | None:
    """Says why a crystal graph need not be decoded, from the elements that it holds."""
    symbols = {symbol for symbol, there in zip(elements, present, strict=True) if there}
    if request.allowed and not symbols <= set(request.allowed):
        return NOT_ALLOWED
    return None if symbols >= set(request.required) else NOT_REQUIRED


def _judge(found: Crystal | str, request: StructureRequest) -> tuple[str, Crystal | None, float]:
    """Returns status, structure and shortest distance of what was decoded."""
    if isinstance(found, str):
        return found, None, float("nan")
    try:
        if request.symprec is not None:
            found = symmetrise(found, request.symprec)
        distance = shortest_distance(found)
    except InputError:
        return DEGENERATE, None, float("nan")
    numbers = set(found.numbers.tolist())
    status = STRUCTURE
    if len(found) < request.min_atoms:
        status = TOO_FEW
    elif len(found) > request.max_atoms:
        status = TOO_MANY
    elif any(atomic_numbers[symbol] not in numbers for symbol in request.required):
        status = NOT_REQUIRED
    elif request.n_elements and not (
        request.n_elements[0] <= len(numbers) <= request.n_elements[1]
    ):
        status = OTHER_KINDS
    elif request.formula and _counted(found) != dict(request.formula):
        status = OTHER_FORMULA
    elif distance < request.min_distance:
        status = (
            TOO_CLOSE
            if request.min_distance == MIN_DISTANCE
            else f"atoms closer than {request.min_distance:g} Å"
        )
    return (status, found, distance) if status == STRUCTURE else (status, None, float("nan"))


def _counted(crystal: Crystal) -> dict[str, int]:
    """Returns the number of atoms of each element of a cell, by symbol."""
    counts = Counter(crystal.numbers.tolist())
    return {chemical_symbols[number]: count for number, count in counts.items()}
