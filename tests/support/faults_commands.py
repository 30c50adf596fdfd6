"""Commands with small inputs of their own, to be killed and to find the disk full."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from faults import Command, Machine, Tally, hidden

MODULES = [
    "ase.calculators.emt",
    "ase.optimize",
    "numpy",
    "onnxruntime",
    "pandas",
    "pyarrow.csv",
    "pymatgen.analysis.structure_matcher",
    "smact",
    "tfmat.cli.main",
    "tfmat.cli.data",
    "tfmat.cli.generate_structures",
    "tfmat.cli.evaluate_structures",
    "tfmat.cli.generate_formulas",
    "tfmat.evaluation.novelty.evaluate",
    "tfmat.datasets.importing",
    "tfmat.datasets.splits.write",
    "tfmat.ccdcgan.results",
    "tfmat.matgan.generating.results",
    "tfmat.relaxation.relax_source",
]


def write_structures(file: Path, seed: int, count: int = 6) -> None:
    """Writes copper-gold cells as extended XYZ, a bad one among them."""
    random = np.random.default_rng(seed)
    places = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    lines = []
    for number in range(count):
        edge = 3.7 + 0.05 * number
        lattice = f"{edge} 0 0 0 {edge} 0 0 0 {edge}"
        lines += ["4", f'Lattice="{lattice}" Properties=species:S:1:pos:R:3 id=s{seed}-{number}']
        for index, position in enumerate(places * edge + random.normal(0, 0.05, (4, 3))):
            symbol = "Au" if index < number % 4 else "Cu"
            lines.append(" ".join([symbol, *(f"{value:.6f}" for value in position)]))
    lines += ["1", 'Lattice="a"', "Cu 0 0 0"]
    file.write_text("\n".join(lines) + "\n")


# Name to words, with {0} for 1 or 2 where old and new differ, and to what is written.
COMMANDS = {
    "import": ("data import structures{0}.extxyz --out import", ["import"]),
    "formulas": ("data import formulas{0}.csv --kind compositions --out formulas", ["formulas"]),
    "enumerate": (
        "data enumerate --n-elements 2 --max-count 2 --sample 50 --seed {0} --out enumerated.csv",
        ["enumerated.csv"],
    ),
    "split": ("data split data --seed {0} --test-fraction 0.4 --out split --overwrite", ["split"]),
    "structures": (
        "generate ccdcgan --model ccdcgan-bi-se --number 3 --seed {0} --threads 1 "
        "--out generated --overwrite",
        ["generated"],
    ),
    "matgan": (
        "generate matgan --model matgan-plus-oqmd --number 300 --seed {0} --threads 1 "
        "--out generated.csv --overwrite",
        ["generated.csv", "generated.csv.json"],
    ),
    "judge": ("evaluate structures structures{0}.extxyz --out judged --overwrite", ["judged"]),
    "relax": (
        "relax structures{0}.extxyz --potential emt --limit 2 --steps 0 --cache cache "
        "--out relaxed --overwrite",
        ["relaxed"],
    ),
}


def command_of(machine: Machine, name: str) -> Command:
    """Returns one of the commands; what it replaces, where it does, was made before."""
    words, outputs = COMMANDS[name]
    old = words.format(1).split() if words.endswith("--overwrite") else None
    return Command(machine, old, words.format(2).split(), outputs)


def judge_killed(command: Command, tally: Tally, where: str) -> None:
    """Counts what a killed command has left, and what the next one makes of it."""
    tally.cases += 1
    left = command.state()
    tables = {key: left[key] for key in left if not key.startswith(command.beside)}
    whole = tables in (command.old_but(command.beside), command.new_but(command.beside))
    tally.expect(whole, "lost", f"{where}: {left}")
    # The summary beside a table may be out of sight, but is never that of another table.
    summary = {key: left[key] for key in left if key not in tables}
    tally.expect(not summary or left in (command.old, command.new), "mixed", f"{where}: {left}")
    if not command.overwrites and left == command.new:
        outcome = command.machine.run(command.words)
        # It refuses to replace it, or makes the same again.
        tally.expect(outcome.code in (0, 2), "not refused", f"{where}: {outcome}")
    else:
        if command.overwrites and left:
            words = [word for word in command.words if word != "--overwrite"]
            outcome = command.machine.run(words)
            tally.words(outcome, where)
            tally.expect(outcome.code == 2, "not refused", f"{where}: {outcome}")
            kept = command.state()
            tally.expect(kept in (command.old, command.new), "not mended", f"{where}: {outcome}")
        outcome = command.machine.run(command.words)
        tally.expect(outcome.code == 0, "does not go on", f"{where}: {outcome}")
    tally.words(outcome, where)
    tally.expect(command.state() == command.new, "differs from the unbroken", where)
    left_over = [*hidden(command.root), *command.unknown()]
    tally.expect(not left_over, "temporaries stay", f"{where}: {left_over}")
