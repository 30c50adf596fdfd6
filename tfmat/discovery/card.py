"""The page of words beside the candidates of a campaign: what was done, and how to do it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfmat.discovery.campaign import FILE, Campaign
from tfmat.errors import printable_lines


def card_text(campaign: Campaign, summary: Mapping[str, Any]) -> str:
    """Returns ``README.md``.

    Args:
        campaign: The campaign.
        summary: Its summary.
    """
    potentials = " and ".join(summary["potentials"]) or campaign.relax.potential
    lines = [
        f"# {summary['candidates']:,} candidates",
        "",
        f"Written by tfmat {summary['tfmat_version']} (`tfmat discover`).",
        "",
        "| file | what it holds |",
        "|---|---|",
        "| `candidates.csv` | the candidates, nearest to the hull first |",
        "| `candidates.extxyz`, `cif/` | their relaxed structures |",
        "| `funnel.csv`, `figures/` | how many each step left, and why others were not kept |",
        "",
        "| step | left | lost |",
        "|---|---|---|",
    ]
    for step in summary["funnel"]:
        lost = "; ".join(f"{count:,} {reason}" for reason, count in step["lost"].items())
        lines.append(f"| {step['step']} | {step['left']:,} | {lost} |")
    if summary["not_reached"]:
        lines += ["", "Not all were relaxed: the same command goes on where the time was over."]
    lines += [
        "",
        f"Energies are those of {potentials}, in eV/atom, with the elements relaxed by the same "
        "potential. A candidate is a structure that this potential puts near the hull of the known "
        "structures that were named; it is not a material yet. Compute it with DFT, and look "
        "whether somebody has made it.",
        "",
        *(f"* {warning}" for warning in summary["warnings"]),
        "",
        f"The same again: `tfmat discover {FILE} --out NEW`, with the `{FILE}` that lies beside "
        "this folder.",
        "",
    ]
    return printable_lines("\n".join(lines))
