"""``tfmat predict``: what networks give, on a TensorFlow Serving or, of predictors, here."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import click

from .examples import examples
from .options import Finite, models_dir_option, refuse_given

_FAMILY = "tfmat.cli.predict.family"


class _Predict(click.Command):
    """A command with the options of ``tfmat generate`` for the family of the package."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Looks for the package first, since the other options depend on it."""
        ctx.meta[_FAMILY] = _family(args)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Returns the options of this command, then those of the family."""
        *own, last = super().get_params(ctx)
        return [*own, *_family_options(ctx.meta.get(_FAMILY)), last]


def _family(args: list[str]) -> str | None:
    from tfmat.inference.metadata import find, read_metadata

    options = click.option("--package")(models_dir_option(lambda **_: None))
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    peek = click.command(add_help_option=False, context_settings=settings)(options)
    found = peek.make_context("predict", list(args)).params
    if found.get("package") is None:
        return None
    folder = find(found["package"], found.get("models_dir"), argument="package")
    return str(read_metadata(folder).get("family"))


def _family_options(family: str | None) -> list[click.Parameter]:
    if family is None:
        return []
    return click.command()(_commands(family).OPTIONS(lambda **_: None)).params


def _commands(family: str) -> ModuleType:
    """Returns the module with a family's options of ``tfmat generate``."""
    from tfmat import families

    return importlib.import_module(families.get(family).commands)


@click.command(
    cls=_Predict,
    short_help="Predict energies; generate with networks on a TensorFlow Serving.",
    epilog=examples(
        "tfmat predict --url http://127.0.0.1:8501 --package served -n 100 --out predicted",
        "tfmat predict --url grpc://127.0.0.1:8500 --package saved_models/mine --out new",
        before="With --package NAME --help further options are listed: those of tfmat generate, or "
        "FILE and --out.",
    ),
)
@click.option(
    "--url",
    help="Address of the server: http://host:8501 or https:// for REST, grpc://host:8500 or "
    "grpcs:// for gRPC (needs the extra [serving]). A package that predicts energies of formulas "
    "needs none.",
)
@click.option(
    "--package",
    required=True,
    metavar="NAME|DIR",
    help="The package that is served: its name or folder, or the folder that tfmat serve wrote. "
    "With --url only its metadata.json is read.",
)
@models_dir_option
@click.option(
    "--prefix",
    help="The served models are called PREFIX-generator and so on.  [default: the package's name]",
)
@click.option(
    "--version",
    type=click.IntRange(0, 2**63 - 1),
    help="Their version.  [default: the latest]",
)
@click.option("--label", help="Label of their version, instead of --version.")
@click.option(
    "--timeout",
    type=Finite(0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds within which each answer must be there.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 100),
    default=4,
    show_default=True,
    help="Further tries, with growing pauses, where a failure may be gone at the next.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Requests under way at a time.",
)
@click.pass_context
def predict(ctx: click.Context, /, **options: Any) -> None:
    """Predict formation energies of formulas; generate with networks on a TensorFlow Serving.

    A package of tfmat train elemnet predicts the formulas of FILE, here or on a server. Of all
    others the server runs the networks that tfmat serve wrote for it; what they make is decoded,
    judged and written here as tfmat generate does, and the same seed gives the same results.
    """
    commands = _commands(ctx.meta[_FAMILY])
    words = ("url", "package", "models_dir", "prefix", "version", "label")
    limits = ("timeout", "retries", "concurrency")
    client = {key: options.pop(key) for key in (*words, *limits)}
    if client["url"] is None:
        if not hasattr(commands, "write_here"):
            raise click.UsageError(
                "--url is missing: the address of the server; without one, use tfmat generate"
            )
        refuse_given(ctx, {*words, *limits} - {"url", "package", "models_dir"}, "--url")
        from tfmat.inference.metadata import find
        from tfmat.inference.package import load

        folder = find(client["package"], client["models_dir"], argument="package")
        commands.write_here(load(folder), options)
        return
    from tfmat.inference.remote import RemotePackage

    with RemotePackage.connect(**client) as remote:
        commands.write_predicted(remote, options)
