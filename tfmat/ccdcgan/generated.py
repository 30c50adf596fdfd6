"""The metrics of generated structures: of ``tfmat generate`` and of a package's card alike."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from tfmat.ccdcgan.by_source import BySource
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.domain import INSIDE, SHARE
from tfmat.ccdcgan.generate import STRUCTURE, Result
from tfmat.ccdcgan.request import SOUND_DISTANCE
from tfmat.ccdcgan.voxels.decode import decoder
from tfmat.ccdcgan.voxels.reasons import Mode
from tfmat.crystals.contacts import volume_per_atom
from tfmat.crystals.symmetry import judge as symmetry_judge
from tfmat.crystals.symmetry import space_group
from tfmat.datasets.properties import unit_of
from tfmat.metric import Judge, Metric, Tolerance, mean, share

# Nearer atoms are no bond; nearer than the second, hardly one between heavy atoms, in Å.
DISTANCES = (1.5, 2.0)
# Of what predictions are kept.
_OF = ("all", "structures", "inside")


class GeneratedMetrics:
    """Adds up what became of crystal graphs, one at a time.

    Args:
        constraints: What predicts each property, by the property's name.
        mode: How voxels are decoded.
        symprec: Tolerance of space groups, in Å.
        begun: What there is one of for every result (:attr:`Codec.begun`).
        sources: Whether crystals come from sources, which are then told apart.
    """

    def __init__(
        self,
        constraints: Mapping[str, Judge],
        mode: Mode = "robust",
        symprec: float = 0.1,
        begun: str = "crystal graphs",
        sources: bool = False,
    ) -> None:
        self.begun = begun
        self.sources = sources
        self._by_source = BySource()
        self.constraints = dict(constraints)
        self.mode: Mode = mode
        self.symprec = symprec
        self.statuses: Counter[str] = Counter()
        # Structures by chemical system (`Li-Mn-O`), that of a pure element included.
        self.systems: Counter[str] = Counter()
        self._far_apart: Counter[float] = Counter()
        self._without_symmetry = 0
        self._decoded = self._sound = 0
        self._inside = self._placed = 0
        # 8 bytes a number: a million crystal graphs are little.
        self._volumes = array("d")
        # Of all crystal graphs, of the structures, of those within the constraint's domain.
        self._predicted = {name: (array("d"), array("d"), array("d")) for name in self.constraints}

    @classmethod
    def of(cls, codec: Codec, mode: Mode = "robust", symprec: float = 0.1) -> GeneratedMetrics:
        """Returns one for what a package makes.

        Args:
            codec: The package.
            mode: How voxels are decoded.
            symprec: Tolerance of space groups, in Å.
        """
        sources = codec.recipe.gan.form == "sources"
        return cls(constraint_judges(codec), mode, symprec, codec.begun, sources)

    def add(self, result: Result, group: int | None = None) -> None:
        """Adds one crystal graph.

        Args:
            result: What became of it.
            group: Number of its structure's space group, where that is known already.
        """
        self.statuses[result.status] += 1
        self._by_source.add(result)
        crystal = result.crystal
        inside = result.domain == INSIDE
        for name, (of_all, of_structures, of_inside) in self._predicted.items():
            if name not in result.properties:
                continue  # nothing was predicted of what is no structure
            of_all.append(result.properties[name])
            if crystal is not None:
                of_structures.append(result.properties[name])
            if inside:
                of_inside.append(result.properties[name])
        if result.sound is not None:
            self._decoded += 1
            self._sound += result.sound
        if crystal is None:
            return
        there = {chemical_symbols[number] for number in set(crystal.numbers.tolist())}
        self.systems["-".join(sorted(there))] += 1
        self._placed += bool(result.domain)
        self._inside += inside
        for distance in DISTANCES:
            self._far_apart[distance] += result.min_distance >= distance
        if group is None:
            group = space_group(crystal, self.symprec)[1]
        self._without_symmetry += group <= 1
        self._volumes.append(volume_per_atom(crystal))

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
        """Returns all that it has added up: counts as plain JSON values, and numbers by name."""
        counts = {
            "statuses": dict(self.statuses),
            "systems": dict(self.systems),
            "far_apart": [self._far_apart[distance] for distance in DISTANCES],
            "without_symmetry": self._without_symmetry,
            "decoded": self._decoded,
            "sound": self._sound,
            "inside": self._inside,
            "placed": self._placed,
            "by_source": self._by_source.state(),
        }
        numbers = {"volumes": np.asarray(self._volumes)}
        for name, every in self._predicted.items():
            for kind, values in zip(_OF, every, strict=True):
                numbers[f"{kind}:{name}"] = np.asarray(values)
        return counts, numbers

    def absorb(self, counts: Mapping[str, Any], numbers: Mapping[str, NDArray[np.float64]]) -> None:
        """Adds what another has added up, as if its crystal graphs came next.

        Args:
            counts: The first of its :meth:`state`.
            numbers: The second.
        """
        self.statuses.update(counts["statuses"])
        self.systems.update(counts["systems"])
        self._far_apart.update(dict(zip(DISTANCES, counts["far_apart"], strict=True)))
        self._without_symmetry += int(counts["without_symmetry"])
        self._decoded += int(counts["decoded"])
        self._sound += int(counts["sound"])
        self._inside += int(counts["inside"])
        self._placed += int(counts["placed"])
        self._by_source.absorb(counts["by_source"])
        self._volumes.extend(numbers["volumes"].tolist())
        for name, every in self._predicted.items():
            for kind, values in zip(_OF, every, strict=True):
                values.extend(numbers[f"{kind}:{name}"].tolist())

    @property
    def graphs(self) -> int:
        """Crystal graphs so far."""
        return self.statuses.total()

    @property
    def structures(self) -> int:
        """Those of them that became a structure."""
        return self.statuses[STRUCTURE]

    def metrics(self) -> list[Metric]:
        """Returns what they come to.

        Returns:
            ``structures`` (share of crystal graphs that give one), ``sound`` (share of what was
            decoded with sound distances and volume), ``in_domain`` (share of the structures that
            are made as the training structures are; without a value where the package does not say
            how), ``structures_beyond_1.5_angstrom`` and ``_2.0_``, ``median_volume_per_atom``,
            ``mean_predicted_PROPERTY`` of the structures, with ``_in_domain`` of these among them
            and with ``_all_graphs`` of all of which it was predicted, ``space_group_P1``.
        """
        graphs, structures = f"{self.graphs:,} {self.begun}", f"{self.structures:,} structures"
        found = [
            share(
                "structures",
                self.structures,
                self.graphs,
                f"share of {graphs}",
                sampled=True,
                judge=decoder(self.mode),
            )
        ]
        found += [
            share(
                "sound",
                self._sound,
                self._decoded,
                f"share of {self._decoded:,} decoded cells with no atoms closer than "
                f"{SOUND_DISTANCE:g} of the sum of their covalent radii, and a volume per atom as "
                "in training",
                sampled=True,
                tolerance=Tolerance(SOUND_DISTANCE, "1"),
            ),
            share(
                "in_domain",
                self._inside,
                self._placed,
                f"share of {self._placed:,} structures made as {SHARE:.0%} of the training "
                "structures are",
                sampled=True,
            ),
        ]
        found += [
            share(
                f"structures_beyond_{distance}_angstrom",
                self._far_apart[distance],
                self.structures,
                f"share of {structures} without a pair of atoms below {distance} Å",
                sampled=True,
                tolerance=Tolerance(distance, "Å"),
            )
            for distance in DISTANCES
        ]
        found.append(median_volume(self._volumes, f"median of {structures}"))
        for name, judge in self.constraints.items():
            of_all, of_structures, of_inside = self._predicted[name]
            for values, suffix, of in (
                (of_structures, "", structures),
                (of_inside, "_in_domain", f"{self._inside:,} structures within its domain"),
                (of_all, "_all_graphs", f"{len(of_all):,} {self.begun}"),
            ):
                found.append(
                    mean(
                        f"mean_predicted_{name}{suffix}",
                        values,
                        unit_of(name) or "",
                        f"mean prediction of the constraint for {of}",
                        sampled=True,
                        judge=judge,
                    )
                )
        found.append(
            share(
                "space_group_P1",
                self._without_symmetry,
                self.structures,
                f"share of {structures} without symmetry within {self.symprec:g} Å",
                sampled=True,
                tolerance=Tolerance(self.symprec, "Å"),
                judge=symmetry_judge(self.symprec),
            )
        )
        return found + (self._by_source.metrics() if self.sources else [])


def median_volume(volumes: Sequence[float], note: str, name: str = "") -> Metric:
    """Returns the median volume per atom.

    Args:
        volumes: Volume per atom of each structure, in Å³.
        note: What they are of.
        name: What is measured, if not generated structures.
    """
    return Metric(
        name or "median_volume_per_atom",
        float(np.median(volumes)) if len(volumes) else None,
        "Å³/atom",
        denominator=len(volumes),
        note=note,
    )


def constraint_judges(codec: Codec) -> dict[str, Judge]:
    """Returns what predicts each property, by the property's name.

    Args:
        codec: The package.
    """
    entries = codec.package.metadata["parts"]
    return {
        name: Judge(
            f"{part} of {codec.package.name}",
            entries[part]["weights_sha256"],
            {"precision": codec.package.precision},
        )
        for part, name in codec.predicted.items()
    }


def measure(results: Iterable[Result], codec: Codec) -> list[Metric]:
    """Measures generated structures.

    Args:
        results: One for every crystal graph.
        codec: The package that made them.
    """
    found = GeneratedMetrics.of(codec)
    for result in results:
        found.add(result)
    return found.metrics()
