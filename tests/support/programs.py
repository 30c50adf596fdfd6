"""Programs of the repository that are no module of a package, such as those in ``benchmarks``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def program(file: Path) -> ModuleType:
    """Runs a program's definitions, and returns it as a module."""
    specification = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(specification)
    sys.modules[file.stem] = module  # dataclasses look themselves up there
    specification.loader.exec_module(module)
    return module
