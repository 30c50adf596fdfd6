"""Commands, options and settings that messages recommend are there, so that they can be pasted."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest
from tfmat.cli.main import tfmat as group

import tfmat
from tfmat import typed
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.matgan.recipe import MatganRecipe

SOURCE = Path(tfmat.__file__).parent
COMMANDS = Path(__file__).parents[2] / "cli"
_COMMAND = re.compile(r"tfmat ((?:[a-z][a-z-]* ?)+)([^;()`,:]*)")
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")
_SETTING = re.compile(r"(?:`settings`|--set) ([a-z_]+\.[a-z_]+)")


def texts():
    """Yields place and text of every message, with a NUL where a value is filled in."""
    for folder in (SOURCE, COMMANDS):
        for path in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call | ast.Return) and _is_message(node):
                    parts = (
                        part.value if isinstance(part.value, str) else "\0"
                        for part in ast.walk(node)
                        if isinstance(part, ast.Constant | ast.FormattedValue)
                    )
                    yield f"{path.name}:{node.lineno}", "".join(parts)


def _is_message(node):
    if isinstance(node, ast.Return):
        return isinstance(node.value, ast.JoinedStr)
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    return name.endswith("Error") or name in ("echo", "report")


def options(command):
    """Returns the options of a command, or of all those of a group whose word is filled in."""
    found = {name for parameter in command.params for name in parameter.opts}
    if isinstance(command, click.Group):
        context = click.Context(command)
        inner = (command.get_command(context, name) for name in command.list_commands(context))
        return found.union(*map(options, inner))
    return found


def recommended():
    """Yields place, command and the words after it."""
    for place, text in texts():
        for found in _COMMAND.finditer(text):
            command: click.Command = group
            for word in found[1].split():
                if not isinstance(command, click.Group):
                    break
                inner = command.get_command(click.Context(command), word)
                if inner is None:
                    break
                command = inner
            if command is not group:
                yield pytest.param(command, found[2], id=f"{place} {command.name}")


@pytest.mark.parametrize(("command", "words"), recommended())
def test_a_recommended_command_has_the_options(command, words):
    known = options(command)
    assert {f"--{name}" for name in _OPTION.findall(words)} <= known


def test_recommended_settings_are_keys_of_a_recipe():
    found = [(place, key) for place, text in texts() for key in _SETTING.findall(text)]
    assert len(found) > 3
    for place, key in found:
        table, name = key.split(".")
        tables = [
            typed.fields(recipe)[table].hint
            for recipe in (CcdcganRecipe, MatganRecipe)
            if table in typed.fields(recipe)
        ]
        assert any(name in typed.fields(table) for table in tables), place
