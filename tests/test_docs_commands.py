"""Every `tfmat ...` that the documents mention exists, with every option that is given to it."""

import re
import shlex

import click
import doc_commands
import pytest
from tfmat.cli.main import tfmat

from tfmat import families

ROOT = doc_commands.ROOT
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
]
_FENCE = re.compile(r"^ *```([^\n]*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_SHELLS = {"", "sh", "bash", "console", "powershell"}
_INLINE = re.compile(r"`(tfmat [a-z][^`]*)`")
# What ends a command in a shell.
_END = re.compile(r"[&;|>()]+|#.*")


def found(text):
    """Yields the words after `tfmat` of every command, and whether it stands in a fence."""
    fences = [source for language, source in _FENCE.findall(text) if language.strip() in _SHELLS]
    for line in (line for fence in fences for line in doc_commands.commands(fence)):
        if line.startswith("tfmat: "):  # a message
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();&|>")
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:  # prose, a formula
            continue
        for place, word in enumerate(words):
            if word.rpartition("/")[2] == "tfmat" and words[place - 1 : place] != ["cd"]:
                yield _until_the_end(words[place + 1 :]), True
    for command in _INLINE.findall(_FENCE.sub("", text)):
        yield _until_the_end(command.replace("\n", " ").split()[1:]), False


def _until_the_end(words):
    ends = [place for place, word in enumerate(words) if _END.fullmatch(word)]
    return words[: ends[0]] if ends else words


def problem(words, whole):
    """Parses the words of a command; returns what is wrong with them, or ``None``.

    Args:
        words: What stands behind `tfmat`.
        whole: Whether it is a whole command, so that values are of their kind and none is missing.
    """
    command, context = tfmat, click.Context(tfmat, info_name="tfmat")
    words = list(words)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        # Prose: `tfmat evaluate ...`, `tfmat data import|build`.
        if not re.fullmatch(r"[a-z-]+", words[0]):
            return None
        child = command.get_command(context, words.pop(0))
        if child is None:
            return f"no such command: {context.command_path}"
        command, context = child, click.Context(child, info_name=child.name, parent=context)
    if isinstance(command, click.Group):
        return None
    if "--help" in words or any("..." in word or "[" in word[:1] for word in words):
        return None
    if command.name == "predict":
        # Its options are those of the package's family, too.
        flaws = []
        for family in families.names():
            context.meta["tfmat.cli.predict.family"] = family
            flaws.append(_flaw(command, context, words, whole))
        return None if None in flaws else flaws[0]
    return _flaw(command, context, words, whole)


def _flaw(command, context, words, whole):
    try:
        given, rest, _ = command.make_parser(context).parse_args(words)
    except click.UsageError as error:
        return None if not whole and "requires an argument" in error.message else error.message
    if rest:
        return f"too many words: {rest}"
    for parameter in command.get_params(context) if whole else ():
        value = given.get(parameter.name)
        if value is None or value == () or str(value).startswith("Sentinel"):
            continue
        if isinstance(parameter.type, click.Choice | click.IntRange | click.FloatRange):
            try:
                parameter.type_cast_value(context, value)
            except click.UsageError as error:
                return error.format_message()
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_exist(page):
    wrong = []
    for words, whole in found(page.read_text("utf-8")):
        flaw = problem(words, whole)
        if flaw is not None:
            wrong.append(f"tfmat {' '.join(words)}: {flaw}")
    assert not wrong, "\n".join(wrong)


def test_there_are_many():
    texts = [page.read_text("utf-8") for page in PAGES]
    assert sum(whole for text in texts for _, whole in found(text)) > 120


@pytest.mark.parametrize(
    "line",
    [
        "tfmat generate ccdgan",
        "tfmat generate ccdcgan --numbr 3",
        "tfmat generate ccdcgan -n many",
        "tfmat evaluate reconstruction a b",
        "tfmat generate ccdcgan --mode sturdy",
    ],
)
def test_what_is_wrong_is_found(line):
    ((words, whole),) = found(f"```\n{line}\n```\n")
    assert problem(words, whole) is not None
