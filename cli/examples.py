"""Examples at the end of a command's help; each is run or checked by a test."""

from __future__ import annotations

_TITLE = "Examples:"


def examples(*lines: str, before: str = "") -> str:
    """Returns the end of a help text: commands that work as they stand.

    Args:
        *lines: Commands, each in one line.
        before: A paragraph that comes before them.
    """
    block = "\n".join(["\b", _TITLE, *(f"  {line}" for line in lines)])
    return f"{before}\n\n{block}" if before else block


def examples_in(help_text: str) -> list[str]:
    """Returns the commands of a help text that :func:`examples` ends.

    Args:
        help_text: As ``--help`` prints it.
    """
    lines = [line.strip() for line in help_text.splitlines()]
    if _TITLE not in lines:
        return []
    return [line for line in lines[lines.index(_TITLE) + 1 :] if line]
