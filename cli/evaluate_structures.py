"""``tfmat evaluate structures``: how many generated structures are distinct, and how many novel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .examples import examples
from .options import figures_option, named_data, seed_option, shard_option, verify_option

if TYPE_CHECKING:
    from tfmat.metric import Metric
    from tfmat.work.shards import Shard


@click.command(
    short_help="Count valid, distinct, novel and stable structures.",
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
@click.option(
    "--hull",
    metavar="[NAME=]DATA",
    multiple=True,
    help="Structures or formulas whose formation energies define the hull, for S.U.N.; may be "
    "given again.  [default: e_above_hull of GENERATED]",
)
@click.option(
    "--coverage",
    metavar="N",
    type=click.IntRange(1),
    help="Also compare fingerprints of the first N valid structures with those of N of each DATA, "
    "for coverage recall and precision. Needs tfmat[coverage].",
)
@click.option(
    "--baselines",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Judge beside them as many structures without a network, and write them into this folder: "
    "known ones, the same with noise, known ones with the elements of GENERATED, its atoms at "
    "random places.",
)
@seed_option
@click.option(
    "--export",
    "exports",
    metavar="BENCHMARK PLACE",
    type=(click.Choice(["lemat-genbench", "mattergen"]), click.Path(path_type=Path)),
    multiple=True,
    help="Write the structures as lemat-genbench (a folder of CIF files, or NAME.csv) or mattergen "
    "(a folder) reads them; may be given again.",
)
@click.option("--overwrite", is_flag=True, help="Replace the results that are there.")
@figures_option("in --out, from 1000 structures on")
@shard_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@verify_option
def structures(
    generated: str,
    against: tuple[str, ...],
    index_place: Path | None,
    no_index: bool,
    distances: bool,
    hull: tuple[str, ...],
    coverage: int | None,
    baselines: Path | None,
    seed: int,
    exports: tuple[tuple[str, Path], ...],
    out: Path | None,
    novel: Path | None,
    overwrite: bool,
    figures: bool | None,
    shard: Shard | None,
    as_json: bool,
) -> None:
    """Count which structures of GENERATED are valid, distinct, not known yet and stable.

    GENERATED is what `tfmat generate` wrote, a dataset, or any file or folder of structures that
    `tfmat data import` reads. Structures are the same if pymatgen's StructureMatcher(ltol 0.2,
    stol 0.3, angle_tol 5) says so, with primitive_cell=True or False.

    Valid is the MP-20 protocol's: no atoms nearer than 0.5 Å, and a composition that smact with the
    set smact14 takes (metals alone pass). S.U.N. is stable, unique and novel: on the hull of
    --hull, for meta-S.U.N. at most 0.1 eV/atom above it; also of compounds alone.

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
        hull=named_data(hull, "--hull"),
        coverage=coverage,
        export=exports,
        baselines=baselines,
        seed=seed,
        out=out,
        novel=novel,
        overwrite=overwrite,
        figures=figures,
        shard=shard,
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
    lines.append(_valid(metrics, list(summary["against"])))
    lines += _baselines(metrics, summary.get("baselines", {}).get("structures", {}))
    if find(metrics, "sun").value is not None:
        lines += [
            _line(words, find(metrics, name))
            + f", as compounds {find(metrics, name, n_elements='2+').counted()}"
            for name, words in (("sun", "S.U.N."), ("msun", "meta-S.U.N."))
        ]
    reasons = summary["not_judged_by_reason"].items()
    lines += [f"not judged: {count} ({reason})" for reason, count in reasons]
    for recall in metrics:
        if recall.name == "coverage_recall":
            precision = find(metrics, "coverage_precision", **recall.subset)
            line = f"coverage of {recall.subset['against']}: recall {recall.percent()}"
            lines.append(f"{line}, precision {precision.percent()}")
    lines += summary.get("exported", []) + summary.get("warnings", [])
    lines.append(f"{uniqueness.judge}; {summary['cpu_seconds']} s of processor time")
    return "\n".join(lines)


def _valid(metrics: list[Metric], sets: list[str]) -> str:
    """Says how many are valid, and which share of the known structures is."""
    from tfmat.metric import find

    structure, both = find(metrics, "structure_valid"), find(metrics, "valid")
    composition = find(metrics, "composition_valid")
    line = f"valid: {both.numerator} of {both.denominator} structures"
    if both.denominator:
        line += (
            f" ({both.percent()}; distances {structure.percent()}, smact {composition.percent()})"
        )
    known = [f"{name} {find(metrics, 'valid', set=name).percent()}" for name in sets]
    return f"{line}; {', '.join(known)}" if known else line


def _baselines(metrics: list[Metric], counts: dict[str, int]) -> list[str]:
    """Says the same of each baseline in a line."""
    from tfmat.metric import find

    lines = ["beside them, without a network:"] if counts else []
    for name, count in counts.items():
        words = ", ".join(
            f"{label} {find(metrics, key, baseline=name).percent()}"
            for label, key in (
                ("distinct", "uniqueness"),
                ("distinct and novel", "unique_and_novel"),
                ("valid", "valid"),
                ("distances", "structure_valid"),
            )
        )
        lines.append(f"  {name}: {count:,} structures" + (f"; {words}" if count else ""))
    return lines


def _line(what: str, share: Metric) -> str:
    percent = f" ({share.percent()})" if share.denominator else ""
    return f"{what}: {share.numerator} of {share.denominator} structures{percent}"
