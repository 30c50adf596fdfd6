"""Structures and a shortcut that the import tests share."""

import csv
import warnings
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

from tfmat.datasets.importing import ImportOptions, import_dataset
from tfmat.datasets.store import Dataset


@pytest.fixture(scope="session")
def rocksalt() -> Structure:
    lattice = Lattice.from_parameters(3.97, 3.97, 3.97, 60, 60, 60)
    return Structure(lattice, ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture(scope="session")
def cif(rocksalt) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rocksalt.to(fmt="cif")


@pytest.fixture
def load(tmp_path):
    """Imports a source; returns the dataset, the summary and the rows of rejected.csv."""

    def run(source: Path, **options):
        out = tmp_path / "out"
        # A second import in one test replaces the first.
        summary = import_dataset(source, out, ImportOptions(overwrite=out.exists(), **options))
        with (out / "rejected.csv").open(newline="", encoding="utf-8") as stream:
            rejected = list(csv.DictReader(stream))
        return Dataset.open(out), summary, rejected

    return run
