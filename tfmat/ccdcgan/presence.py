"""Which elements a crystal graph holds, told by the strength of their cells.

The slot of an absent element is exactly zero in a real crystal graph, but not in a generated one.
Decoding does not tell: from a slot at a tenth of its strength two decoders in three read an atom.
The root mean square (RMS) of a slot does, against a threshold that follows the noise of the graph
itself: half-way between the noise and what the weakest present element would have on top of it.
The released code does not infer the elements of a generated graph at all, it is told them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.slots import Slots

# Share of the real occurrences that are stronger than an element's weakest.
_STRONGER = 0.99


@dataclass(frozen=True)
class Presence:
    """How strong present elements are.

    Args:
        thresholds: Half the RMS that 99% of an element's real occurrences exceed, in the order of
            the slots: the threshold where there is no noise. Infinite for an element that never
            occurs.
        most: Elements that a structure has at most; ``None`` where that is not known.
    """

    thresholds: NDArray[np.float64]
    most: int | None = None

    @classmethod
    def calibrated(cls, layout: GraphLayout, slots: Slots) -> Presence:
        """Measures real crystals.

        Args:
            layout: Whose elements are meant.
            slots: The crystals.
        """
        latents = slots.slots["latent"].astype(np.float32)
        rms = np.sqrt(np.mean(np.square(latents), axis=1, dtype=np.float64))
        thresholds = np.full(len(layout.elements), np.inf)
        for place, number in enumerate(layout.numbers):
            occurrences = rms[slots.slots["element"] == number]
            if len(occurrences):
                thresholds[place] = 0.5 * np.quantile(occurrences, 1 - _STRONGER)
        return cls(thresholds, slots.most() or None)

    @classmethod
    def of_package(cls, metadata: Any, elements: int) -> Presence:
        """Reads what a package says.

        Args:
            metadata: The package's metadata.
            elements: Number of its elements.

        Raises:
            KeyError: There are no thresholds.
        """
        given = [math.inf if value is None else value for value in metadata["presence_threshold"]]
        # A package of autoencoders alone was never shown a crystal graph.
        thresholds = given if len(given) == elements else [0.0] * elements
        return cls(np.array(thresholds, dtype=float), metadata.get("most_elements"))

    @property
    def by_slots(self) -> bool:
        """Whether the median slot shows the noise: more than half of the slots are empty."""
        return self.most is not None and len(self.thresholds) >= 2 * self.most + 1

    def of(self, layout: GraphLayout, graphs: ArrayLike) -> NDArray[np.bool_]:
        """Says which elements each crystal graph holds.

        Args:
            layout: Layout of the crystal graphs.
            graphs: Crystal graphs, shape ``(n, height, width, 1)``.

        Returns:
            Shape ``(n, elements)``.
        """
        rms = layout.element_rms(graphs)
        # Of few elements all may be there; then the cells that hold nothing show the noise.
        noise = np.median(rms, axis=1) if self.by_slots else layout.unused_rms(graphs)
        noise = noise[:, None]
        # Noise and an independent latent add in squares. Where nothing is asked for, all are there.
        limits = (noise + np.hypot(noise, 2 * self.thresholds)) / 2
        return np.asarray(rms > np.where(self.thresholds > 0, limits, 0.0))
