"""What a command says when Ctrl-C or a batch system stops it, and that it is true."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write
from command_tree import leaves
from tfmat.cli.stopping import last_words

# Those that keep what is done; tfmat train says it in words of its own.
KEEPING = {
    "data build",
    "data augment",
    "data fetch mp",
    "data fetch optimade",
    "relax",
    "discover",
    "launch",
}
# As at a terminal: a job that a shell runs in the background ignores this signal.
SCRIPT = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from tfmat.relaxation import relax_source; relax_source.CHUNK = 1; "
    "from tfmat.cli.main import main; main()"
)
SIGNALS = [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]


def test_every_command_says_one_of_two_things():
    for path, command in leaves():
        said = last_words(command, terminated=True)
        assert said.startswith("tfmat: terminated; ")
        assert ("give the same command again" in said) == (path in KEEPING), path
        assert ("nothing was kept" in said) == (path not in KEEPING), path


@pytest.mark.parametrize(("number", "code", "word"), SIGNALS)
def test_what_is_done_is_kept_and_goes_on(number, code, word, tmp_path):
    noise = np.random.default_rng(3)
    cells = [bulk(metal, cubic=True) for metal in ("Cu", "Au", "Ag", "Ni", "Pd", "Pt") * 3]
    for cell in cells:
        cell.positions += noise.normal(scale=0.1, size=cell.positions.shape)
    write(tmp_path / "metals.extxyz", cells)
    words = ["relax", "metals.extxyz", "--potential", "emt", "--out", "relaxed", "--cache", "cache"]
    order = [sys.executable, "-c", SCRIPT, *words]
    with subprocess.Popen(order, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        chunks = tmp_path / "relaxed.work" / "structures"
        end = time.monotonic() + 120
        while not list(chunks.glob("[0-9]*.json")):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert said.splitlines()[-1] == (
        f"tfmat: {word}; what is done is kept: give the same command again to go on"
    )
    kept = len(list(chunks.glob("[0-9]*.json")))
    assert 0 < kept < len(cells)
    again = subprocess.run(
        [*order, "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(again.stdout.splitlines()[-1])["structures"] == len(cells)
    assert not (tmp_path / "relaxed.work").exists()
