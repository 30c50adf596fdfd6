"""Messages name arguments; the command line, and only it, turns them into options."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import click
import pytest
from tfmat.cli.main import in_options, main
from tfmat.cli.main import tfmat as group

import tfmat
from tfmat.errors import InputError

SOURCE = Path(tfmat.__file__).parent
_ARGUMENT = re.compile(r"`([a-z][a-z_]*)`")
# A command that a text recommends keeps its options.
_COMMAND = re.compile(r"(tfmat|pip) [a-z][^;()`]*")
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*|\0)")


def commands(command=group, path="tfmat"):
    """Yields every command and group with its name."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), f"{path} {name}")


def messages():
    """Yields place and text of all that the library says in an error."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).parts[0] == "cli":
            continue  # where they lie when installed
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error"):
                parts = [
                    part.value
                    for part in ast.walk(node)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                ]
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", "\0".join(parts)


def test_no_message_of_the_library_names_an_option():
    found = [
        f"{place}: {text}" for place, text in messages() if _OPTION.search(_COMMAND.sub("", text))
    ]
    assert not found


def test_every_name_in_a_message_is_an_argument():
    known = {parameter.name for _, command in commands() for parameter in command.params}
    for module in ("tfmat.api", "tfmat.ccdcgan.model", "tfmat.matgan.model"):
        for value in vars(importlib.import_module(module)).values():
            if inspect.isclass(value):
                for method in vars(value).values():
                    if inspect.isfunction(method):
                        known |= set(inspect.signature(method).parameters)
    for name in tfmat.__all__:
        value = getattr(tfmat, name)
        if callable(value):
            known |= set(inspect.signature(value).parameters)
    named = {(place, name) for place, text in messages() for name in _ARGUMENT.findall(text)}
    assert len(named) > 50
    assert {place: name for place, name in named if name not in known} == {}


@click.command()
@click.argument("data")
@click.option("-n", "--max-atoms", "max_atoms")
@click.option("--set", "settings")
@click.option("-n", "count")
@click.option("--system", "systems")
def toy(**words):
    """A command with every kind of parameter."""


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("`max_atoms`: 0", "--max-atoms: 0"),
        ("give `settings` x=1, or `count`", "give --set x=1, or -n"),
        ("`data` x: no", "DATA x: no"),
        ("`system` x, of `systems`", "--system x, of --system"),
        ("`other`, `CIF text` and max_atoms", "`other`, `CIF text` and max_atoms"),
    ],
)
def test_arguments_become_options(message, shown):
    assert in_options(message, toy) == shown


def test_same_mistake_in_python_and_on_the_command_line(capsys):
    with pytest.raises(InputError, match=r"^`name_or_folder` nowhere: no such folder"):
        tfmat.load("nowhere")
    with pytest.raises(SystemExit) as ended:
        main(["generate", "ccdcgan", "--model", "nowhere", "-n", "1"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("tfmat: --model nowhere: no such folder")
