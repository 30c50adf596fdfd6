"""``tfmat data split``: one dataset into two that share nothing, and what two datasets share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from .examples import examples
from .options import Finite, Whole, counted, verify_option


@click.command(
    epilog=examples(
        "tfmat data split bi-se --kind formula --out parts",
        "tfmat data split --check parts/train parts/test",
    ),
)
@click.argument("datasets", metavar="DATASET|TRAIN TEST", nargs=-1, required=True)
@click.option(
    "--kind",
    type=click.Choice(["random", "formula", "system", "leave-out", "created"]),
    help="What is held out whole: structures with their copies, reduced formulas, chemical "
    "systems, what --leave-out names, or what is newest.  [default: random, or what the options "
    "below ask for]",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder to make: train and test in it."
)
@click.option(
    "--test-fraction",
    type=Finite(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Share to hold out; not for leave-out, nor with --from-date.",
)
@click.option(
    "--leave-out",
    "leave_out",
    metavar="LIST",
    multiple=True,
    help="Formulas in any multiple and order, and systems, e.g. BiSe3,Bi2Se3,Co-Hf.",
)
@click.option(
    "--from-date",
    metavar="DATE",
    help="Hold out what was created on this day (2018-07-13) or later.",
)
@click.option(
    "--undated",
    type=click.Choice(["train", "test"]),
    help="With created: the side of what has no date.  [default: train]",
)
@click.option("--seed", type=Whole(0), default=0, show_default=True, help="Seed of what is drawn.")
@click.option("--check", is_flag=True, help="Only say what TRAIN and TEST have in common.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier split in --out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@verify_option
def split(
    datasets: tuple[str, ...],
    kind: str | None,
    out: Path | None,
    test_fraction: float,
    leave_out: tuple[str, ...],
    from_date: str | None,
    undated: str | None,
    seed: int,
    check: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Split DATASET into one to learn from and one that is held out.

    Writes the datasets --out/train and --out/test, with all identifiers and properties, and
    split.json, the record of how. Copies of one structure never part, whatever their cells.

    With --check, two datasets: how many structures of TEST are copies of some in TRAIN, and how
    many share a formula, a chemical system or an identifier.
    """
    import shutil

    from tfmat.datasets.splits.check import leaks
    from tfmat.datasets.splits.rules import SplitRule
    from tfmat.datasets.splits.write import open_dataset, write_split
    from tfmat.errors import InputError
    from tfmat.progress import Progress

    if len(datasets) != (2 if check else 1):
        wanted = "two datasets, TRAIN and TEST" if check else "one dataset; --check takes two"
        raise InputError(f"{len(datasets)} datasets given, needed is {wanted}")
    if check == (out is not None):
        raise InputError(
            "--check writes nothing; leave --out away" if check else "--out says where to write"
        )
    if check or out is None:
        found = leaks(*map(open_dataset, datasets))
        lines = _leaks(found, shutil.get_terminal_size().columns)
    else:
        names = tuple(name for word in leave_out for name in word.split(",") if name.strip())
        implied = "leave-out" if names else "created" if from_date or undated else "random"
        rule = SplitRule(
            kind or implied,  # type: ignore[arg-type]
            test_fraction,
            names,
            from_date or "",
            undated or "train",  # type: ignore[arg-type]
        )
        dataset = open_dataset(datasets[0])
        with Progress("writing", len(dataset), "row") as progress:
            found = write_split(
                dataset, out, rule, seed, overwrite=overwrite, on_step=progress.update
            )
        for name, count in found["split"].get("leave_out", {}).items():
            if not count:
                click.echo(f"warning: --leave-out {name}: nothing in {datasets[0]} is", err=True)
        lines = _written(found)
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(lines))


def _written(found: Mapping[str, Any]) -> Iterator[str]:
    from tfmat.datasets.splits.rules import sentence

    yield f"{sentence(found['split'])}, in {found['seconds']:.1f} s"
    for side in ("train", "test"):
        part = found[side]
        yield (
            f"{Path(found['out']) / side}: {counted(part['rows'], 'row')}, "
            f"{counted(part['formulas'], 'formula')}, {counted(part['systems'], 'system')}"
        )


def _leaks(found: Mapping[str, Any], width: int) -> Iterator[str]:
    total = found["test"]["rows"]
    yield f"of {counted(total, 'row')} of {found['test']['dataset']}"
    for name, words in (
        ("identifiers", "have an identifier"),
        ("copies", "are copies of structures"),
        ("formulas", "have a formula"),
        ("systems", "have a chemical system"),
    ):
        if name not in found:
            continue
        part = found[name]
        line = f"{part['rows']:>10,} ({part['rows'] / total:.1%}) {words} of the training set"
        if part["examples"]:
            line += ": " + ", ".join(
                " = ".join(entry) if isinstance(entry, list) else entry
                for entry in part["examples"]
            )
        yield line if len(line) <= max(width, 80) else line[: max(width, 80) - 4] + " ..."
