"""Gives a package with sources other known crystals as prototypes; its networks stay."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from tfmat import files
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.held_out import rows_of
from tfmat.ccdcgan.sources.contents import SLOTS, kinds_of
from tfmat.ccdcgan.sources.prototypes import Prototypes
from tfmat.ccdcgan.sources.store import FILE, KnownCrystals
from tfmat.ccdcgan.sources.symmetries import space_groups
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.checksums import write_sealed
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.credit import Credit
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.export.places import is_package
from tfmat.inference.metadata import METADATA, read_metadata
from tfmat.inference.package import check_file, load
from tfmat.inference.schema import copy_schema
from tfmat.relaxation.databases import prototypes as shipped

AFLOW = "AFLOW prototypes in pymatgen"


def add_prototypes(
    folder: Path, out: Path, data: str | Path | None = None, *, overwrite: bool = False
) -> dict[str, Any]:
    """Writes a copy of a package with other prototypes.

    Of the dataset that the package was trained on, those that it has learned from are taken, so
    that what it was measured on stays held out; of any other all that pass its selection.

    Args:
        folder: The package.
        out: Folder of the copy, which gets its name; its card is still the package's.
        data: The dataset; without it the AFLOW prototypes that come with pymatgen.
        overwrite: Replace a package that is there.

    Returns:
        A JSON summary: ``out``, ``name``, ``prototypes`` (name, hash and number), ``bytes``.

    Raises:
        InputError: The package has no sources, no crystal suits it, or ``out`` is in the way.
    """
    codec = Codec.from_package(load(folder, parts=()))
    record = codec.package.metadata.get("files")
    if codec.recipe.gan.form != "sources" or not record:
        raise InputError(
            f"{folder}: makes no crystals from prototypes; give a model of recipe mp-compact or "
            "mp-writer"
        )
    files.check_place(out, overwrite=overwrite, own=is_package)
    files.check_apart(out, folder)
    check_file(folder, "prototypes", record[0])
    before = KnownCrystals.open(folder / record[0]["file"])
    ids, crystals, given, origin = _aflow(codec) if data is None else _of_dataset(codec, data)
    groups = space_groups(crystals, given, codec.recipe.prototypes.symprec)
    # The networks have learned volumes beside this law's.
    known = KnownCrystals(
        Prototypes.of(ids, crystals), groups, before.volume, codec.recipe.prototypes.own_volume
    )
    metadata = {**read_metadata(folder), "name": out.resolve().name, "prototypes_from": origin}
    # What was generated before was made with other prototypes.
    measured = dict(metadata.pop("measured", {}))
    measured.pop("generated", None)
    with files.replacing_folder(out, overwrite=overwrite, own=is_package) as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        known.save(copy / FILE)
        file = copy / FILE
        described = {"file": FILE, "sha256": files.sha256(file), "bytes": file.stat().st_size}
        metadata["files"] = [described, *record[1:]]
        write_sealed(copy / METADATA, {**metadata, **({"measured": measured} if measured else {})})
        copy_schema(copy)
        size = files.folder_size(copy)
    return {"out": str(out), "name": metadata["name"], "prototypes": origin, "bytes": size}


def _aflow(codec: Codec) -> tuple[list[str], list[Crystal], None, dict[str, Any]]:
    rules, numbers = codec.recipe.data, set(codec.layout.numbers)
    ids, crystals = [], []
    for name, crystal in shipped.aflow_crystals():
        if len(crystal) > rules.max_atoms or not set(crystal.numbers.tolist()) <= numbers:
            continue
        try:
            cell = canonicalise(crystal)
        except InputError:
            continue  # a flat cell, or atoms that clash
        edges = np.linalg.norm(cell.lattice, axis=1)
        if kinds_of(cell) <= SLOTS and edges.max() <= rules.max_length:
            ids.append(name)
            crystals.append(cell)
    origin = {
        "name": AFLOW,
        "sha256": files.sha256(shipped.aflow_file()),
        "structures": len(crystals),
        **Credit().citing(shipped.AFLOW_ATTRIBUTION).record(),
    }
    return ids, crystals, None, origin


def _of_dataset(
    codec: Codec, data: str | Path
) -> tuple[list[str], list[Crystal], np.ndarray[Any, Any] | None, dict[str, Any]]:
    dataset = Dataset.open(data)
    trained = codec.trained_on or {}
    known = [symbol for symbol in codec.layout.elements if symbol in atomic_numbers]
    selection = replace(codec.recipe.data, elements=tuple(known), known=())
    codec = replace(codec, recipe=replace(codec.recipe, data=selection))
    same = trained.get("sha256") == dataset.sha256
    rows, _ = rows_of(codec, dataset, "train" if same else "all")
    found = [(int(row), canonicalise(dataset[int(row)])) for row in rows]
    found = [(row, crystal) for row, crystal in found if kinds_of(crystal) <= SLOTS]
    rows = np.array([row for row, _ in found], np.intp)
    given = dataset.property("spacegroup")[rows] if "spacegroup" in dataset.properties else None
    origin = {
        "name": dataset.path.resolve().name,
        "sha256": dataset.sha256,
        "structures": len(found),
        **dataset.credit.record(),
    }
    return [dataset.ids[row] for row in rows], [crystal for _, crystal in found], given, origin
