"""What is set before TensorFlow is imported."""

import os
import platform
import subprocess
import sys

import pytest

pytest.importorskip("tensorflow")

ASK = """
from tfmat.training.quiet import load_keras
load_keras(1)
from tensorflow.python.framework.test_util import IsMklEnabled
print(IsMklEnabled())
"""


@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="oneDNN is for x86 processors"
)
@pytest.mark.parametrize(("word", "answer"), [(None, "True"), ("0", "False")])
def test_onednn_is_used_unless_the_user_says_no(word: str | None, answer: str) -> None:
    surroundings = dict(os.environ)
    surroundings.pop("TF_ENABLE_ONEDNN_OPTS", None)
    if word is not None:
        surroundings["TF_ENABLE_ONEDNN_OPTS"] = word
    child = subprocess.run(
        [sys.executable, "-c", ASK], env=surroundings, capture_output=True, text=True, check=True
    )
    assert child.stdout.strip() == answer
