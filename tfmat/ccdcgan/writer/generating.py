"""What ``tfmat generate`` needs of a package whose generator writes crystals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from tfmat.ccdcgan.writer.compositions import Compositions
from tfmat.ccdcgan.writer.noise import noise_length
from tfmat.ccdcgan.writer.recipe import WriterRecipe
from tfmat.ccdcgan.writer.sampling import Write, sample
from tfmat.ccdcgan.writer.tokens import CELL
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError
from tfmat.inference.noise import vector_noise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tfmat.ccdcgan.codec import Codec
    from tfmat.ccdcgan.request import StructureRequest

PART = "writer"
NO_PLACE = "no place for an atom"
# Batches of crystals that are sorted by size.
_SORTED = 8


def compositions(codec: Codec) -> Compositions:
    """Returns the compositions of a package.

    Args:
        codec: The package.

    Raises:
        InputError: It names none.
    """
    rows = codec.package.metadata.get("compositions")
    if not rows:
        raise InputError(
            f"{codec.package.folder}: damaged, metadata.json lacks compositions; export it again"
        )
    return Compositions.of(rows, codec.layout.numbers, codec.recipe.data.max_atoms)


def attempts_of(noise: NDArray[np.float32], recipe: WriterRecipe) -> NDArray[np.float32]:
    """Returns the noise of attempts, of which so many as the recipe says have the same cell.

    Args:
        noise: Independent numbers, shape ``(n, attempts, numbers)``.
        recipe: How cells are shared.
    """
    shared = noise.copy()
    cells = CELL * recipe.cells
    for attempt in range(recipe.attempts):
        first = attempt - attempt % recipe.same_cell
        shared[:, attempt, :cells] = noise[:, first, :cells]
    return shared


def write_crystals(
    codec: Codec,
    wanted: Sequence[int],
    seed: int,
    request: StructureRequest,
    batch_size: int,
    *,
    begin: int = 0,
) -> Iterator[tuple[int, NDArray[np.float32], Crystal | str]]:
    """Writes crystals.

    Args:
        codec: The package.
        wanted: Indices of the crystals.
        seed: Seed of the noise.
        request: What decides on the compositions.
        batch_size: Crystals in one call of the network.
        begin: How many of ``wanted`` to leave out.

    Returns:
        Index, noise, and the crystal or why there is none, made when asked for.

    Raises:
        InputError: The package knows no composition that fulfils the request.
    """
    settings = codec.recipe.writer
    table = compositions(codec).only(
        atoms=(request.min_atoms, request.max_atoms),
        required=request.required,
        allowed=request.allowed,
        n_elements=request.n_elements,
        formula=None if request.formula is None else dict(request.formula),
    )
    write = partial(codec.package.run_all, PART)
    return write_from(table, settings, write, wanted, seed, batch_size, begin=begin)


def write_from(
    table: Compositions,
    settings: WriterRecipe,
    write: Write,
    wanted: Sequence[int],
    seed: int,
    batch_size: int,
    *,
    begin: int = 0,
) -> Iterator[tuple[int, NDArray[np.float32], Crystal | str]]:
    """Writes crystals of some compositions with any form of the writing network.

    Args:
        table: The compositions.
        settings: How cells and places are drawn.
        write: The network.
        wanted: Indices of the crystals.
        seed: Seed of the noise.
        batch_size: Crystals in one call of the network.
        begin: How many of ``wanted`` to leave out; the others come from the same batches.

    Yields:
        Index, noise, and the crystal or why there is none.
    """
    length = noise_length(settings, table.max_atoms)
    start, many = 0, batch_size  # so that the first ones are soon there
    while start < len(wanted):
        indices = wanted[start : start + many]
        left_out = max(0, begin - start)
        start, many = start + many, _SORTED * batch_size
        if left_out >= len(indices):
            continue
        noise = vector_noise(seed, indices[0], len(indices), 1 + settings.attempts * length)
        attempts = attempts_of(
            noise[:, 1:].reshape(len(indices), settings.attempts, length), settings
        )
        _, crystals = sample(attempts, table.draw(noise[:, 0]), write, batch_size)
        made = zip(indices, noise, crystals, strict=True)
        for index, row, crystal in islice(made, left_out, None):
            yield index, row, NO_PLACE if crystal is None else crystal
