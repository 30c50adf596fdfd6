"""What a model card says of a package beside its metrics: the words that its family gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmat.inference.metadata import GENERATE

Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class CardText:
    """The words of a family.

    Args:
        task: Type and name of the task, for the card's ``model-index``.
        tags: Tags of the card.
        description: Paragraphs on what the model is.
        intended: What it is good for.
        out_of_scope: What it is not made for.
        command: Command that generates.
        python: The same in Python.
        limits: Sentences on what is weak.
        papers: Whom to cite.
        bibtex: The same as BibTeX.
        predicts: Whether the package predicts, and the command is there though it generates
            nothing.
    """

    task: tuple[str, str]
    tags: tuple[str, ...]
    description: tuple[str, ...]
    intended: tuple[str, ...]
    out_of_scope: tuple[str, ...]
    command: str
    python: str
    limits: tuple[str, ...]
    papers: tuple[str, ...]
    bibtex: str
    predicts: bool = False


def generates(metadata: Metadata) -> bool:
    """Tells whether something can be generated with a package.

    Args:
        metadata: The package's metadata.
    """
    return bool({"generator", "compositions", GENERATE} & set(metadata["parts"]))


def measured(metadata: Metadata, name: str) -> float | None:
    """Returns a metric of what the package generates, if it is there.

    Args:
        metadata: The package's metadata.
        name: Name of the metric.
    """
    value = metadata.get("measured", {}).get("generated", {}).get(name, {}).get("value")
    return None if value is None else float(value)


def share(value: float) -> str:
    """Returns a share as a percentage."""
    return f"{100 * value:.1f}%"
