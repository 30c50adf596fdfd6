"""What ``tfmat generate`` says of structures: how many, why no more, what energies are worth.

A predicted energy never stands alone: beside it the share of what was decoded with sound distances
and volume, and how many structures are made as those the constraint has learned from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmat.ccdcgan.generate import NOT_KEPT
from tfmat.metric import Metric, find, read_metrics

# Of more elements than these nobody wants all in one structure.
_MOST_REQUIRED = 4
_SYSTEMS_SHOWN = 4


def lines(
    summary: Mapping[str, Any],
    properties: Sequence[str],
    out: Path,
    model: str,
    begun: str = "crystal graphs",
    elements: Sequence[str] = (),
) -> list[str]:
    """Returns what to print of a summary.

    Args:
        summary: That of :func:`tfmat.ccdcgan.results.generate_into`.
        properties: What the package predicts.
        out: Where the results are.
        model: Which package made them, in words.
        begun: What is begun for each structure, in words.
        elements: The elements of the package.
    """
    metrics = read_metrics(summary)
    text = [
        f"{summary['structures']} structures from {summary['graphs']} {begun} "
        f"({find(metrics, 'structures').percent()}) in {out}",
        f"  model: {model}",
    ]
    text += [f"  {count} without: {reason}" for reason, count in summary["reasons"].items()]
    text += _kept(summary, begun)
    text += _made_of(summary, elements)
    sound = find(metrics, "sound")
    if sound.value is not None:
        text.append(f"  sound distances and volume: {sound.counted()} of what was decoded")
    text += _by_source(metrics)
    for name in properties:
        text += _predicted(metrics, name, summary["structures"])
    return text


def _by_source(metrics: Sequence[Metric]) -> list[str]:
    """Says of each source of crystals how good its first ones are, and how many were taken."""
    text = []
    known = {metric.name: metric for metric in metrics}
    for name, first in known.items():
        if name.startswith("first_sound_of_") and first.denominator:
            source = name.removeprefix("first_sound_of_")
            taken = known[f"structures_of_{source}"]
            text.append(
                f"  {source}: first crystal sound for {first.counted()} compositions, "
                f"{taken.counted()} of the structures"
            )
    return text


def _kept(summary: Mapping[str, Any], begun: str) -> list[str]:
    """Says what a share cost that was kept."""
    asked, found = summary["criteria"], summary["structures"]
    if asked["keep"] is None or not found:
        return []
    of = found + summary["reasons"].get(NOT_KEPT, 0)
    judges = {"both": "constraint and critic"}.get(asked["keep_by"], asked["keep_by"])
    return [
        f"  kept {found} of {of} structures, by the {judges}: {summary['graphs'] / found:.1f} "
        f"{begun} for each"
    ]


def _made_of(summary: Mapping[str, Any], elements: Sequence[str]) -> list[str]:
    """Says which elements the structures hold: who wants a compound may have got elements."""
    systems, structures = summary["systems"], summary["structures"]
    if len(systems) < 2:
        return []
    shown = dict(list(systems.items())[:_SYSTEMS_SHOWN])
    parts = [f"{name} {count}" for name, count in shown.items()]
    if others := structures - sum(shown.values()):
        parts.append(f"others {others}")
    line = f"  elements: {', '.join(parts)}"
    asked = summary["criteria"]
    free = not (asked["required"] or asked["allowed"] or asked["formula"] or asked["n_elements"])
    if free and len(elements) <= _MOST_REQUIRED:
        every = systems.get("-".join(sorted(elements)), 0)
        if every < structures:
            line += f" (--require {','.join(elements)}: only with all of them)"
    return [line]


def _predicted(metrics: Sequence[Metric], name: str, structures: int) -> list[str]:
    words, of_all = name.replace("_", " "), find(metrics, f"mean_predicted_{name}")
    if of_all.value is None:
        return []
    inside, share = find(metrics, f"mean_predicted_{name}_in_domain"), find(metrics, "in_domain")
    if share.denominator == 0:
        return [
            f"  predicted {words}: not to be believed: the package does not say what its "
            "constraint has learned from (tfmat models add-domain --help)"
        ]
    if inside.value is None:
        return [
            f"  predicted {words}: not to be believed of any of the {structures} structures, all "
            "are unlike those that the constraint has learned from"
        ]
    outside = structures - (share.numerator or 0)
    return [
        f"  mean predicted {words}: {inside.number()} {inside.unit} for {share.numerator} like the "
        "training structures;",
        f"    not to be believed for {outside} unlike them (domain in results.csv)",
    ]
