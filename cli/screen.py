"""``tfmat screen``: the papers' DCGAN + constraint."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .examples import examples
from .options import Finite, models_dir_option, threads_option, verify_option


@click.command(
    epilog=examples(
        "tfmat screen generated-ccdcgan --out screened",
        "tfmat screen --model ccdcgan-bi-se -n 200 --hull bi-se --tolerance 0.1 --out near-hull",
    ),
)
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder.")
@click.option(
    "--tolerance",
    type=Finite(),
    default=0.3,
    show_default=True,
    help="Largest predicted formation energy above the reference, in eV/atom.",
)
@click.option(
    "--hull",
    metavar="DATASET",
    help="Measure from the convex hull of this dataset, not from the elements (0 eV/atom).",
)
@click.option("--model", metavar="RUN|PACKAGE|NAME", help="Generate the structures to screen.")
@click.option("-n", "--number", type=click.IntRange(1), default=100, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True)
@threads_option
@models_dir_option
@click.option("--overwrite", is_flag=True, help="Replace the results that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON summary.")
@verify_option
def screen(
    source: Path | None,
    out: Path,
    tolerance: float,
    hull: str | None,
    model: str | None,
    number: int,
    seed: int,
    threads: int | None,
    models_dir: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Keep generated structures whose predicted formation energy is low enough.

    SOURCE is a folder that tfmat generate (or tfmat screen) wrote; or give --model to generate
    here, into the folder "generated" in --out. Kept CIF files, frames and a table of all
    structures are written.
    """
    from tfmat.ccdcgan.screen import hull_of_dataset, is_screened, screen_into, zero
    from tfmat.errors import InputError
    from tfmat.files import replacing_folder

    if (source is None) == (model is None):
        raise InputError("give either a folder that tfmat generate wrote, or --model")
    reference: Callable[[str], float] = zero
    name = "elements"
    if hull is not None:
        from tfmat.datasets.store import Dataset

        dataset = Dataset.open(hull)
        reference, name = hull_of_dataset(dataset), f"convex hull of {dataset.path.name}"
    with replacing_folder(out, overwrite=overwrite, own=is_screened) as folder:
        if model is not None:
            source = folder / "generated"
            source.mkdir()
            _generate(source, model, number, seed, models_dir=models_dir, threads=threads)
        assert source is not None  # noqa: S101
        summary = screen_into(folder, source, tolerance, reference, name)
    if as_json:
        click.echo(json.dumps({"out": str(out), **summary}, ensure_ascii=False))
    else:
        click.echo(
            f"kept {summary['kept']} of {summary['structures']} structures within {tolerance:g} "
            f"eV/atom of the {name} in {out}"
        )


def _generate(folder: Path, model: str, number: int, seed: int, **places: Any) -> None:
    from tfmat.ccdcgan.codec import Codec
    from tfmat.ccdcgan.generate import PARTS, StructureRequest
    from tfmat.ccdcgan.results import generate_into
    from tfmat.ccdcgan.screen import require_energy
    from tfmat.inference.package import load

    codec = Codec.from_package(load(model, parts=PARTS, **places))
    # Without a constraint there is nothing to screen by: say so before the work, not after it.
    require_energy(codec)
    request = StructureRequest(max_atoms=codec.recipe.data.max_atoms)
    generate_into(folder, codec, number, seed, request=request)
