"""Own structures, end to end: import them, train on them, generate new ones.

    python examples/own_data.py

Needs `pip install '.[train]'` in a clone (docs/installing.md). The data are made here, so that the
script runs anywhere: copper-gold alloys, strained at random, with the formation energies of a toy
potential. Put a table of your own in their place. The training is far too short to learn much;
leave out the `steps` for a real one. All is written into a new folder `own`.
"""

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from pymatgen.core import Lattice, Structure

import tfmat

out = Path("own")
out.mkdir()


def command(*words: object) -> None:
    """Runs a command of tfmat."""
    call = "from tfmat.cli.main import main; main()"
    subprocess.run([sys.executable, "-c", call, *map(str, words)], check=True)


# 1. Structures and energies: here face-centred cubic cells, strained by up to 4%.
random = np.random.default_rng(1)
corners = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
structures = []
for number in range(40):
    gold = number % 5
    edge = 3.6 + 0.12 * gold  # Å
    cell = Lattice(edge * (np.eye(3) + random.uniform(-0.04, 0.04, (3, 3))))
    structure = Structure(cell, ["Au"] * gold + ["Cu"] * (4 - gold), corners)
    structure.properties["id"] = f"alloy-{number}"
    structures.append(structure)
labelled = tfmat.relax(structures, potential="emt", steps=0)
with (out / "alloys.csv").open("w", newline="", encoding="utf-8") as stream:
    table = csv.writer(stream)
    table.writerow(["id", "cif", "formation_energy_per_atom"])
    for alloy in labelled:
        energy = alloy.properties["formation_energy_per_atom"]
        table.writerow([alloy.properties["id"], alloy.to(fmt="cif"), energy])

# 2. A dataset.
command("data", "import", out / "alloys.csv", "--out", out / "data")
data = tfmat.load_dataset(out / "data")
energies = data.property("formation_energy_per_atom")
print(f"{len(data)} structures, {energies.min():.2f} to {energies.max():.2f} eV/atom")
found = tfmat.evaluate_reconstruction(data)
print(f"{found['reproduced']} of {found['structures']} come back from their voxels")

# 3. A training.
short = [
    f"--set={network}.steps={steps}"
    for network, steps in (
        ("lattice_autoencoder", 100),
        ("sites_autoencoder", 60),
        ("constraint", 50),
        ("gan", 100),
    )
]
command("train", "ccdcgan", "--data", out / "data", "--out", out / "run", *short)

# 4. New structures.
model = tfmat.load(out / "run")
new = model.generate(20, seed=1)
print(f"{len(new)} structures of 20 crystal graphs of {model}")
for reason, count in Counter(new.failed.values()).most_common():
    print(f"  {count} without: {reason}")
for alloy in new[:5]:
    predicted = alloy.properties["predicted_formation_energy_per_atom"]
    print(f"{alloy.properties['id']} {alloy.reduced_formula}: {predicted:.2f} eV/atom predicted")
