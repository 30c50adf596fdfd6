"""Docstrings as Markdown: Sphinx's roles become plain code."""

import re

import griffe

_ROLE = re.compile(r":(?:attr|class|func|meth|mod):`~?([^`]+)`")


class PlainRoles(griffe.Extension):
    """Writes ``:func:`tfmat.load``` as code, since Markdown knows no roles."""

    def on_object(self, *, obj: griffe.Object, **kwargs: object) -> None:
        """Rewrites the docstring of an object once it is loaded."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(r"`\1`", obj.docstring.value)
