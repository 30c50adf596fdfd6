"""The end-to-end graph of a CCDCGAN package beside tfmat's own decoding.

python benchmarks/end_to_end.py PACKAGE

Prints how far the lattice parameters of the graph are from those of `decode_lattice`, for generated
crystal graphs and for the structures of a dataset that went through the autoencoder; how many
structures the twenty lines of docs/onnx.md find as `tfmat generate` does; and CPU time.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.ccdcgan.codec import VOXEL_BATCH, Codec
from tfmat.ccdcgan.generate import generate
from tfmat.ccdcgan.networks.lattice_layer import LatticeParameters
from tfmat.ccdcgan.voxels.cell import canonicalise, parameters
from tfmat.ccdcgan.voxels.decode import assemble
from tfmat.ccdcgan.voxels.lattice import decode_lattice, encode_lattice
from tfmat.ccdcgan.voxels.reasons import DecodeError
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset
from tfmat.inference.noise import vector_noise
from tfmat.inference.package import load

PAGE = Path(__file__).parents[1] / "docs" / "onnx.md"


def main() -> None:
    """Measures one package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path)
    parser.add_argument("--count", type=int, default=1000, help="of crystal graphs and structures")
    parser.add_argument("--dataset", default="bi-se")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    codec = Codec.from_package(load(options.package, threads=1))
    latents = vector_noise(options.seed, 0, options.count, codec.recipe.gan.latent)
    made = codec.package.run_all("generate", latents, VOXEL_BATCH)
    print(
        f"{'lattice parameters of':<24} {'rows':>5} {'Å: median':>10} {'99%':>8} {'largest':>8} "
        f"{'°: median':>10} {'99%':>8} {'largest':>8} {'NaN':>4} {'> 1%':>5} {'only graph':>10}"
    )
    compare("generated voxels", made["lattice_voxel"], made["lattice_parameters"], codec)
    dataset = Dataset.open(options.dataset)
    crystals = [canonicalise(dataset[row]) for row in range(min(options.count, len(dataset)))]
    drawn = np.stack([encode_lattice(crystal.lattice, codec.recipe.voxels) for crystal in crystals])
    latent = codec.package.run("lattice_encoder", drawn[..., None], VOXEL_BATCH)
    decoded = codec.package.run("lattice_decoder", latent, VOXEL_BATCH)[..., 0]
    layer = LatticeParameters(codec.recipe.voxels)
    for name, voxels in (("decoded structures", decoded), ("drawn structures", drawn)):
        found = [np.asarray(layer(voxels[i : i + 64])) for i in range(0, len(voxels), 64)]
        compare(name, voxels, np.concatenate(found), codec)
    compare_structures(codec, made, options.count, options.seed)
    compare_times(codec, latents[: min(options.count, 256)])


def compare(name: str, voxels: Any, found: Any, codec: Codec) -> None:
    """Prints how far lattice parameters are from those of `decode_lattice`."""
    expected = np.full(found.shape, np.nan)
    for row, voxel in zip(expected, voxels, strict=True):
        try:
            row[:] = parameters(decode_lattice(voxel, codec.recipe.voxels))
        except DecodeError:
            continue
    known, there = np.isfinite(expected[:, 0]), np.isfinite(found[:, 0])
    gap = np.abs(found - expected)[known & there]
    large = (gap / expected[known & there] > 0.01).any(axis=1).sum()
    errors = [
        value
        for part in (gap[:, :3], gap[:, 3:])
        for value in np.percentile(part.max(axis=1), [50, 99, 100])
    ]
    print(
        f"{name:<24} {known.sum():>5} {errors[0]:>10.1e} {errors[1]:>8.1e} {errors[2]:>8.1e} "
        f"{errors[3]:>10.1e} {errors[4]:>8.1e} {errors[5]:>8.1e} {(known & ~there).sum():>4} "
        f"{large:>5} {(~known & there).sum():>10}"
    )


def compare_structures(codec: Codec, made: dict[str, Any], count: int, seed: int) -> None:
    """Prints how many structures the code of the page finds as tfmat does."""
    block = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0]
    (source,) = re.findall(r"(def atoms\(.*?)\n\n\n", block, re.DOTALL)
    voxels = codec.recipe.voxels
    space: dict[str, Any] = {"step": voxels.step, "grid": voxels.sites_grid, "np": np}
    space["voxels"] = {"sites_sigma": voxels.sites_sigma}
    exec("from scipy.ndimage import gaussian_filter, maximum_filter\n" + source, space)
    same, total, moved = 0, 0, []
    for i, result in enumerate(generate(codec, count, seed)):
        if result.crystal is None:
            continue
        total += 1
        gap = displacement(result.crystal, made["sites_voxels"][i], codec, space["atoms"])
        if gap is not None:
            same += 1
            moved.append(gap)
    print(
        f"{total} structures of {count} crystal graphs; {same} with the same atoms by the code of "
        f"docs/onnx.md, largest displacement in one: median {np.median(moved):.3f} Å, 99% "
        f"{np.percentile(moved, 99):.3f} Å"
    )


def displacement(
    crystal: Crystal,
    sites: NDArray[np.float32],
    codec: Codec,
    atoms: Callable[[Any], NDArray[np.float64]],
) -> float | None:
    """Returns the largest distance of two that are the same atom in Å, or None if atoms differ."""
    found = {
        number: atoms(voxel)
        for number, voxel in zip(codec.layout.numbers, sites, strict=True)
        if voxel.any()
    }
    try:
        other = assemble(crystal.lattice, found, codec.recipe.voxels)
    except DecodeError:
        return None
    if sorted(other.numbers.tolist()) != sorted(crystal.numbers.tolist()):
        return None
    inverse = np.linalg.inv(crystal.lattice)
    apart = (crystal.positions[:, None] - other.positions) @ inverse
    apart = (apart - np.round(apart)) @ crystal.lattice
    distance = np.linalg.norm(apart, axis=-1)
    distance[crystal.numbers[:, None] != other.numbers] = np.inf
    return float(distance.min(axis=1).max())


def compare_times(codec: Codec, latents: NDArray[np.float32]) -> None:
    """Prints the CPU time of a crystal graph, in the graph and by single parts."""
    package = codec.package

    def parts() -> None:
        graphs = package.run("generator", latents, VOXEL_BATCH)
        for part in codec.constraints:
            package.run(part, graphs, VOXEL_BATCH)
        everything = np.ones((len(graphs), len(codec.layout.elements)), np.bool_)
        for _, voxel in codec.voxels(codec.layout.unpack_slots(graphs, everything)):
            try:
                decode_lattice(voxel, codec.recipe.voxels)
            except DecodeError:
                continue

    for name, work in (
        ("generate.onnx", lambda: package.run_all("generate", latents, VOXEL_BATCH)),
        ("parts one by one, decode_lattice in NumPy", parts),
    ):
        work()
        began = time.process_time()
        work()
        print(f"{name}: {(time.process_time() - began) / len(latents) * 1e3:.2f} ms of CPU each")


if __name__ == "__main__":
    main()
