"""``tfmat evaluate structures``: how many generated structures are distinct, and how many novel."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from .options import named_data


@click.command(short_help="Count distinct and novel structures.")
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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
def structures(
    generated: str,
    against: tuple[str, ...],
    index_place: Path | None,
    no_index: bool,
    distances: bool,
    out: Path | None,
    novel: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Count which structures of GENERATED are distinct, and which are not known yet.

    GENERATED is what `tfmat generate` wrote, a dataset, or any file or folder of structures that
    `tfmat data import` reads. Structures are the same if pymatgen's StructureMatcher(ltol 0.2,
    stol 0.3, angle_tol 5) says so, with primitive_cell=True or False.

    The structures of DATA are reduced when their formula first comes up; the index on disk keeps
    them for the next time.
    """
    from contextlib import ExitStack

    from tfmat.datasets.folders import is_dataset
    from tfmat.datasets.store import Dataset
    from tfmat.errors import InputError
    from tfmat.evaluation.novelty.count import judge, summarise
    from tfmat.evaluation.novelty.index import NoveltyIndex, index_folder
    from tfmat.evaluation.novelty.output import (
        is_output,
        read_generated,
        write_novel,
        write_output,
    )
    from tfmat.files import check_place, replacing_folder
    from tfmat.progress import Progress

    if no_index and index_place is not None:
        raise InputError("--no-index keeps none: leave out --index")
    if novel is not None and not against:
        raise InputError("--novel needs known structures: give --against DATA")
    start, cpu = time.monotonic(), time.process_time()
    if out is not None:
        check_place(out, overwrite=overwrite, own=is_output)
    if novel is not None:
        check_place(novel, overwrite=overwrite, own=is_dataset)
    known = {name: Dataset.open(data) for name, data in named_data(against).items()}
    source = read_generated(generated)
    with ExitStack() as stack:
        indices = {}
        for name, dataset in known.items():
            folder = None if no_index else index_folder(dataset, index_place)
            indices[name] = stack.enter_context(NoveltyIndex.open(dataset, folder))
        count = sum(entry.crystal is not None for entry in source.entries)
        progress = stack.enter_context(Progress("comparing", count, "structure"))
        verdicts = judge(source.entries, indices, distances=distances, on_step=progress.update)
    summary: dict[str, Any] = {"generated": source.record, **summarise(verdicts, indices)}
    if novel is not None:
        summary["novel_written"] = write_novel(
            novel, source, verdicts, summary, overwrite=overwrite
        )
    summary["seconds"] = round(time.monotonic() - start, 2)
    summary["cpu_seconds"] = round(time.process_time() - cpu, 2)
    if out is not None:
        with replacing_folder(out, overwrite=overwrite, own=is_output) as folder:
            write_output(folder, verdicts, list(known), summary)
    if as_json:
        places = {"out": str(out) if out else None, "novel_dataset": str(novel) if novel else None}
        click.echo(json.dumps({**places, **summary}, ensure_ascii=False, allow_nan=False))
        return
    click.echo(_text(summary))


def _text(summary: dict[str, Any]) -> str:
    judged = summary["structures"]
    lines = [_line("distinct", summary["distinct"], judged, "structures")]
    for name, found in summary["against"].items():
        line = _line("novel", found["novel"], judged, "structures")
        line += f": not among the {found['structures']} of {name}"
        if found["known_by_form"].get("niggli"):
            line += f" ({found['known_by_form']['niggli']} match with primitive_cell=False alone)"
        lines.append(line)
    if summary["against"]:
        lines.append(_line("distinct and novel", summary["novel_distinct"], judged, "structures"))
    reasons = summary["not_judged_by_reason"].items()
    lines += [f"not judged: {count} ({reason})" for reason, count in reasons]
    lines.append(f"{summary['criterion']['tool']}, {summary['cpu_seconds']} s of processor time")
    return "\n".join(lines)


def _line(what: str, part: int, whole: int, of: str) -> str:
    share = f" ({part / whole:.1%})" if whole else ""
    return f"{what}: {part} of {whole} {of}{share}"
