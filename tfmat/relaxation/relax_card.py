"""The card in a folder that ``tfmat relax`` writes: what its energies mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tfmat.metric import Metric, find, read_metrics, share, where
from tfmat.relaxation.relaxed_rows import CONVERGED, FAILED, NEAR, STATIC, UNCONVERGED

_KEPT = (
    "pymatgen's StructureMatcher (ltol 0.2, stol 0.3, angle_tol 5, volumes scaled, same species) "
    "takes the structure before and after for the same"
)


class Words(NamedTuple):
    """What a card says of a potential: that of :class:`Potential` with these names.

    Args:
        energies: What its formation energies mean beside the Materials Project's.
        citation: Whom to cite, as Markdown.
    """

    energies: str
    citation: str


def card_text(summary: Mapping[str, Any], words: Words, command: str) -> str:
    """Writes the card.

    Args:
        summary: As ``summary.json`` holds it.
        words: What is to be said of the potential.
        command: The command line that repeats the run, ``""`` if there is none.

    Returns:
        Markdown.
    """
    used, settings = summary["potential"], summary["settings"]
    static = not settings["steps"]
    how = (
        "energies of the structures as they are"
        if static
        else f"at most {settings['steps']} steps to {settings['fmax']:g} eV/Å, "
        + ("cell and positions" if settings["cell"] else "positions in a fixed cell")
        + (", within the space group of the start" if settings["symmetry"] else "")
    )
    lines = [
        f"# {summary['source']['name']}, {'labelled' if static else 'relaxed'} with {used['name']}",
        "",
        f"Written by tfmat {summary['tfmat_version']}: {how}. A dataset (`--data`), a table "
        "(`relaxation.csv`, a row for every structure), CIF files (`cif/`), frames "
        "(`structures.extxyz`), and what failed (`failed.extxyz`, `rejected.csv`).",
        "",
        "## Structures",
        "",
        *_table(_counts(summary)),
        "",
        f"ΔEf is the formation energy before relaxation minus the one after. Prototype kept: "
        f"{_KEPT}.",
        "",
        "## Energies",
        "",
        *_table(
            [
                ("potential", f"{used['name']} {used['version']}"),
                ("weights", _weights(used["weights_sha256"])),
                ("scale", used["scale"]),
            ]
        ),
        "",
        words.energies,
        "",
        "Elements, with the energies that formation energies are counted from:",
        "",
        "| element | prototype | eV/atom |",
        "|---|---|---|",
        *(
            f"| {symbol} | {entry['prototype']} | {entry['energy_per_atom']:.4f} |"
            for symbol, entry in summary["references"].items()
        ),
        "",
        f"Cite {words.citation}; prototypes: Mehl et al., *Comput. Mater. Sci.* 136, S1 (2017).",
    ]
    if command:
        lines += ["", "## Again", "", "```", command, "```"]
    return "\n".join(lines) + "\n"


def _weights(sha256: str) -> str:
    return f"SHA-256 `{sha256}`" if sha256 else "none"


def _table(rows: list[tuple[str, str]]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]


def _counts(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    metrics, total = read_metrics(summary), summary["structures"]
    rows = [("in the source", f"{total:,}")]
    rows += [
        (name, share(name, summary[name], total).counted())
        for name in (CONVERGED, UNCONVERGED, STATIC, FAILED)
        if summary[name]
    ]
    rows += [(f"failed: {reason}", f"{count:,}") for reason, count in summary["reasons"].items()]
    for name, title in (("relaxed", "all relaxed"), (CONVERGED, CONVERGED)):
        if group := where(metrics, structures=name):
            rows += _energies({metric.name: metric for metric in group}, title)
    kept = find(metrics, "kept_prototype")
    if kept.value is not None:
        rows.append(("prototype kept, of all relaxed", kept.counted()))
    negative = find(metrics, "negative")
    if negative.value is not None:
        low, high, mean = (
            find(metrics, f"{kind}_formation_energy_per_atom").number()
            for kind in ("minimum", "maximum", "mean")
        )
        text = f"{low} to {high}, mean {mean} eV/atom; {negative.percent()} below zero"
        rows.append(("formation energy", text))
    return rows


def _energies(group: Mapping[str, Metric], title: str) -> list[tuple[str, str]]:
    mean, median, largest = (
        group[f"{kind}_delta_formation_energy_per_atom"].number()
        for kind in ("mean", "median", "maximum")
    )
    near = group["small_change"]
    return [
        (f"ΔEf, {title}", f"mean {mean}, median {median}, largest {largest} eV/atom"),
        (
            f"ΔEf < {NEAR} eV/atom, {title}",
            f"{near.numerator:,} of {near.denominator:,} ({near.percent()})",
        ),
    ]
