"""``tfmat generate matgan``: chemical formulas from a trained model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .examples import examples
from .options import (
    Elements,
    Finite,
    Range,
    Whole,
    all_symbols,
    figures_option,
    model_option,
    models_dir_option,
    precision_option,
    seed_option,
    shard_option,
    threads_option,
    validity_options,
    verify_option,
    with_options,
)

if TYPE_CHECKING:
    from tfmat.inference.remote import RemotePackage
    from tfmat.matgan.generating.masks import Masks
    from tfmat.matgan.generating.model import CompositionModel

_OUT = "generated-matgan.csv"
# As the help of --figures has it: so many take ten seconds.
_DRAWN_FROM = 100_000

_mask_options = with_options(
    click.option(
        "--elements",
        type=Elements(),
        multiple=True,
        metavar="LIST",
        help="Only these elements may be there, e.g. Li,Mn,O.",
    ),
    click.option(
        "--require", type=Elements(), multiple=True, metavar="LIST", help="These must be there."
    ),
    click.option(
        "--exclude",
        type=Elements(),
        multiple=True,
        metavar="LIST",
        help="These must not be there, e.g. Pb,Tl,Cd.",
    ),
    click.option(
        "--n-elements",
        type=Range(),
        default=(2, 8),
        metavar="N|N-M",
        help="Number of different elements, one or a range.  [default: 2-8]",
    ),
    click.option(
        "--max-count",
        type=click.IntRange(1, 8),
        default=8,
        show_default=True,
        help="Most atoms of an element in the reduced formula.",
    ),
    click.option(
        "--formula-pattern",
        metavar="PATTERN",
        help="Exact counts with free elements, e.g. Li2XO3 or AMX3: each of the letters A E G J L "
        "M Q R T X Z, which are no element, stands for one that is not named. B, C, Y ... are "
        "elements.",
    ),
)


# Of all commands that generate formulas, whatever runs the networks.
OPTIONS = with_options(
    click.option(
        "-n",
        "--number",
        type=click.IntRange(1, 2**32 - 2),
        default=10_000,
        show_default=True,
        help="Samples to draw; not every one gives a row.",
    ),
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        help="File to write: .csv, .csv.gz or .parquet; a summary goes to the same name with "
        f".json.  [default: {_OUT}]",
    ),
    click.option("--overwrite", is_flag=True, help="Replace the file and its summary."),
    seed_option,
    click.option(
        "--first",
        type=click.IntRange(0, 2**62),
        default=0,
        show_default=True,
        help="Index of the first sample: go on where an earlier call ended.",
    ),
    click.option("--rows", type=Whole(1), help="Stop as soon as there are so many rows."),
    _mask_options,
    click.option(
        "--unique", is_flag=True, help="A row for each different formula, with how often it came."
    ),
    click.option(
        "--valid-only",
        is_flag=True,
        help="Only formulas that are charge-neutral with balanced electronegativity.",
    ),
    click.option(
        "--novel-against",
        metavar="DATA",
        multiple=True,
        help="Say which formulas are not in this file or dataset of formulas; may be given again.",
    ),
    click.option("--novel-only", is_flag=True, help="Leave out the formulas that are there."),
    validity_options,
    click.option(
        "--critic-keep",
        type=Finite(0, 1, min_open=True),
        default=1.0,
        show_default=True,
        help="Keep only this share of the formulas, those that the critic finds most real.",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1, 65_536),
        default=256,
        show_default=True,
        help="Samples in one call of the network.",
    ),
    figures_option("from 100000 samples on"),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON summary."),
)


@click.command(
    short_help="Generate chemical formulas with a MatGAN.",
    epilog=examples(
        "tfmat generate matgan --unique --valid-only",
        "tfmat generate matgan -n 20000 --require Li --exclude Pb,Tl,Cd --out lithium.csv",
    ),
)
@model_option("matgan-plus-icsd-filter")
@OPTIONS
@click.option(
    "--backend",
    type=click.Choice(["auto", "onnx", "tensorflow"]),
    default="auto",
    show_default=True,
    help="What runs the network; auto: ONNX Runtime, or TensorFlow where that is missing.",
)
@precision_option
@threads_option
@models_dir_option
@shard_option
@verify_option
def matgan(**options: Any) -> None:
    """Generate chemical formulas, judge them and write them as a table.

    Each formula is judged as smact 4.0.2 does with the given set. The masks on elements and counts
    are hard: no formula that is written breaks one. The same seed gives the same formulas whatever
    the batch size and the threads.
    """
    from tfmat.inference.metadata import find, read_metadata
    from tfmat.matgan.generating.model import CompositionModel, chosen_backend

    def model() -> CompositionModel:
        if chosen_backend(options["backend"]) == "tensorflow":
            read_metadata(find(options["model"], options["models_dir"]))
            _quiet_tensorflow(options["threads"])
        return CompositionModel.load(
            options["model"],
            backend=options["backend"],
            threads=options["threads"],
            precision=options["precision"],
            models_dir=options["models_dir"],
        )

    def described() -> tuple[dict[str, Any], Path]:
        folder = find(options["model"], options["models_dir"])
        return read_metadata(folder), folder

    write_formulas(model, options, described)


def write_predicted(remote: RemotePackage, options: dict[str, Any]) -> None:
    """Generates with networks that run on a server, and writes the results.

    Args:
        remote: The networks.
        options: Those of :data:`OPTIONS`.
    """
    from tfmat.matgan.generating.served import served_model

    write_formulas(
        lambda: served_model(remote, scored=options["critic_keep"] < 1),
        options,
        lambda: (remote.metadata, None),
    )


def write_formulas(
    load: Callable[[], CompositionModel],
    options: dict[str, Any],
    described: Callable[[], tuple[dict[str, Any], Path | None]],
) -> None:
    """Generates formulas and says what came of it.

    Args:
        load: Loads the model, once the other words are known to be right.
        options: Values of :func:`OPTIONS`.
        described: Returns metadata and, if it is here, the folder of the package.

    Raises:
        InputError: The words or the model are wrong, or nothing fulfils the request.
    """
    from tfmat.matgan.generating.both import restore
    from tfmat.matgan.generating.generate import FormulaRequest, FormulaSampler
    from tfmat.matgan.generating.known import known_formulas
    from tfmat.matgan.generating.results import Amount, generate_into
    from tfmat.matgan.generating.table import check_free, check_out
    from tfmat.matgan.validity.checker import ValidityChecker, ValiditySettings

    out = Path(_OUT) if options["out"] is None else options["out"]
    check_out(out)
    restore(out)
    check_free(out, overwrite=options["overwrite"])
    masks = _masks_of(options)
    checker = ValidityChecker(ValiditySettings(options["oxidation_states"], options["alloys"]))
    model = load()
    request = FormulaRequest(
        masks,
        options["valid_only"],
        known_formulas(
            options["novel_against"], options["novel_only"], lambda line: click.echo(line, err=True)
        ),
        options["novel_against"],
        options["novel_only"],
        options["critic_keep"],
    )
    sampler = FormulaSampler(model, options["seed"], checker, request, options["batch_size"])
    amount = Amount(options["number"], options["first"], options["rows"], options["unique"])
    summary = generate_into(out, sampler, amount, options.get("shard"))
    _draw(out, options, described)
    if options["as_json"]:
        click.echo(json.dumps({"out": str(out), **summary}, ensure_ascii=False, allow_nan=False))
    else:
        _print(out, summary)


def _draw(
    out: Path,
    options: dict[str, Any],
    described: Callable[[], tuple[dict[str, Any], Path | None]],
) -> None:
    """Draws a picture of the formulas where it is asked for, or they were long in the making.

    That of a table which was there before goes in any case.
    """
    from tfmat.figures.writing import renew
    from tfmat.matgan.figures import figures_of, generated_pictures

    whole = options.get("shard") is None
    drawn = whole and options["number"] >= _DRAWN_FROM
    wanted = drawn if options["figures"] is None else options["figures"]
    renew(figures_of(out), (lambda: generated_pictures(out, *described())) if wanted else None)


def _masks_of(options: dict[str, Any]) -> Masks:
    from tfmat.matgan.generating.masks import Masks
    from tfmat.matgan.generating.pattern import Pattern

    pattern = options["formula_pattern"]
    return Masks(
        all_symbols(options["elements"]),
        all_symbols(options["require"]),
        all_symbols(options["exclude"]),
        options["n_elements"],
        options["max_count"],
        None if pattern is None else Pattern.parse(pattern),
    )


def _quiet_tensorflow(threads: int | None) -> None:
    from tfmat.training.quiet import load_keras

    load_keras(threads, "`backend` tensorflow")


def _print(out: Path, summary: dict[str, Any]) -> None:
    """Prints the metrics, each with what it is a share of."""
    from tfmat.datasets.summary import validity_line
    from tfmat.metric import find, read_metrics

    metrics = read_metrics(summary)

    def share(name: str, *wholes: str) -> str:
        shares = [
            f"{metric.percent(2)} of {whole}"
            for whole, suffix in zip(wholes, ("", "_of_drawn"), strict=False)
            if (metric := find(metrics, name + suffix)).value is not None
        ]
        return f"{summary[name]:,} ({', '.join(shares)})" if shares else f"{summary[name]:,}"

    click.echo(f"{summary['rows']:,} rows from {summary['samples']:,} samples in {out}")
    lines = [
        ("model", summary["model"]),
        ("formulas of 2 to 8 elements", share("accepted", "samples")),
        ("charge-neutral", share("neutral", "formulas", "samples")),
        ("neutral and balanced", share("balanced", "formulas", "samples")),
        ("meet all criteria", share("kept", "samples")),
        ("different", share("unique", "these")),
    ]
    if summary["novel"] is not None:
        lines.append(("novel", share("novel", "different")))
    seconds = summary["seconds"]
    parts = ", ".join(f"{part} {value:.1f}" for part, value in seconds["parts"].items())
    lines += [
        ("validity by", validity_line(summary["validity"])),
        ("seconds", f"{seconds['total']:.1f}; of processors {seconds['processor']:.1f}: {parts}"),
    ]
    for label, text in lines:
        click.echo(f"  {label}: {text}")
