"""The universal potential CHGNet as a calculator, many crystals at once on a CPU."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfmat import files
from tfmat.crystals.crystal import Crystal
from tfmat.errors import require
from tfmat.relaxation.potentials.batched import BatchedCalculator, Network
from tfmat.relaxation.potentials.calculator import Calculator
from tfmat.relaxation.potentials.chgnet_network import ChgnetNetwork
from tfmat.relaxation.potentials.corrections import anion_correction


class ChgnetCalculator(BatchedCalculator):
    """CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), with the weights of its package.

    It learned energies that carry the Materials Project's 2020 anion corrections, which elements
    do not have: formation energies of selenides would come out 0.47 eV too low for each Se. The
    correction is taken off, which gives the uncorrected PBE scale of the papers.

    Raises:
        MissingExtraError: The extra ``[relax]`` is not installed.
    """

    # Larger batches are no faster, since their arrays no longer fit the cache, and an atom of a
    # dense metal takes 4 MB.
    most_crystals, most_atoms = 32, 640

    def __init__(self) -> None:
        package = require("chgnet.model", "relax", "labelling with CHGNet")
        torch = require("torch", "relax", "labelling with CHGNet")
        # Processes are the parallel unit, and one thread gives the same sums every time.
        torch.set_num_threads(1)
        # CHGNet greets on standard output, which belongs to the command's own summary.
        with contextlib.redirect_stdout(io.StringIO()):
            model = package.CHGNet.load(use_device="cpu", verbose=False)
        self._network = ChgnetNetwork(model)
        self.name = "CHGNet"
        self.version = f"{version('chgnet')}, weights {model.version}"
        self.scale = f"CHGNet weights {model.version}: PBE, MP2020 anion correction taken off"
        self.weights_sha256 = _weights(model.version)

    def network(self, crystals: Sequence[Crystal]) -> Network:
        """Returns the weights."""
        return self._network

    def correction(self, numbers: NDArray[np.uint8]) -> float:
        """Returns the anion correction of a compound, eV/atom."""
        return anion_correction(numbers)


def _weights(release: str) -> str:
    """Returns the SHA-256 of the weights file that CHGNet's wheel carries."""
    spec = find_spec("chgnet")
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        for file in sorted((Path(place) / "pretrained" / release).glob("*.pth.tar")):
            return files.sha256(file)
    return ""


def chgnet() -> Calculator:
    """Returns the calculator that ``tfmat data build`` and ``tfmat relax`` use."""
    return ChgnetCalculator()
