"""What the shell completes: names of models, datasets and recipes, and keys for ``--set``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete_model(context: click.Context, _: click.Parameter, word: str) -> list[CompletionItem]:
    """Completes the name of a model package, or a folder."""
    from tfmat.inference.metadata import packages

    names = [folder.name for folder in packages(context.params.get("models_dir"))]
    return _names(names, word, "dir")


def complete_data(_: click.Context, __: click.Parameter, word: str) -> list[CompletionItem]:
    """Completes the name of a dataset that ships with tfmat, or a file or folder."""
    from tfmat.datasets.folders import shipped

    return _names(shipped(), word, "file")


def complete_recipe(_: click.Context, __: click.Parameter, word: str) -> list[CompletionItem]:
    """Completes the name of a recipe that ships with tfmat, or a file."""
    from tfmat.recipes.loader import names

    return _names(names(), word, "file")


def complete_recipe_key(
    context: click.Context, _: click.Parameter, word: str
) -> list[CompletionItem]:
    """Completes a key of the recipe that was named before it."""
    from tfmat import families
    from tfmat.errors import InputError
    from tfmat.recipes.loader import read

    try:
        family = read(context.params["recipe"]).get("family", families.FIRST)
    except (InputError, KeyError):
        return []
    return [CompletionItem(name, help=text) for name, text, _ in _keys(family) if word in name]


def complete_setting(family: str) -> Complete:
    """Returns what completes ``KEY=VALUE``: keys, and behind one of words the words.

    Args:
        family: Name of the family whose recipes are meant.
    """

    def complete(_: click.Context, __: click.Parameter, word: str) -> list[CompletionItem]:
        key, equals, value = word.partition("=")
        found = _keys(family)
        if equals:
            choices = next((choices for name, _, choices in found if name == key), ())
            return [CompletionItem(f"{key}={c}") for c in choices if c.startswith(value)]
        return [
            CompletionItem(f"{name}=", help=text) for name, text, _ in found if name.startswith(key)
        ]

    return complete


def _keys(family: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    from tfmat.recipes.keys import keys

    for key in keys(family):
        if "[]" not in key.name:
            yield key.name, key.meaning, key.choices


def _names(names: Iterable[str], word: str, others: str) -> list[CompletionItem]:
    """Returns the names that begin with a word, and leaves paths to the shell."""
    found = [CompletionItem(name) for name in sorted(set(names)) if name.startswith(word)]
    # First, since in bash it clears what came before it.
    return [CompletionItem(word, type=others), *found]
