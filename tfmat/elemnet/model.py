"""ElemNet as one object: formation energies of formulas, without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.elemnet.fractions import ELEMENTS, fractions, holds
from tfmat.elemnet.parts import NETWORK
from tfmat.elemnet.precision_check import BATCH
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions
from tfmat.formulas.parsing import parse_formulas
from tfmat.inference.metadata import find, read_metadata
from tfmat.inference.package import NetworkSet, load

FAMILY = "elemnet"


class EnergyModel:
    """A model of formation energies, as :func:`tfmat.load` returns it.

    Args:
        networks: An ElemNet package, here or on a server.
    """

    family = FAMILY

    def __init__(self, networks: NetworkSet) -> None:
        self.networks = networks
        unseen = set(networks.metadata["unseen"])
        self._unseen = np.array([symbol in unseen for symbol in ELEMENTS])

    @classmethod
    def load(
        cls, folder: str | Path, *, threads: int | None = None, precision: str | None = None
    ) -> EnergyModel:
        """Loads a package.

        Args:
            folder: A package folder, a run folder or the name of a package.
            threads: Cores to work on; all by default.
            precision: ``float32``, ``float16`` or ``int8``; the most exact that is there by
                default.

        Raises:
            InputError: It is not found, damaged, of another family, or not in that precision.
        """
        place = find(folder)
        family = read_metadata(place)["family"]
        if family != FAMILY:
            raise InputError(
                f"{place}: is a package of {family}, which predicts no energies of formulas; give "
                "one that tfmat train elemnet made"
            )
        return cls(load(place, threads=threads, precision=precision))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self.elements)} elements>"

    @property
    def name(self) -> str:
        """The package's name."""
        return self.networks.name

    @property
    def metadata(self) -> dict[str, Any]:
        """The package's record, as in ``metadata.json``."""
        return self.networks.metadata

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the elements of which it has learned."""
        known = zip(ELEMENTS, self._unseen, strict=True)
        return tuple(symbol for symbol, unseen in known if not unseen)

    def predict(self, formulas: str | Sequence[str] | Compositions) -> NDArray[np.float64]:
        """Predicts formation energies.

        Args:
            formulas: One formula, several, or compositions ``n``.

        Returns:
            Shape ``(n,)``, eV/atom; NaN for what is no formula and for formulas with an element
            that no training formula had (:attr:`elements`).
        """
        if isinstance(formulas, Compositions):
            return self._predict(formulas)
        texts = [formulas] if isinstance(formulas, str) else list(formulas)
        parsed = parse_formulas(texts)
        energies = np.full(len(texts), np.nan)
        energies[parsed.rows] = self._predict(parsed.compositions)
        return energies

    def _predict(self, compositions: Compositions) -> NDArray[np.float64]:
        energies = np.full(len(compositions), np.nan)
        rows = np.flatnonzero(holds(compositions))
        # Block by block: the fractions of two million formulas are 700 MB.
        for start in range(0, len(rows), BATCH):
            block = rows[start : start + BATCH]
            inputs = fractions(compositions[block])
            known = ~inputs[:, self._unseen].any(axis=1)
            if known.any():
                energies[block[known]] = self.networks.run(NETWORK, inputs[known])[:, 0]
        return energies
