"""Draws the pictures of ``docs/evaluating.md``: ``figures/validity.png``, ``recovery.png``.

tfmat data import ICSD.csv --kind compositions --rule icsd --valid-only --out icsd-filter
tfmat generate matgan -n 100000 --out made.csv
python docs/pictures/draw_formulas.py made.csv icsd-filter docs/figures

The data are those that `matgan-plus-icsd-filter` learned from; with others the numbers mean
nothing, so their hash is compared with the package's.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tfmat.datasets.composition_store import CompositionDataset
from tfmat.inference.metadata import find, read_metadata
from tfmat.matgan.recipe import CompositionDataRecipe
from tfmat.matgan.training.data import load_training_data

made, data, figures = sys.argv[1:]
dataset = CompositionDataset.open(data)
package = read_metadata(find("matgan-plus-icsd-filter"))
if dataset.sha256 != package["dataset"]["sha256"]:
    raise SystemExit(f"{data}: is not what matgan-plus-icsd-filter learned from")
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    load_training_data(CompositionDataRecipe(test_fraction=0.1), dataset, 0).write_formulas(folder)
    lists = ["--train", folder / "training.csv", "--holdout", folder / "held_out.csv"]
    words = ["evaluate", "compositions", made, *lists, "--baselines", "-n", "100000"]
    command = [sys.executable, "-m", "tfmat", *words, "--figures", folder / "figures"]
    subprocess.run([str(word) for word in command], check=True)
    for drawn, place in (("fig4a-validity", "validity"), ("fig5b-recovery", "recovery")):
        picture = Image.open(folder / "figures" / f"{drawn}.png").convert("RGB")
        picture.quantize(64).save(Path(figures) / f"{place}.png", optimize=True)
