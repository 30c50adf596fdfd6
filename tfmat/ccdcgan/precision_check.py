"""Which decoded structures change when networks of a CCDCGAN run in another precision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, TypedDict

import numpy as np

from tfmat.ccdcgan import probe
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import Result, generate
from tfmat.ccdcgan.generated import measure, median_volume
from tfmat.ccdcgan.sources import choices, compositions
from tfmat.ccdcgan.voxels.decode import decode_structure
from tfmat.ccdcgan.voxels.reasons import DecodeError
from tfmat.ccdcgan.writer.generating import NO_PLACE, PART
from tfmat.ccdcgan.writer.sampling import ARRAYS, crystal_of
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import match_rms, matchers
from tfmat.datasets.store import Dataset
from tfmat.datasets.stored import StoredDataset
from tfmat.errors import InputError
from tfmat.export.precision_check import SEED, PrecisionCheck
from tfmat.inference.metadata import GENERATE
from tfmat.inference.noise import vector_noise
from tfmat.inference.package import NetworkSet
from tfmat.metric import Metric

_DECODERS = ("lattice_decoder", "sites_decoder")
_ENCODERS = ("lattice_encoder", "sites_encoder")
_DECIDING = (PART, compositions.PART, choices.PART, "generator", *_DECODERS)

# A structure, or the reason why there is none.
Decoded = Crystal | str


class StructurePrecisionCheck(PrecisionCheck):
    """Compares the structures that the same noise gives."""

    definition = (
        "another status, another composition, or no match by pymatgen's StructureMatcher (ltol 0.2,"
        " stol 0.3, angle_tol 5)"
    )
    probe = probe

    @property
    def generates(self) -> bool:
        """Whether there are a writer, compositions, or a generator and both decoders."""
        parts = set(self.reference.parts)
        return bool(parts & {PART, compositions.PART}) or {"generator", *_DECODERS} <= parts

    def decides(self, part: str) -> bool:
        """All parts do but those that only judge structures or crystal graphs."""
        if part in self._reconstruct:
            return self.generates and {*_ENCODERS, *_DECODERS} <= set(self.reference.parts)
        return part == GENERATE or (self.generates and part in _DECIDING)

    @property
    def _reconstruct(self) -> tuple[str, ...]:
        """Parts that are judged by what comes back through voxels: a writer decodes none."""
        return (*_ENCODERS, *_DECODERS) if PART in self.reference.parts else _ENCODERS

    def differences(self, networks: NetworkSet, part: str | None = None) -> dict[str, Any]:
        """Counts structures that differ; encoders are judged by what comes back through them."""
        decode = self._generated
        if part == GENERATE:
            decode = self._end_to_end
        elif part in self._reconstruct:
            decode = self._reconstructed
        return dict(compare(decode(self.reference), decode(networks)))

    def _generated(self, networks: NetworkSet) -> list[Decoded]:
        return [_decoded(result) for result in self._results(networks)]

    def _results(self, networks: NetworkSet) -> list[Result]:
        """Generates from the noise vectors, as ``tfmat generate`` does."""
        if networks is self.reference:
            return self._reference_results
        return list(generate(Codec.from_package(networks), self.samples, SEED))

    @cached_property
    def _reference_results(self) -> list[Result]:
        return list(generate(Codec.from_package(self.reference), self.samples, SEED))

    def _end_to_end(self, networks: NetworkSet) -> list[Decoded]:
        """Decodes the voxels that leave the end-to-end network."""
        codec = Codec.from_package(networks)
        vectors = vector_noise(SEED, 0, self.samples, codec.noise)
        found: list[Decoded] = []
        size = probe.batch_size(GENERATE, networks)
        for outputs in networks.stream(GENERATE, [vectors], size):
            if "written" in outputs:
                found += [
                    crystal_of(*arrays) if written else NO_PLACE
                    for written, *arrays in zip(
                        *(outputs[name] for name in ("written", *ARRAYS)), strict=True
                    )
                ]
                continue
            for present, sites, lattice in zip(
                outputs["present"], outputs["sites_voxels"], outputs["lattice_voxel"], strict=True
            ):
                channels = {
                    number: voxel
                    for number, voxel, there in zip(
                        codec.layout.numbers, sites, present, strict=True
                    )
                    if there
                }
                try:
                    found.append(decode_structure(channels, lattice, codec.recipe.voxels))
                except DecodeError as error:
                    found.append(error.reason)
        return found

    def _reconstructed(self, networks: NetworkSet) -> list[Decoded]:
        """Encodes the structures generated in float32 and decodes them again."""
        codec = Codec.from_package(networks)
        crystals = []
        for result in self._reference_results:
            if result.crystal is not None:
                with suppress(InputError):  # some a writer writes may not fit in the voxels
                    crystals.append(codec.drawable(result.crystal))
        found: list[Decoded] = []
        for start in range(0, len(crystals), probe.GRAPH_BATCH):
            chunk = crystals[start : start + probe.GRAPH_BATCH]
            found += (
                item.reason if isinstance(item, DecodeError) else item
                for item in codec.decode(codec.encode(chunk).without_counts())
            )
        return found

    def measures(
        self, networks: NetworkSet, data: StoredDataset | None = None
    ) -> tuple[list[Metric], str]:
        """Measures the structures: how many, how near their atoms, how dense, how symmetric.

        They are counted as in the papers, unfiltered.
        """
        codec = Codec.from_package(networks)
        command = (
            f"tfmat generate {'ccdcgan' if codec.recipe.gan.terms else 'dcgan'} --model "
            f"{networks.name} -n {self.samples} --seed {SEED} --unfiltered --out structures"
        )
        found = measure(self._results(networks), codec)
        if isinstance(data, Dataset):
            found.append(density(data))
        return found, command


def _decoded(result: Result) -> Decoded:
    return result.status if result.crystal is None else result.crystal


def density(dataset: Dataset) -> Metric:
    """Returns the median volume per atom of a dataset, to compare generated structures with.

    Args:
        dataset: The dataset.
    """
    volumes = [abs(np.linalg.det(crystal.lattice)) / len(crystal) for crystal in dataset]
    note = f"median of the {len(volumes):,} structures of the dataset {dataset.path.name}"
    return median_volume(volumes, note, "median_volume_per_atom_of_data")


class Comparison(TypedDict):
    """How many structures differ, why, and by how much those that do not, in Å."""

    samples: int
    different: int
    reasons: dict[str, int]
    mean_rms_displacement: float | None
    largest_rms_displacement: float | None


def compare(wanted: Sequence[Decoded], found: Sequence[Decoded]) -> Comparison:
    """Counts the structures that differ.

    Args:
        wanted: Structures, or why there are none.
        found: Others from the same inputs.

    Returns:
        ``samples``, ``different``, ``reasons`` (of these: ``status``, ``composition``,
        ``positions``), and of those that do not differ the ``mean_rms_displacement`` and
        ``largest_rms_displacement`` in Å (``None`` without structures).
    """
    judges = matchers()
    reasons: Counter[str] = Counter()
    moved: list[float] = []
    for first, second in zip(wanted, found, strict=True):
        if isinstance(first, str) or isinstance(second, str):
            if not (isinstance(first, str) and first == second):
                reasons["status"] += 1
        elif sorted(first.numbers.tolist()) != sorted(second.numbers.tolist()):
            reasons["composition"] += 1
        else:
            distance = match_rms(first, second, judges)
            if distance is None:
                reasons["positions"] += 1
            else:
                moved.append(distance)
    return {
        "samples": len(wanted),
        "different": reasons.total(),
        "reasons": dict(reasons),
        "mean_rms_displacement": float(np.mean(moved)) if moved else None,
        "largest_rms_displacement": max(moved, default=None),
    }
