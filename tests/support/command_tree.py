"""All commands of tfmat, as click knows them."""

import click
from tfmat.cli.main import tfmat as root


def tree(command=root, path=""):
    """Yields every command and group with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from tree(command.get_command(context, name), f"{path} {name}".strip())


def leaves():
    """Yields every command that is no group, with the words that call it."""
    return ((path, found) for path, found in tree() if not isinstance(found, click.Group))
