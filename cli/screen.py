"""``tfmat screen``: the papers' DCGAN + constraint."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .examples import examples
from .options import Finite, Whole, models_dir_option, refuse_given, threads_option, verify_option

if TYPE_CHECKING:
    from tfmat.ccdcgan.codec import Codec


@click.command(
    epilog=examples(
        "tfmat screen generated-ccdcgan --hull bi-se --out screened",
        "tfmat screen --model ccdcgan-bi-se -n 200 --hull bi-se --tolerance 0.1 --out near-hull",
    ),
)
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder.")
@click.option(
    "--tolerance",
    type=Finite(),
    default=0.1,
    show_default=True,
    help="Largest predicted formation energy above the reference, in eV/atom.",
)
@click.option(
    "--hull",
    metavar="DATASET|elements",
    help="Measure from the convex hull of this dataset, or from the elements (0 eV/atom).  "
    "[default: the dataset that the model was trained on]",
)
@click.option(
    "--any-domain",
    is_flag=True,
    help="Believe also predictions for structures unlike the training structures.",
)
@click.option("--model", metavar="RUN|PACKAGE|NAME", help="Generate the structures to screen.")
@click.option(
    "-n",
    "--number",
    type=Whole(1),
    default=100,
    show_default=True,
    help="With --model: crystal graphs to generate.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    default=0,
    show_default=True,
    help="With --model: seed of the noise.",
)
@threads_option
@models_dir_option
@click.option("--overwrite", is_flag=True, help="Replace the results that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@verify_option
@click.pass_context
def screen(
    context: click.Context,
    /,
    source: Path | None,
    out: Path,
    tolerance: float,
    hull: str | None,
    any_domain: bool,
    model: str | None,
    number: int,
    seed: int,
    threads: int | None,
    models_dir: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Keep generated structures that are predicted to lie near the convex hull.

    Kept is what the constraint was taught to judge (its domain) and predicts at most --tolerance
    above the hull of what it learned from. The papers' screening is --hull elements --tolerance 0.3
    --any-domain.

    SOURCE is a folder that tfmat generate (or tfmat screen) wrote; or give --model to generate
    here, into the folder "generated" in --out. Kept CIF files, frames and a table of all
    structures are written.
    """
    from tfmat.ccdcgan.screen import (
        hull_of_dataset,
        is_screened,
        learned_from,
        screen_into,
        training_set,
        zero,
    )
    from tfmat.errors import InputError
    from tfmat.files import check_apart, replacing_folder

    if (source is None) == (model is None):
        raise InputError("give either a folder that tfmat generate wrote, or --model")
    if model is None:
        refuse_given(context, ("number", "seed", "threads", "models_dir"), "--model")
    codec = None if model is None else _codec(model, models_dir=models_dir, threads=threads)
    reference: Callable[[str], float] = zero
    name = "elements"
    if hull != "elements":
        from tfmat.datasets.store import Dataset

        if codec is not None:
            learned = codec.trained_on
        else:
            assert source is not None  # noqa: S101
            learned = learned_from(source)
        dataset = training_set(learned) if hull is None else Dataset.open(hull)
        (reference, warning), name = hull_of_dataset(dataset, learned), dataset.path.name
        if warning:
            click.echo(f"warning: {warning}", err=True)
        name = f"convex hull of {name}"
    check_apart(out, source, hull)
    with replacing_folder(out, overwrite=overwrite, own=is_screened) as folder:
        if codec is not None:
            source = folder / "generated"
            source.mkdir()
            _generate(source, codec, number, seed, any_domain)
        assert source is not None  # noqa: S101
        summary = screen_into(folder, source, tolerance, reference, name, any_domain=any_domain)
    if as_json:
        click.echo(json.dumps({"out": str(out), **summary}, ensure_ascii=False))
    else:
        click.echo(
            f"kept {summary['kept']} of {summary['structures']} structures within {tolerance:g} "
            f"eV/atom of the {name} in {out}"
        )
        for reason, count in summary["reasons"].items():
            click.echo(f"  {count} dropped: {reason}")


def _codec(model: str, **places: Any) -> Codec:
    from tfmat.ccdcgan.codec import Codec
    from tfmat.ccdcgan.generate import PARTS
    from tfmat.ccdcgan.screen import require_energy
    from tfmat.inference.package import load

    codec = Codec.from_package(load(model, parts=PARTS, **places))
    # Without a constraint there is nothing to screen by: say so before the work, not after it.
    require_energy(codec)
    return codec


def _generate(folder: Path, codec: Codec, number: int, seed: int, unfiltered: bool) -> None:
    from tfmat.ccdcgan.request import request_for
    from tfmat.ccdcgan.results import generate_into

    request = request_for(codec, unfiltered=unfiltered)
    generate_into(folder, codec, number, seed, request=request)
