"""Draws crystals before and after relaxation: ``pictures/crystals.png``.

tfmat generate ccdcgan -n 100
tfmat relax generated-ccdcgan --out relaxed
python docs/pictures/draw_crystals.py generated-ccdcgan relaxed docs/pictures/crystals.png
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
from ase import Atoms
from ase.data import covalent_radii
from ase.io import read
from ase.visualize.plot import plot_atoms

from tfmat.datasets.store import Dataset

generated, relaxed, picture = map(Path, sys.argv[1:])
COLOURS = {"Bi": "#9673b9", "Se": "#f0a030"}
COLUMNS = 4


def show(axes: plt.Axes, cell: Atoms) -> None:
    """Draws one cell, seen a little from above, with its neighbours' halves cut away."""
    view = cell.copy()
    view.wrap()
    plot_atoms(
        view,
        axes,
        radii=[0.55 * covalent_radii[atom.number] for atom in view],
        colors=[COLOURS[atom.symbol] for atom in view],
        rotation="-78x,-18y,4z",
    )
    axes.set_axis_off()


# The lowest of each formula, as long as it has at least six atoms; the lowest formulas first.
data = Dataset.open(relaxed)
energies = data.property("formation_energy_per_atom")
chosen: dict[str, str] = {}
for index in energies.argsort():
    structure = data[int(index)].to_structure()
    if len(structure) >= 6:
        chosen.setdefault(structure.reduced_formula, data.ids[int(index)])
names = list(chosen.values())[:COLUMNS]

figure, grid = plt.subplots(2, COLUMNS, figsize=(9, 4.6), layout="constrained")
for row, folder in zip(grid, (generated, relaxed), strict=True):
    for axes, name in zip(row, names, strict=True):
        show(axes, read(folder / "cif" / f"{name}.cif"))
for axes, formula in zip(grid[0], chosen, strict=False):
    digits = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    axes.set_title(formula.translate(digits))
for axes, words in zip(grid[:, 0], ("as generated", "relaxed (CHGNet)"), strict=True):
    axes.text(-0.08, 0.5, words, transform=axes.transAxes, rotation=90, va="center", ha="right")
figure.savefig(picture, dpi=130)
