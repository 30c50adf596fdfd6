"""Networks of a ``.keras`` file, for those ways that run on Keras after all.

The file of a stranger describes its layers by modules and classes. Only what computes is made of
it: no Python function of the file, no layer that reads files or wraps another program.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfmat import families
from tfmat.errors import InputError
from tfmat.paths import plain_file
from tfmat.reading import parse_json, reading

_CONFIG = "config.json"
_MEMBERS = {_CONFIG, "metadata.json", "model.weights.h5"}
# Values that Keras writes without a module.
_VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__"}
_MODULES = (
    "keras",
    "keras.activations",
    "keras.constraints",
    "keras.dtype_policies",
    "keras.initializers",
    "keras.layers",
    "keras.models",
    "keras.ops",
    "keras.regularizers",
    "keras.src.models",
    "keras.src.ops",
)
# Layers that hold Python, another program's model, or the name of a file.
_REFUSED = {
    "FlaxLayer",
    "HashedCrossing",
    "IntegerLookup",
    "JaxLayer",
    "Lambda",
    "StringLookup",
    "TFSMLayer",
    "TextVectorization",
    "TorchModuleWrapper",
    "__bytes__",
    "__lambda__",
    "__typespec__",
}
# Weights hardly shrink; whoever packs them a hundredfold wants to fill the memory.
_PACKED = 100


def load_network(file: Path) -> Any:
    """Loads a network for inference or further training; Keras must be installed.

    Args:
        file: A ``.keras`` file, of anyone.

    Raises:
        InputError: It is none, is damaged, or describes more than layers that compute.
    """
    import keras

    advice = "train or export the network again, or copy the file again"
    if not plain_file(file):
        raise InputError(f"{file}: is no plain file, so no Keras model; {advice}")
    with reading(file, advice):
        with zipfile.ZipFile(file) as archive:
            _check_members(file, archive)
            config = parse_json(archive.read(_CONFIG))
        for table in _objects(config):
            _check_object(file, table)
        return keras.models.load_model(file, compile=False, safe_mode=True)


def _check_members(file: Path, archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    if foreign := {member.filename for member in members} - _MEMBERS:
        raise InputError(f"{file}: holds {min(foreign)!r}, which no network of tfmat has")
    if sum(member.file_size for member in members) > _PACKED * (file.stat().st_size + 2**16):
        raise InputError(f"{file}: unpacks to more than {_PACKED} times its size; do not use it")


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yields whatever is to be made of a configuration; its depth has been checked."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _check_object(file: Path, table: dict[str, Any]) -> None:
    import keras

    name, module = str(table["class_name"]), table.get("module")
    known = name in _VALUES if module is None else _is_layer_module(str(module), name)
    # What the families declare is imported, nothing by a name that stands in the file.
    registered = table.get("registered_name")
    if isinstance(registered, str) and ">" in registered:
        families.import_layers()
        known = keras.saving.get_registered_object(registered) is not None
    if not known or name in _REFUSED:
        raise InputError(
            f"{file}: describes {module or 'an object'} {name}, which is no layer that tfmat "
            "loads; use the file of somebody you trust, or train the network again"
        )


def _is_layer_module(module: str, name: str) -> bool:
    if name == "function":
        return module in ("builtins", "keras.activations")
    return module in _MODULES or module.startswith(("keras.src.models.", "keras.src.ops."))
