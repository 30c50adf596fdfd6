"""``tfmat data enumerate``: the space of formulas, its valid share, and enrichment over it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .examples import examples
from .options import (
    Elements,
    Range,
    Whole,
    all_symbols,
    shard_option,
    validity_options,
    verify_option,
)

# A row of memory for each.
_MOST_SAMPLES = 10**8

if TYPE_CHECKING:
    from tfmat.metric import Metric
    from tfmat.work.shards import Shard


@click.command(
    "enumerate",
    epilog=examples(
        "tfmat data enumerate --elements Li,Mn,O --n-elements 2-3 --valid-only --out li-mn-o.csv",
        "tfmat data enumerate --n-elements 2 --max-count 4",
    ),
)
@click.option(
    "--n-elements",
    type=Range(),
    metavar="N|N-M",
    help="Number of different elements, one or a range within 2-4.  [default: 2-4, or as many as "
    "--elements names]",
)
@click.option(
    "--max-count",
    type=click.IntRange(1, 8),
    default=8,
    show_default=True,
    help="Most atoms of an element in the reduced formula.",
)
@click.option(
    "--elements",
    type=Elements(),
    multiple=True,
    metavar="LIST",
    help="Only these elements may be there, e.g. Li,Mn,O.",
)
@click.option("--valid-only", is_flag=True, help="Write only neutral and balanced formulas.")
@click.option(
    "--simplest",
    is_flag=True,
    help="Of each combination of common ions only the simplest neutral and balanced formula.",
)
@click.option("--limit", type=Whole(1), help="Stop after so many formulas.")
@click.option(
    "--sample",
    type=Whole(1),
    help="Draw at most so many formulas for each number of elements.",
)
@click.option("--seed", type=Whole(0), default=0, show_default=True, help="Of --sample.")
@click.option(
    "--exhaustive", is_flag=True, help="Go through all, also 7.7 thousand million quaternaries."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write the formulas: a .csv, .csv.gz or .parquet file, or else a dataset folder.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file or dataset that is there.")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="DATA",
    help="Formulas to compare with the space: a table or a dataset. A row counts as often as its "
    "column times_generated says.",
)
@validity_options
@shard_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@verify_option
def enumerate_(
    elements: tuple[tuple[str, ...], ...],
    simplest: bool,
    out: Path | None,
    overwrite: bool,
    against: Path | None,
    oxidation_states: str,
    alloys: bool,
    shard: Shard | None,
    as_json: bool,
    **choices: Any,
) -> None:
    """Enumerate formulas and count the valid ones.

    Every choice of --n-elements elements with every reduced ratio of 1 to --max-count atoms.
    Binaries and ternaries are gone through; of more than a hundred million formulas a million are
    drawn, and the rate comes with its standard error, unless --sample or --exhaustive says
    otherwise. With --against DATA: by which factor the formulas of DATA are more often valid.
    """
    from tfmat.datasets.summary import validity_line
    from tfmat.errors import InputError
    from tfmat.matgan.space.enumerating import enumerate_simplest, enumerate_to
    from tfmat.matgan.space.enumeration import EnumerationOptions
    from tfmat.matgan.space.shards import enumerate_shard
    from tfmat.matgan.validity.checker import ValiditySettings

    options = EnumerationOptions(
        elements=all_symbols(elements),
        validity=ValiditySettings(oxidation_states, alloys),
        **choices,
    )
    if simplest and (against is not None or options.exhaustive):
        raise InputError("--simplest goes through no space: leave --against and --exhaustive out")
    if shard is not None:
        if simplest or against is not None:
            raise InputError("--shard goes through a space: leave --simplest and --against out")
        summary = enumerate_shard(options, out, shard, overwrite=overwrite)
    elif simplest:
        summary = enumerate_simplest(options, out, overwrite=overwrite)
    else:
        samples = _samples(against) if against is not None else None
        summary = enumerate_to(options, out, samples, overwrite=overwrite)
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    click.echo(f"validity by {validity_line(summary['settings'])}")
    for line in _simplest(summary) if simplest else _space(summary):
        click.echo(line)
    if summary["out"]:
        click.echo(f"{summary['out']}: {summary['written']:,} formulas")


def _samples(path: Path) -> Any:
    """Reads formulas, each as often as it was generated."""
    import numpy as np

    from tfmat.errors import InputError
    from tfmat.evaluation.formulas.sources import read_sample

    sample = read_sample(path)
    if sample.left_out:
        click.echo(f"{path}: {sample.left_out}", err=True)
    if sample.times is None:
        return sample.compositions
    if (samples := int(sample.times.sum())) > _MOST_SAMPLES:
        raise InputError(
            f"{path}: its rows stand for {samples:,} samples, more than {_MOST_SAMPLES:,}; take "
            "the column times_generated away to count each row once"
        )
    return sample.compositions[np.repeat(np.arange(len(sample.times)), sample.times)]


def _simplest(summary: Mapping[str, Any]) -> Iterator[str]:
    ions = summary["ions"]
    yield (
        f"{ions['count']} common ions: {ions['consensus']} reports in the ICSD and "
        f"commonality {ions['commonality']!r} by smact {ions['smact_version']}"
    )
    yield f"{'elements':>8} {'formulas':>12} {'taken':>12} {'neutral':>12} {'balanced':>12}"
    for size, part in summary["by_elements"].items():
        numbers = (part[key] for key in ("formulas", "written", "neutral", "balanced"))
        yield f"{size:>8} " + " ".join(f"{number:>12,}" for number in numbers)


def _space(summary: Mapping[str, Any]) -> Iterator[str]:
    from tfmat.metric import find, read_metrics

    parts = [*summary["by_elements"].items(), ("all", summary["total"])]
    yield "of all formulas (elements with a reduced ratio):"
    yield f"{'elements':>8} {'formulas':>14} {'examined':>14} {'neutral':>17} {'balanced':>17}"
    metrics = read_metrics(summary)
    for size, part in parts:
        shares = [_share(find(metrics, name, **_of(size))) for name in ("neutral", "balanced")]
        yield (
            f"{size:>8} {part['space']:>14,} {part['examined']:>14,} "
            f"{shares[0]:>17} {shares[1]:>17}"
        )
    for size, part in summary["by_elements"].items():
        if part["how"] == "sample":
            yield (
                f"of {size} elements {part['examined']:,} formulas were drawn: --sample N draws "
                "more, --exhaustive takes all"
            )
    yield "of all (species, charge, ratio) combinations:"
    yield f"{'elements':>8} {'combinations':>29} {'neutral':>17} {'balanced':>17}"
    for size, part in parts:
        names = ("neutral_of_combinations", "balanced_of_combinations")
        shares = [_share(find(metrics, name, **_of(size))) for name in names]
        yield f"{size:>8} {part['combinations']['total']:>29,} {shares[0]:>17} {shares[1]:>17}"
    if "left_out" in summary:
        yield from _enrichment(summary)


def _of(size: str) -> dict[str, str]:
    return {} if size == "all" else {"n_elements": size}


def _share(metric: Metric) -> str:
    if metric.value is None:
        return "-"
    error = f" ± {metric.standard_error:.3%}" if metric.standard_error else ""
    return metric.percent(3) + error


def _enrichment(summary: Mapping[str, Any]) -> Iterator[str]:
    from tfmat.metric import find, read_metrics, where

    yield "the given formulas (times the share of all formulas, of all combinations):"
    if summary["left_out"]:
        yield f"{'others':>8} {summary['left_out']:>11,}  left out: no such space was enumerated"
    metrics = where(read_metrics(summary), formulas="given")
    sizes = dict.fromkeys(str(metric.subset.get("n_elements", "all")) for metric in metrics)
    for size in [*(size for size in sizes if size != "all"), "all"]:
        subset, texts, count = {"formulas": "given", **_of(size)}, [], 0.0
        for name in ("neutral", "balanced"):
            share = find(metrics, name, **subset)
            count = share.denominator or 0
            times = (
                find(metrics, f"{name}_over_{what}", **subset).value
                for what in ("formulas", "combinations")
            )
            shown = ", ".join("-" if value is None else f"{value:,.1f}" for value in times)
            rate = "-" if share.value is None else share.percent(2)
            texts.append(f"{name} {rate} ({shown})")
        yield f"{size:>8} {count:>11,}  {'; '.join(texts)}"
