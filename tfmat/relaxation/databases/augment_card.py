"""The card in a dataset that ``tfmat data augment`` writes: what was added and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmat.metric import metric_of

CARD = "README.md"
_RELABELLED = {
    "none": "as they were",
    "system": "those of the system's structures and of its elements computed again with the "
    "potential, in the geometries they have; what was there is kept as `source_...`",
    "all": "all computed again with the potential, in the geometries they have; what was there is "
    "kept as `source_...`. Energies above the hull of other systems are unknown until "
    "`tfmat evaluate hull` counts them anew",
}


def card_text(
    recipe: Mapping[str, Any], summary: Mapping[str, Any], energies: Mapping[str, Any]
) -> str:
    """Writes the card.

    Args:
        recipe: What was asked for, as the record keeps it.
        summary: Counts, as the record keeps them.
        energies: The entry ``extra.energies`` of the record.

    Returns:
        Markdown.
    """
    data, system, used = recipe["data"], "-".join(recipe["elements"]), recipe["calculator"]
    settings = recipe["settings"]
    negative = metric_of(summary, "negative", structures="originals")
    prototypes = recipe["prototypes"]
    made = (
        f"volume scan, then relaxed with at most {settings['steps']} steps to "
        f"{settings['fmax']:g} eV/Å"
        if settings["relax"]
        else "volume scan only, not relaxed"
    )
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in summary["rejected"].items())
    counts = {
        "structures in the dataset that was added to": f"{data['structures']:,}",
        "candidates": f"{summary['candidates']:,}",
        "distinct candidates": f"{summary['distinct_candidates']:,}",
        "labelled": f"{summary['labelled']:,}",
        **(
            {"relaxed": f"{summary['relaxed']:,}", "converged": f"{summary['converged']:,}"}
            if settings["relax"]
            else {}
        ),
        "left out": rejected or "none",
        "added": f"{summary['added']:,} ({summary['kept']:,} originals, "
        f"{summary['copies']:,} copies)",
        "below 0 eV/atom, of the distinct ones": negative.percent(),
        "structures in all": f"{summary['structures']:,}",
    }
    lines = [
        f"# {Path(data['name']).name} with hypothetical {system} structures",
        "",
        f"All structures of a dataset, followed by hypothetical {system} structures that "
        "`tfmat data augment` made by substitution: nobody has seen them, and their energies come "
        "from a potential. The property `hypothetical` is 1 for them and 0 for the others; their "
        "ids read `PROTOTYPE:FORMULA:COPY`.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in counts.items()),
        "",
        "## How",
        "",
        "| | |",
        "|---|---|",
        f"| dataset | `{data['name']}`, SHA-256 {data['sha256']} |",
        f"| prototypes | {prototypes['name']}, SHA-256 {prototypes['sha256']} |",
        f"| structures | {made}; seed {settings['seed']} |",
        f"| selection | at most {settings['max_atoms']} atoms, Niggli cell up to "
        f"{settings['max_length']:g} Å |",
        "",
        "All settings are in `metadata.json` under `extra.augment`; `rejected.csv` says why each "
        "other candidate is missing.",
        "",
        "## Energies",
        "",
        f"- New structures: {used['name']} {used['version']}, {used['energy_scale']}.",
        f"- The dataset's: {_RELABELLED[recipe['relabel']]}.",
        f"- Scale of the whole: {energies.get('scale', 'not known')}.",
    ]
    if summary["relabelling_failed"]:
        lines.append(
            f"- {summary['relabelling_failed']:,} energies are unknown: the potential fails there."
        )
    if str(energies.get("scale", "mixed")).startswith("mixed"):
        lines.append(
            f"- **Energies of the two scales must not be compared.** Those of {system} "
            + (
                "structures are all on one; `--relabel all` puts the others on it, too."
                if recipe["relabel"] == "system"
                else "structures that were added are on another than the dataset's. A constraint "
                "that learns from both learns two; `--relabel system` or `--relabel all` mends it."
            )
        )
    return "\n".join(lines) + "\n"
