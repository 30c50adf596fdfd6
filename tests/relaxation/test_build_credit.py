"""Licence and attribution of what is built, with ASE's EMT as the potential."""

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write
from click.testing import CliRunner
from tfmat.cli.main import tfmat

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.credit import Credit
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.relaxation.databases.prototypes import AFLOW_ATTRIBUTION, aflow
from tfmat.relaxation.potentials.calculator import AseCalculator
from tfmat.relaxation.potentials.registry import POTENTIALS, attribution_of

EMT = "Jacobsen et al., Surf. Sci. 366, 394 (1996)"
KNOWN = Credit("CC-BY-4.0", ("Known (2001)",))
QUICK = ["--potential", "emt", "--no-relax", "--limit", "3"]


def dataset(folder, credit, *names):
    with DatasetWriter(folder, {"name": folder.name, **credit.record()}) as writer:
        for prototype in aflow():
            if prototype.name in names:
                writer.add(prototype.filled((12, 8)), prototype.name)
        writer.add(Crystal(np.eye(3) * 2.6, np.zeros((1, 3)), np.array([29], np.uint8)), "Cu")
    return folder


@pytest.fixture
def known(tmp_path):
    return dataset(tmp_path / "known", KNOWN, "AB_cP2_221_b_a", "AB_cF8_225_a_b")


def made(tmp_path, *words):
    out = tmp_path / "out"
    result = CliRunner().invoke(tfmat, [*map(str, words), "--out", str(out)])
    assert result.exit_code == 0, result.output
    return Dataset.open(out).credit


def test_built_of_a_dataset(known, tmp_path):
    credit = made(tmp_path, "data", "build", "cu-au", *QUICK, "--prototypes", known)
    assert credit == KNOWN.citing([EMT])


def test_built_of_aflow(tmp_path):
    credit = made(tmp_path, "data", "build", "cu-au", *QUICK, "--max-atoms", 2)
    assert credit == Credit("", (*AFLOW_ATTRIBUTION, EMT))


def test_augmented(known, tmp_path):
    words = ("data", "augment", known, "--system", "Cu-Au", *QUICK)
    assert made(tmp_path, *words) == KNOWN.citing([EMT])
    # AFLOW's prototypes are no data under a licence of their own.
    credit = made(tmp_path / "aflow", *words, "--prototypes", "aflow", "--max-atoms", 2)
    assert credit == KNOWN.citing([*AFLOW_ATTRIBUTION, EMT])
    other = dataset(tmp_path / "other", Credit("MIT"), "AB_cF8_225_a_b")
    credit = made(tmp_path / "two", *words, "--prototypes", other)
    assert credit == Credit("CC-BY-4.0 AND MIT", ("Known (2001)", EMT))


def test_relaxed(tmp_path):
    copper = bulk("Cu", "fcc", a=3.7)
    source = tmp_path / "known"
    with DatasetWriter(source, {"name": "known", **KNOWN.record()}) as writer:
        writer.add(Crystal.from_arrays(copper.cell[:], copper.positions, copper.numbers), "Cu")
    words = ("relax", source, "--potential", "emt", "--steps", 2)
    assert made(tmp_path, *words) == KNOWN.citing([EMT])
    # Of files nothing is known, but the potential is.
    write(tmp_path / "a.extxyz", copper)
    words = ("relax", tmp_path / "a.extxyz", "--potential", "emt", "--steps", 2)
    assert made(tmp_path / "files", *words) == Credit("", (EMT,))


def test_potentials_are_known_by_their_calculators():
    for potential in POTENTIALS.values():
        assert "*" not in potential.attribution
    chgnet = AseCalculator(None, "CHGNet")
    assert attribution_of(chgnet) == ["Deng et al., Nat. Mach. Intell. 5, 1031 (2023)"]
    assert attribution_of(AseCalculator(None, "mine")) == []
