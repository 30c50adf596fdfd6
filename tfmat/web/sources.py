"""What the page is told of a package with sources: its card, and arrays in one file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.element_descriptors import descriptors, properties, unlikeness
from tfmat.ccdcgan.sources.choices import PART, noise_length
from tfmat.ccdcgan.sources.compositions import NOISE
from tfmat.ccdcgan.sources.contents import SLOTS
from tfmat.ccdcgan.sources.generating import Sources
from tfmat.ccdcgan.sources.prompts import first_places
from tfmat.ccdcgan.sources.source import WARMER
from tfmat.ccdcgan.sources.store import KnownCrystals

ARRAYS = "arrays.bin"
# How web/src/arrays.ts names what NumPy calls so.
_KINDS = {"f8": "float64", "f4": "float32", "u1": "uint8"}


def card_of(codec: Codec) -> dict[str, Any]:
    """Returns what is said of the sources: how much they make, and how much noise that takes.

    Args:
        codec: The package.
    """
    recipe, parts = codec.recipe, codec.package.metadata["parts"]
    writes = PART in parts and recipe.pool.written > 0
    return {
        "sources": ["pool", "prototype", "writer"] if writes else ["prototype"],
        "slots": SLOTS,
        "draws": recipe.pool.draws,
        "drawNoise": NOISE,
        "prototypes": recipe.pool.prototypes,
        "written": recipe.pool.written if writes else 0,
        "attempts": recipe.prompted.attempts,
        "writtenNoise": noise_length(recipe.prompted, recipe.data.max_atoms),
        "temperatures": [recipe.pool.temperature, max(recipe.pool.temperature, WARMER)],
    }


def arrays_of(codec: Codec) -> dict[str, NDArray[Any]]:
    """Returns the prototypes, the law of volumes and what is known of elements.

    Args:
        codec: The package, with its part ``compositions``.

    Raises:
        InputError: Its prototypes are missing or damaged.
    """
    known = Sources(codec).known
    return {**_prototypes(known), **_volumes(known), **_elements()}


def _prototypes(known: KnownCrystals) -> dict[str, NDArray[Any]]:
    """Returns the prototypes, and each as the writer sees it."""
    crystals, places, placed = known.prototypes, [], []
    for row, size in enumerate(crystals.contents.sizes.tolist()):
        own = first_places(known, row)
        placed.append(len(own) > 0)
        places.append(own if len(own) else np.zeros((size, 3), np.uint8))
    return {
        "ids": np.frombuffer("\n".join(crystals.ids).encode(), np.uint8),
        "numbers": crystals.contents.numbers,
        "counts": crystals.contents.counts,
        "lattices": crystals.lattices,
        "fractional": crystals.fractional,
        "cells": known.cells().bins(slice(None)).astype(np.uint8),
        "places": np.concatenate(places) if places else np.zeros((0, 3), np.uint8),
        "placed": np.array(placed, np.uint8),
    }


def _volumes(known: KnownCrystals) -> dict[str, NDArray[Any]]:
    """Returns the law of volumes, and by how much each prototype's own differs from it."""
    own = known.prototypes.volumes() / known.predicted
    return {
        "ownVolume": own**known.own_volume,
        "volumeMiddle": known.volume.middle,
        "volumeSpread": known.volume.spread,
        "volumeWeights": known.volume.weights,
    }


def _elements() -> dict[str, NDArray[Any]]:
    return {
        "properties": properties(),
        "descriptors": descriptors(),
        "unlikeness": unlikeness(),
    }


def packed(arrays: Mapping[str, NDArray[Any]]) -> tuple[bytes, dict[str, Any]]:
    """Puts arrays into one file.

    Args:
        arrays: Arrays of float64, float32 and uint8 by name.

    Returns:
        Its bytes, little-endian, the widest numbers first so that each array lies as a browser
        wants it; and for each array its ``kind``, ``shape`` and ``offset``.
    """
    content, places = bytearray(), {}
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].itemsize):
        kind = array.dtype.str[1:]
        places[name] = {
            "kind": _KINDS[kind],
            "shape": list(array.shape),
            "offset": len(content),
        }
        content += np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    return bytes(content), places
