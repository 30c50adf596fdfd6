"""After how many structures the known crystals of a system come back.

    python benchmarks/rediscovery.py MODEL [MODEL ...] --data DATASET --system Co-Hf [-n 1000]
        [--seed 1] [--seeds 3] [--source pool] [--choose-by constraint] [--hypothetical AUGMENTED]

MODEL is a run or package with sources, DATASET what is known, as it was trained on. For every
crystal of DATASET with just these elements it prints whether it is one of the model's prototypes
(else its formula was held out, or left out by the selection), with how many of the seeds a
structure came that matches it (pymatgen's StructureMatcher as in ``tfmat.crystals.matching``), and
after how many compositions, the mean of these seeds and its standard error. A prototype that comes
back is no discovery: only what is none tells something.

``--hypothetical AUGMENTED`` asks each model a second time, with the structures that ``tfmat data
augment`` has added to DATASET among its prototypes: the study of paper 002, which found CoHf2, CoHf
and Co2Hf after 2,743 structures, and after 714 with hypothetical ones::

    tfmat data augment mp --system Co-Hf --prototypes aflow --no-relax --out mp-more
    python benchmarks/rediscovery.py ccdcgan-mp --data mp --hypothetical mp-more --seeds 3
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import PARTS, generate
from tfmat.ccdcgan.request import StructureRequest
from tfmat.ccdcgan.sources.add_prototypes import add_prototypes
from tfmat.ccdcgan.sources.generating import Sources
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import match_rms, matchers
from tfmat.crystals.writing import reduced_formula
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.inference.package import load


def returned(
    codec: Codec, known: dict[str, Crystal], request: StructureRequest, count: int, seed: int
) -> tuple[int, dict[str, int], dict[str, str]]:
    """Generates, and looks for known crystals.

    Returns:
        How many structures were made; for each known crystal that came back after how many
        compositions, and from where.
    """
    judges, found, sources, made = matchers(), dict[str, int](), dict[str, str](), 0
    for index, one in enumerate(generate(codec, count, seed, request=request)):
        if one.crystal is None:
            continue
        made += 1
        for name, crystal in known.items():
            if name not in found and match_rms(crystal, one.crystal, judges) is not None:
                found[name] = index + 1
                sources[name] = f"{one.source} of {one.prototype or 'nothing'}"
    return made, found, sources


def with_hypothetical(model: str, augmented: Dataset, known: Dataset, folder: Path) -> Path:
    """Writes a model with hypothetical structures among its prototypes; returns its folder."""
    codec = Codec.from_package(load(model, parts=PARTS))
    own, before = Sources(codec).known.prototypes, set(known.ids)
    volumes = own.volumes()
    with DatasetWriter(folder / "prototypes", {"name": "prototypes"}) as writer:
        for row, name in enumerate(own.ids):
            writer.add(own.crystal(row, own.contents.atoms(row), float(volumes[row])), name, {})
        for name, crystal in zip(augmented.ids, augmented, strict=True):
            if name not in before:
                writer.add(crystal, name, {})
    add_prototypes(codec.package.folder, folder / "model", folder / "prototypes")
    return folder / "model"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--data", required=True)
    parser.add_argument("--system", default="Co-Hf")
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--source", default="pool")
    parser.add_argument("--choose-by", default="constraint")
    parser.add_argument("--hypothetical")
    options = parser.parse_args()
    dataset = Dataset.open(options.data)
    with tempfile.TemporaryDirectory() as place:
        for number, model in enumerate(options.models):
            study(model, model, dataset, options)
            if options.hypothetical:
                augmented, folder = Dataset.open(options.hypothetical), Path(place) / str(number)
                richer = with_hypothetical(model, augmented, dataset, folder)
                study(str(richer), f"{model} with hypothetical structures", dataset, options)


def study(model: str, name: str, dataset: Dataset, options: argparse.Namespace) -> None:
    """Prints the table of one model."""
    symbols = tuple(options.system.split("-"))
    wanted = sorted(atomic_numbers[symbol] for symbol in symbols)
    codec = Codec.from_package(load(model, threads=1, parts=PARTS))
    prototypes = set(Sources(codec).known.prototypes.ids)
    most = codec.recipe.data.max_atoms
    known = {
        dataset.ids[row]: crystal
        for row, crystal in enumerate(dataset)
        if len(crystal) <= most and np.unique(crystal.numbers).tolist() == wanted
    }
    request = StructureRequest(
        0.7,
        max_atoms=most,
        required=symbols,
        allowed=symbols,
        source=options.source,
        choose_by=options.choose_by,
    )
    began = time.process_time()
    seeds = range(options.seed, options.seed + options.seeds)
    runs = [returned(codec, known, request, options.n, seed) for seed in seeds]
    seconds = time.process_time() - began
    print(
        f"{name}: {sum(made for made, *_ in runs)} structures of {options.seeds} x "
        f"{options.n} compositions of {options.system}, {seconds:.0f} s"
    )
    for known_id, crystal in known.items():
        counts = np.array([found[known_id] for _, found, _ in runs if known_id in found])
        kind = "a prototype" if known_id in prototypes else "no prototype"
        line = f"{known_id} {reduced_formula(crystal)} ({len(crystal)} atoms), {kind}: "
        if len(counts):
            origins = {sources[known_id] for _, _, sources in runs if known_id in sources}
            line += f"{len(counts)} of {options.seeds} seeds, after {counts.mean():.0f}"
            if len(counts) > 1:
                line += f"±{counts.std(ddof=1) / np.sqrt(len(counts)):.0f}"
            line += ", " + "; ".join(sorted(origins))
        else:
            line += "not found"
        print(line, flush=True)


if __name__ == "__main__":
    main()
