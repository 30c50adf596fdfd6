"""``tfmat completion``: the line that makes a shell complete tfmat's commands."""

from __future__ import annotations

import click

from .examples import examples

_SHELLS = ("bash", "zsh", "fish")


@click.command(epilog=examples("tfmat completion bash", "tfmat completion fish"))
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    r"""Print the script that makes SHELL complete commands, options, names and recipe keys.

    \b
    bash: tfmat completion bash >> ~/.bashrc
    zsh:  tfmat completion zsh >> ~/.zshrc        (after the line with compinit)
    fish: tfmat completion fish > ~/.config/fish/completions/tfmat.fish
    """
    from click.shell_completion import get_completion_class

    from .main import tfmat

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101
    # What click's own text begins with would ask the shell in PATH, not the one that is meant.
    source = kind(tfmat, {}, "tfmat", "_TFMAT_COMPLETE")
    click.echo(source.source_template % source.source_vars())
