"""Version directories: SavedModels of a package, copied or made of its Keras weights."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from tfmat import families
from tfmat.errors import InputError
from tfmat.export.saved_model import export_saved_model, signatures_of
from tfmat.inference.keras_weights import load_network
from tfmat.inference.metadata import GENERATE
from tfmat.inference.package import ModelPackage, check_file
from tfmat.inference.tensors import Tensors
from tfmat.training.quiet import load_keras, on_tensorflow

if TYPE_CHECKING:
    import keras


@dataclass
class ServedNetworks:
    """The networks of a package as TensorFlow Serving wants them.

    Args:
        package: A loaded package.
        made: Parts that had no SavedModel and were made of Keras weights.
    """

    package: ModelPackage
    made: list[str] = field(default_factory=list)
    _loaded: dict[str, Any] = field(default_factory=dict, repr=False)

    def write(self, part: str, target: Path) -> None:
        """Writes the SavedModel of a part.

        Args:
            part: Name of a part.
            target: Version directory, made here.

        Raises:
            InputError: The package has neither a SavedModel nor Keras weights for it, or they are
                damaged.
            MissingExtraError: Weights are to be loaded and Keras is not installed.
        """
        entry = self.package.metadata["parts"][part]
        record = entry.get("saved_model")
        if record is not None and (self.package.folder / record["folder"]).is_dir():
            self._copy(part, record, target)
            return
        network = self._network(part)
        target.parent.mkdir(parents=True, exist_ok=True)
        export_saved_model(network, target, _tensors(entry), signatures_of(part))
        self.made.append(part)

    def _copy(self, part: str, record: dict[str, Any], target: Path) -> None:
        for file in record["files"]:
            path = PurePosixPath(file["file"])
            check_file(self.package.folder, part, file)
            copy = target / path.relative_to(record["folder"])
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.package.folder / path, copy)

    def _network(self, part: str) -> keras.Model:
        """Loads a part's Keras model, or builds the end-to-end graph of the others."""
        if part in self._loaded:
            return self._loaded[part]
        entry = self.package.metadata["parts"].get(part, {})
        if part == GENERATE:
            network = self._end_to_end()
        elif "keras" in entry and (self.package.folder / entry["keras"]["file"]).is_file():
            check_file(self.package.folder, part, entry["keras"])
            load_keras()
            if not on_tensorflow():
                raise InputError("making SavedModels needs TensorFlow; unset KERAS_BACKEND")
            network = load_network(self.package.folder / entry["keras"]["file"])
        else:
            # The packages of training runs and in the wheel hold only what generating needs.
            raise InputError(
                f"{self.package.folder}: has neither a SavedModel nor Keras weights of {part}; "
                "export its run with tfmat export, or give the package's folder in a clone of "
                "tfmat's repository"
            )
        self._loaded[part] = network
        return network

    def _end_to_end(self) -> keras.Model:
        load_keras()
        family = families.get(self.package.metadata["family"])
        return family.end_to_end(self.package, self._network)


def _tensors(entry: dict[str, Any]) -> Tensors:
    """Returns what a part's entry of the metadata says about its input and outputs."""
    ((name, tensor),) = entry["inputs"].items()
    outputs = {output: record["unit"] for output, record in entry["outputs"].items()}
    return Tensors(name, outputs, tensor["unit"], entry.get("property"))
