"""Draws one structure as voxels and as a crystal graph: ``voxels.png``, ``crystal-graph.png``.

Made by::

    python docs/pictures/draw_concepts.py docs/pictures
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import tfmat
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.ccdcgan.voxels.lattice import encode_lattice
from tfmat.ccdcgan.voxels.sites import encode_sites

folder = Path(sys.argv[1])
model = tfmat.load("ccdcgan-bi-se-compact")
data = tfmat.load_dataset("bi-se")
spec = model.codec.recipe.voxels
# A cell of six to eight atoms with the lowest formation energy.
energies = data.property("formation_energy_per_atom")
index = next(int(i) for i in energies.argsort() if 6 <= len(data[int(i)]) <= 8)
crystal = canonicalise(data[index])

figure, panels = plt.subplots(1, 3, figsize=(8.4, 3), layout="constrained")
sites = encode_sites(crystal, (83, 34), spec)
for axes, voxel, name in zip(panels, sites, ("Bi", "Se"), strict=False):
    axes.imshow(voxel.sum(axis=2).T, origin="lower", cmap="magma", extent=(0, spec.box) * 2)
    axes.set(title=f"sites voxel of {name}", xlabel="x (Å)", ylabel="y (Å)")
lattice = encode_lattice(crystal.lattice, spec)
panels[2].imshow(lattice.sum(axis=2).T, origin="lower", cmap="magma", extent=(-0.5, 0.5) * 2)
panels[2].set(title="lattice voxel", xlabel="a (fractional)", ylabel="b (fractional)")
figure.savefig(folder / "voxels.png", dpi=110)

(graph,) = np.asarray(model.encode([crystal.to_structure()]))
figure, axes = plt.subplots(figsize=(4.6, 3.9), layout="constrained")
shown = axes.imshow(graph.reshape(28, 28), cmap="RdBu", vmin=-1, vmax=1)
figure.colorbar(shown, label="latent number")
axes.set(xlabel="column", ylabel="row")
box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "none"}
for row, words in ((2.2, "cell: 0 to 24"), (10.5, "Bi: 200 to 399"), (17.7, "Se: 400 to 599")):
    axes.text(13.5, row, words, ha="center", va="center", bbox=box)
figure.savefig(folder / "crystal-graph.png", dpi=110)
