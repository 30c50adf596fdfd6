"""The counts of paper 004: DCGAN, DCGAN + constraint and CCDCGAN beside the database.

    python benchmarks/paper_004.py --data DATASET --model dcgan=RUN [--model dcgan=RUN2 ...]
        --model ccdcgan=RUN [...] [-n 13000] [--seed 1] [--screen 0.3] [--potential chgnet]
        [--most 3000] [--figures DIR [--encoders PACKAGE]]

Of each model ``-n`` are begun, all that become structures (``--most`` of them at most, the first)
are relaxed by the potential, and printed is what the paper counts of 13,000 crystal graphs:
structures, below 0 eV/atom, stable (at most 0.1 eV/atom above the hull) and metastable (0.15),
those that are distinct (after relaxing neither in DATASET nor like an earlier one), and how many of
these are stable and metastable. Models of one name are seeds of one training: the table then
has their mean and its standard error. For a model with a constraint there is a second row, ``NAME +
constraint``: those that it predicts at most ``--screen`` eV/atom above the elements, as made. The
hull is that of DATASET and the elements, on the scale of the potential.

``--figures`` writes Figs. 2b and 3b: formation energy against composition of DATASET and of what
the first model of each name has made. With ``--encoders`` also Fig. 2c: the crystal graphs of both,
as PACKAGE encodes them, along their first two principal axes, coloured by formation energy.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from pymatgen.core import Structure

import tfmat
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import PARTS, generate
from tfmat.ccdcgan.request import StructureRequest
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.select import passes
from tfmat.datasets.sources import Entry, source_of
from tfmat.datasets.store import Dataset
from tfmat.evaluation.novelty.count import judge
from tfmat.evaluation.novelty.index import NoveltyIndex
from tfmat.inference.package import load

ENERGY = "formation_energy_per_atom"
# Paper 004, Results: of 13,000 crystal graphs each.
PAPER = {
    "database": (9810, 4588, 155, 707, None, None, None, None),
    "dcgan": (2832, 2548, 58, 1233, 476, 15, 73, -0.08),
    "dcgan + constraint": (2148, 2037, 36, 1145, 247, 12, 67, -0.09),
    "ccdcgan": (3743, 3556, 307, 1910, 511, 42, 187, -0.11),
}
COLUMNS = (
    "structures",
    "below 0",
    "stable",
    "metastable",
    "distinct",
    "distinct stable",
    "distinct metastable",
    "mean Ef",
)


def made_by(model: str, count: int, seed: int) -> tuple[list[Crystal], NDArray[np.float64]]:
    """Generates; returns the structures and their predicted energies (NaN without a constraint)."""
    codec = Codec.from_package(load(model, threads=1, parts=PARTS))
    request = StructureRequest(max_atoms=codec.recipe.data.max_atoms)
    found = [one for one in generate(codec, count, seed, request=request) if one.crystal]
    predicted = [one.properties.get(ENERGY, np.nan) for one in found]
    return [one.crystal for one in found if one.crystal is not None], np.array(predicted)


def counted(relaxed: Sequence[Structure], data: str, known: NoveltyIndex) -> dict[str, float]:
    """Counts what the paper counts of relaxed structures."""
    if not relaxed:
        return dict.fromkeys(COLUMNS, 0.0)
    beside = tfmat.hull(relaxed, data)
    crystals = [Crystal.from_structure(one) for one in relaxed]
    entries = [Entry(str(row), one, "") for row, one in enumerate(crystals)]
    found = judge(entries, {"known": known}, distances=False)
    distinct = np.array([bool(one.novel and one.distinct) for one in found])
    return {
        "structures": len(relaxed),
        "below 0": int((beside.formation_energy < 0).sum()),
        "stable": int(beside.stable.sum()),
        "metastable": int(beside.metastable.sum()),
        "distinct": int(distinct.sum()),
        "distinct stable": int((distinct & beside.stable).sum()),
        "distinct metastable": int((distinct & beside.metastable).sum()),
        "mean Ef": float(beside.formation_energy.mean()),
    }


def spoken(values: Sequence[float], column: str) -> str:
    """Returns a mean of seeds with its standard error."""
    form = ".3f" if column == "mean Ef" else ",.0f"
    mean = f"{np.mean(values):{form}}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {np.std(values, ddof=1) / np.sqrt(len(values)):{form}}"


def draw(folder: Path, data: str, groups: dict[str, Sequence[Structure]]) -> None:
    """Draws formation energy against composition (Figs. 2b and 3b), a panel for each model."""
    from tfmat.evaluation.hull.entries import read_entries
    from tfmat.figures.style import DATA, GENERATED, figure_of, save, styled

    energies = source_of(next(iter(groups.values()))).energies
    # The database's own energies by the potential that relaxed the others.
    entries = read_entries(data, scales=[None if energies is None else energies["scale"]])
    system = max(
        (key for key in entries.systems if len(key) == 2), key=lambda key: len(entries.within(key))
    )
    rows, symbol = entries.within(system), chemical_symbols[system[1]]
    shares = entries.shares(rows, system)[:, 1]
    with styled():
        figure, panels = figure_of(4.2 * len(groups), 3.8, len(groups))
        for axes, (name, structures) in zip(panels, groups.items(), strict=True):
            own = [one.composition.get_atomic_fraction(symbol) for one in structures]
            found = [one.properties[ENERGY] for one in structures]
            known = entries.energies[rows]
            axes.plot(shares, known, ".", ms=5, color=DATA, label=f"database ({len(rows):,})")
            axes.plot(own, found, ".", ms=2, color=GENERATED, label=f"{name} ({len(own):,})")
            axes.set_xlabel(f"share of {symbol}")
            axes.legend(loc="upper center")
            axes.sharey(panels[0])
        panels[0].set_ylabel("formation energy (eV/atom)")
        folder.mkdir(parents=True, exist_ok=True)
        save(figure, folder, "fig2b-fig3b-energies")


def map_graphs(
    folder: Path, encoders: str, dataset: Dataset, groups: dict[str, Sequence[Structure]]
) -> None:
    """Draws the database and what was made in the space of crystal graphs (Fig. 2c)."""
    from tfmat.figures.style import figure_of, save, styled

    model = tfmat.load(encoders)
    known = np.flatnonzero(np.isfinite(np.asarray(dataset.property(ENERGY))))
    chosen = [int(row) for row in known if passes(dataset[int(row)])]
    graphs = model.encode([dataset[row] for row in chosen])
    flat = graphs.reshape(len(graphs), -1)
    centre = flat.mean(0)
    axes_of = np.linalg.svd(flat - centre, full_matrices=False)[2][:2]
    energies = np.asarray(dataset.property(ENERGY))[chosen]
    low, high = np.quantile(energies, [0.02, 0.98])
    panels = {"database": ((flat - centre) @ axes_of.T, energies)}
    for name, structures in groups.items():
        fitting = [one for one in structures if passes(Crystal.from_structure(one))]
        found = model.encode(fitting).reshape(len(fitting), -1)
        shades = np.array([one.properties[ENERGY] for one in fitting])
        panels[name] = ((found - centre) @ axes_of.T, shades)
    with styled():
        figure, axes_row = figure_of(3.8 * len(panels), 3.8, len(panels))
        for axes, (name, (places, shades)) in zip(axes_row, panels.items(), strict=True):
            axes.plot(*panels["database"][0].T, ".", ms=2, color="0.85")
            # The lowest last, so that none lies under a higher one.
            order = np.argsort(-shades)
            colours = {"vmin": low, "vmax": high, "cmap": "viridis"}
            points = axes.scatter(*places[order].T, c=shades[order], s=4, lw=0, zorder=3, **colours)
            axes.set_title(f"{name} ({len(shades):,})")
            axes.set_xlabel("first principal axis")
            axes.sharex(axes_row[0])
            axes.sharey(axes_row[0])
        axes_row[0].set_ylabel("second")
        figure.colorbar(points, ax=axes_row, label="formation energy (eV/atom)")
        folder.mkdir(parents=True, exist_ok=True)
        save(figure, folder, "fig2c-crystal-graphs")


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", action="append", required=True, metavar="NAME=RUN")
    parser.add_argument("-n", type=int, default=13_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--screen", type=float, default=0.3)
    parser.add_argument("--potential", default="chgnet")
    parser.add_argument("--most", type=int)
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--encoders")
    options = parser.parse_args()
    dataset = Dataset.open(options.data)
    known = NoveltyIndex(list(dataset), list(dataset.ids))
    table: dict[str, list[dict[str, float]]] = defaultdict(list)
    drawn: dict[str, Sequence[Structure]] = {}
    for word in options.model:
        name, _, model = word.partition("=")
        crystals, predicted = made_by(model, options.n, options.seed)
        first = crystals[: options.most]
        relaxed = tfmat.relax(first, potential=options.potential)
        rows = np.array([int(one.properties["id"].rpartition("-")[2]) for one in relaxed], int)
        print(
            f"{name} ({model}): {len(crystals):,} structures of {options.n:,} begun, "
            f"{len(first):,} relaxed, {len(first) - len(relaxed):,} failed",
            flush=True,
        )
        table[name].append(counted(relaxed, options.data, known))
        drawn.setdefault(name, relaxed)
        if np.isfinite(predicted).any():
            kept = [
                one
                for one, row in zip(relaxed, rows, strict=True)
                if predicted[row] <= options.screen
            ]
            table[f"{name} + constraint"].append(counted(kept, options.data, known))
    print("| | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for name, seeds in table.items():
        cells = [spoken([seed[column] for seed in seeds], column) for column in COLUMNS]
        print(f"| {name} | " + " | ".join(cells) + " |")
    for name, row in PAPER.items():
        cells = ["" if cell is None else f"{cell:,}" for cell in row]
        print(f"| paper 004: {name} | " + " | ".join(cells) + " |")
    if options.figures:
        draw(options.figures, options.data, drawn)
        if options.encoders:
            map_graphs(options.figures, options.encoders, dataset, drawn)


if __name__ == "__main__":
    main()
