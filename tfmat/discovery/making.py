"""The first stage of a campaign: structures, as ``tfmat generate`` writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tfmat.arguments import cell_content
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import PARTS
from tfmat.ccdcgan.request import StructureRequest, check_request, request_for
from tfmat.ccdcgan.results import generate_into, is_results
from tfmat.discovery.campaign import Making
from tfmat.discovery.formulas import read_listed
from tfmat.discovery.known_formulas import KnownFormulas
from tfmat.errors import InputError
from tfmat.families import instead
from tfmat.files import replacing_folder
from tfmat.inference.package import load

# Crystals begun where nobody says how many.
NUMBER = 100


def open_model(
    making: Making,
    *,
    known: KnownFormulas,
    models_dir: Path | None = None,
    threads: int | None = None,
    say: Callable[[str], None] = print,
) -> tuple[Codec, StructureRequest]:
    """Opens the model of a campaign and checks that it can fulfil what is asked for.

    Args:
        making: What is to be generated.
        known: Formulas that are left out of the list of formulas.
        models_dir: Folder that is searched first for a name.
        threads: Cores to work on; all by default.
        say: Takes a line on formulas that are left out.

    Returns:
        The model and the request.

    Raises:
        InputError: There is no such model, it makes no structures, or it cannot fulfil this.
    """
    package = load(making.model, models_dir=models_dir, threads=threads, parts=PARTS)
    if package.metadata["family"] != "ccdcgan":
        what = instead(package.metadata, "crystal structures")
        raise InputError(f"`model` {making.model}: {what}")
    codec = Codec.from_package(package)
    request = request_for(
        codec,
        min_atoms=making.min_atoms,
        max_atoms=making.max_atoms,
        system=making.system,
        required=making.require,
        allowed=making.elements,
        excluded=making.exclude,
        n_elements=making.n_elements,
        formula=cell_content(making.formula) if making.formula else None,
        units=making.z,
        source=making.source,
        keep=making.keep,
    )
    check_request(request, codec)
    if not making.formulas:
        return codec, request
    # What needs no list is checked first: reading it may take long.
    check_request(replace(request, formulas=((),)), codec)
    listed = read_listed(making, codec, known)
    count = len(listed.formulas)
    lost = ", ".join(f"{number:,} {reason}" for reason, number in listed.left_out.items())
    say(f"{count:,} formulas to make crystals of" + (f"; left out: {lost}" if lost else ""))
    if making.number is not None and making.number < count:
        say(f"the first {making.number:,} of them are taken; `number` {count} takes all")
    return codec, replace(request, formulas=listed.formulas[: making.number])


def make(out: Path, making: Making, codec: Codec, request: StructureRequest) -> None:
    """Generates the structures of a campaign.

    Args:
        out: The folder to write.
        making: What is to be generated.
        codec: The model.
        request: What structures have to fulfil.
    """
    number = making.number or len(request.formulas) or NUMBER
    with replacing_folder(out, own=is_results) as folder:
        generate_into(folder, codec, number, making.seed, request=request)
