"""Energies of the elements: computes the table that ships, and compares it with one there is.

    python benchmarks/element_references.py --out references-chgnet.json --workers 2
    python benchmarks/element_references.py --elements Bi,Se,O --out few.json

Relaxes the ground state of every element that the potential has learned, writes the table in the
form of `tfmat/relaxation/references-*.json`, and prints each element with its difference from the
table that ships. An element that the potential binds in no structure is left out and named.
A computation that was interrupted goes on from where it was.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from ase.data import atomic_numbers, chemical_symbols

from tfmat.relaxation.potentials.reference_table import Reference, known_references, save_references
from tfmat.relaxation.potentials.registry import find_potential
from tfmat.relaxation.relax_source import reference_rows
from tfmat.work.chunks import run_chunks


def main() -> int:
    """Parses the words, relaxes the elements, writes and compares the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--potential", default="chgnet", help="a word of tfmat relax --potential")
    parser.add_argument("--elements", help="symbols with commas; all that it knows by default")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, required=True, help="table to write")
    options = parser.parse_args()
    potential = find_potential(options.potential)
    calculator = potential.factory()
    numbers = sorted(potential.elements)
    if options.elements:
        numbers = [atomic_numbers[symbol] for symbol in options.elements.split(",")]
    work = options.out.with_name(options.out.name + ".work")
    rows = run_chunks(
        work,
        numbers,
        reference_rows,
        potential.factory,
        size=1,
        workers=options.workers,
        description="relaxing the elements",
    )
    found: dict[str, Reference] = {}
    for number, row in zip(numbers, rows, strict=True):
        if "reason" in row:
            print(f"{chemical_symbols[number]:>3}  {row['reason']}")
        else:
            found[chemical_symbols[number]] = Reference(row["prototype"], row["energy_per_atom"])
    options.out.unlink(missing_ok=True)
    save_references(options.out, calculator, found, calculator.weights_sha256)
    shutil.rmtree(work)
    _compare(found, known_references(calculator))
    return 0


def _compare(found: dict[str, Reference], shipped: dict[str, Reference]) -> None:
    largest = 0.0
    print(f"{'':>3}  {'prototype':20} {'eV/atom':>10} {'shipped':>10} {'meV/atom':>9}")
    for symbol, entry in found.items():
        line = f"{symbol:>3}  {entry.prototype:20} {entry.energy:10.5f}"
        if symbol in shipped:
            difference = 1000 * (entry.energy - shipped[symbol].energy)
            largest = max(largest, abs(difference))
            line += f" {shipped[symbol].energy:10.5f} {difference:9.2f}"
            if entry.prototype != shipped[symbol].prototype:
                line += f"  shipped: {shipped[symbol].prototype}"
        print(line)
    print(f"{len(found)} elements; largest difference from the table that ships: {largest:.2f} meV")


if __name__ == "__main__":
    raise SystemExit(main())
