"""Few formulas are said before the training, and too few refused."""

import pytest
import tiny_compositions

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.errors import InputError
from tfmat.matgan.chain import FEW_STEPS, MatganChain


@pytest.fixture
def chain():
    return MatganChain()


def lines(chain, dataset, *settings):
    asked = chain.load_recipe("matgan-quickstart", settings)
    recipe, data = chain.load(asked, dataset, 0)
    chain.require_enough("matgan", recipe, data)
    return recipe, chain.notices("matgan", recipe, asked, data)


def test_epochs_of_few_formulas_are_few_steps(chain, tmp_path):
    dataset = CompositionDataset.open(tiny_compositions.write_dataset(tmp_path / "data"))
    recipe, said = lines(chain, dataset)
    # 20 epochs of 72 formulas in batches of 512.
    assert recipe.autoregressive.steps == 3
    assert "the epochs of 72 formulas are only 3 steps" in said[-1]
    recipe, said = lines(chain, dataset, "autoregressive.epochs=1500")
    assert recipe.autoregressive.steps >= FEW_STEPS
    assert not said


def test_fewer_than_ten_are_refused(chain, tmp_path):
    ten = CompositionDataset.open(tiny_compositions.write_dataset(tmp_path / "ten", 10))
    with pytest.raises(InputError, match="9 of 10 formulas are left to learn from, fewer than 10"):
        lines(chain, ten)
