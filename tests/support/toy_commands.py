"""Options of ``tfmat predict`` for the toy family, and what writes its volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


def OPTIONS(command: Any) -> Any:  # noqa: N802  (the name that the contract wants)
    """Adds the options."""
    for option in (
        click.option("-n", "count", type=click.IntRange(1), default=5),
        click.option("--seed", type=click.IntRange(0), default=0),
        click.option("--out", type=click.Path(path_type=Path), required=True),
    ):
        command = option(command)
    return command


def write_predicted(remote: Any, options: dict[str, Any]) -> None:
    """Writes one volume a line."""
    from toy_family import ToyModel

    volumes = ToyModel(remote).generate(options["count"], options["seed"])
    options["out"].write_text("".join(f"{volume:.4f}\n" for volume in volumes), "utf-8")
