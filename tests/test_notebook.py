"""The notebook of examples/, as a kernel runs it that was started in the clone's root."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "examples" / "first_crystals.ipynb"
# A kernel has its folder before what is installed. Without the finder of an editable install, which
# would find the commands by itself.
START = (
    "import sys; sys.meta_path = [f for f in sys.meta_path if 'ditable' not in str(f)]; "
    "sys.path.insert(0, ''); import matplotlib; matplotlib.use('Agg'); "
    "import tfmat.cli; print(tfmat.__file__)"
)


def test_the_notebook_runs_in_the_root():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] for cell in code)
    source = "\n".join([START, *("".join(cell["source"]) for cell in code)])
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", source], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    printed = ended.stdout.splitlines()
    assert Path(printed[0]).resolve() == ROOT / "tfmat/__init__.py"
    assert "structures of 50 crystals begun" in printed[1]
    assert printed[-1].endswith("are not in bi-se")
