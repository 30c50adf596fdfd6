"""Draws crystals before and after relaxation: ``pictures/crystals.png``.

tfmat generate ccdcgan -n 100
tfmat relax generated-ccdcgan --out relaxed
python docs/pictures/draw_crystals.py generated-ccdcgan relaxed docs/pictures/crystals.png
"""

import csv
import sys
from pathlib import Path

from pymatgen.core import Structure

import tfmat

generated, relaxed, picture = map(Path, sys.argv[1:])
COLUMNS = 4

with (relaxed / "relaxation.csv").open(encoding="utf-8", newline="") as file:
    rows = [row for row in csv.DictReader(file) if row["status"] == "converged"]
# The lowest of each formula, as long as it has at least six atoms; the lowest formulas first.
rows.sort(key=lambda row: float(row["formation_energy_per_atom"]))
lowest: dict[str, dict[str, str]] = {}
for row in rows:
    if int(row["atoms"]) >= 6:
        lowest.setdefault(row["formula"], row)
chosen = list(lowest.values())[:COLUMNS]

before = [Structure.from_file(generated / "cif" / f"{row['id']}.cif") for row in chosen]
after = [Structure.from_file(relaxed / row["cif"]) for row in chosen]
labels = [row["formula"] for row in chosen] + [f"{row['formula']}, relaxed" for row in chosen]
figure = tfmat.figures.crystals([*before, *after], COLUMNS, labels=labels)
figure.savefig(picture, dpi=130, metadata={"Software": None})
