"""How well the sources of crystals do for held-out formulas, each beside the others.

    python benchmarks/sources.py RUN [--part test] [-n 300] [--tries 20] [--relax 60] [--new 300]
        [--choose-by constraint --choose-by chgnet] [--temperature 0.7] [--seed 7] [--threads 1]
        [--package PACKAGE]

RUN is a run of ``mp-writer`` or ``mp-compact``, whose held-out formulas are halved by their names:
settings are chosen on the part ``validation``, figures are those of ``test``. For so many held-out
structures it prints, for the sources prototype and writer, the slot GAN where the run has one, and
for the pool chosen by each judge:
the share of valid crystals at the first try (distances of at least 0.7 of the sums of covalent
radii, volume per atom between 0.6 and 1.67 of the predicted one), and the shares that are the true
structure at the first try and at any of ``--tries`` (pymatgen's StructureMatcher as in
``tfmat.crystals.matching``), by number of atoms. PACKAGE has the same networks and other
prototypes; of these none of a wanted structure's own formula is taken. The nearest prototype alone
needs no network: it is the baseline. ``--new`` asks for so many new compositions from each source:
valid, and valid, unique and new against the training structures. ``--relax`` relaxes so many with
CHGNet: how far the energy falls, beside the true structures.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.from_sources import chooser_of
from tfmat.ccdcgan.generate import PARTS, generate
from tfmat.ccdcgan.request import StructureRequest
from tfmat.ccdcgan.sources.contents import Contents, contents_of
from tfmat.ccdcgan.sources.generating import Sources
from tfmat.ccdcgan.sources.pool import choose
from tfmat.ccdcgan.sources.source import Candidate, Source, Wanted
from tfmat.ccdcgan.sources.stages import held_out, known_crystals
from tfmat.ccdcgan.sources.store import KnownCrystals
from tfmat.crystals.contacts import volume_per_atom
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.many_contacts import shortest_contacts
from tfmat.crystals.matching import match_rms, matchers
from tfmat.datasets.sources import Entry
from tfmat.formulas.compositions import mix
from tfmat.inference.noise import vector_noise
from tfmat.inference.package import load
from tfmat.training.run import Run

SIZES = {"<= 5 atoms": (1, 5), "6-10": (6, 10), "11-20": (11, 20)}


def crystal_of(known: KnownCrystals, row: int) -> Crystal:
    """Returns a known crystal as it is."""
    prototypes = known.prototypes
    volume = float(prototypes.volumes()[row])
    return prototypes.crystal(row, prototypes.contents.atoms(row), volume)


def valid(crystals: Sequence[Crystal | None], volumes: np.ndarray) -> np.ndarray:
    """Tells which crystals are valid."""
    found = np.zeros(len(crystals), bool)
    there = [place for place, one in enumerate(crystals) if one is not None]
    made = [one for one in crystals if one is not None]
    room = np.array([volume_per_atom(one) for one in made]) / volumes[there]
    found[there] = (shortest_contacts(made) >= 0.7 - 1e-4) & (room > 0.6) & (room < 1.67)
    return found


def matched(true: Sequence[Crystal], made: Sequence[Sequence[Candidate]], tries: int) -> np.ndarray:
    """Tells at which try each true structure was made, ``(n, tries)``."""
    judges = matchers()
    found = np.zeros((len(true), tries), bool)
    for row, (crystal, some) in enumerate(zip(true, made, strict=True)):
        for place, candidate in enumerate(some[:tries]):
            found[row, place] = match_rms(crystal, candidate.crystal, judges) is not None
    return found


def share(values: np.ndarray) -> str:
    """Returns a share with its standard error."""
    if not len(values):
        return "  -  "
    mean = float(np.mean(values))
    return f"{mean:.3f}±{np.sqrt(mean * (1 - mean) / len(values)):.3f}"


def line(name: str, values: np.ndarray, sizes: np.ndarray) -> str:
    """Returns a share of all, and by number of atoms."""
    parts = [f"{share(values)} of {len(values)}"]
    for words, (least, most) in SIZES.items():
        chosen = (sizes >= least) & (sizes <= most)
        parts.append(f"{words} {share(values[chosen])}")
    return f"{name}: " + ", ".join(parts)


def falls(crystals: Sequence[Crystal]) -> str:
    """Returns how far energies fall when crystals are relaxed."""
    from tfmat.relaxation.potentials.chgnet import chgnet
    from tfmat.relaxation.relax import relax

    ends = relax(crystals, chgnet(), steps=200, fmax=0.1, cell=True, symmetry=False)
    found = np.array([end.initial_energy - end.energy for end in ends if not end.reason])
    below = np.array([*(found < 0.2), *[False] * (len(ends) - len(found))])
    return (
        f"fall mean {found.mean():.3f}, median {np.median(found):.3f} eV/atom, below 0.2 "
        f"{share(below)}, failed {len(ends) - len(found)}"
    )


def new(codec: Codec, count: int, seed: int, known: KnownCrystals) -> None:
    """Prints what comes of new compositions, source by source."""
    from tfmat.evaluation.novelty.count import judge
    from tfmat.evaluation.novelty.index import NoveltyIndex

    names = known.prototypes.contents.formula_labels()
    needed = {"writer": "prompted_writer", "pool": "prompted_writer", "slot-gan": "slot_generator"}
    for name in ("prototype", "writer", "pool", "slot-gan"):
        if name in needed and needed[name] not in codec.package.parts:
            continue
        request = StructureRequest(0.7, max_atoms=codec.recipe.data.max_atoms, source=name)
        began, used = time.monotonic(), time.process_time()
        results = list(generate(codec, count, seed, request=request))
        seconds = time.monotonic() - began, time.process_time() - used
        made = [one.crystal for one in results if one.crystal is not None]
        entries = [Entry(str(row), one, "") for row, one in enumerate(made)]
        # Only crystals of the same formula can be the same.
        rows = np.flatnonzero(np.isin(names, contents_of(made).formula_labels()))
        training = [crystal_of(known, row) for row in rows]
        index = NoveltyIndex(training, [known.prototypes.ids[row] for row in rows])
        found = judge(entries, {"training": index}, distances=False)
        fresh = sum(one.distinct and one.novel for one in found)
        kinds = {int(number) for one in made for number in one.numbers}
        print(
            f"new compositions, {name}: valid {len(made) / count:.3f}, valid unique new "
            f"{fresh / count:.3f} of {count}, {len(kinds)} elements, {1e3 * seconds[0] / count:.1f}"
            f" ms each ({1e3 * seconds[1] / count:.1f} of processor)",
            flush=True,
        )


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--package", type=Path)
    parser.add_argument("--part", choices=["validation", "test"], default="validation")
    parser.add_argument("-n", type=int, default=300)
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--relax", type=int, default=0)
    parser.add_argument("--new", type=int, default=0)
    parser.add_argument("--choose-by", action="append", default=[])
    parser.add_argument("--temperature", type=float, action="append", default=[])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    package = load(options.package or options.run, threads=options.threads, parts=PARTS)
    codec = Codec.from_package(package)
    pool = codec.recipe.pool
    wide = replace(pool, written=max(options.tries, pool.written))
    codec = replace(codec, recipe=replace(codec.recipe, pool=wide))
    run = Run.open(options.run)
    sources, others = Sources(codec), held_out(run)
    half = (
        mix(others.prototypes.contents.formula_labels().astype(np.uint64)) & np.uint64(1)
    ).astype(bool)
    rows = np.flatnonzero(half == (options.part == "test"))
    rows = np.sort(np.random.default_rng(options.seed).permutation(rows)[: options.n])
    true = [crystal_of(others, row) for row in rows]
    contents: Contents = others.prototypes.contents[rows]
    sizes, volumes = contents.sizes, others.predicted[rows]
    known = sources.known
    labels = known.prototypes.contents.formula_labels()
    count = max(options.tries, pool.prototypes)
    nearest = known.prototypes.nearest(contents, count, contents.formula_labels(), labels)
    length = wide.written * (sources.writer.noise if sources.writer else 0)
    if sources.slot_gan is not None:
        of_slots = vector_noise(options.seed, 0, len(rows), options.tries * sources.slot_gan.noise)
    noise = vector_noise(options.seed, 0, len(rows), length)
    wanted = Wanted(contents, volumes, nearest, noise)
    print(f"{len(rows)} held-out structures of the part {options.part}", flush=True)
    made: dict[str, list[list[Candidate]]] = {}
    asked: list[tuple[str, Source, float]] = [("prototype", sources.prototypes, 0.0)]
    if sources.writer is not None:
        heats = options.temperature or [pool.temperature]
        asked += [(f"writer at {heat:g}", sources.writer, heat) for heat in heats]
    if sources.slot_gan is not None:
        asked.append(("slot GAN", sources.slot_gan, 0.0))
    for name, source, heat in asked:
        if sources.writer is not None and source is sources.writer:
            sources.writer.temperature = heat
        given = wanted
        if source is sources.slot_gan:
            given = replace(wanted, noise=of_slots)
        began = time.process_time()
        made[name] = source.make(given, options.tries)
        seconds = time.process_time() - began
        report(name, made[name], true, volumes, sizes, options.tries)
        count = sum(map(len, made[name]))
        print(f"  {1e3 * seconds / max(count, 1):.2f} ms of processor a crystal", flush=True)
    written = [name for name in made if name.startswith("writer")]
    shown = {"prototype": first(made["prototype"])}
    shown |= {name: first(made[name]) for name in (*written[:1], "slot GAN") if name in made}
    for judge in options.choose_by:
        request = StructureRequest(0.7, max_atoms=20, choose_by=judge)
        energies: Callable | None = chooser_of(codec, request)
        for words, names in (("prototypes", []), ("pool", written[:1])):
            together = [
                [*some[: pool.prototypes], *(one for name in names for one in made[name][row][:8])]
                for row, some in enumerate(made["prototype"])
            ]
            chosen = choose(together, 0.7, None, energies)
            title = f"{words} by {judge}"
            best = [[one.candidate] if one.candidate else [] for one in chosen]
            report(title, best, true, volumes, sizes, 1)
            of = [one.candidate.source for one in chosen if one.candidate]
            print(f"  from the writer {share(np.array([name == 'writer' for name in of]))}")
            shown[title] = first(best)
    if options.relax:
        some = slice(options.relax)
        print(f"true structures: {falls(true[some])}", flush=True)
        for name, crystals in shown.items():
            there = [one for one in crystals[some] if one is not None]
            print(f"{name}: {falls(there)} ({len(there)} crystals)", flush=True)
    if options.new:
        new(
            replace(codec, recipe=replace(codec.recipe, pool=pool)),
            options.new,
            options.seed,
            known_crystals(run),
        )


def first(made: Sequence[Sequence[Candidate]]) -> list[Crystal | None]:
    """Returns the first crystal of each."""
    return [some[0].crystal if some else None for some in made]


def report(
    name: str,
    made: Sequence[Sequence[Candidate]],
    true: Sequence[Crystal],
    volumes: np.ndarray,
    sizes: np.ndarray,
    tries: int,
) -> None:
    """Prints what crystals of held-out formulas are worth."""
    print(line(f"{name}, valid", valid(first(made), volumes), sizes), flush=True)
    found = matched(true, made, tries)
    print(line(f"{name}, true at first try", found[:, 0], sizes), flush=True)
    if tries > 1:
        print(line(f"{name}, true at any of {tries}", found.any(axis=1), sizes), flush=True)


if __name__ == "__main__":
    main()
