"""Equal texts out of core, beside a dictionary in memory."""

import numpy as np
import pyarrow as pa
import pytest

from tfmat.formulas.distinct import first_and_times


def batches(texts, times, size):
    for start in range(0, len(texts), size):
        part = slice(start, start + size)
        yield pa.array(texts[part], pa.string()), np.asarray(times[part], np.uint32)


def expected(texts, times):
    found = {}
    for row, (text, count) in enumerate(zip(texts, times, strict=True)):
        first, before = found.get(text, (row, 0))
        found[text] = (first, before + count)
    result = np.zeros(len(texts), np.uint32)
    for row, count in found.values():
        result[row] = count
    return result


@pytest.mark.parametrize("at_once", [10_000, 300, 1])
def test_as_a_dictionary_says(tmp_path, at_once):
    random = np.random.default_rng(0)
    texts = [f"Li{a}O{b}" for a, b in random.integers(1, 20, (3000, 2))]
    times = random.integers(1, 9, 3000).tolist()
    found = first_and_times(batches(texts, times, 700), 3000, tmp_path, at_once=at_once)
    assert np.array_equal(found, expected(texts, times))
    assert not list(tmp_path.iterdir())


def test_texts_of_one_batch_that_is_a_slice(tmp_path):
    whole = pa.array(["H", "He", "Li", "He", "H"])
    parts = [(whole.slice(1, 2), np.ones(2, np.uint32)), (whole.slice(3), np.ones(2, np.uint32))]
    found = first_and_times(parts, 4, tmp_path, at_once=1)
    assert found.tolist() == [2, 1, 0, 1]


def test_nothing(tmp_path):
    assert len(first_and_times([], 0, tmp_path)) == 0
