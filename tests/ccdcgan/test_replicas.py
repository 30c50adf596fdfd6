"""Trainers with loops of their own do on two devices what they do on one."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from logical_devices import one_and_two

SCRIPT = Path(__file__).with_name("trainer_replicas.py")


@pytest.mark.train
@pytest.mark.parametrize("model", ["critic", "prompted", "slots"])
def test_two_replicas_update_like_one_device(model, tmp_path):
    one, two = one_and_two(SCRIPT, tmp_path, model)
    assert len(one) > 2
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=1e-4, atol=2e-5, err_msg=name)
