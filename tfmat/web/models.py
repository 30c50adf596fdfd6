"""What the page is told of a model package, and the networks that it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.request import SOUND_DISTANCE
from tfmat.errors import InputError
from tfmat.inference.package import ModelPackage, load
from tfmat.matgan.elements import ELEMENTS


@dataclass(frozen=True)
class WebModel:
    """A model of the page.

    Attributes:
        name: Its name.
        title: What the list of models shows.
        card: What ``web/src/model.ts`` reads.
        files: Files of the package by their name in the site.
    """

    name: str
    title: str
    card: dict[str, Any]
    files: dict[str, Path]


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
        if codec.recipe.gan.form == "writer":
            return _crystals(package, codec)
        raise InputError(
            f"`package` {package.name}: its generator has the form {codec.recipe.gan.form}; a page "
            "can run those of the form writer, and MatGANs (tfmat models list)"
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


def _crystals(package: ModelPackage, codec: Codec) -> WebModel:
    settings, metadata = codec.recipe.writer, package.metadata
    names = ", ".join(codec.layout.elements)
    most = codec.recipe.data.max_atoms
    domain = codec.domain
    parts = {"writer": "writer"}
    descriptor = None
    if CONSTRAINT in metadata["parts"] and codec.recipe.descriptor.form == "elements":
        parts["constraint"] = CONSTRAINT
        given = codec.recipe.descriptor
        descriptor = {
            "numbers": list(codec.layout.numbers),
            **{key: getattr(given, key) for key in ("shortest", "longest", "spacing", "width")},
        }
    card = {
        "kind": "crystals",
        "about": f"Writes crystals of {names} with up to {most} atoms in the cell, atom by "
        f"atom. It has learned from {_learned(package, 'structures')}.",
        "elements": list(codec.layout.numbers),
        "maxAtoms": most,
        "cells": settings.cells,
        "places": settings.places,
        "attempts": settings.attempts,
        "sameCell": settings.same_cell,
        "compositions": metadata["compositions"],
        "minContact": SOUND_DISTANCE,
        "volumePerAtom": None if domain is None else list(domain.volume_per_atom),
        "descriptor": descriptor,
    }
    return _model(package, card, parts)


def _learned(package: ModelPackage, what: str) -> str:
    """Says how many examples of which dataset a package has learned from."""
    data = package.metadata.get("dataset", {})
    count = f"{data['training']:,} {what}" if "training" in data else what
    return f"{count} ({data['name']})" if "name" in data else count


def _model(package: ModelPackage, card: dict[str, Any], parts: dict[str, str]) -> WebModel:
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
    return WebModel(package.name, f"{package.name} ({card['kind']})", card, shown)
