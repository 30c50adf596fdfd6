"""Which families there are: the only place that knows them by name.

Another package adds a family by an entry point of the group ``tfmat.families``, whose name is the
family's and whose object is its :class:`~tfmat.family.Family` class; a program, by
:func:`register`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

from tfmat.errors import InputError
from tfmat.family import Family, Target

_GROUP = "tfmat.families"
# Modules are imported only when their family is asked for.
_MODULES = {
    "ccdcgan": "tfmat.ccdcgan.family:Ccdcgan",
    "matgan": "tfmat.matgan.family:Matgan",
    "elemnet": "tfmat.elemnet.family:Elemnet",
}
# What a recipe without the entry is: the first family was there before others.
FIRST = "ccdcgan"
_loaded: dict[str, Family] = {}


def register(family: Family) -> None:
    """Adds a family to this process.

    Args:
        family: The family.

    Raises:
        InputError: Another one has its name.
    """
    if family.name in _MODULES or type(_loaded.get(family.name, family)) is not type(family):
        raise InputError(f"family {family.name}: there is one of that name already")
    _loaded[family.name] = family


def names() -> list[str]:
    """Returns the names of all families: ours, those of other packages, registered ones."""
    return list(dict.fromkeys([*_MODULES, *_entry_points(), *_loaded]))


def known(name: object) -> bool:
    """Tells whether there is a family of a name; looks for other packages' only where needed.

    Args:
        name: As it stands in a recipe, a run or a package.
    """
    if not isinstance(name, str):
        return False
    return name in _MODULES or name in _loaded or name in _entry_points()


def get(name: object) -> Family:
    """Returns a family by name.

    Args:
        name: As it stands in a recipe, a run or a package.

    Raises:
        InputError: There is no such family.
    """
    if isinstance(name, str) and known(name):
        if name not in _loaded and (place := _MODULES.get(name) or _entry_points().get(name)):
            module, _, attribute = place.partition(":")
            _loaded[name] = getattr(importlib.import_module(module), attribute)()
        return _loaded[name]
    raise InputError(
        f"family {name!r} is not known to this tfmat (it knows {', '.join(names())}); install the "
        "package that has it, or the tfmat that wrote it"
    )


def instead(metadata: Mapping[str, Any], asked: str) -> str:
    """Returns what a package is, where a command wanted another, and what to do with it.

    Args:
        metadata: Those of the package.
        asked: What the command makes, ``formulas`` or ``crystal structures``.
    """
    family = get(metadata.get("family"))
    stages = metadata.get("training", {}).get("stages", {})
    target = family.trained_by(metadata.get("recipe", {}), stages)
    if any(one.generate for one in family.targets if one.name == target):
        return f"is a model of tfmat train {target}, not of {asked}; use tfmat generate {target}"
    name = metadata.get("name", "NAME")
    return (
        f"is a model of tfmat train {target}, which generates no {asked}; "
        f"see tfmat models show {name}"
    )


def all_families() -> list[Family]:
    """Returns all families."""
    return [get(name) for name in names()]


def import_layers() -> None:
    """Makes the layers of all families known to Keras."""
    for family in all_families():
        for module in family.layers:
            importlib.import_module(module)


def targets() -> dict[str, tuple[Family, Target]]:
    """Returns what ``tfmat train`` can train, by the name of the command."""
    return {target.name: (family, target) for family in all_families() for target in family.targets}


def _entry_points() -> dict[str, str]:
    if not _declared():
        return {}
    from importlib import metadata

    return {point.name: point.value for point in metadata.entry_points(group=_GROUP)}


def _declared() -> bool:
    """Tells whether an installed package may have families.

    Looking for the group's name in the files takes a tenth of the time that importing
    :mod:`importlib.metadata` takes, which every ``tfmat train --help`` would pay.
    """
    for place in sys.path:
        try:
            with os.scandir(place or ".") as entries:
                folders = [e.path for e in entries if e.name.endswith((".dist-info", ".egg-info"))]
        except NotADirectoryError:
            return True  # an archive, which that module looks into
        except OSError:
            continue
        for folder in folders:
            try:
                with open(os.path.join(folder, "entry_points.txt"), "rb") as file:  # noqa: PTH118, PTH123
                    if _GROUP.encode() in file.read():
                        return True
            except OSError:
                continue
    return False
