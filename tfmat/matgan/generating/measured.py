"""The metrics of generated formulas, from their counts: of a run and of what shards come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfmat.metric import Judge, Metric, share


def measure(found: Mapping[str, Any], judge: Judge) -> list[Metric]:
    """Measures what was generated.

    Args:
        found: The counts, as :func:`tfmat.matgan.generating.results.counts` returns them.
        judge: What the formulas were judged by.

    Returns:
        Shares: ``accepted`` of the samples; ``neutral`` and ``balanced`` of the accepted formulas,
        and ``.._of_drawn`` of all samples; ``kept`` of the samples; ``unique`` of the kept;
        ``novel`` of the unique, if known formulas were given.
    """
    samples = f"of {found['samples']:,} samples"
    formulas = f"of {found['accepted']:,} formulas"

    def of(
        name: str, of_what: str, note: str, *, key: str = "", sampled: bool = True, **more: Any
    ) -> Metric:
        part, whole = found[key or name], found[of_what]
        return share(name, part, whole, note, sampled=sampled, **more)

    metrics = [of("accepted", "samples", f"share {samples} that are formulas of 2 to 8 elements")]
    for name, what in (
        ("neutral", "charge-neutral"),
        ("balanced", "charge-neutral and electronegativity-balanced"),
    ):
        metrics += [
            of(name, "accepted", f"{what} share {formulas}", judge=judge),
            of(f"{name}_of_drawn", "samples", f"{what} share {samples}", key=name, judge=judge),
        ]
    metrics += [
        of("kept", "samples", f"share {samples} that meet all criteria", sampled=False),
        of(
            "unique",
            "kept",
            f"different formulas as a share of {found['kept']:,} formulas",
            sampled=False,
        ),
    ]
    if found["novel"] is not None:
        note = f"share of {found['unique']:,} different formulas that are not known"
        metrics.append(of("novel", "unique", note, sampled=False))
    return metrics
