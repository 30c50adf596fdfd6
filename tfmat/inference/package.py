"""Loads a model package and runs its parts with ONNX Runtime; imports no TensorFlow.

A model package is a folder with ``metadata.json`` and one ``<part>.onnx`` for each part. It is
found by its folder, by the run that made it, or by name (:func:`search_folders`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError
from tfmat.files import sha256
from tfmat.inference.threads import available_threads
from tfmat.recipes.loader import did_you_mean

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FORMAT = "tfmat-model-package"
FORMAT_VERSION = 1
METADATA = "metadata.json"
MODELS_VARIABLE = "TFMAT_MODELS"


@dataclass
class ModelPackage:
    """A checked model package; sessions are made when a part is first run.

    Args:
        folder: The package's folder.
        metadata: Contents of ``metadata.json``.
        threads: Threads of one operator.
    """

    folder: Path
    metadata: dict[str, Any]
    threads: int = field(default_factory=available_threads)
    _sessions: dict[str, InferenceSession] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The package's name."""
        return str(self.metadata["name"])

    @property
    def parts(self) -> list[str]:
        """Names of the networks in the package."""
        return list(self.metadata["parts"])

    def require(self, *parts: str) -> None:
        """Checks that the package holds some parts.

        Args:
            *parts: Names of parts, e.g. ``"generator"``.

        Raises:
            InputError: One is missing.
        """
        missing = [part for part in parts if part not in self.metadata["parts"]]
        if missing:
            raise InputError(
                f"{self.folder}: holds no {', '.join(missing)} (it has {', '.join(self.parts)}); "
                "train the missing stages, or give another --model"
            )

    def session(self, part: str) -> InferenceSession:
        """Returns the ONNX Runtime session of a part, made on first use.

        Args:
            part: Name of a part.

        Raises:
            InputError: The package holds no such part, or its file is no ONNX model.
        """
        self.require(part)
        if part not in self._sessions:
            self._sessions[part] = _session(self.folder, self.metadata["parts"][part], self.threads)
        return self._sessions[part]

    def run(self, part: str, array: NDArray[Any]) -> NDArray[Any]:
        """Runs a part that has one input and one output.

        Args:
            part: Name of a part, e.g. ``"generator"``.
            array: Its input, shape ``(batch, ...)`` as the metadata says; cast to float32.

        Returns:
            Its output, shape ``(batch, ...)``, of the type that the metadata says.

        Raises:
            InputError: No such part, or the shape does not fit.
        """
        session = self.session(part)
        tensor = session.get_inputs()[0]
        if array.ndim != len(tensor.shape) or list(array.shape[1:]) != list(tensor.shape[1:]):
            raise InputError(
                f"{self.name}: {part} takes {tensor.name} of shape {tuple(tensor.shape)}, "
                f"not {array.shape}"
            )
        batch = np.ascontiguousarray(array, dtype=np.float32)
        result: NDArray[Any] = session.run(None, {tensor.name: batch})[0]
        return result


def load(
    model: str | Path, *, models_dir: str | Path | None = None, threads: int | None = None
) -> ModelPackage:
    """Loads a model package and checks the SHA-256 of every file it names.

    Args:
        model: A package folder, a run folder (its ``package`` is used), or the name of a package.
        models_dir: Folder that is searched first for a name.
        threads: Threads of one operator; by default what this process may use.

    Returns:
        The package.

    Raises:
        InputError: Not found, damaged, or no model package of tfmat.
    """
    folder = find(model, models_dir)
    metadata = read_metadata(folder)
    for part, entry in metadata["parts"].items():
        file = folder / entry["file"]
        if not file.is_file():
            raise InputError(f"{folder}: damaged, {entry['file']} is missing; export it again")
        if sha256(file) != entry["sha256"]:
            raise InputError(
                f"{folder}: damaged, the SHA-256 of {entry['file']} ({part}) is not the one in "
                f"{METADATA}; export or copy the package again"
            )
    if threads is not None and threads < 1:
        raise InputError(f"--threads must be at least 1, not {threads}")
    return ModelPackage(folder, metadata, threads or available_threads())


def find(model: str | Path, models_dir: str | Path | None = None) -> Path:
    """Returns the folder of a package given by folder, run folder or name.

    Args:
        model: As for :func:`load`.
        models_dir: As for :func:`load`.

    Raises:
        InputError: There is no such package.
    """
    path = Path(model)
    if path.is_dir():
        if (path / METADATA).is_file():
            return path
        if (path / "package" / METADATA).is_file():
            return path / "package"
        if (path / "run.json").is_file():
            raise InputError(
                f"{path}: this run has exported no package yet; finish it with tfmat train --resume"
            )
        raise InputError(f"{path}: is neither a model package nor a run (it has no {METADATA})")
    known = {folder.name: folder for folder in reversed(packages(models_dir))}
    if str(model) in known:
        return known[str(model)]
    raise InputError(
        f"--model {model}: no such folder and no such package"
        f"{did_you_mean(str(model), list(known))}; see tfmat models list, or give a run's folder"
    )


def search_folders(models_dir: str | Path | None = None) -> list[Path]:
    """Returns the folders in which packages are looked for by name, first match wins.

    Args:
        models_dir: Searched first; then come those of the environment variable ``TFMAT_MODELS``,
            ``saved_models`` in the working folder, and the packages installed with tfmat.
    """
    folders = [Path(models_dir)] if models_dir is not None else []
    folders += [
        Path(text) for text in os.environ.get(MODELS_VARIABLE, "").split(os.pathsep) if text
    ]
    folders.append(Path("saved_models"))
    installed = resources.files("tfmat") / "saved_models"
    return [*folders, Path(str(installed))]


def packages(models_dir: str | Path | None = None) -> list[Path]:
    """Returns the folders of all packages that can be found by name, in search order.

    Args:
        models_dir: As for :func:`search_folders`.
    """
    return [
        folder
        for place in search_folders(models_dir)
        if place.is_dir()
        for folder in sorted(place.iterdir())
        if (folder / METADATA).is_file()
    ]


def read_metadata(folder: Path) -> dict[str, Any]:
    """Reads and checks the metadata of a package, but not the files it names.

    Args:
        folder: A package folder.

    Raises:
        InputError: It is not the metadata of a tfmat model package of a version known here.
    """
    file = folder / METADATA
    try:
        metadata = json.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{file}: not readable as JSON ({error}); export it again") from error
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise InputError(f"{file}: is not the metadata of a tfmat model package")
    if metadata.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{file}: format version {metadata.get('format_version')} is not known to this tfmat "
            f"(it reads {FORMAT_VERSION}); install the tfmat that wrote it, or export again"
        )
    parts = metadata.get("parts")
    if not isinstance(metadata.get("name"), str) or not isinstance(parts, Mapping):
        raise InputError(f"{file}: damaged, name or parts are missing; export it again")
    for part, entry in parts.items():
        if not isinstance(entry, Mapping) or not isinstance(entry.get("sha256"), str):
            raise InputError(f"{file}: damaged, part {part} has no SHA-256; export it again")
        # A foreign package must not make us open files elsewhere.
        name = entry.get("file")
        if not isinstance(name, str) or Path(name).name != name:
            raise InputError(f"{file}: part {part} names {name!r}, which is no file of the package")
    return metadata


def _session(folder: Path, entry: Mapping[str, Any], threads: int) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait double the CPU time on a machine that others use too.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(folder / entry["file"]), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own exceptions share no public base class
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{folder / entry['file']}: no usable ONNX model ({reason})") from error
