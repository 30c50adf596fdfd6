"""The universal potential SevenNet as a calculator, many crystals at once on a CPU."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat import files
from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError, MissingExtraError, require
from tfmat.relaxation.potentials.batched import BatchedCalculator, Network
from tfmat.relaxation.potentials.calculator import Calculator
from tfmat.relaxation.potentials.sevennet_network import SevennetNetwork

EXTRA = "sevennet"
_PURPOSE = "labelling with SevenNet"
# The checkpoints that lie in the package's wheel and learned MPtrj alone: file and SHA-256. A
# checkpoint is a pickle, so only these very files are opened; the package would download others.
CHECKPOINTS = {
    "7net-l3i5": (
        "SevenNet_l3i5/checkpoint_l3i5.pth",
        "a7ff190d41efe5b8317a03d20a468e4036a1a3e64e0b14fdbab64ac3f4bfc09d",
    ),
    "7net-0": (
        "SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth",
        "7052cb42b7b3be42b40b97fa0d21077a48c54b5548948fc4dcf346629f813c36",
    ),
}
# In cells of more atoms most pairs of atoms have no more than one edge, or none: there is nothing
# to add up first, and the package's own order of the sums is as fast.
_LARGEST = 24


class SevennetCalculator(BatchedCalculator):
    """SevenNet (Park et al., J. Chem. Theory Comput. 20, 4857 (2024)), weights of its wheel.

    It learned the uncorrected energies of the Materials Project's trajectories (MPtrj), which is
    the scale of the papers: there is no anion correction to take off.

    Args:
        name: Name for the record.
        checkpoint: One of :data:`CHECKPOINTS`.

    Raises:
        MissingExtraError: The extra ``[sevennet]`` is not installed.
        InputError: The checkpoint is missing or another than is known.
    """

    # More do not fit the cache.
    most_crystals, most_atoms = 8, 96
    # Below it has holes without a ground (Ne: -175 eV/atom). The densest of 75,973 structures of
    # the Materials Project, a hydride of iron, has 4.4.
    smallest_volume = 3.5

    def __init__(self, name: str = "SevenNet", checkpoint: str = "7net-l3i5") -> None:
        file, digest = checkpoint_file(checkpoint)
        torch = require("torch", EXTRA, _PURPOSE)
        # Processes are the parallel unit, and one thread gives the same sums every time.
        torch.set_num_threads(1)
        model, self._cutoff = _load(file)
        self._small = SevennetNetwork(model, self._cutoff)
        self._large = _PackageNetwork(model, self._cutoff)
        self.name = name
        self.version = f"{version('sevenn')}, weights {checkpoint}"
        self.scale = f"SevenNet weights {checkpoint}: PBE as in MPtrj, without corrections"
        self.weights_sha256 = digest

    def network(self, crystals: Sequence[Crystal]) -> Network:
        """Returns the arranged weights, or the package's own network for large cells."""
        return self._large if _is_large(crystals[0]) else self._small

    def _batches(self, crystals: Sequence[Crystal]) -> Iterator[list[int]]:
        for large in (False, True):
            rows = [row for row, item in enumerate(crystals) if _is_large(item) == large]
            for batch in super()._batches([crystals[row] for row in rows]):
                yield [rows[place] for place in batch]


def _is_large(crystal: Crystal) -> bool:
    return len(crystal) > _LARGEST


def sevennet() -> Calculator:
    """Returns the calculator of ``--potential sevennet``, with the weights 7net-l3i5."""
    return SevennetCalculator()


def sevennet_0() -> Calculator:
    """Returns the calculator of ``--potential sevennet-0``, smaller and less accurate."""
    return SevennetCalculator("SevenNet-0", "7net-0")


def checkpoint_file(checkpoint: str) -> tuple[Path, str]:
    """Finds a checkpoint in the installed package; nothing is downloaded.

    Args:
        checkpoint: One of :data:`CHECKPOINTS`.

    Returns:
        The file and its SHA-256.

    Raises:
        MissingExtraError: The package is not installed.
        InputError: The file is missing or another than is known.
    """
    place, expected = CHECKPOINTS[checkpoint]
    spec = find_spec("sevenn")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(EXTRA, _PURPOSE)
    file = Path(spec.submodule_search_locations[0]) / "pretrained_potentials" / place
    found = files.sha256(file) if file.is_file() else "missing"
    if found != expected:
        raise InputError(
            f"SevenNet's weights {checkpoint} are not those of sevenn 0.13.0 ({file}: {found[:12]}"
            f", expected {expected[:12]}); pip install --force-reinstall 'sevenn==0.13.0'"
        )
    return file, found


def _load(file: Path) -> tuple[Any, float]:
    """Builds the model of a checkpoint; returns it with its cutoff in Å."""
    _keep_compilers_apart()
    with _quiet():
        checkpoint = require("sevenn.checkpoint", EXTRA, _PURPOSE).SevenNetCheckpoint(file)
        model = checkpoint.build_model()
    model.set_is_batch_data(True)
    return model, float(checkpoint.config["cutoff"])


def _keep_compilers_apart() -> None:
    """Hides Triton from a process that has TensorFlow: both bring an LLVM, and the second crashes.

    The package's import asks PyTorch's compiler, which asks whether there is a Triton. Nothing
    here is compiled, and without one PyTorch runs as ever. Where Triton came first all is well.
    """
    if "tensorflow" in sys.modules and "triton" not in sys.modules:
        # What `import triton` finds then is that there is none (importlib, `sys.modules`).
        sys.modules["triton"] = None  # type: ignore[assignment]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what the package and its own dependencies say to themselves off the terminal."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


class _PackageNetwork:
    """The package's own network, for cells of many atoms.

    Args:
        model: The model.
        cutoff: Its cutoff, Å.
    """

    def __init__(self, model: Any, cutoff: float) -> None:
        self._model, self._cutoff = model, cutoff

    def energies(self, crystals: Sequence[Crystal]) -> NDArray[np.float64]:
        """Returns energies in eV/atom, shape ``(n,)``."""
        return self.evaluate(crystals)[0]

    def evaluate(
        self, crystals: Sequence[Crystal]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float64]], NDArray[np.float64]]:
        """Returns energies (eV/atom), forces (eV/Å) and stresses (eV/Å³)."""
        from ase import Atoms

        with _quiet():
            from sevenn.atom_graph_data import AtomGraphData
            from sevenn.train.dataload import unlabeled_atoms_to_graph
            from torch_geometric.data import Batch

        graphs = []
        for crystal in crystals:
            atoms = Atoms(crystal.numbers, crystal.positions, cell=crystal.lattice, pbc=True)
            graphs.append(
                AtomGraphData.from_numpy_dict(unlabeled_atoms_to_graph(atoms, self._cutoff))
            )
        found = self._model(Batch.from_data_list(graphs))
        sizes = np.array([len(crystal) for crystal in crystals])
        total, forces, virial = (
            found[key].detach().numpy().astype(np.float64)
            for key in ("inferred_total_energy", "inferred_force", "inferred_stress")
        )
        # xx, yy, zz, xy, yz, zx, positive under pressure.
        places = [[0, 3, 5], [3, 1, 4], [5, 4, 2]]
        return (
            total.reshape(-1) / sizes,
            np.split(forces, np.cumsum(sizes)[:-1]),
            -virial.reshape(-1, 6)[:, places],
        )
