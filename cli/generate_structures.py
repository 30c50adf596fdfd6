"""``tfmat generate ccdcgan`` and ``dcgan``: crystal structures from a trained model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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
    decoding_mode,
    figures_option,
    model_option,
    models_dir_option,
    precision_option,
    seed_option,
    shard_option,
    threads_option,
    verify_option,
    with_options,
)

if TYPE_CHECKING:
    from tfmat.ccdcgan.codec import Codec
    from tfmat.inference.remote import RemotePackage

_HELP = {
    "ccdcgan": "Generate crystal structures with a CCDCGAN.",
    "dcgan": "Generate crystal structures with a DCGAN (trained without a constraint).",
}

# As the help of --figures has it: so many take ten seconds.
_DRAWN_FROM = 1000

# Of all commands that generate structures, whatever runs the networks.
OPTIONS = with_options(
    click.option(
        "-n",
        "--number",
        type=Whole(1),
        default=100,
        show_default=True,
        help="Crystal graphs to generate, or crystals to begin; some give no structure.",
    ),
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        help="New folder for the results.  [default: generated-ccdcgan or generated-dcgan]",
    ),
    click.option("--overwrite", is_flag=True, help="Replace the results that are there."),
    seed_option,
    click.option(
        "--first",
        type=click.IntRange(0, 2**63),
        default=0,
        show_default=True,
        help="Index of the first crystal graph: go on where an earlier call ended.",
    ),
    decoding_mode,
    click.option(
        "--require", type=Elements(), multiple=True, metavar="LIST", help="These must be there."
    ),
    click.option(
        "--elements",  # its name in tfmat generate matgan and tfmat data enumerate, too
        "--only",
        "only",
        type=Elements(),
        multiple=True,
        metavar="LIST",
        help="Only these may be there, e.g. Bi,Se.",
    ),
    click.option(
        "--exclude", type=Elements(), multiple=True, metavar="LIST", help="None of these."
    ),
    click.option(
        "--system",
        type=Elements(),
        multiple=True,
        metavar="SYSTEM",
        help="Just these elements, all of them, e.g. Co-Hf.",
    ),
    click.option(
        "--min-atoms",
        type=Whole(1),
        default=1,
        show_default=True,
        help="Fewest atoms in the cell.",
    ),
    click.option(
        "--max-atoms",
        type=Whole(1),
        help="Most atoms in the cell.  [default: that of the training selection]",
    ),
    click.option("--atoms", type=Whole(1), help="Exactly so many atoms in the cell."),
    click.option("--n-elements", type=Range(), metavar="N|N-M", help="So many elements."),
    click.option(
        "--formula",
        metavar="CELL",
        help="Content of the cell, e.g. Bi4Se6 (not reduced); with --z, of a formula unit.",
    ),
    click.option(
        "--z",
        "units",
        type=Range(),
        metavar="N|N-M",
        help="So many formula units in the cell.  [default: 1]",
    ),
    click.option(
        "--source",
        type=click.Choice(["pool", "prototype", "writer", "slot-gan"]),
        default="pool",
        show_default=True,
        help="Where crystals come from (models that draw a composition first).",
    ),
    click.option(
        "--smact/--no-smact",
        default=None,
        help="Only compositions that smact accepts (same models).  [default: unless --formula]",
    ),
    click.option(
        "--choose-by",
        default="constraint",
        show_default=True,
        metavar="JUDGE",
        help="What chooses a composition's crystal: constraint, a potential's name, or chance.",
    ),
    click.option(
        "--min-distance",
        type=Finite(0, 1),
        help="Shortest distance between two atoms, as a share of the sum of their covalent radii.  "
        "[default: 0.7]",
    ),
    click.option(
        "--volume",
        type=(Finite(0), Finite(0, min_open=True)),
        metavar="LEAST MOST",
        help="Volume per atom, in Å³.  [default: that of 99% of the training structures]",
    ),
    click.option(
        "--unfiltered",
        is_flag=True,
        help="Without these two defaults: what the papers count, all with no atoms within 0.5 Å.",
    ),
    click.option("--symmetrise", is_flag=True, help="Move cells onto their nearest space group."),
    click.option(
        "--symprec",
        type=Finite(0, min_open=True),
        default=0.1,
        show_default=True,
        help="Tolerance of space groups, in Å.",
    ),
    click.option(
        "--keep",
        type=Finite(0, 1, min_open=True),
        metavar="SHARE",
        help="Keep this share of the structures, the better ones by the constraint among like "
        "compositions (models that write crystals).  [default: all]",
    ),
    click.option(
        "--keep-by",
        type=click.Choice(["constraint", "critic", "both"]),
        help="Who judges what --keep keeps.  [default: constraint]",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1, 4096),
        default=64,
        show_default=True,
        help="Crystal graphs at once.",
    ),
    figures_option("from 1000 crystal graphs on"),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON summary."),
)


def _make(family: str) -> click.Command:
    @model_option(f"{family}-bi-se")
    @OPTIONS
    @precision_option
    @threads_option
    @models_dir_option
    @shard_option
    @verify_option
    def command(**options: Any) -> None:
        _generate(family, options)

    start = f"tfmat generate {family}"
    return click.command(
        family,
        help=_HELP[family],
        short_help=_HELP[family],
        epilog=examples(
            f"{start} -n 100", f"{start} -n 100 --seed 7 --require Bi,Se --out {family}-of-both"
        ),
    )(command)


ccdcgan, dcgan = (_make(family) for family in _HELP)


def _generate(family: str, options: dict[str, Any]) -> None:
    from tfmat.ccdcgan.codec import Codec
    from tfmat.ccdcgan.generate import PARTS
    from tfmat.errors import InputError
    from tfmat.families import instead
    from tfmat.inference.package import load

    _free_place(options, family)
    package = load(
        options["model"],
        models_dir=options["models_dir"],
        threads=options["threads"],
        precision=options["precision"],
        parts=PARTS,
    )
    if package.metadata["family"] != "ccdcgan":
        what = instead(package.metadata, "crystal structures")
        raise InputError(f"--model {options['model']}: {what}")
    codec = Codec.from_package(package)
    trained_as = _trained_as(codec)
    made = {"generator", "writer", "compositions"} & set(package.parts)
    if made and trained_as != family:
        raise InputError(
            f"--model {options['model']}: was trained as a {trained_as.upper()}; "
            f"use tfmat generate {trained_as}"
        )
    write_structures(codec, options)


def _free_place(options: dict[str, Any], family: str) -> Path:
    from tfmat.ccdcgan.results import is_results
    from tfmat.files import check_place

    out = Path(f"generated-{family}") if options["out"] is None else options["out"]
    check_place(out, overwrite=options["overwrite"], own=is_results)
    return out


def _trained_as(codec: Codec) -> str:
    return "ccdcgan" if codec.recipe.gan.terms else "dcgan"


def write_predicted(remote: RemotePackage, options: dict[str, Any]) -> None:
    """Generates with networks that run on a server, and writes the results.

    Args:
        remote: The networks.
        options: Those of :data:`OPTIONS`.
    """
    from tfmat.ccdcgan.codec import Codec
    from tfmat.ccdcgan.environments.parts import CRITIC

    codec = Codec.from_package(remote)
    judges = () if options["keep"] is None else (CRITIC,)
    write_structures(codec, options, lambda: remote.origin(*codec.generating, *judges))


def _draw(folder: Path, codec: Codec, options: dict[str, Any]) -> None:
    """Draws pictures of the structures where they are asked for, or were long in the making."""
    drawn = options.get("shard") is None and options["number"] >= _DRAWN_FROM
    if options["figures"] or (options["figures"] is None and drawn):
        from tfmat.ccdcgan.figures import generated_pictures
        from tfmat.figures.writing import draw_into

        draw_into(folder, lambda: generated_pictures(folder, codec.package))


def write_structures(
    codec: Codec, options: dict[str, Any], more: Callable[[], Mapping[str, Any]] | None = None
) -> None:
    """Generates structures and says what came of it.

    Args:
        codec: The networks.
        options: Values of :func:`OPTIONS`.
        more: Returns further entries of the summary.

    Raises:
        InputError: The words are wrong, or the networks are not complete.
    """
    from tfmat.arguments import cell_content
    from tfmat.ccdcgan.request import request_for
    from tfmat.ccdcgan.results import generate_into, is_results
    from tfmat.checksums import sealed
    from tfmat.datasets.generated import SUMMARY
    from tfmat.errors import InputError
    from tfmat.files import replacing_folder, write_json

    from .generated_text import lines

    out = _free_place(options, _trained_as(codec))
    if options["keep_by"] and options["keep"] is None:
        raise InputError("--keep-by says who judges what --keep keeps; give --keep, too")
    atoms = options["atoms"]
    request = request_for(
        codec,
        unfiltered=options["unfiltered"],
        min_distance=options["min_distance"],
        volume_per_atom=options["volume"],
        min_atoms=atoms or options["min_atoms"],
        max_atoms=atoms or options["max_atoms"],
        system=all_symbols(options["system"]),
        required=all_symbols(options["require"]),
        allowed=all_symbols(options["only"]),
        excluded=all_symbols(options["exclude"]),
        units=options["units"] or (1, 1),
        source=options["source"],
        smact=options["smact"],
        choose_by=options["choose_by"],
        symprec=options["symprec"] if options["symmetrise"] else None,
        n_elements=options["n_elements"],
        formula=None if options["formula"] is None else cell_content(options["formula"]),
        keep=options["keep"],
        keep_by=options["keep_by"] or "constraint",
    )
    with replacing_folder(out, overwrite=options["overwrite"], own=is_results) as folder:
        summary = generate_into(
            folder,
            codec,
            options["number"],
            options["seed"],
            first=options["first"],
            mode=options["mode"],
            request=request,
            batch_size=options["batch_size"],
            symprec=options["symprec"],
            shard=options.get("shard"),
        )
        if more:
            summary = sealed({**summary, **more()})
            write_json(folder / SUMMARY, summary)
        _draw(folder, codec, options)
    if options["as_json"]:
        click.echo(json.dumps({"out": str(out), **summary}, ensure_ascii=False, allow_nan=False))
        return
    model = f"{codec.package.name} ({codec.package.folder})"
    predicted = list(codec.predicted.values())
    for line in lines(summary, predicted, out, model, codec.begun, codec.layout.elements):
        click.echo(line)
