"""The options of ``tfmat train`` that chains of structures have alone: the wanted properties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

from .options import Finite, with_options

_NAMES = ("property", "target", "minimise", "maximise", "weight")
_ORDER = "tfmat.train_structures.order"


class Command(click.Command):
    """A command that remembers the order of its options: an aim belongs to the property before."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the options."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_ORDER] = [parameter.name for parameter in order if parameter.name in _NAMES]
        return super().parse_args(ctx, args)


_OPTIONS = with_options(
    click.option(
        "--property",
        multiple=True,
        metavar="NAME",
        help="Property of the data to predict and to steer by; may be given again.",
    ),
    click.option(
        "--target",
        multiple=True,
        type=Finite(),
        metavar="VALUE",
        help="Wanted value of the property before it, in its unit.",
    ),
    click.option("--minimise", is_flag=True, help="Make the property before it small."),
    click.option("--maximise", is_flag=True, help="Make the property before it large."),
    click.option(
        "--weight",
        multiple=True,
        type=Finite(min=0, min_open=True),
        metavar="NUMBER",
        help="How much the property before it counts.  [default: 0.1]",
    ),
)


def options(target: str) -> Callable[..., Any]:
    """Returns a decorator that adds the options to the command of a target that has a constraint.

    Args:
        target: Name of the target.
    """
    return _OPTIONS if target in ("constraint", "ccdcgan") else with_options()


def settings(target: str, given: dict[str, Any]) -> list[str]:
    """Takes the options out of what a command was given and returns them as settings of a recipe.

    Args:
        target: Name of the target.
        given: Values by name of the option; those of this module are removed.

    Raises:
        InputError: An option belongs to no property, two contradict each other, or nothing is said
            of a property that is to steer.
    """
    from tfmat.ccdcgan import aims
    from tfmat.errors import InputError

    values = {
        name: iter(value) for name in _NAMES if isinstance(value := given.pop(name, ()), tuple)
    }
    found = list(_aims(click.get_current_context().meta.get(_ORDER, ()), values))
    for aim in found:
        if aim.form is None and target == "ccdcgan":
            raise InputError(
                f"`property` {aim.property}: say what is wanted of it, one of `target` VALUE, "
                "`minimise` and `maximise`"
            )
    return aims.settings(found)


def _aims(order: list[str], values: dict[str, Iterator[Any]]) -> Iterator[Any]:
    """Yields an aim for each property, made of the options up to the next one."""
    from tfmat.ccdcgan.aims import Aim
    from tfmat.errors import InputError

    parts: dict[str, Any] = {}
    for name in order:
        if name == "property":
            if parts:
                yield Aim(**parts)
            parts = {"property": next(values[name])}
            continue
        if not parts:
            raise InputError(f"`{name}` belongs to the `property` before it; name that first")
        key = "weight" if name == "weight" else "form"
        if key in parts:
            raise InputError(
                f"`property` {parts['property']}: `{name}` and another such option; give one"
            )
        if name in ("target", "weight"):
            parts[name] = next(values[name])
        if key == "form":
            parts[key] = name
    if parts:
        yield Aim(**parts)
