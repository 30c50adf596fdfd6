import numpy as np
import pytest

from tfmat.ccdcgan.figures import AtomCount
from tfmat.datasets.crystal import Crystal
from tfmat.errors import InputError

pytest.importorskip("onnx")

from oracle import BI_SE3, CESIUM_CHLORIDE, CLASH, CRYSTALS, ROCKSALT, make_package
from pymatgen.analysis.structure_matcher import StructureMatcher

from tfmat.ccdcgan.codec import Codec
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.evaluation.autoencoder import roundtrip, structures_of
from tfmat.inference.package import load


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("models") / "oracle")


@pytest.fixture(scope="module")
def codec(package):
    return Codec.from_package(load(package))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "known"
    with DatasetWriter(folder, {"name": "known"}) as writer:
        for copy in range(3):
            for k, crystal in enumerate(CRYSTALS):
                writer.add(crystal, f"{copy}-{k}", {})
        # What the package cannot represent is left out.
        writer.add(Crystal.from_arrays(4 * np.eye(3), [[0, 0, 0]], [52]), "tellurium", {})
    return Dataset.open(folder)


def test_exact_networks_bring_everything_back(codec):
    count = AtomCount()
    crystals = list(CRYSTALS) * 3
    found = list(roundtrip(codec, crystals, count))
    assert len(found) == len(crystals)
    assert count.recall == 1.0
    assert count.precision == 1.0
    assert count.true == sum(len(crystal) for crystal in crystals)
    assert count.rms < 1e-3
    matcher = StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.1)
    for crystal, result in zip(crystals, found, strict=True):
        if crystal is CLASH:
            # Its atoms are counted although it is no structure.
            assert result.reason == "atoms closer than 0.5 Å"
        else:
            assert matcher.fit(crystal.to_structure(), result.to_structure())


def test_wrong_atoms_are_counted(codec):
    # The network knows rocksalt only, so a selenium that is shifted by 0.8 Å comes back unshifted,
    # and one shifted by 0.2 Å counts as found.
    for shift, recall in ((0.2, 1.0), (0.8, 0.5)):
        positions = ROCKSALT.positions.copy()
        positions[ROCKSALT.numbers == 34] += [shift, 0, 0]
        count = AtomCount()
        list(roundtrip(codec, [Crystal(ROCKSALT.lattice, positions, ROCKSALT.numbers)], count))
        assert count.recall == recall
        assert count.precision == recall


def test_split_is_that_of_the_training(package, dataset, codec):
    data, everything = structures_of(codec, dataset, "all")
    assert len(everything) == 15
    assert data.rejected == {"other elements": 1}
    with pytest.raises(InputError, match=r"--split test: .* is not the dataset"):
        structures_of(codec, dataset, "test")
    trained = Codec.from_package(load(package))
    trained.package.metadata["dataset"] = {"name": "known", "sha256": dataset.sha256}
    _, test = structures_of(trained, dataset, "test")
    _, train = structures_of(trained, dataset, "train")
    assert test
    assert sorted([*test, *train]) == everything


def test_missing_encoder_is_named(package, codec):
    from dataclasses import replace

    parts = {
        part: entry
        for part, entry in codec.package.metadata["parts"].items()
        if not part.endswith("_encoder")
    }
    less = replace(codec.package, metadata={**codec.package.metadata, "parts": parts})
    with pytest.raises(InputError, match="holds no lattice_encoder, sites_encoder"):
        next(roundtrip(replace(codec, package=less), [BI_SE3, CESIUM_CHLORIDE], AtomCount()))
