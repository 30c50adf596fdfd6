from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmat.formulas.compositions import Compositions, mix
from tfmat.inference.noise import BLOCK, block_noise
from tfmat.matgan.generating.unique import KeyTable, UniqueFormulas


@given(batches=st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=8))
@settings(max_examples=200, deadline=None)
def test_table_agrees_with_a_dictionary(batches):
    table, expected = KeyTable(), {}
    for batch in batches:
        # Unmixed keys, and every other one in the same place of the table: many collisions.
        keys = np.array([key * 2048 for key in batch], np.uint64)
        assert table.find(keys).tolist() == [expected.get(int(key), -1) for key in keys]
        new = [key for key in dict.fromkeys(keys.tolist()) if key not in expected]
        numbers = table.add(np.array(new, np.uint64))
        assert numbers.tolist() == list(range(len(expected), len(expected) + len(new)))
        expected.update(zip(new, numbers.tolist(), strict=True))
    assert len(table) == len(expected)


def test_table_grows():
    keys = mix(np.arange(100_000, dtype=np.uint64))
    table = KeyTable()
    for start in range(0, len(keys), 7_001):
        table.add(keys[start : start + 7_001])
    assert (table.find(keys) == np.arange(len(keys))).all()
    assert (table.find(mix(np.arange(100_000, 200_000, dtype=np.uint64))) == -1).all()


def test_formulas_are_counted_and_come_back_in_order():
    random = np.random.default_rng(0)
    rows = [
        {int(z): int(random.integers(1, 9)) for z in random.choice(range(1, 7), size, False)}
        for size in random.integers(2, 4, 20_000)
    ]
    every = Compositions.from_mappings(rows).reduced()
    flags = (every.keys() % np.uint64(8)).astype(np.uint8)
    unique, numbers = UniqueFormulas(), []
    for start in range(0, len(every), 1_234):
        part = slice(start, start + 1_234)
        # The last batch may hold fewer slots than the first.
        numbers.append(unique.add(every[part], every[part].keys(), flags[part]))
    texts = every.formulas()
    counted = Counter(texts)
    kept = np.arange(len(unique))
    assert unique.compositions(kept).formulas() == list(counted)
    assert unique.times(kept).tolist() == list(counted.values())
    assert unique.compositions(np.concatenate(numbers)).formulas() == texts
    assert (unique.flags(np.concatenate(numbers)) == flags).all()


def test_noise_is_the_same_however_it_is_drawn():
    whole = block_noise(7, 0, 3 * BLOCK, 5)
    assert whole.dtype == np.float32
    for first, count in ((0, 1), (1, 10), (BLOCK - 3, 7), (BLOCK, BLOCK), (10, 2 * BLOCK + 3)):
        assert (block_noise(7, first, count, 5) == whole[first : first + count]).all()
    assert not (block_noise(8, 0, 10, 5) == whole[:10]).any()
    assert not (block_noise(7, 0, 10, 5, stream=1) == whole[:10]).any()
    assert block_noise(2**64 - 1, 2**62, 4, 5).shape == (4, 5)


def test_noise_is_standard_normal():
    noise = block_noise(3, 0, 5 * BLOCK, 8)
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01
    assert abs(np.corrcoef(noise.T) - np.eye(8)).max() < 0.03
    assert abs(np.corrcoef(noise[:-1, 0], noise[1:, 0])[0, 1]) < 0.03
