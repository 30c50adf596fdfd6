"""Which formulas come back through a composition autoencoder, without TensorFlow (paper 000)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions
from tfmat.inference.metadata import find, read_metadata
from tfmat.inference.package import ModelPackage, load
from tfmat.matgan.matrix import encode, fits, matrix_counts, to_counts

_PARTS = ("composition_encoder", "composition_decoder")
# Formulas at once, as many as a network takes.
_BATCH = 256


class CompositionAutoencoder:
    """The autoencoder of a package.

    Args:
        package: It holds both halves.
    """

    def __init__(self, package: ModelPackage) -> None:
        self.package = package

    @classmethod
    def load(cls, folder: str | Path, *, threads: int | None = None) -> CompositionAutoencoder:
        """Loads a package.

        Args:
            folder: A package folder, a run folder or the name of a package.
            threads: Cores to work on; all by default.

        Raises:
            InputError: It is not found, damaged, or holds no autoencoder of compositions.
        """
        place = find(folder)
        metadata: dict[str, Any] = read_metadata(place)
        if not set(_PARTS) <= set(metadata["parts"]):
            raise InputError(
                f"{place}: holds no autoencoder of compositions; give a package or run of tfmat "
                "train composition-ae"
            )
        return cls(load(place, threads=threads, parts=_PARTS))

    def decodes(self, compositions: Compositions) -> NDArray[np.bool_]:
        """Tells which formulas come back with every element and count.

        Args:
            compositions: Reduced formulas ``n``; of those that no matrix holds none comes back.

        Returns:
            Shape ``(n,)``.
        """
        decoding = self.package.metadata["decoding"]
        rows = np.flatnonzero(fits(compositions))
        same = np.zeros(len(compositions), bool)
        for start in range(0, len(rows), _BATCH):
            chosen = rows[start : start + _BATCH]
            matrices = encode(compositions[chosen])[..., None]
            latents = self.package.run("composition_encoder", matrices)
            decoded = self.package.run("composition_decoder", latents)
            counts = matrix_counts(decoded, decoding["rule"], decoding["threshold"])
            same[chosen] = (counts == to_counts(compositions[chosen])).all(axis=1)
        return same
