"""Checks all of a model package: every file, and that every network runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError
from tfmat.inference.metadata import METADATA, PRECISIONS, read_metadata, require_networks
from tfmat.inference.package import ModelPackage, check_file
from tfmat.inference.schema import first_problem

# Rows of the two batches that every network is run on.
_BATCHES = (1, 3)


@dataclass(frozen=True)
class Verified:
    """A package that is whole.

    Args:
        folder: Its folder.
        name: Its name.
        parts: Names of its networks.
        networks: Number of ONNX files that were run.
        files: Number of files that agree with their SHA-256.
        absent: Files or folders that a light copy may lack, and this one does.
        schema: Whether the metadata were checked against their JSON Schema, for which jsonschema
            must be installed.
    """

    folder: Path
    name: str
    parts: tuple[str, ...]
    networks: int
    files: int
    absent: tuple[str, ...]
    schema: bool


def verify(folder: Path) -> Verified:
    """Checks a package: metadata, SHA-256 of every file that is there, every ONNX network.

    Each network is run on two batches of random numbers, and must give finite outputs of the names,
    types and shapes that the metadata say.

    Args:
        folder: The package's folder.

    Returns:
        What was checked.

    Raises:
        InputError: Something is damaged; the message says what.
    """
    metadata = read_metadata(folder)
    require_networks(folder, metadata)
    schema = True
    try:
        problem = first_problem(metadata)
    except ImportError:
        schema, problem = False, None
    if problem is not None:
        raise InputError(f"{folder / METADATA}: breaks its schema at {problem}; export it again")
    files: set[str] = set()
    absent: list[str] = []
    for part, entry in metadata["parts"].items():
        present = list(entry["onnx"].values())
        for key, name in (("keras", "file"), ("saved_model", "folder")):
            record = entry.get(key)
            if record is None:
                continue
            if (folder / record[name]).exists():
                present += record.get("files", [record])
            else:
                absent.append(record[name])
        for record in present:
            check_file(folder, part, record)
            files.add(record["file"])
    for record in metadata.get("files", []):
        check_file(folder, "beside the networks", record)
        files.add(record["file"])
    return Verified(
        folder=folder,
        name=str(metadata["name"]),
        parts=tuple(metadata["parts"]),
        networks=_run_all(folder, metadata),
        files=len(files),
        absent=tuple(absent),
        schema=schema,
    )


def random_inputs(package: ModelPackage, count: int, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Returns random inputs of every part: standard normal, or uniform where cells are 0 to 1.

    Args:
        package: A package of any family.
        count: Number of inputs of each part.
        seed: Seed.

    Returns:
        For every part a float32 array ``(count, ...)``.
    """
    random = np.random.default_rng(seed)
    inputs = {}
    for part in package.parts:
        name, sizes = package.input(part)
        bounded = name.endswith(("_voxel", "_matrix"))
        shape = (count, *sizes)
        drawn = random.random(shape) if bounded else random.normal(size=shape)
        inputs[part] = drawn.astype(np.float32)
    return inputs


def _run_all(folder: Path, metadata: dict[str, Any]) -> int:
    """Runs every ONNX file of a package; returns their number."""
    seen: set[str] = set()
    for precision in PRECISIONS:
        package = ModelPackage(folder, metadata, precision)
        inputs = random_inputs(package, max(_BATCHES))
        for part, entry in metadata["parts"].items():
            # A part's int8 form may be its float16 file.
            if precision not in entry["onnx"] or package.file(part)["file"] in seen:
                continue
            file = package.file(part)["file"]
            seen.add(file)
            _check_origin(package, part, entry["weights_sha256"])
            for size in _BATCHES:
                outputs = package.run_all(part, inputs[part][:size])
                _check_outputs(folder, file, entry["outputs"], outputs, size)
    return len(seen)


def _check_origin(package: ModelPackage, part: str, weights: str) -> None:
    found = package.session(part).get_modelmeta().custom_metadata_map.get("weights_sha256")
    if found != weights:
        file = package.file(part)["file"]
        raise _damaged(
            package.folder, file, f"was made of other weights than {METADATA} says ({found})"
        )


def _check_outputs(
    folder: Path,
    file: str,
    described: Mapping[str, Any],
    outputs: Mapping[str, NDArray[Any]],
    size: int,
) -> None:
    for name, array in outputs.items():
        shape, dtype = (size, *described[name]["shape"][1:]), described[name]["dtype"]
        if array.shape != shape or str(array.dtype) != dtype:
            raise _damaged(
                folder,
                file,
                f"gives {name} as {array.dtype} {array.shape}, {METADATA} says {dtype} {shape}",
            )
        if not np.isfinite(array).all():
            raise _damaged(folder, file, f"gives {name} with values that are not finite")


def _damaged(folder: Path, file: str, what: str) -> InputError:
    return InputError(f"{folder}: damaged, {file} {what}; export or copy the package again")
