"""What an autoencoder decodes, and whether a generator finds the rest (paper 000, "Discussion").

The decoder has the layers of the generator. The paper's hypothesis is that formulas which do not
come back through the autoencoder are hard to generate, too: 95% of them were never generated.
Whatever is rare is both, so that the same shares of formulas without a network stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.evaluation.formulas.measure import References
from tfmat.evaluation.formulas.sets import Distinct
from tfmat.matgan.decodable import CompositionAutoencoder
from tfmat.metric import Judge, Metric, share
from tfmat.progress import Progress

# Formulas between two steps of the progress bar.
_BLOCK = 8192


class Decodability:
    """Decodes known formulas once, and counts for each set which of them it has.

    Args:
        model: A package or run of ``tfmat train composition-ae``, or a name.
        references: The known formulas.

    Raises:
        InputError: There is no such package, or it has no autoencoder.
    """

    def __init__(self, model: str | Path, references: References) -> None:
        self._model = CompositionAutoencoder.load(model)
        lists = {"training": references.training, "held_out": references.held_out}
        self.known = {name: known for name, known in lists.items() if known is not None}
        with Progress("decoding", sum(map(len, self.known.values())), "formula") as progress:
            self.decoded = {
                name: self._decode(known, progress) for name, known in self.known.items()
            }

    def _decode(self, known: Distinct, progress: Progress) -> NDArray[np.bool_]:
        found = []
        for start in range(0, len(known), _BLOCK):
            block = known.compositions[start : start + _BLOCK]
            found.append(self._model.decodes(block))
            progress.update(len(block))
        return np.concatenate(found)

    def record(self) -> dict[str, Any]:
        """Returns settings for a summary."""
        return {"model": self._model.package.name}

    def _judge(self) -> Judge:
        metadata = self._model.package.metadata
        decoder = metadata["parts"]["composition_decoder"]["weights_sha256"]
        return Judge(f"autoencoder {metadata['name']}", decoder, metadata["decoding"])

    def shares(self) -> Iterator[Metric]:
        """Yields ``decoded``: of each list the share that comes back, as subset ``list``."""
        for name, decoded in self.decoded.items():
            words = name.replace("_", "-")
            note = f"share of the {words} formulas that the autoencoder gives back"
            yield share("decoded", int(decoded.sum()), len(decoded), note,
                        subset={"list": name}, judge=self._judge())  # fmt: skip

    def measure(self, distinct: Distinct) -> Iterator[Metric]:
        """Yields how much of either kind a set has.

        Args:
            distinct: The formulas of a set.

        Yields:
            ``recovery_training`` and ``recovery_held_out`` with the subset ``decoded``, ``yes`` or
            ``no``: the share of the formulas that the autoencoder decodes, or does not, which are
            in the set. What is left to 1 was never generated.
        """
        for name, known in self.known.items():
            there = distinct.find(known.keys) >= 0
            for word, rows in (("yes", self.decoded[name]), ("no", ~self.decoded[name])):
                which = "decodes" if word == "yes" else "does not decode"
                note = (
                    f"share of the {name.replace('_', '-')} formulas that the autoencoder {which} "
                    "which were generated"
                )
                yield share(f"recovery_{name}", int(there[rows].sum()), int(rows.sum()), note,
                            subset={"decoded": word}, judge=self._judge())  # fmt: skip
