"""What the page is told of a model package, and the networks that it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.request import SOUND_DISTANCE
from tfmat.ccdcgan.sources import choices, compositions
from tfmat.ccdcgan.voxels.decode import MIN_DISTANCE
from tfmat.errors import InputError
from tfmat.inference.package import ModelPackage, load
from tfmat.matgan.elements import ELEMENTS
from tfmat.web.sources import ARRAYS, arrays_of, card_of, packed


@dataclass(frozen=True)
class WebModel:
    """A model of the page.

    Attributes:
        name: Its name.
        title: What the list of models shows.
        card: What ``web/src/model.ts`` reads.
        files: Files of the package by their name in the site.
        contents: Files that are made for the page, likewise.
    """

    name: str
    title: str
    card: dict[str, Any]
    files: dict[str, Path]
    contents: dict[str, bytes] = field(default_factory=dict)


def web_model(name: str | Path, models_dir: str | Path | None = None) -> WebModel:
    """Reads what the page needs of a package.

    Args:
        name: A package, or its name.
        models_dir: Folder that is searched first for a name.

    Raises:
        InputError: It is not found, damaged, or of a form that the page cannot run.
    """
    package = load(name, models_dir=models_dir, parts=())
    family = package.metadata["family"]
    if family == "matgan":
        return _formulas(package)
    if family == "ccdcgan":
        codec = Codec.from_package(package)
        form = codec.recipe.gan.form
        if form == "writer":
            return _written(package, codec)
        if form == "sources":
            # Sources look at the parts that are open, to see whether they can make crystals.
            return _from_sources(load(name, models_dir=models_dir, parts=(compositions.PART,)))
        raise InputError(
            f"`package` {package.name}: its generator has the form {form}; a page can run those of "
            "the forms writer and sources, and MatGANs (tfmat models list)"
        )
    raise InputError(f"`package` {package.name}: a page cannot run the family {family}")


def _formulas(package: ModelPackage) -> WebModel:
    part = package.metadata["parts"].get("generate")
    if part is None:
        raise InputError(f"`package` {package.name}: lacks the part generate; export it again")
    from ase.data import atomic_numbers

    symbols = package.metadata.get("elements") or ELEMENTS
    card = {
        "kind": "formulas",
        "about": f"A MatGAN that has learned from {_learned(package, 'formulas')}: compositions of "
        f"up to eight of {len(symbols)} elements. A formula is no crystal yet.",
        "elements": [atomic_numbers[symbol] for symbol in symbols],
        "latent": part["inputs"]["noise"]["shape"][1],
    }
    return _model(package, card, {"generate": "generate"})


def _written(package: ModelPackage, codec: Codec) -> WebModel:
    settings, most = codec.recipe.writer, codec.recipe.data.max_atoms
    card = {
        "form": "writer",
        "about": f"Writes crystals of {', '.join(codec.layout.elements)} with up to {most} atoms "
        f"in the cell, atom by atom. It has learned from {_learned(package, 'structures')}.",
        "cells": settings.cells,
        "places": settings.places,
        "attempts": settings.attempts,
        "sameCell": settings.same_cell,
        "compositions": package.metadata["compositions"],
        **_crystals(codec),
    }
    return _model(package, card, {"writer": "writer", **_judge(codec)})


def _from_sources(package: ModelPackage) -> WebModel:
    codec = Codec.from_package(package)
    arrays = arrays_of(codec)
    content, places = packed(arrays)
    own = card_of(codec)
    count, most = len(arrays["placed"]), codec.recipe.data.max_atoms
    writes = " or writes it anew, shown such a crystal" if own["written"] else ""
    card = {
        "form": "sources",
        "about": f"Draws compositions of {len(codec.layout.elements)} elements with up to {most} "
        f"atoms in the cell, and takes for each a known crystal with other elements ({count:,} are "
        f"in it){writes}. It has learned from {_learned(package, 'structures')}.",
        **own,
        **_crystals(codec),
        "arrays": places,
    }
    parts = {"compositions": compositions.PART}
    if own["written"]:
        parts["writer"] = choices.PART
    return _model(package, card, parts | _judge(codec), {ARRAYS: content})


def _crystals(codec: Codec) -> dict[str, Any]:
    """Returns what is said of crystals, whoever makes them."""
    descriptor, domain = None, codec.domain
    if _judge(codec):
        given = codec.recipe.descriptor
        descriptor = {
            "form": given.form,
            "numbers": list(codec.layout.numbers),
            **{key: getattr(given, key) for key in ("shortest", "longest", "spacing", "width")},
        }
    return {
        "kind": "crystals",
        "elements": list(codec.layout.numbers),
        "maxAtoms": codec.recipe.data.max_atoms,
        "minDistance": MIN_DISTANCE,
        "minContact": SOUND_DISTANCE,
        "volumePerAtom": None if domain is None else list(domain.volume_per_atom),
        "descriptor": descriptor,
    }


def _judge(codec: Codec) -> dict[str, str]:
    """Returns the part that predicts energies, if there is one that the page can ask."""
    there = CONSTRAINT in codec.package.metadata["parts"]
    # What is known of any elements comes with sources.
    seen = codec.recipe.descriptor.form == "elements" or codec.recipe.gan.form == "sources"
    return {"constraint": CONSTRAINT} if there and seen else {}


def _learned(package: ModelPackage, what: str) -> str:
    """Says how many examples of which dataset a package has learned from."""
    data = package.metadata.get("dataset", {})
    count = f"{data['training']:,} {what}" if "training" in data else what
    return f"{count} ({data['name']})" if "name" in data else count


def _model(
    package: ModelPackage,
    card: dict[str, Any],
    parts: dict[str, str],
    contents: dict[str, bytes] | None = None,
) -> WebModel:
    entries = package.metadata["parts"]
    files = {}
    for role, part in parts.items():
        # The most exact there is, as tfmat generate takes it.
        forms = entries[part]["onnx"]
        best = next(forms[form] for form in ("float32", "float16", "int8") if form in forms)
        files[role] = package.folder / best["file"]
    card |= {
        "name": package.name,
        "warnings": list(package.metadata.get("notes", [])),
        "files": {role: file.name for role, file in files.items()},
    }
    shown = {file.name: file for file in files.values()}
    readme = package.folder / "README.md"
    if readme.is_file():
        shown["card.txt"] = readme  # as a text, which every browser shows
    title = f"{package.name} ({card['kind']})"
    return WebModel(package.name, title, card, shown, contents or {})
