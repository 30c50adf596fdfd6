"""Reads a folder of CIFs with tfmat, pymatgen and gemmi, and lists every difference.

    python benchmarks/read_cifs.py FOLDER [--json FILE]

Each data block with atom sites is handed to the three as a text of its own, one after the other in
one process. Compared are the verdict (read or refused), the elements with their numbers, and the
places of all atoms in the cell as it stands (0.2 Å, periodic). gemmi reads only the asymmetric unit
and knows no verdicts: its structure is expanded by its own operations, and one with an occupancy
other than 1 counts as refused.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
from gemmi import cif

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.writing import reduced_formula
from tfmat.datasets.readers.cif.structure import crystals_of_cif
from tfmat.errors import InputError

_NEAR = 0.2
_ENDINGS = (".cif", ".mcif", ".cif.gz")


def by_tfmat(text: str) -> Crystal | str:
    """Reads the first structure with tfmat; the reason where there is none."""
    (found,) = [crystal for _, crystal in crystals_of_cif(text)][:1]
    return found


def by_pymatgen(text: str) -> Crystal | str:
    """Reads the first structure with pymatgen, whatever it warns of."""
    from pymatgen.io.cif import CifParser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            structures = CifParser.from_str(text).parse_structures(primitive=False)
            return Crystal.from_structure(structures[0])
        except Exception as error:  # whatever happens inside of it
            return " ".join(str(error).split())[:100] or type(error).__name__


def by_gemmi(text: str) -> Crystal | str:
    """Reads the first structure with gemmi alone."""
    try:
        small = gemmi.make_small_structure_from_block(cif.read_string(text)[0])
        sites = small.get_all_unit_cell_sites()
        if any(site.occ != 1 for site in sites):
            return "disordered"
        vectors = np.array(small.cell.orth.mat.tolist()).T
        places = np.array([site.fract.tolist() for site in sites]).reshape(-1, 3)
        numbers = [site.element.atomic_number for site in sites]
        return Crystal.from_arrays(vectors, places @ vectors, numbers)
    except (ValueError, RuntimeError, InputError, OverflowError) as error:
        return " ".join(str(error).split())[:100]


READERS: dict[str, Callable[[str], Crystal | str]] = {
    "tfmat": by_tfmat,
    "pymatgen": by_pymatgen,
    "gemmi": by_gemmi,
}


def blocks(folder: Path) -> Iterator[tuple[str, str]]:
    """Yields the texts of all data blocks with atom sites, by file and block."""
    for path in sorted(path for path in folder.rglob("*") if path.name.lower().endswith(_ENDINGS)):
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        text = raw.decode("utf-8", "replace")
        where = str(path.relative_to(folder))
        try:
            document = cif.read_string(text)
        except (ValueError, RuntimeError):
            # What gemmi cannot split is judged as a whole.
            yield where, text
            continue
        for block in document:
            if any(
                "atom_site" in tag.lower() for item in block if item.loop for tag in item.loop.tags
            ):
                yield f"{where}:{block.name}", block.as_string()


def same_places(one: Crystal, other: Crystal) -> bool:
    """Says whether two crystals have the same atoms at the same places of the cell."""
    if len(one) != len(other):
        return False
    first = one.positions @ np.linalg.inv(one.lattice)
    second = other.positions @ np.linalg.inv(other.lattice)
    for number in np.unique(one.numbers):
        a, b = first[one.numbers == number], second[other.numbers == number]
        if len(a) != len(b):
            return False
        steps = a[:, None] - b[None]
        steps -= np.round(steps)
        near = np.linalg.norm(steps @ one.lattice, axis=2) < _NEAR
        if not (near.any(axis=0).all() and near.any(axis=1).all()):
            return False
    return True


def shown(result: Crystal | str) -> str:
    """Says what a reader found."""
    if isinstance(result, str):
        return f"refused: {result}"
    return f"{reduced_formula(result)} ({len(result)})"


def verdict(found: dict[str, Crystal | str], other: str) -> str:
    """Names how tfmat and another reader differ."""
    mine, theirs = found["tfmat"], found[other]
    if isinstance(mine, str) or isinstance(theirs, str):
        if isinstance(mine, str) and isinstance(theirs, str):
            return "both refuse"
        return "only tfmat refuses" if isinstance(mine, str) else f"only {other} refuses"
    if Counter(mine.numbers.tolist()) != Counter(theirs.numbers.tolist()):
        return "other composition"
    return "same" if same_places(mine, theirs) else "other places"


def main() -> None:
    """Reads the folder and prints the differences and a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path, help="write every difference there, too")
    options = parser.parse_args()
    seconds: Counter[str] = Counter()
    read: Counter[str] = Counter()
    verdicts: dict[str, Counter[str]] = {"pymatgen": Counter(), "gemmi": Counter()}
    kinds: Counter[str] = Counter()
    differences: list[dict[str, Any]] = []
    total = 0
    for reader in READERS.values():
        # Tables and imports of the first call belong to no file.
        reader("data_a\n_cell_length_a 1\n")
    for where, text in blocks(options.folder):
        total += 1
        found: dict[str, Crystal | str] = {}
        for name, reader in READERS.items():
            start = time.perf_counter()
            found[name] = reader(text)
            seconds[name] += time.perf_counter() - start
            read[name] += not isinstance(found[name], str)
        own = found["tfmat"]
        if isinstance(own, str):
            kinds[own.split(":")[0]] += 1
        differing = {name: verdict(found, name) for name in verdicts}
        for name, word in differing.items():
            verdicts[name][word] += 1
        if not set(differing.values()) <= {"same", "both refuse"}:
            differences.append(
                {"where": where, **differing, **{f"{n} reads": shown(found[n]) for n in READERS}}
            )
    for entry in differences:
        print(entry["where"])
        for name in READERS:
            print(f"    {name:9} {entry.get(name, ''):22} {entry[f'{name} reads']}")
    print(f"\n{total} data blocks, {len(differences)} differences")
    print("| reader | read | refused | ms a block |\n|---|---|---|---|")
    for name in READERS:
        print(
            f"| {name} | {read[name]} | {total - read[name]} | {seconds[name] / total * 1e3:.2f} |"
        )
    for name, counts in verdicts.items():
        print(f"tfmat beside {name}: " + ", ".join(f"{n} {w}" for w, n in counts.most_common()))
    print("refused by tfmat: " + ", ".join(f"{n} {w}" for w, n in kinds.most_common()))
    if options.json is not None:
        options.json.write_text(json.dumps(differences, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
