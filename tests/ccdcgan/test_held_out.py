import numpy as np
import pytest

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

pytest.importorskip("onnx")

from oracle import BI_SE3, CESIUM_CHLORIDE, GIVEN, make_package

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.held_out import rows_of
from tfmat.ccdcgan.reconstruction import measure, through_autoencoders
from tfmat.datasets.select import select
from tfmat.datasets.splits.rules import rows_hash
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.inference.package import load
from tfmat.metric import metric_of


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
            for k, crystal in enumerate(GIVEN):
                writer.add(crystal, f"{copy}-{k}", {})
        # What the package cannot represent is left out.
        writer.add(Crystal.from_arrays(4 * np.eye(3), [[0, 0, 0]], [52]), "tellurium", {})
    return Dataset.open(folder)


def test_exact_networks_bring_everything_back(codec):
    found = measure(through_autoencoders(list(GIVEN) * 9, codec))
    assert found["structures"] == 45
    assert found["reproduced"] == 36
    # The atoms of the one that is refused as a whole are counted all the same.
    assert found["not_decoded"] == {"atoms closer than 0.5 Å": 9}
    assert found["not_reproduced"] == list(range(4, 45, 5))
    assert metric_of(found, "atom_recall").value == 1.0
    assert metric_of(found, "atom_precision").value == 1.0
    assert metric_of(found, "atom_rms").value < 1e-3
    assert metric_of(found, "lattice_max_error").value < 1e-4
    assert metric_of(found, "angle_max_error").value < 1e-3


def test_wrong_atoms_are_counted(codec):
    # The network knows the ideal position only, so a shifted selenium comes back unshifted.
    # Centring splits the shift between both atoms; up to 0.5 Å an atom counts as found.
    for shift, recall in ((0.2, 1.0), (1.2, 0.0)):
        positions = CESIUM_CHLORIDE.positions.copy()
        positions[CESIUM_CHLORIDE.numbers == 34] -= [shift, 0, 0]
        moved = Crystal(CESIUM_CHLORIDE.lattice, positions, CESIUM_CHLORIDE.numbers)
        found = measure(through_autoencoders([moved], codec))
        assert metric_of(found, "atom_recall").value == recall
        assert metric_of(found, "atom_precision").value == recall


def test_split_is_that_of_the_training(package, dataset, codec):
    everything, left_out = rows_of(codec, dataset, "all")
    assert everything.tolist() == list(range(15))
    assert left_out == {"other elements": 1}
    with pytest.raises(InputError, match=r"`split` test: .* is not the dataset"):
        rows_of(codec, dataset, "test")
    trained = Codec.from_package(load(package))
    trained.package.metadata["dataset"] = {"name": "known", "sha256": dataset.sha256}
    test, _ = rows_of(trained, dataset, "test")
    train, _ = rows_of(trained, dataset, "train")
    assert len(test)
    assert sorted([*test, *train]) == everything.tolist()
    # What the training recorded of its split must be what is found again.
    record = trained.package.metadata["dataset"]
    record |= {"held_out": len(test), "split": {"kind": "random", "sha256": rows_hash(test)}}
    np.testing.assert_array_equal(rows_of(trained, dataset, "test")[0], test)
    for other in ({"held_out": len(test) + 1}, {"split": {"kind": "random", "sha256": "0" * 64}}):
        trained.package.metadata["dataset"] = {**record, **other}
        with pytest.raises(InputError, match="held out other structures than this version"):
            rows_of(trained, dataset, "train")


def test_the_shipped_package_still_holds_out_the_same():
    pytest.importorskip("onnxruntime")
    codec = Codec.from_package(load("ccdcgan-bi-se-compact"))
    dataset = Dataset.open("bi-se")
    rows, left_out = rows_of(codec, dataset, "test")
    fitting = select(dataset, max_atoms=20, max_length=10.0).sum()
    assert left_out == {"too many atoms or too long a cell": len(dataset) - fitting}
    # As its first evaluation had them.
    assert len(rows) == codec.package.metadata["dataset"]["held_out"] == 334
    assert rows_hash(rows) == "5233696cee069febfecf647b8c66f37a970eee24ae88804dd909be5dad67f9b3"


def test_a_dataset_of_one_structure_needs_no_split(tmp_path, codec):
    with DatasetWriter(tmp_path / "one", {"name": "one"}) as writer:
        writer.add(GIVEN[0], "only", {})
    rows, left_out = rows_of(codec, Dataset.open(tmp_path / "one"), "all")
    assert rows.tolist() == [0]
    assert left_out == {}


def test_limits_beyond_the_model_are_honoured_or_refused(package, dataset, codec, tmp_path):
    rules = codec.recipe.data
    long = Crystal.from_arrays(np.diag([rules.max_length + 1, 4, 4]), [[0, 0, 0]], [83])
    far = [[0, 0, 0], [0, 0, 14.0]]
    with DatasetWriter(tmp_path / "more", {"name": "more"}) as writer:
        writer.add(GIVEN[0], "short", {})
        writer.add(long, "long", {})
        writer.add(Crystal.from_arrays(np.diag([4, 4, 28.0]), far, [83, 34]), "too-long", {})
    more = Dataset.open(tmp_path / "more")
    assert rows_of(codec, more, "all")[0].tolist() == [0]
    rows, left_out = rows_of(codec, more, "all", max_length=40.0)
    assert rows.tolist() == [0, 1]
    assert left_out == {"larger than the box of the sites voxels": 1}
    assert rows_of(codec, dataset, "all", max_atoms=1)[0].tolist() == [2, 7, 12]
    trained = Codec.from_package(load(package))
    trained.package.metadata["dataset"] = {"name": "more", "sha256": more.sha256}
    with pytest.raises(InputError, match="its split has no larger structures"):
        rows_of(trained, more, "test", max_atoms=rules.max_atoms + 1)


def test_what_cannot_be_drawn_is_counted_in_its_place(codec):
    far = Crystal.from_arrays(np.diag([4, 4, 28.0]), [[0, 0, 0], [0, 0, 14.0]], [83, 34])
    flat = Crystal(np.diag([4.0, 4.0, 0.0]), np.zeros((1, 3)), np.array([83], np.uint8))
    found = measure(through_autoencoders([BI_SE3, far, CESIUM_CHLORIDE, flat], codec))
    assert found["not_reproduced"] == [1, 3]
    assert found["not_decoded"] == {
        "larger than the box of the sites voxels": 1,
        "a cell that cannot be reduced": 1,
    }
    # Their atoms are missing: 3 of 9.
    assert metric_of(found, "atom_recall").value == pytest.approx(6 / 9)


def test_missing_encoder_is_named(package, codec):
    from dataclasses import replace

    parts = {
        part: entry
        for part, entry in codec.package.metadata["parts"].items()
        if not part.endswith("_encoder")
    }
    less = replace(codec.package, metadata={**codec.package.metadata, "parts": parts})
    with pytest.raises(InputError, match="holds no lattice_encoder"):
        next(through_autoencoders([BI_SE3], replace(codec, package=less)))
