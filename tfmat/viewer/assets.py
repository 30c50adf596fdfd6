"""Scripts and styles of the viewer, as texts for a page that asks no server for anything."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tfmat.errors import TfmatError

_PLACE = Path(__file__).parent / "static"
LIBRARY = "3Dmol-min.js"
LIBRARY_VERSION = "2.5.5"
LIBRARY_SHA256 = "f7cc78921ae72e7623e89cdd111434f58c2efddd2ffda1cd212644b406fb8016"
"""Of ``build/3Dmol-min.js`` of the npm package ``3dmol``, BSD-3-Clause."""
LICENCE = "3Dmol-LICENSE.txt"


def library() -> str:
    """Returns 3Dmol.js, as its makers have published it.

    Raises:
        TfmatError: The file was changed.
    """
    content = (_PLACE / LIBRARY).read_bytes()
    if hashlib.sha256(content).hexdigest() != LIBRARY_SHA256:
        raise TfmatError(f"{_PLACE / LIBRARY}: is not what tfmat came with; install tfmat again")
    return content.decode("utf-8")


def licence() -> str:
    """Returns the licence of 3Dmol.js."""
    return (_PLACE / LICENCE).read_text("utf-8")


def script() -> str:
    """Returns the viewer itself, which needs :func:`library` before it."""
    return (_PLACE / "viewer.js").read_text("utf-8")


def style() -> str:
    """Returns the viewer's style sheet."""
    return (_PLACE / "viewer.css").read_text("utf-8")
