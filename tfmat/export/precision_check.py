"""What the networks of a package in another precision change in what they generate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.datasets.stored import StoredDataset
from tfmat.inference.package import NetworkSet
from tfmat.metric import Metric

SEED = 0
# Inputs of each part on which outputs are compared.
PROBES = 64


@dataclass
class MixedPackage(NetworkSet):
    """A package that runs each part elsewhere, say some in another precision.

    Args:
        folder: The package's folder.
        metadata: Contents of ``metadata.json``.
        runners: By part, the networks that run it.
    """

    runners: Mapping[str, NetworkSet] = field(default_factory=dict)

    @classmethod
    def of(cls, networks: NetworkSet, part: str, other: NetworkSet) -> MixedPackage:
        """Returns the networks with one part taken from others.

        Args:
            networks: Runs all other parts.
            part: Name of a part.
            other: Runs this part.
        """
        runners = {name: other if name == part else networks for name in networks.parts}
        return cls(networks.folder, networks.metadata, runners)

    def _run(self, part: str, name: str, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        del name
        return self.runners[part].run_all(part, batch)


class PrecisionCheck(ABC):
    """Compares networks with those in float32 by what they generate.

    Args:
        reference: The networks in float32.
        samples: Noise vectors.
    """

    # What is compared, and what counts as different.
    definition: str
    probe: ModuleType

    def __init__(self, reference: NetworkSet, samples: int) -> None:
        self.reference, self.samples = reference, samples

    @property
    @abstractmethod
    def generates(self) -> bool:
        """Whether the package has all parts that it takes to generate."""

    @abstractmethod
    def decides(self, part: str) -> bool:
        """Whether a part decides what is generated or reconstructed.

        Args:
            part: Name of a part.
        """

    @abstractmethod
    def differences(self, networks: NetworkSet, part: str | None = None) -> dict[str, Any]:
        """Counts what differs from what the networks in float32 give.

        Args:
            networks: The same networks in another precision.
            part: The part that differs, which decides what is made with it; ``None`` generates.

        Returns:
            ``samples``, ``different`` and what else the family counts.
        """

    @abstractmethod
    def measures(
        self, networks: NetworkSet, data: StoredDataset | None = None
    ) -> tuple[list[Metric], str]:
        """Measures what is generated.

        Args:
            networks: The networks that generate.
            data: What they have learned from, where it is there, to compare with.

        Returns:
            The metrics, and the command that generates the same again.
        """

    @cached_property
    def inputs(self) -> dict[str, NDArray[np.float32]]:
        """Inputs of every part, shape ``(64, ...)``."""
        inputs: dict[str, NDArray[np.float32]] = self.probe.probe_inputs(
            self.reference, PROBES, SEED
        )
        return inputs

    def outputs(self, networks: NetworkSet, part: str) -> dict[str, NDArray[Any]]:
        """Runs a part on its :attr:`inputs`.

        Args:
            networks: The networks.
            part: Name of a part.
        """
        return networks.run_all(part, self.inputs[part], self.probe.batch_size(part, networks))

    def largest_difference(self, networks: NetworkSet, part: str) -> float:
        """Returns the largest difference of a part's outputs to float32, over max(1, abs(y)).

        Args:
            networks: The same networks in another precision.
            part: Name of a part.
        """
        wanted, found = (self.outputs(which, part) for which in (self.reference, networks))
        return max(_difference(found[name], value) for name, value in wanted.items())


def _difference(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    first, second = found.astype(np.float64), wanted.astype(np.float64)
    nothing = np.isnan(second)
    if np.any(np.isnan(first) != nothing):
        return float("inf")
    apart = np.abs(first - second) / np.maximum(1, np.abs(second))
    return float(np.max(apart, where=~nothing, initial=0.0))
