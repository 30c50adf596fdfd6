"""Models and datasets by name or folder: ``tfmat.load`` and ``tfmat.load_dataset``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from tfmat import families
from tfmat.arguments import whole
from tfmat.checksums import skipped
from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.folders import COMPOSITIONS, kind_of
from tfmat.datasets.store import Dataset
from tfmat.inference.metadata import find, read_metadata

if TYPE_CHECKING:
    from tfmat.ccdcgan.model import CrystalModel
    from tfmat.elemnet.model import EnergyModel
    from tfmat.matgan.model import FormulaModel

    Model: TypeAlias = CrystalModel | FormulaModel | EnergyModel


def load(
    name_or_folder: str | Path,
    *,
    models_dir: str | Path | None = None,
    threads: int | None = None,
    precision: str | None = None,
    verify: bool = True,
) -> Model:
    """Loads a model; its family says what it makes.

    Args:
        name_or_folder: The name of a package (``tfmat models list``), a package folder, or the
            folder of a run.
        models_dir: Folder that is searched first for a name.
        threads: Cores to work on; all by default.
        precision: ``float32``, ``float16`` or ``int8``; the most exact that is there by default.
        verify: Compare the files with their stored hashes.

    Returns:
        A :class:`~tfmat.ccdcgan.model.CrystalModel` for a CCDCGAN or DCGAN, a
        :class:`~tfmat.matgan.model.FormulaModel` for a MatGAN, an
        :class:`~tfmat.elemnet.model.EnergyModel` for an ElemNet; what another family's ``load``
        gives, for a package of that.

    Raises:
        InputError: It is not found, damaged, of a family not known here, or not in that precision.
    """
    if threads is not None:
        threads = whole("threads", threads, 1)
    folder = find(name_or_folder, models_dir, argument="name_or_folder")
    with skipped(not verify):
        family = families.get(read_metadata(folder)["family"])
        return cast("Model", family.load(folder, threads=threads, precision=precision))


def load_dataset(
    name_or_folder: str | Path, *, verify: bool = True
) -> Dataset | CompositionDataset:
    """Opens a dataset; its arrays are memory-mapped.

    Args:
        name_or_folder: The folder of a dataset, or the name of one that ships (``bi-se``,
            ``formulas``).
        verify: Compare its files with their stored hashes, once in a process.

    Returns:
        A :class:`~tfmat.datasets.store.Dataset` of structures (iterating gives crystals with
        positions in Å; ``crystal.to_structure()`` is pymatgen's), or a
        :class:`~tfmat.datasets.composition_store.CompositionDataset`. Both have ``properties`` and
        ``property(name)``, in the unit that ``metadata`` names.

    Raises:
        InputError: There is no such dataset, it is not readable by this version, or a file of it
            was changed since it was written.
    """
    with skipped(not verify):
        if kind_of(name_or_folder) == COMPOSITIONS:
            return CompositionDataset.open(name_or_folder)
        return Dataset.open(name_or_folder)
