"""Speed and robustness of the voxels, beside the formulas written out plainly.

    python benchmarks/voxels.py speed [--data DATASET] [--structures 300]
    python benchmarks/voxels.py damage [--data DATASET] [--structures 125]

Times are processor seconds of one thread, so that a busy machine does not change them much. The
"literal" column is the same work by the plain NumPy and SciPy form of the original's formulas
(tests/support/literal_voxels.py), measured in the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

# One core, also for matrix products.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import numpy as np  # noqa: E402
import recorded  # noqa: E402
from literal_voxels import literal_channel, literal_lattice, literal_peaks  # noqa: E402
from scipy.ndimage import gaussian_filter  # noqa: E402

from tfmat.ccdcgan.voxels.cell import canonicalise, parameters  # noqa: E402
from tfmat.ccdcgan.voxels.decode import decode_channels, decode_structure  # noqa: E402
from tfmat.ccdcgan.voxels.frame import box_positions  # noqa: E402
from tfmat.ccdcgan.voxels.lattice import decode_lattice, encode_lattice  # noqa: E402
from tfmat.ccdcgan.voxels.reasons import DecodeError  # noqa: E402
from tfmat.ccdcgan.voxels.sites import SitesCanvas, encode_sites  # noqa: E402
from tfmat.ccdcgan.voxels.spec import VoxelSpec  # noqa: E402
from tfmat.crystals.crystal import Crystal  # noqa: E402
from tfmat.crystals.matching import match_rms, matchers  # noqa: E402
from tfmat.datasets.select import select  # noqa: E402
from tfmat.datasets.store import Dataset, resolve  # noqa: E402

REFERENCE = VoxelSpec()
COMPACT = VoxelSpec(sites_grid=32, box=12.0, sites_sigma=0.5, lattice_sigma=0.5)
BATCH = 8


def main() -> None:
    """Parses the words and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["speed", "damage"])
    parser.add_argument("--data", default="bi-se", help="name or folder of a dataset")
    parser.add_argument("--structures", type=int, help="300 for speed, 125 for damage")
    parser.add_argument("--seed", type=int, default=0)
    recorded.add_option(parser)
    options = parser.parse_args()
    count = options.structures or {"speed": 300, "damage": 125}[options.what]
    dataset = Dataset.open(resolve(options.data))
    chosen = np.flatnonzero(select(dataset))
    chosen = chosen[:: max(1, len(chosen) // count)][:count]
    given = [dataset[int(index)] for index in chosen]
    print(f"{len(given)} structures of {dataset.path.name}")
    rng = np.random.default_rng(options.seed)
    rows = speed(given) if options.what == "speed" else damage(given, rng)
    if options.json:
        tables = speed_tables(rows) if options.what == "speed" else damage_tables(rows)
        recorded.write(options.json, __file__, f"Voxels: {options.what}", tables, {})


def speed_tables(rows: list[dict]) -> list[recorded.Table]:
    """Returns the table of `speed`."""
    columns = {"work": "text", "tfmat": "number", "literal": "number", "ratio": "count"}
    lines = []
    for row in rows:
        rate, plain = row["per_second"], row["literal_per_second"]
        lines.append([row["work"], rate, plain, rate / plain if plain else None])
    note = "In processor seconds of one thread; literal is the plain form of the same formulas."
    return [recorded.Table("Structures a second", columns, lines, note)]


def damage_tables(rows: list[dict]) -> list[recorded.Table]:
    """Returns the tables of `damage`."""
    columns = {"damage": "text", "voxels": "text", "reproduced": "share", "RMS distance": "number"}
    keys = ("damage", "spec", "reproduced", "rms")
    sites = [[row[key] for key in keys] for row in rows if "damage" in row]
    others = {"width, Å": "number", "noise": "share", "within 20%, 5°": "share"}
    others["median angle error, °"] = "number"
    keys = ("sigma", "noise", "good", "angle")
    lattices = [[row[key] for key in keys] for row in rows if "sigma" in row]
    return [
        recorded.Table("Structures from damaged sites voxels", columns, sites),
        recorded.Table("Cells from noisy lattice voxels", others, lattices),
    ]


def channels_of(crystal: Crystal) -> list[np.ndarray]:
    """Positions of each element relative to the centre of the cell."""
    positions = box_positions(crystal)
    return [positions[crystal.numbers == number] for number in np.unique(crystal.numbers)]


def seconds(work: Callable[[], object], repeat: int = 3) -> float:
    """Processor seconds of the fastest of a few runs, after one to warm up."""
    work()
    times = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def speed(given: list[Crystal]) -> list[dict]:
    """Structures a second on one core."""
    spec = REFERENCE
    crystals = [canonicalise(crystal) for crystal in given]
    channels = [channels_of(crystal) for crystal in crystals]
    elements = [np.unique(crystal.numbers).tolist() for crystal in crystals]
    atoms = np.mean([len(crystal) for crystal in crystals])
    print(f"{atoms:.1f} atoms and {np.mean([len(row) for row in channels]):.2f} elements each\n")
    canvas = SitesCanvas(spec)
    batches = [
        list(itertools.chain(*channels[i : i + BATCH])) for i in range(0, len(channels), BATCH)
    ]
    lattices = [crystal.lattice for crystal in crystals]
    lattice_voxels = [encode_lattice(lattice, spec) for lattice in lattices]
    rng = np.random.default_rng(0)
    noisy_lattices = [
        voxel + rng.normal(0, 0.05, voxel.shape).astype(np.float32) for voxel in lattice_voxels
    ]
    # Voxels take 1 MB an element: fewer of them are kept, and fewer are given to the slow form.
    few = crystals[:60]
    voxels = [encode_sites(crystal, z, spec) for crystal, z in zip(few, elements, strict=False)]
    noisy = [voxel + rng.normal(0, 0.1, voxel.shape).astype(np.float32) for voxel in voxels]
    stacks = [np.concatenate(voxels[i : i + BATCH]) for i in range(0, len(voxels), BATCH)]
    noisy_stacks = [np.concatenate(noisy[i : i + BATCH]) for i in range(0, len(noisy), BATCH)]

    def whole(sites: list[np.ndarray], cells: list[np.ndarray]) -> None:
        for z, channel, cell in zip(elements, sites, cells, strict=False):
            with contextlib.suppress(DecodeError):
                decode_structure(dict(zip(z, channel, strict=True)), cell, spec)

    def literal_encode(rows: list[list[np.ndarray]]) -> None:
        for row in rows:
            for positions in row:
                literal_channel(positions, spec)

    slow = 6
    work: list[tuple[str, Callable[[], object], int, Callable[[], object] | None, int]] = [
        ("canonicalise", lambda: [canonicalise(crystal) for crystal in given], len(given), None, 0),
        (
            "encode sites, one by one, new arrays",
            lambda: [encode_sites(c, z, spec) for c, z in zip(crystals, elements, strict=True)],
            len(crystals),
            lambda: literal_encode(channels[:slow]),
            slow,
        ),
        (
            f"encode sites, {BATCH} at a time, one buffer",
            lambda: [canvas.encode(batch) for batch in batches],
            len(crystals),
            lambda: literal_encode(channels[:slow]),
            slow,
        ),
        (
            "encode lattice",
            lambda: [encode_lattice(lattice, spec) for lattice in lattices],
            len(crystals),
            lambda: [literal_lattice(lattice, spec) for lattice in lattices[:slow]],
            slow,
        ),
        (
            "decode sites, clean, one by one",
            lambda: [decode_channels(voxel, spec) for voxel in voxels],
            len(voxels),
            lambda: [literal_peaks(v, spec) for voxel in voxels[:slow] for v in voxel],
            slow,
        ),
        (
            f"decode sites, clean, {BATCH} at a time",
            lambda: [decode_channels(stack, spec) for stack in stacks],
            len(voxels),
            lambda: [literal_peaks(v, spec) for voxel in voxels[:slow] for v in voxel],
            slow,
        ),
        (
            "decode sites, 10% noise, one by one",
            lambda: [decode_channels(voxel, spec) for voxel in noisy],
            len(noisy),
            lambda: [literal_peaks(v, spec) for voxel in noisy[:slow] for v in voxel],
            slow,
        ),
        (
            f"decode sites, 10% noise, {BATCH} at a time",
            lambda: [decode_channels(stack, spec) for stack in noisy_stacks],
            len(noisy),
            lambda: [literal_peaks(v, spec) for voxel in noisy[:slow] for v in voxel],
            slow,
        ),
        (
            "decode lattice, clean",
            lambda: [decode_lattice(voxel, spec) for voxel in lattice_voxels],
            len(lattice_voxels),
            lambda: [decode_lattice(voxel, spec, "faithful") for voxel in lattice_voxels],
            len(lattice_voxels),
        ),
        (
            "decode lattice, 5% noise",
            lambda: [cell(voxel, spec) for voxel in noisy_lattices],
            len(noisy_lattices),
            None,
            0,
        ),
        ("decode structure, clean", lambda: whole(voxels, lattice_voxels), len(voxels), None, 0),
        ("decode structure, noisy", lambda: whole(noisy, noisy_lattices), len(voxels), None, 0),
    ]
    print(f"{'structures/s on one core':<42} {'tfmat':>9} {'literal':>9} {'ratio':>7}")
    rows = []
    for name, task, number, plain, plain_number in work:
        rate = number / seconds(task)
        slow_rate = plain_number / seconds(plain, 1) if plain else None
        rows.append({"work": name, "per_second": rate, "literal_per_second": slow_rate})
        tail = f"{slow_rate:9.1f} {rate / slow_rate:7.0f}" if slow_rate else ""
        print(f"{name:<42} {rate:9.0f} {tail}".rstrip(), flush=True)
    return rows


def cell(voxel: np.ndarray, spec: VoxelSpec) -> np.ndarray | None:
    """The cell, or nothing where there is none."""
    try:
        return parameters(decode_lattice(voxel, spec))
    except DecodeError:
        return None


def white(voxels: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Adds independent normal noise."""
    return voxels + rng.normal(0, amount, voxels.shape).astype(np.float32)


def correlated(voxels: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Adds normal noise that is correlated over a voxel."""
    noise = white(np.zeros_like(voxels), 1.0, rng)
    noise = np.stack([gaussian_filter(channel, 1, mode="wrap") for channel in noise])
    return voxels + amount * noise / noise.std()


def blurred(voxels: np.ndarray, amount: float) -> np.ndarray:
    """Blurs by so many voxels."""
    return np.stack([gaussian_filter(channel, amount, mode="wrap") for channel in voxels])


DAMAGES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "clean": lambda v, _: v,
    "white noise 1%": lambda v, r: white(v, 0.01, r),
    "white noise 10%": lambda v, r: white(v, 0.1, r),
    "white noise 20%": lambda v, r: white(v, 0.2, r),
    "white noise 30%": lambda v, r: white(v, 0.3, r),
    "correlated noise 2%": lambda v, r: correlated(v, 0.02, r),
    "correlated noise 5%": lambda v, r: correlated(v, 0.05, r),
    "correlated noise 10%": lambda v, r: correlated(v, 0.1, r),
    "blur 1 voxel": lambda v, _: blurred(v, 1.0),
    "(blur 1 voxel + noise 10%) x 0.5": lambda v, r: 0.5 * white(blurred(v, 1.0), 0.1, r),
    "blur 1 voxel x 0.5, then noise 10%": lambda v, r: white(0.5 * blurred(v, 1.0), 0.1, r),
    "binarised at 0.5": lambda v, _: (v > 0.5).astype(np.float32),
}


def damage(given: list[Crystal], rng: np.random.Generator) -> list[dict]:
    """Structures reproduced from damaged sites voxels, and cells from damaged lattice voxels."""
    crystals = [canonicalise(crystal) for crystal in given]
    judges = matchers()
    rows = []
    print(f"\n{'damage of the sites voxels':<36} {'reference':>20} {'compact':>20}")
    for name, spoil in DAMAGES.items():
        line = f"{name:<36}"
        for label, spec in (("reference", REFERENCE), ("compact", COMPACT)):
            distances = []
            for crystal in crystals:
                elements = np.unique(crystal.numbers).tolist()
                voxels = spoil(encode_sites(crystal, elements, spec), rng)
                sites = dict(zip(elements, voxels, strict=True))
                try:
                    found = decode_structure(sites, encode_lattice(crystal.lattice, spec), spec)
                except DecodeError:
                    continue
                distance = match_rms(crystal, found, judges)
                if distance is not None:
                    distances.append(distance)
            share = len(distances) / len(crystals)
            rms = float(np.mean(distances)) if distances else None
            rows.append({"damage": name, "spec": label, "reproduced": share, "rms": rms})
            line += f" {100 * share:8.1f}% {rms or 0:8.1g} Å"
        print(line, flush=True)
    print(f"\n{'noise of the lattice voxel':<28} {'within 20%, 5°':>15} {'median angle error':>20}")
    for sigma in (0.26, 0.5, 1.0):
        spec = VoxelSpec(lattice_sigma=sigma)
        for amount in (0.01, 0.05, 0.1):
            errors = []
            for crystal in crystals:
                found = cell(white(encode_lattice(crystal.lattice, spec), amount, rng), spec)
                true = parameters(crystal.lattice)
                if found is not None:
                    change = np.abs(found - true)
                    errors.append([(change[:3] / true[:3]).max(), change[3:].max()])
            values = np.array(errors).reshape(-1, 2)
            good = ((values[:, 0] < 0.2) & (values[:, 1] < 5)).sum() / len(crystals)
            angle = float(np.median(values[:, 1]))
            rows.append({"sigma": sigma, "noise": amount, "good": good, "angle": angle})
            text = f"{amount:.0%}, width {sigma} Å"
            print(f"{text:<28} {100 * good:14.1f}% {angle:19.2f}°", flush=True)
    return rows


if __name__ == "__main__":
    main()
