"""How tfmat and its extras are installed: the one place that knows.

Messages, the command line and the docs take the words from here, so that they change in one place
once an index of packages has tfmat.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

# What an index of packages calls tfmat; None as long as none has it.
ON_INDEX: str | None = None
# PyTorch without CUDA's libraries, which its wheel for Linux on the usual index requires.
CPU_TORCH = "pip install torch --index-url https://download.pytorch.org/whl/cpu"


class Extra(NamedTuple):
    """An optional part of tfmat.

    Args:
        brings: What it installs.
        serves: The commands that need it.
        size: Gigabytes on Linux beside the base, by ``benchmarks/install_size.py``.
        cuda: How many of them are CUDA's, which a machine without a GPU does not need.
    """

    brings: str
    serves: str
    size: float
    cuda: float = 0.0


BASE = 0.9
"""Gigabytes of tfmat without extras on Linux, by ``benchmarks/install_size.py``."""
EXTRAS = {
    "train": Extra("TensorFlow, Keras", "train, export", 2.2),
    "relax": Extra("CHGNet, PyTorch", "relax, data build, data augment", 5.6, 4.3),
    "sevennet": Extra("SevenNet, PyTorch", "--potential sevennet in these", 5.6, 4.3),
    "serving": Extra("messages of TensorFlow Serving", "serve, gRPC in predict", 2.1),
    "coverage": Extra("matminer", "--coverage of evaluate structures", 0.08),
    "parallel": Extra("Parsl", "launch", 0.01),
    "mp": Extra("client of the Materials Project", "data fetch mp", 0.2),
    "optimade": Extra("client of OPTIMADE", "data fetch optimade", 0.03),
}


def command(extra: str = "") -> str:
    """Returns the command that installs tfmat with an extra, from where this tfmat comes from.

    Args:
        extra: Name of the extra; none by default.

    Returns:
        One line for a shell; it begins with a place to be in where that is not known.
    """
    source = _origin() or ON_INDEX
    where = "" if source else "in a clone of tfmat: "
    return where + f"{_pip()} install " + _quoted(_with(source or ".", extra))


def advice(extra: str) -> str:
    """Returns what installs an extra and what to know of it, for the end of a message.

    Args:
        extra: Name of the extra, e.g. ``"train"``.
    """
    text = command(extra)
    if (known := EXTRAS.get(extra)) is None:
        return text
    notes = [f"{known.size:g} GB"]
    if known.cuda and sys.platform == "linux":
        notes.append(f"{known.cuda:g} GB less without a GPU: first {CPU_TORCH}")
    if extra == "relax" and sys.version_info >= (3, 13):
        notes.append(
            "CHGNet has no wheel for Python 3.13; there install [sevennet] and use `potential` "
            "sevennet"
        )
    return f"{text} ({'; '.join(notes)})"


def _with(source: str, extra: str) -> str:
    """Returns a requirement; of a URL, the extra goes before it (PEP 508)."""
    extras = f"[{extra}]" if extra else ""
    return f"tfmat{extras} @ {source}" if "://" in source else f"{source}{extras}"


def _quoted(word: str) -> str:
    # PowerShell and cmd know no quotes that both shells read but these.
    return f'"{word}"' if os.name == "nt" else shlex.quote(word)


def _pip() -> str:
    """Returns ``pip`` where that is the one of this Python."""
    found = shutil.which("pip")
    ours = found is not None and Path(found).parent == Path(sys.executable).parent
    return "pip" if ours else f"{_quoted(sys.executable)} -m pip"


def _origin() -> str | None:
    """Returns the folder, wheel or address that this tfmat was installed from (PEP 610)."""
    from importlib import metadata

    try:
        text = metadata.distribution("tfmat").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        text = None
    if text is None:
        clone = Path(__file__).parents[1]
        return str(clone) if (clone / "pyproject.toml").is_file() else None
    record = json.loads(text)
    url, vcs = record["url"], record.get("vcs_info")
    if vcs:
        return f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    if not url.startswith("file:"):
        return str(url)
    path = Path(url2pathname(urlsplit(url).path))
    # What it was built from may be gone, as in a container.
    return str(path) if path.exists() else None
