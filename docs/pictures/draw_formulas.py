"""Draws the pictures of ``docs/evaluating.md``: ``figures/validity.png``, ``recovery.png``.

tfmat data import ICSD.csv --kind compositions --rule icsd --valid-only --out icsd-filter
tfmat generate matgan -n 100000 --out made.csv
python docs/pictures/draw_formulas.py made.csv icsd-filter docs/figures

The data are those that `matgan-plus-icsd-filter` learned from; with others the numbers mean
nothing, so their hash is compared with the package's.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

import tfmat
from tfmat.datasets.composition_store import CompositionDataset
from tfmat.evaluation.formulas.pictures import pictures_of
from tfmat.evaluation.formulas.table import render
from tfmat.figures.style import save
from tfmat.inference.metadata import find, read_metadata
from tfmat.matgan.recipe import CompositionDataRecipe
from tfmat.matgan.training.data import load_training_data

_PLACES = {"fig4a-validity": "validity", "fig5b-recovery": "recovery"}

made, data, figures = sys.argv[1:]
dataset = CompositionDataset.open(data)
package = read_metadata(find("matgan-plus-icsd-filter"))
if dataset.sha256 != package["dataset"]["sha256"]:
    raise SystemExit(f"{data}: is not what matgan-plus-icsd-filter learned from")
with tempfile.TemporaryDirectory() as temporary:
    folder = Path(temporary)
    load_training_data(CompositionDataRecipe(test_fraction=0.1), dataset, 0).write_formulas(folder)
    found = tfmat.evaluate_compositions(
        made,
        train=folder / "training.csv",
        holdout=folder / "held_out.csv",
        baselines=True,
        number=100_000,
    )
    sys.stdout.write(render(found) + "\n")
    for name, draw in pictures_of(found).items():
        if (place := _PLACES.get(name)) is not None:
            save(draw(folder), folder, name)
            picture = Image.open(folder / f"{name}.png").convert("RGB")
            picture.quantize(64).save(Path(figures) / f"{place}.png", optimize=True)
