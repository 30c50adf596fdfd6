"""Draws the pictures of ``docs/figures.md`` that show generated structures: ``figures/*.png``.

tfmat generate ccdcgan -n 200 --figures --out generated
tfmat relax generated --out relaxed
tfmat evaluate structures generated --against bi-se --figures --out judged
python docs/pictures/draw_figures.py generated relaxed judged docs/figures
"""

import csv
import shutil
import sys
from pathlib import Path

from PIL import Image
from pymatgen.core import Structure

import tfmat

generated, relaxed, judged, figures = map(Path, sys.argv[1:])

for folder, name in ((generated, "structures"), (relaxed, "relaxation"), (judged, "distinct")):
    shutil.copyfile(folder / "figures" / f"{name}.png", figures / f"{name}.png")

# The first eight as they come, and the same eight relaxed.
with (relaxed / "relaxation.csv").open(encoding="utf-8", newline="") as file:
    rows = [row for row in csv.DictReader(file) if row["status"] == "converged"][:8]
files = {
    "crystals": [generated / "cif" / f"{row['id']}.cif" for row in rows],
    "crystals-relaxed": [relaxed / row["cif"] for row in rows],
}
for name, paths in files.items():
    structures = [Structure.from_file(path) for path in paths]
    figure = tfmat.figures.crystals(structures, columns=4)
    figure.savefig(figures / f"{name}.png", metadata={"Software": None})

# A palette of 256 colours takes a third of the room.
for name in ("structures", "relaxation", "distinct", *files):
    picture = figures / f"{name}.png"
    Image.open(picture).convert("RGB").quantize(256).save(picture, optimize=True)
