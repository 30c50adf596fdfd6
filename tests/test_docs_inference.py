"""The Python of docs/inference.md, run as it stands with the packages that ship."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "inference.md").read_text("utf-8"), re.S
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder in which `saved_models` is that of the clone."""
    for name in ("ccdcgan-bi-se", "matgan-plus-icsd-filter"):
        if not (ROOT / "saved_models" / name / "metadata.json").is_file():
            pytest.skip(f"{name} is not there")
    place = tmp_path_factory.mktemp("work")
    (place / "saved_models").symlink_to(ROOT / "saved_models", target_is_directory=True)
    return place


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[-2].strip()[:40])
def test_a_block_runs_without_tensorflow(block, folder):
    tail = "\nimport sys\nassert not {'tensorflow', 'keras', 'onnx'} & set(sys.modules)\n"
    done = subprocess.run(
        [sys.executable, "-c", block + tail], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    lines = [line for line in block.splitlines() if line.strip()]
    if "generate(codec" in block:
        # The page promises ten lines, and structures.
        assert len(lines) <= 10
        assert "Bi" in done.stdout or "Se" in done.stdout
    if "tfmat" not in block.replace("saved_models", ""):
        assert "(1000, 85) uint8" in done.stdout
