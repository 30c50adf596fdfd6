"""Do structures come back from their voxels, and from their latents?

The criterion is the papers' (:mod:`tfmat.crystals.matching`): pymatgen's StructureMatcher with
fractional length tolerance 0.2, site tolerance 0.3 and angle tolerance 5 degrees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from tfmat.ccdcgan.training.metrics import CROWDED, AtomCount
from tfmat.ccdcgan.voxels.cell import canonicalise, orient, parameters
from tfmat.ccdcgan.voxels.decode import assemble, decode_channels, decode_structure, decoder
from tfmat.ccdcgan.voxels.frame import cell_positions, fits, sites_positions
from tfmat.ccdcgan.voxels.lattice import decode_lattice, encode_lattice
from tfmat.ccdcgan.voxels.reasons import NOT_REDUCED, TOO_LARGE, DecodeError, Mode
from tfmat.ccdcgan.voxels.sites import encode_sites
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import judge, match_rms, matchers
from tfmat.errors import InputError
from tfmat.metric import Judge, Metric, mean, records, share

if TYPE_CHECKING:
    from tfmat.ccdcgan.codec import Codec

# Crystals that go through the autoencoders together.
_CHUNK = 32


@dataclass(frozen=True)
class Reconstruction:
    """One crystal and what came back.

    Args:
        original: The crystal in the cell in which it was drawn.
        decoded: What came back; ``None`` if nothing did.
        reason: Why nothing came back.
        sites: Decoded positions by atomic number relative to the middle of the voxel, where atoms
            are to be counted.
        spec: Frame and grid of these.
    """

    original: Crystal
    decoded: Crystal | None
    reason: str = ""
    sites: Mapping[int, NDArray[np.float64]] | None = None
    spec: VoxelSpec = field(default_factory=VoxelSpec)

    def cell_errors(self) -> tuple[float, float]:
        """Returns the largest errors of a length (Å) and an angle (degrees) of what came back."""
        if self.decoded is None:
            return float("nan"), float("nan")
        change = parameters(self.decoded.lattice) - parameters(self.original.lattice)
        length, angle = np.abs(change).reshape(2, 3).max(axis=1).tolist()
        return length, angle


def through_voxels(
    crystals: Iterable[Crystal], spec: VoxelSpec, mode: Mode = "robust"
) -> Iterator[Reconstruction]:
    """Draws crystals and reads them back.

    Args:
        crystals: Any crystals.
        spec: Grids, cube and widths.
        mode: ``robust``: canonical cells. ``faithful``: the original's way in and out, with the
            cells as they are given.

    Yields:
        A reconstruction of each crystal; what cannot be drawn has none.
    """
    prepare = orient if mode == "faithful" else canonicalise
    for given in crystals:
        try:
            crystal = prepare(given)
        except InputError:
            yield Reconstruction(given, None, NOT_REDUCED)
            continue
        if mode == "robust" and not fits(crystal, spec):
            yield Reconstruction(crystal, None, TOO_LARGE)
            continue
        elements = np.unique(crystal.numbers).tolist()
        sites = encode_sites(crystal, elements, spec, wrap=mode == "faithful")
        try:
            decoded = decode_structure(
                dict(zip(elements, sites, strict=True)),
                encode_lattice(crystal.lattice, spec),
                spec,
                mode,
            )
        except DecodeError as error:
            yield Reconstruction(crystal, None, error.reason)
        else:
            yield Reconstruction(crystal, decoded)


def through_autoencoders(
    crystals: Iterable[Crystal], codec: Codec, mode: Mode = "robust", counts: bool = False
) -> Iterator[Reconstruction]:
    """Encodes crystals to latents and decodes them again.

    Args:
        crystals: Any crystals of the elements that the model knows.
        codec: The autoencoders of a model package.
        mode: How the voxels are decoded.
        counts: Tell the decoder how many atoms of each element there are, as slots do and crystal
            graphs do not.

    Yields:
        A reconstruction of each crystal, with its decoded sites; what cannot be drawn has none.

    Raises:
        InputError: A crystal holds an element that the model does not know, or the package holds
            no autoencoders.
    """
    spec = codec.recipe.voxels
    chunk: list[Crystal] = []

    def flush() -> Iterator[Reconstruction]:
        if not chunk:
            return
        slots = codec.encode(chunk)
        told: Iterable[dict[int, int] | None] = slots.counts() if counts else repeat(None)
        voxels = zip(codec.voxels(slots), told, strict=False)
        for crystal, ((channels, lattice_voxel), known) in zip(chunk, voxels, strict=True):
            found: dict[int, NDArray[np.float64]] = {}
            try:
                stack = np.stack(list(channels.values()))
                atoms = None if known is None else [known[number] for number in channels]
                found = dict(zip(channels, decode_channels(stack, spec, mode, atoms), strict=True))
                decoded = assemble(decode_lattice(lattice_voxel, spec, mode), found, spec, mode)
            except DecodeError as error:
                yield Reconstruction(crystal, None, error.reason, found, spec)
            else:
                yield Reconstruction(crystal, decoded, sites=found, spec=spec)
        chunk.clear()

    for given in crystals:
        try:
            crystal, reason = canonicalise(given), ""
        except InputError:
            crystal, reason = given, NOT_REDUCED
        if not reason and not fits(crystal, spec):
            reason = TOO_LARGE
        if reason:
            # Results keep the order of the crystals.
            yield from flush()
            yield Reconstruction(crystal, None, reason, {}, spec)
            continue
        chunk.append(crystal)
        if len(chunk) == _CHUNK:
            yield from flush()
    yield from flush()


def measure(
    reconstructions: Iterable[Reconstruction],
    mode: Mode = "robust",
    lost: Callable[[int, Reconstruction], None] | None = None,
) -> dict[str, Any]:
    """Counts what came back.

    Args:
        reconstructions: From :func:`through_voxels` or :func:`through_autoencoders`.
        mode: How voxels were decoded.
        lost: Is called with index and reconstruction of each that was not reproduced.

    Returns:
        ``structures``; ``reproduced``; ``not_decoded``, counts by reason; ``not_reproduced``,
        indices; and ``metrics``: ``reproduced`` (share of all structures), ``crowded_reproduced``
        (of those with many atoms of one element), ``rms_mean`` and
        ``rms_max`` over those reproduced, ``lattice_max_error``, ``lattice_mean_error``,
        ``angle_max_error`` and ``angle_mean_error`` of the worst length and angle of each cell that
        was decoded, and where sites were given ``atom_recall``, ``atom_precision`` and ``atom_rms``
        (pairs within 0.5 Å, within the element); and ``reproduced`` of the structures with each
        number of ``atoms``, number of elements (``n_elements``) and ``element``, as subsets.
    """
    judges = matchers()
    total = 0
    rms: list[float] = []
    errors: list[tuple[float, float]] = []
    failed: list[int] = []
    reasons: Counter[str] = Counter()
    atoms: AtomCount | None = None
    groups: Counter[tuple[str, int]] = Counter()
    returned: Counter[tuple[str, int]] = Counter()
    crowded: list[bool] = []
    for item in reconstructions:
        distance = None
        if item.decoded is None:
            reasons[item.reason] += 1
        else:
            errors.append(item.cell_errors())
            distance = match_rms(item.original, item.decoded, judges)
        mine = _groups(item.original)
        groups.update(mine)
        if np.bincount(item.original.numbers).max(initial=0) >= CROWDED:
            crowded.append(distance is not None)
        if distance is None:
            failed.append(total)
            if lost is not None:
                lost(total, item)
        else:
            rms.append(distance)
            returned.update(mine)
        if item.sites is not None:
            atoms = atoms or AtomCount()
            _count_atoms(item, atoms)
        total += 1
    metrics = [
        share("reproduced", len(rms), total, f"share of {total:,} structures", judge=judge()),
        share(
            "crowded_reproduced",
            sum(crowded),
            len(crowded),
            f"share of {len(crowded):,} structures with {CROWDED} atoms or more of one element",
            judge=judge(),
        ),
        *_extremes("rms", rms, "Å", f"rms of the atoms of {len(rms):,} structures", judge()),
    ]
    for name, unit, values, what in (
        ("lattice_{}_error", "Å", [length for length, _ in errors], "length"),
        ("angle_{}_error", "degree", [angle for _, angle in errors], "angle"),
    ):
        note = f"of the worst {what} of each of {len(errors):,} decoded cells"
        metrics += _extremes(name, values, unit, note, decoder(mode))
    if atoms is not None:
        metrics += atoms.metrics(f"{total:,} structures", decoder(mode))
    for key, number in sorted(groups.items()):
        metrics.append(_of_group(key, returned[key], number))
    return {
        "structures": total,
        "reproduced": len(rms),
        "not_decoded": dict(reasons.most_common()),
        "not_reproduced": failed,
        "metrics": records(metrics),
    }


def _groups(crystal: Crystal) -> list[tuple[str, int]]:
    """Returns what a crystal is counted with: like size, as many elements, each of its elements."""
    elements = np.unique(crystal.numbers).tolist()
    kinds = [("atoms", len(crystal)), ("n_elements", len(elements))]
    return kinds + [("element", number) for number in elements]


def _of_group(key: tuple[str, int], returned: int, number: int) -> Metric:
    kind, value = key
    symbol = chemical_symbols[value] if kind == "element" else ""
    what = {"atoms": f"{value} atoms", "n_elements": f"{value} elements", "element": symbol}[kind]
    note = f"share of {number:,} structures with {what}"
    subset: dict[str, str | int] = {kind: symbol or value}
    return share("reproduced", returned, number, note, subset=subset, judge=judge())


def _extremes(
    name: str, values: Sequence[float], unit: str, note: str, judge: Judge
) -> tuple[Metric, Metric]:
    """Returns mean and largest."""
    pattern = name if "{}" in name else f"{name}_{{}}"
    largest = Metric(
        pattern.format("max"),
        max(values, default=None),
        unit,
        judge=judge,
        note=f"largest {note}",
    )
    return mean(pattern.format("mean"), values, unit, f"mean {note}", judge=judge), largest


def _count_atoms(item: Reconstruction, atoms: AtomCount) -> None:
    found, crystal, spec = item.sites or {}, item.original, item.spec
    positions = sites_positions(crystal, spec)
    for number in np.unique(crystal.numbers).tolist():
        pair = positions[crystal.numbers == number], found.get(number, np.zeros((0, 3)))
        true, decoded = (cell_positions(one, crystal.lattice, spec) for one in pair)
        atoms.add(true, decoded, lattice=None if spec.frame == "box" else crystal.lattice)
