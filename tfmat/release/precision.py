"""The smaller forms of a package's ONNX files: float16, and int8 where it changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tfmat import families
from tfmat.checksums import write_sealed
from tfmat.errors import require
from tfmat.export.onnx import check
from tfmat.export.package import describe_file
from tfmat.export.precision_check import MixedPackage, PrecisionCheck
from tfmat.export.storage import with_half_weights, with_int8_weights
from tfmat.files import replacing
from tfmat.inference.metadata import METADATA, PRECISIONS, file_records, read_metadata
from tfmat.inference.package import ModelPackage
from tfmat.progress import Progress

if TYPE_CHECKING:
    import onnx

# Of what is decoded this share may differ for a part to be stored as int8: one structure of 1,000,
# as many as change when weights are rounded to float16.
SHARE = 1e-3
# A part on which no structure and no formula hangs (constraint, discriminator, critic) may differ
# by so much of max(1, |y|); in eV/atom that is a ninth of what a constraint errs.
DIFFERENCE = 0.01


def add_precisions(folder: Path, precisions: Collection[str], samples: int | None = None) -> None:
    """Adds float16 and int8 forms to a package whose ONNX files are float32.

    Weights are stored in the precision and computed with in float32
    (:mod:`tfmat.export.storage`). A part is stored in int8 only where what is decoded with it in
    int8 stays the same but for one in 1,000
    (:class:`~tfmat.export.precision_check.PrecisionCheck`); the int8 form of any other part is its
    float16 file. What each part's check gave is in the metadata under ``measured``, ``int8``
    (:mod:`tfmat.release.measure`).

    Args:
        folder: The package; its metadata is written anew.
        precisions: Those wanted; ``float32`` needs nothing.
        samples: Noise vectors of a check, by default 1,000 for structures and 100,000 for formulas.

    Raises:
        MissingExtraError: onnx is not installed.
        TfmatError: A written graph fails ONNX's own checks.
    """
    if not {"float16", "int8"} & set(precisions):
        return
    metadata = read_metadata(folder)
    parts = metadata["parts"]
    _write(folder, metadata, "float16", with_half_weights)
    if "int8" in precisions:
        _write(folder, metadata, "int8", with_int8_weights)
        reference, int8 = (
            ModelPackage(folder, metadata, form, threads=1) for form in ("float32", "int8")
        )
        check = families.get(reference.metadata["family"]).precision_check(reference, samples)
        outcomes = {}
        with Progress("trying int8", len(parts), "network") as progress:
            for part in parts:
                outcomes[part] = _try(check, int8, part)
                progress.update()
        for part, entry in parts.items():
            if outcomes[part]["stored_as"] != "int8":
                entry["onnx"]["int8"] = entry["onnx"]["float16"]
        metadata["measured"] = {**metadata.get("measured", {}), "int8": outcomes}
    write_sealed(folder / METADATA, metadata)
    keep_precisions(folder, ["float32", *precisions])


def keep_precisions(folder: Path, precisions: Collection[str]) -> None:
    """Removes the other precisions of a package, with the files that are then of no use.

    Args:
        folder: The package; its metadata is written anew.
        precisions: Those to keep, at least one that the package has.
    """
    metadata = read_metadata(folder)
    for entry in metadata["parts"].values():
        entry["onnx"] = {
            name: entry["onnx"][name]
            for name in PRECISIONS
            if name in precisions and name in entry["onnx"]
        }
    used = {
        record["file"] for entry in metadata["parts"].values() for record in file_records(entry)
    }
    # The metadata first: whoever is interrupted keeps a whole package with a file too many.
    write_sealed(folder / METADATA, metadata)
    for file in folder.glob("*.onnx"):
        if file.name not in used:
            file.unlink()


def _write(
    folder: Path,
    metadata: dict[str, Any],
    precision: str,
    store: Callable[[onnx.ModelProto], onnx.ModelProto],
) -> None:
    """Writes all parts in a precision and adds their records to the metadata."""
    onnx = require("onnx", "train", "storing a model in another precision")
    for part, entry in metadata["parts"].items():
        proto = store(onnx.load(folder / entry["onnx"]["float32"]["file"]))
        file = f"{part}.{precision}.onnx"
        check(proto, file)
        with replacing(folder / file) as temporary:
            temporary.write_bytes(proto.SerializeToString(deterministic=True))
        entry["onnx"][precision] = msgspec.to_builtins(describe_file(folder, file))


def _try(check: PrecisionCheck, int8: ModelPackage, part: str) -> dict[str, Any]:
    """Says whether a part may be stored in int8, and what it changes."""
    outcome: dict[str, Any] = {"largest_difference": check.largest_difference(int8, part)}
    if check.decides(part):
        changed = check.differences(MixedPackage.of(check.reference, part, int8), part)
        outcome |= {"judged_by": check.definition, **changed, "limit": SHARE}
        same = changed["different"] <= SHARE * changed["samples"]
    else:
        outcome |= {"judged_by": "largest difference over max(1, |y|)", "limit": DIFFERENCE}
        same = outcome["largest_difference"] <= DIFFERENCE
    return {"stored_as": "int8" if same else "float16", **outcome}
