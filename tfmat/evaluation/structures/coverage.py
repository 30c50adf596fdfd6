"""Coverage of the MP-20 protocol: are there generated structures near the known ones, and others?

A structure is near another one if its mean CrystalNN fingerprint lies within 0.4 of the other's and
its Magpie features within 10, in standard deviations (Xie et al., ICLR 2022, for MP-20). Recall is
the share of known structures with a generated one near, precision the share of generated
structures with a known one near. The protocol standardises the features by constants; here mean and
standard deviation are those of the known structures.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmat.crystals.crystal import Crystal
from tfmat.errors import require
from tfmat.metric import Judge, Metric, Tolerance, share

STRUCTURE, COMPOSITION = 0.4, 10.0
"""How far fingerprints of structures and of compositions may lie apart."""
EXTRA = "coverage"


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """Fingerprints of n structures.

    Args:
        structures: Means of CrystalNN's fingerprints (preset ``ops``) over the sites, shape
            ``(n, 61)``; NaN where there is none.
        compositions: Magpie features, shape ``(n, 132)``; NaN where there are none.
    """

    structures: NDArray[np.float64]
    compositions: NDArray[np.float64]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a structure has both, shape ``(n,)``."""
        both = np.isfinite(self.structures).all(axis=1) & np.isfinite(self.compositions).all(axis=1)
        return np.asarray(both)


def fingerprints(
    crystals: Sequence[Crystal], on_step: Callable[[int], object] | None = None
) -> Fingerprints:
    """Takes the fingerprints of structures, some a second.

    Args:
        crystals: The structures.
        on_step: Called with 1 after every structure, for progress.

    Raises:
        MissingExtraError: matminer is not installed.
    """
    site = require("matminer.featurizers.site.fingerprint", EXTRA, "coverage")
    composite = require("matminer.featurizers.composition.composite", EXTRA, "coverage")
    crystal_nn = site.CrystalNNFingerprint.from_preset("ops")
    magpie = composite.ElementProperty.from_preset("magpie")
    structures, compositions = [], []
    for crystal in crystals:
        structure = crystal.to_structure()
        with warnings.catch_warnings():
            # Of oxidation states and radii that nobody gave.
            warnings.simplefilter("ignore", UserWarning)
            try:
                sites = [crystal_nn.featurize(structure, row) for row in range(len(structure))]
                features = np.asarray(magpie.featurize(structure.composition), np.float64)
            except Exception:  # of both libraries, for atoms that touch or elements without data
                sites = [np.full(len(crystal_nn.feature_labels()), np.nan)]
                features = np.full(len(magpie.feature_labels()), np.nan)
        structures.append(np.mean(sites, axis=0))
        compositions.append(features)
        if on_step is not None:
            on_step(1)
    return Fingerprints(
        np.array(structures).reshape(len(crystals), -1),
        np.array(compositions).reshape(len(crystals), -1),
    )


def coverage(made: Fingerprints, known: Mapping[str, Fingerprints]) -> list[Metric]:
    """Measures coverage.

    Args:
        made: Fingerprints of generated structures.
        known: Those of known ones by name.

    Returns:
        ``coverage_recall`` and ``coverage_precision`` against each known set. A structure without
        fingerprints is near none.
    """
    judge = Judge.installed(
        "matminer CrystalNNFingerprint ops, ElementProperty magpie",
        "matminer",
        structure=STRUCTURE,
        composition=COMPOSITION,
        standardised="by mean and standard deviation of the known structures",
    )
    found = []
    for name, other in known.items():
        recall, precision = near(made, other)
        more = {
            "subset": {"against": name},
            "tolerance": Tolerance(STRUCTURE, "1"),
            "judge": judge,
        }
        found += [
            share("coverage_recall", int(recall.sum()), len(recall),
                  f"share of {len(recall):,} structures of {name} with a generated one near",
                  **more),
            share("coverage_precision", int(precision.sum()), len(precision),
                  f"share of {len(precision):,} structures with one of {name} near", **more),
        ]  # fmt: skip
    return found


def near(made: Fingerprints, known: Fingerprints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tells which known structures have a generated one near, and which generated a known one.

    The nearest structure and the nearest composition may be two different ones, as in the protocol.

    Args:
        made: Fingerprints of n generated structures.
        known: Those of m known ones.

    Returns:
        Of the known, shape ``(m,)``, and of the generated, shape ``(n,)``.
    """
    from scipy.spatial.distance import cdist

    ours, theirs = made.known, known.known
    recall, precision = np.zeros(len(theirs), bool), np.zeros(len(ours), bool)
    if not ours.any() or not theirs.any():
        return recall, precision
    features = known.compositions[theirs]
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    # What does not vary among the known has no scale.
    varied = deviation > 1e-9 * np.maximum(np.abs(mean), 1e-9)
    scaled = [
        ((one - mean) / np.where(varied, deviation, 1.0))[:, varied]
        for one in (made.compositions[ours], features)
    ]
    apart = [
        (cdist(made.structures[ours], known.structures[theirs]), STRUCTURE),
        (cdist(*scaled), COMPOSITION),
    ]
    recall[theirs] = np.all([table.min(axis=0) <= limit for table, limit in apart], axis=0)
    precision[ours] = np.all([table.min(axis=1) <= limit for table, limit in apart], axis=0)
    return recall, precision
