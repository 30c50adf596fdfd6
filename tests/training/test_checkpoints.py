from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras")
import keras

from tfmat import files
from tfmat.checksums import write_sealed
from tfmat.errors import TfmatError
from tfmat.training import checkpoints

pytestmark = pytest.mark.train


def variables(seed: int) -> list[keras.Variable]:
    random = np.random.default_rng(seed)
    return [
        keras.Variable(random.normal(size=(3, 2)).astype("float32")),
        keras.Variable(random.integers(0, 2**32 - 1, 2), dtype="uint32"),
        keras.Variable(int(random.integers(1000)), dtype="int64"),
        *(keras.Variable(float(i)) for i in range(10)),
    ]


def values(entries):
    return [np.asarray(entry.value) for entry in entries]


def test_bit_exact_and_in_order(tmp_path):
    first, second = variables(1), variables(2)
    checkpoints.save(tmp_path, 7, first, {"seconds": 1.5})
    checkpoint = checkpoints.latest(tmp_path)
    assert checkpoint.step == 7
    assert checkpoint.state == {"seconds": 1.5}
    checkpoint.restore(second)
    for expected, found in zip(values(first), values(second), strict=True):
        assert expected.dtype == found.dtype
        assert expected.tobytes() == found.tobytes()


def test_keeps_the_last_two(tmp_path):
    for step in (5, 10, 100):
        checkpoints.save(tmp_path, step, variables(step))
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["checkpoint-000000010", "checkpoint-000000100"]
    assert checkpoints.latest(tmp_path).step == 100


def test_a_damaged_one_is_passed_over(tmp_path):
    checkpoints.save(tmp_path, 1, variables(1))
    newest = checkpoints.save(tmp_path, 2, variables(2))
    archive = newest / "variables.npz"
    archive.write_bytes(archive.read_bytes()[:-10])
    assert checkpoints.latest(tmp_path).step == 1
    (newest / "state.json").write_text("{", "utf-8")
    assert checkpoints.latest(tmp_path).step == 1
    for state in ({"seconds": "x"}, {"seconds": []}, [], None):
        record = {"step": 2, "sha256": files.sha256(archive), "state": state}
        write_sealed(newest / "state.json", record)
        assert checkpoints.latest(tmp_path).step == 1
    checkpoints.clear(tmp_path)
    assert checkpoints.latest(tmp_path) is None


def test_other_variables_are_refused(tmp_path):
    checkpoints.save(tmp_path, 1, variables(1))
    with pytest.raises(TfmatError, match="start a new run"):
        checkpoints.latest(tmp_path).restore(variables(1)[:-1])


def test_no_pickle_inside(tmp_path):
    path = checkpoints.save(tmp_path, 1, variables(1))
    with np.load(path / "variables.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)


def test_counts_of_another_backend_fit(tmp_path):
    checkpoints.save(tmp_path, 1, [keras.Variable(7, dtype="int64")])
    count = keras.Variable(0, dtype="int32")
    checkpoints.latest(tmp_path).restore([count])
    assert int(count.value) == 7
    assert str(count.dtype) == "int32"
