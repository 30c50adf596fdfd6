"""``tfmat evaluate structures``: how many generated structures are distinct, and how many novel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .examples import examples
from .options import figures_option, named_data, verify_option

if TYPE_CHECKING:
    from tfmat.metric import Metric


@click.command(
    short_help="Count distinct and novel structures.",
    epilog=examples(
        "tfmat evaluate structures generated-ccdcgan --against bi-se",
        "tfmat evaluate structures relaxed --against mine=data/mine --novel data/new",
    ),
)
@click.argument("generated", metavar="GENERATED")
@click.option(
    "--against",
    metavar="[NAME=]DATA",
    multiple=True,
    help="Dataset of known structures: a folder or the name of a shipped one; may be given again.",
)
@click.option(
    "--index",
    "index_place",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Keep the indices of DATA in this folder.  [default: DATA.novelty beside DATA]",
)
@click.option("--no-index", is_flag=True, help="Keep no index on disk.")
@click.option(
    "--distances/--no-distances",
    default=True,
    show_default=True,
    help="Also measure the rms distance of matching structures.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for a table of all and the summary."
)
@click.option(
    "--novel",
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="Write the structures that are distinct and novel as a dataset.",
)
@click.option("--overwrite", is_flag=True, help="Replace the results that are there.")
@figures_option("in --out, from 1000 structures on")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@verify_option
def structures(
    generated: str,
    against: tuple[str, ...],
    index_place: Path | None,
    no_index: bool,
    distances: bool,
    out: Path | None,
    novel: Path | None,
    overwrite: bool,
    figures: bool | None,
    as_json: bool,
) -> None:
    """Count which structures of GENERATED are distinct, and which are not known yet.

    GENERATED is what `tfmat generate` wrote, a dataset, or any file or folder of structures that
    `tfmat data import` reads. Structures are the same if pymatgen's StructureMatcher(ltol 0.2,
    stol 0.3, angle_tol 5) says so, with primitive_cell=True or False.

    The structures of DATA are reduced when their formula first comes up; the index on disk keeps
    them for the next time.
    """
    from tfmat.errors import InputError
    from tfmat.evaluation.novelty.evaluate import evaluate_structures

    if no_index and index_place is not None:
        raise InputError("--no-index keeps none: leave out --index")
    if figures and out is None:
        raise InputError("--figures draws into the folder of --out: give one")
    summary = evaluate_structures(
        generated,
        named_data(against),
        index=False if no_index else index_place or True,
        distances=distances,
        out=out,
        novel=novel,
        overwrite=overwrite,
        figures=figures,
    )
    if as_json:
        places = {"out": str(out) if out else None, "novel_dataset": str(novel) if novel else None}
        click.echo(json.dumps({**places, **summary}, ensure_ascii=False, allow_nan=False))
        return
    click.echo(_text(summary))


def _text(summary: dict[str, Any]) -> str:
    from tfmat.metric import find, read_metrics

    metrics = read_metrics(summary)
    uniqueness = find(metrics, "uniqueness")
    lines = [_line("distinct", uniqueness)]
    for name, found in summary["against"].items():
        line = _line("novel", find(metrics, "novelty", against=name))
        line += f": not among the {found['structures']} of {name}"
        if found["known_by_form"].get("niggli"):
            line += f" ({found['known_by_form']['niggli']} match with primitive_cell=False alone)"
        lines.append(line)
    if summary["against"]:
        lines.append(_line("distinct and novel", find(metrics, "unique_and_novel")))
    reasons = summary["not_judged_by_reason"].items()
    lines += [f"not judged: {count} ({reason})" for reason, count in reasons]
    lines.append(f"{uniqueness.judge}; {summary['cpu_seconds']} s of processor time")
    return "\n".join(lines)


def _line(what: str, share: Metric) -> str:
    percent = f" ({share.percent()})" if share.denominator else ""
    return f"{what}: {share.numerator} of {share.denominator} structures{percent}"
