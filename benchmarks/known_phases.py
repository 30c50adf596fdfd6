"""Which known phases of a system a model writes again, and after how many structures.

    python benchmarks/known_phases.py RUN --known PHASES --system Bi-Se [--data DATASET]
        [-n 100000] [--seed 1] [--relax chgnet] [--most 100] [--figures DIR]
    python benchmarks/known_phases.py --left-out BiSe3=RUN [--left-out Bi2Se3=RUN ...]
        --known PHASES --system Bi-Se [-n 1000]

PHASES is a dataset with the known phases of the system, as the Materials Project is; where
it has the property ``icsd``, only those known from experiment count::

    tfmat data import mp_le20.extxyz.gz --property icsd --max-atoms 20 --out mp

The first form is paper 004's study of 100,000 structures (11 of 15 phases regenerated), the second
its four trainings without a composition, all of which were regenerated. ``RUN`` was then trained
with ``--set data.split=leave-out --set data.leave_out=BiSe3``, and is asked for cells of the
phases of that formula: what a writer draws by itself has compositions that it has seen.

Of each phase is printed whether DATASET has it (what was trained on: then finding it again is no
discovery), and the first structure that matches it (StructureMatcher as in
``tfmat.crystals.matching``), with the root mean square distance of its atoms. The paper looks after
relaxing: with ``--relax`` that structure is relaxed and looked at again, since what matches as made
may come to rest elsewhere; where it does, or none matches, so are the ``--most`` structures of
lowest predicted energy with the phase's cell.

``--figures`` writes Figs. 3c to g: predicted energy against composition of all that was made, with
the phases, and each phase that came back beside the known one.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

import tfmat
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import PARTS, generate
from tfmat.ccdcgan.request import StructureRequest
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import match_rms, matchers
from tfmat.crystals.writing import reduced_formula
from tfmat.datasets.store import Dataset
from tfmat.figures.crystal_grid import crystals
from tfmat.figures.style import BLACK, GENERATED, ORANGE, figure_of, save, styled
from tfmat.inference.package import load

ENERGY = "formation_energy_per_atom"
Phases = dict[str, Crystal]


@dataclass
class Search:
    """What looking for phases has found.

    Args:
        phases: The phases, by name.
        made: All structures that were written.
        energies: Their predicted formation energies, eV/atom (NaN without a constraint).
        begun: Crystals begun.
        found: How each phase that came back was found.
        alike: The structure that is this phase, relaxed where that is asked for.
    """

    phases: Phases
    made: list[Crystal] = field(default_factory=list)
    energies: list[float] = field(default_factory=list)
    begun: int = 0
    found: dict[str, str] = field(default_factory=dict)
    alike: dict[str, Crystal] = field(default_factory=dict)

    def __str__(self) -> str:
        """Returns a line that counts, and one for each phase."""
        lines = [
            f"{len(self.alike)} of {len(self.phases)} phases, "
            f"{len(self.made):,} structures of {self.begun:,} begun"
        ]
        lines += [
            f"  {name} {reduced_formula(crystal)} ({len(crystal)} atoms): "
            f"{self.found.get(name, 'not found')}"
            for name, crystal in self.phases.items()
        ]
        return "\n".join(lines)


def search(
    codec: Codec, phases: Phases, request: StructureRequest, count: int, seed: int, *, stop: bool
) -> Search:
    """Generates, and looks for each phase among what is made.

    Args:
        codec: The model.
        phases: What to look for.
        request: What it shall write.
        count: Crystals to begin.
        seed: Seed of the noise.
        stop: End when all are found.
    """
    judges, result = matchers(), Search(phases)
    waiting: dict[str, dict[str, Crystal]] = defaultdict(dict)
    for name, crystal in phases.items():
        waiting[reduced_formula(crystal)][name] = crystal
    for one in generate(codec, count, seed, request=request):
        result.begun += 1
        if one.crystal is None:
            continue
        result.made.append(one.crystal)
        result.energies.append(one.properties.get(ENERGY, np.nan))
        same = waiting[reduced_formula(one.crystal)]
        for name, crystal in list(same.items()):
            distance = match_rms(crystal, one.crystal, judges)
            if distance is not None:
                result.found[name] = f"after {result.begun:,} ({distance:.3f} Å)"
                result.alike[name] = one.crystal
                del same[name]
        if stop and not any(waiting.values()):
            break
    return result


def relax_and_look(result: Search, potential: str, most: int) -> None:
    """Relaxes what matches a phase, or has its cell, lowest energies first, and looks again."""
    judges = matchers()
    contents = [tuple(np.sort(crystal.numbers).tolist()) for crystal in result.made]
    for name, phase in result.phases.items():
        wanted = tuple(np.sort(phase.numbers).tolist())
        rows = np.array([row for row, one in enumerate(contents) if one == wanted], dtype=int)
        rows = rows[np.argsort(np.array(result.energies)[rows], kind="stable")[:most]]
        tried = [("it is relaxed", [result.alike[name]])] if name in result.found else []
        tried.append((f"the {len(rows)} lowest of its cell are", [result.made[i] for i in rows]))
        for how, crystals_tried in tried:
            if not crystals_tried:
                continue
            relaxed = tfmat.relax(crystals_tried, potential=potential)
            found = [Crystal.from_structure(one) for one in relaxed]
            fits = ((match_rms(phase, one, judges), one) for one in found)
            distance, crystal = next((fit for fit in fits if fit[0] is not None), (None, None))
            if distance is not None and crystal is not None:
                before = f"{result.found[name]}; " if name in result.found else ""
                result.found[name] = f"{before}when {how}: {distance:.3f} Å"
                result.alike[name] = crystal
                break
        else:
            if result.alike.pop(name, None) is not None:
                result.found[name] += "; not when relaxed"


def phases_of(known: Dataset, system: str) -> dict[str, Crystal]:
    """Returns the phases of a system: those of experiment, where the dataset says which."""
    wanted = sorted(atomic_numbers[symbol] for symbol in system.split("-"))
    real = np.array(known.property("icsd")) == 1 if "icsd" in known.properties else None
    return {
        known.ids[row]: crystal
        for row, crystal in enumerate(known)
        if np.unique(crystal.numbers).tolist() == wanted and (real is None or real[row])
    }


def in_dataset(phases: Phases, dataset: Dataset) -> list[str]:
    """Returns the names of the phases that a dataset has."""
    judges, same = matchers(), defaultdict(list)
    for crystal in dataset:
        same[reduced_formula(crystal)].append(crystal)
    return [
        name
        for name, phase in phases.items()
        if any(
            match_rms(phase, crystal, judges) is not None
            for crystal in same[reduced_formula(phase)]
        )
    ]


def conventional(crystal: Crystal) -> Crystal:
    """Returns the conventional cell of its space group (0.1 Å), to be looked at."""
    analysis = SpacegroupAnalyzer(crystal.to_structure(), symprec=0.1)
    return Crystal.from_structure(analysis.get_conventional_standard_structure())


def draw_phases(folder: Path, result: Search, name: str) -> None:
    """Draws each phase that came back beside the known one (Figs. 3c to g)."""
    shown: list[Crystal] = []
    labels: list[str] = []
    for phase, alike in result.alike.items():
        shown += [conventional(result.phases[phase]), conventional(alike)]
        formula = reduced_formula(result.phases[phase])
        labels += [f"{formula}, known", f"{formula}, written"]
    if shown:
        folder.mkdir(parents=True, exist_ok=True)
        with styled():
            save(crystals(shown, 4, labels=labels), folder, name)


def draw_energies(folder: Path, result: Search, known: Dataset, system: str) -> None:
    """Draws predicted energy against composition of all that was made, with the known phases."""
    heavy = atomic_numbers[system.split("-")[1]]
    energies = np.array(known.property(ENERGY))
    row_of = {name: row for row, name in enumerate(known.ids)}
    with styled():
        figure, (axes,) = figure_of(6, 4)
        shares = [np.mean(crystal.numbers == heavy) for crystal in result.made]
        axes.plot(shares, result.energies, ".", ms=2, color=GENERATED, alpha=0.3, rasterized=True)
        for label, colour, names in (
            ("known, written again", ORANGE, list(result.alike)),
            (
                "known, not written",
                BLACK,
                [one for one in result.phases if one not in result.alike],
            ),
        ):
            places = [np.mean(result.phases[name].numbers == heavy) for name in names]
            axes.plot(
                places, [energies[row_of[name]] for name in names], "^", color=colour, label=label
            )
        axes.set_ylim(top=min(1.0, float(np.nanmax(result.energies))))
        axes.set_xlabel(f"share of {system.split('-')[1]}")
        axes.set_ylabel("formation energy (eV/atom)")
        axes.legend()
        folder.mkdir(parents=True, exist_ok=True)
        save(figure, folder, "fig3c-energies")


def main() -> None:
    """Prints what came back."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?")
    parser.add_argument("--known", required=True)
    parser.add_argument("--system", default="Bi-Se")
    parser.add_argument("--data")
    parser.add_argument("--left-out", action="append", default=[], metavar="FORMULA=RUN")
    parser.add_argument("-n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--relax", metavar="POTENTIAL")
    parser.add_argument("--most", type=int, default=100)
    parser.add_argument("--figures", type=Path)
    options = parser.parse_args()
    known = Dataset.open(options.known)
    phases = phases_of(known, options.system)
    if options.run:
        codec = Codec.from_package(load(options.run, threads=1, parts=PARTS))
        most = codec.recipe.data.max_atoms
        small = {name: one for name, one in phases.items() if len(one) <= most}
        if options.data:
            print("in the data:", ", ".join(in_dataset(small, Dataset.open(options.data))))
        request = StructureRequest(max_atoms=most)
        result = search(codec, small, request, options.n, options.seed, stop=not options.figures)
        if options.relax:
            relax_and_look(result, options.relax, options.most)
        print(result, flush=True)
        if options.figures:
            draw_phases(options.figures, result, "fig3c-phases")
            draw_energies(options.figures, result, known, options.system)
    again = Search({})
    for word in options.left_out:
        formula, _, run = word.partition("=")
        codec = Codec.from_package(load(run, threads=1, parts=PARTS))
        for name, crystal in phases.items():
            if reduced_formula(crystal) != formula or len(crystal) > codec.recipe.data.max_atoms:
                continue
            symbols = crystal.to_structure().composition.get_el_amt_dict()
            cell = tuple((symbol, round(count)) for symbol, count in symbols.items())
            request = StructureRequest(max_atoms=codec.recipe.data.max_atoms, formula=cell)
            print(f"without {formula}, asked for cells of {name}:", end=" ")
            result = search(codec, {name: crystal}, request, options.n, options.seed, stop=True)
            if options.relax:
                relax_and_look(result, options.relax, options.most)
            print(result, flush=True)
            again.phases[name] = crystal
            again.alike.update(result.alike)
    if options.figures:
        draw_phases(options.figures, again, "fig3d-g-left-out")


if __name__ == "__main__":
    main()
