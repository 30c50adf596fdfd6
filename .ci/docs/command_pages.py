"""Pages of the command line, made of click's own declarations."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterator

import click
from tfmat.cli.main import tfmat

FOLDER = "reference/cli/"
# What click writes behind a help text, and the bounds of a number in it.
_NOTES = re.compile(r"(?:\s*\[[^\[\]]*\])+$")
_BOUND = re.compile(r"\s*(?:[-\d.]+<=?)?x(?:[<>]=?[-\d.]+)?")
_LARGEST_SAID = 10**9


def pages() -> dict[str, str]:
    """Returns the Markdown of each page by its path: an overview, and one for each command."""
    context = click.Context(tfmat, info_name="tfmat")
    names = tfmat.list_commands(context)
    made = {f"{FOLDER}index.md": _overview(names)}
    for name in names:
        text = "\n".join(_sections(name, _child(tfmat, context, name), context, level=1))
        made[f"{FOLDER}{name}.md"] = text
    return made


def _overview(names: list[str]) -> str:
    rows = [f"| [`tfmat {name}`]({name}.md) | {tfmat.lazy[name][2]} |" for name in names]
    return "\n".join(
        [
            "# Commands",
            "",
            inspect.cleandoc(tfmat.help or ""),
            "",
            "These pages are made of the commands' own declarations: `tfmat COMMAND --help` says "
            "the same. Exit codes: 0 done, 1 failed, 2 the words or the input are wrong (one line "
            "says what, where and how to mend it), 75 stopped in time with a checkpoint, "
            "130 interrupted.",
            "",
            "| command | |",
            "|---|---|",
            *rows,
        ]
    )


def _child(group: click.Group, context: click.Context, name: str) -> click.Command:
    command = group.get_command(context, name)
    if command is None:
        raise LookupError(f"{context.command_path} {name}: listed, but not there")
    return command


def _sections(
    name: str, command: click.Command, parent: click.Context, level: int
) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    yield f"{'#' * level} `{context.command_path}`\n"
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{context.command_path} {pieces}\n```\n"
    yield _prose(command.help or "") + "\n"
    rows = [_row(parameter, context) for parameter in command.params]
    if any(rows):
        yield "| option | meaning | default |\n|---|---|---|"
        yield "\n".join(row for row in rows if row) + "\n"
    if command.epilog:
        yield _prose(command.epilog) + "\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            yield from _sections(child, _child(command, context, child), context, level + 1)


def _prose(text: str) -> str:
    """Returns a help text as Markdown; what click prints as it stands is code."""
    parts = re.split(r"\n\s*\n", inspect.cleandoc(text.split("\f")[0]))
    return "\n\n".join(
        f"```text\n{part[1:].strip(chr(10))}\n```" if part.startswith("\b") else _plain(part)
        for part in parts
    )


def _row(parameter: click.Parameter, context: click.Context) -> str:
    if not isinstance(parameter, click.Option):
        return ""
    record = parameter.get_help_record(context)
    if record is None:  # hidden
        return ""
    # click writes defaults, bounds and "required" behind the help, in brackets of their own.
    names, text = record
    names = names.replace(" RANGE", "")
    notes = _NOTES.search(text)
    meaning = text[: notes.start()] if notes else text
    said = [word.strip() for word in re.split(r"[\[\];]", notes[0])] if notes else []
    said = [word.removeprefix("default: ") for word in said if word and not _BOUND.fullmatch(word)]
    default = "; ".join(filter(None, [*said, _bounds(parameter.type)]))
    # A pipe in code is no border, and would keep its backslash.
    meaning, default = (_plain(text).replace("|", "\\|") for text in (meaning, default))
    return f"| `{names}` | {meaning} | {default} |"


def _bounds(kind: click.ParamType) -> str:
    """Returns what a number may be, but not that a count is no less than 1 or a machine's most."""
    if not isinstance(kind, click.IntRange | click.FloatRange):
        return ""
    least, most = kind.min, kind.max
    if most is not None and most > _LARGEST_SAID:
        most = None
    if isinstance(kind, click.IntRange) and most is None and least in (0, 1):
        return ""
    if None not in (least, most) and not kind.min_open and not kind.max_open:
        return f"{least:,} to {most:,}"
    words = []
    if least is not None:
        words.append(f"{'more than' if kind.min_open else 'at least'} {least:,}")
    if most is not None:
        words.append(f"{'less than' if kind.max_open else 'at most'} {most:,}")
    return ", ".join(words)


def _plain(text: str) -> str:
    """Returns a text of which Markdown takes nothing for its own, but for code in backticks."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*_\[\]])", r"\\\1", html.escape(part, False)) for part in parts[::2]]
    return "`".join(parts)
