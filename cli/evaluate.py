"""``tfmat evaluate``: how well structures come back, and how good generated formulas are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from .examples import examples
from .main import LazyGroup
from .options import (
    Finite,
    Whole,
    decoding_mode,
    figures_into,
    models_dir_option,
    precision_option,
    verify_option,
)

if TYPE_CHECKING:
    from tfmat.metric import Metric


@click.group(
    epilog=examples(
        "tfmat evaluate structures generated-ccdcgan --against bi-se",
        "tfmat evaluate compositions generated-matgan.csv --train formulas",
    ),
    cls=LazyGroup,
    lazy={
        "reconstruction": (
            "tfmat.cli.evaluate",
            "reconstruction",
            "Draw structures, read them back and count what is the same.",
        ),
        "compositions": (
            "tfmat.cli.evaluate_compositions",
            "compositions",
            "Judge formulas: validity, uniqueness, novelty, recovery, baselines.",
        ),
        "structures": (
            "tfmat.cli.evaluate_structures",
            "structures",
            "Count valid, distinct, novel and stable structures.",
        ),
        "hull": (
            "tfmat.cli.evaluate_hull",
            "hull",
            "Judge structures by the convex hulls of their systems.",
        ),
    },
)
def evaluate() -> None:
    """Judge structures (do they come back, are they new, are they stable) and formulas."""


@click.command(
    short_help="Draw structures, read them back and count what is the same.",
    epilog=examples(
        "tfmat evaluate reconstruction bi-se --limit 100",
        "tfmat evaluate reconstruction bi-se --stage autoencoder --model ccdcgan-bi-se-compact "
        "--limit 50",
    ),
)
@click.argument("data", metavar="DATA")
@click.option(
    "--stage",
    type=click.Choice(["voxels", "autoencoder"]),
    default="voxels",
    show_default=True,
    help="Round trip through voxels alone, or also through the autoencoders of --model.",
)
@decoding_mode
@click.option("--model", metavar="RUN|PACKAGE|NAME", help="Run, model package or its name.")
@models_dir_option
@click.option(
    "--split",
    type=click.Choice(["all", "test", "train"]),
    default="all",
    show_default=True,
    help="With --stage autoencoder: only the structures held out in training, or learned from.",
)
@click.option(
    "--counts",
    is_flag=True,
    help="With --stage autoencoder: tell the decoder how many atoms of each element there are.",
)
@click.option("--limit", type=Whole(1), help="Only the first so many structures.")
@click.option(
    "--max-atoms",
    type=Whole(1),
    help="Only cells of at most so many atoms.  [default: the papers' 20, or the model's]",
)
@click.option(
    "--max-length",
    type=Finite(0, min_open=True),
    help="Only Niggli cells with edges up to so many Å.  [default: the papers' 10, or the model's]",
)
@precision_option
@click.option(
    "--failures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write each structure that does not come back, and what came in its place, as CIF files.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier folder of failures.")
@figures_into
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@verify_option
def reconstruction(
    data: str,
    stage: Literal["voxels", "autoencoder"],
    mode: Literal["robust", "faithful"],
    model: str | None,
    models_dir: Path | None,
    split: Literal["all", "test", "train"],
    counts: bool,
    limit: int | None,
    max_atoms: int | None,
    max_length: float | None,
    precision: str | None,
    failures: Path | None,
    overwrite: bool,
    figures: Path | None,
    as_json: bool,
) -> None:
    """Draw the structures of DATA, read them back and count those that are the same.

    DATA is a dataset: a folder, or the name of one that ships with tfmat. Structures are the same
    if pymatgen's StructureMatcher(ltol 0.2, stol 0.3, angle_tol 5) says so.
    """
    from tfmat.ccdcgan.evaluation import evaluate_reconstruction

    summary = evaluate_reconstruction(
        data,
        stage=stage,
        mode=mode,
        model=model,
        models_dir=models_dir,
        split=split,
        counts=counts,
        limit=limit,
        max_atoms=max_atoms,
        max_length=max_length,
        precision=precision,
        failures=failures,
        overwrite=overwrite,
    )
    if figures is not None:
        from tfmat.figures.counting import reconstruction_of
        from tfmat.figures.writing import renew

        renew(figures, lambda: {"reconstruction": lambda _: reconstruction_of(summary)})
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    click.echo(_text(summary))


def _text(summary: dict[str, Any]) -> str:
    from tfmat.metric import read_metrics

    every = read_metrics(summary)
    metrics = {metric.name: metric for metric in every if not metric.subset}
    groups = [metric for metric in every if metric.name == "reproduced" and metric.subset]
    reproduced = metrics["reproduced"]
    lines = [_counted(reproduced, " structures reproduced")]
    if (crowded := metrics.get("crowded_reproduced")) is not None and crowded.denominator:
        lines.append(f"of those with 9 atoms or more of one element: {_counted(crowded)}")
    for name, label in (
        ("rms_mean", "mean rms of the atoms"),
        ("lattice_max_error", "largest error of a length"),
        ("angle_max_error", "largest error of an angle"),
        ("atom_recall", "atoms found"),
        ("atom_precision", "atoms found that are true"),
    ):
        if name in metrics and metrics[name].value is not None:
            unit = {"1": "", "degree": "°"}.get(metrics[name].unit, metrics[name].unit)
            lines.append(f"{label}: {metrics[name].value:.3g} {unit}".rstrip())
    lines += _by_elements(groups)
    lines += [f"not decoded: {count} ({why})" for why, count in summary["not_decoded"].items()]
    lines += [f"left out: {count} ({why})" for why, count in summary.get("left_out", {}).items()]
    return "\n".join(lines)


def _counted(metric: Metric, words: str = "") -> str:
    return f"{metric.numerator} of {metric.denominator}{words} ({metric.percent(2)})"


def _by_elements(groups: Sequence[Metric]) -> list[str]:
    """Returns lines on numbers of elements, and on the elements that come back least."""
    sizes = [one for one in groups if "n_elements" in one.subset]
    lines = [
        f"with {one.subset['n_elements']} elements: {_counted(one)}"
        for one in sizes
        if len(sizes) > 1
    ]
    elements = [one for one in groups if "element" in one.subset]
    worst = sorted(
        (one for one in elements if one.numerator != one.denominator),
        key=lambda one: one.value or 0.0,
    )
    if len(elements) > 2 and worst:
        shown = [f"{one.subset['element']} {one.numerator} of {one.denominator}" for one in worst]
        more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
        lines.append(f"least of structures with {', '.join(shown[:5])}{more}")
    return lines
