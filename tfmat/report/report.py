"""One page of what commands have made: what ``tfmat report`` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tfmat import files
from tfmat.arguments import whole
from tfmat.errors import InputError
from tfmat.report.contents import Part
from tfmat.report.folders import formulas, generated, hulls, judged, relaxed, runs
from tfmat.report.page import page

# In this order: a folder of relaxed structures has frames like a generated one.
_KINDS: tuple[tuple[Callable[[Path], bool], Callable[[Path], Part]], ...] = tuple(
    (kind.is_one, kind.read) for kind in (runs, relaxed, hulls, judged, generated, formulas)
)


def report(
    sources: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    title: str | None = None,
    limit: int = 1000,
    overwrite: bool = False,
) -> Path:
    """Writes one page of what commands have made.

    Args:
        sources: Folders that ``tfmat generate``, ``screen``, ``relax``, ``evaluate hull``,
            ``evaluate structures`` or ``train`` wrote, or a table of formulas with its summary
            beside it. Candidates of one name are joined.
        out: The HTML file.
        title: Head of the page; what was done last by default.
        limit: Most candidates in its table; the best are kept.
        overwrite: Replace a page that is there.

    Returns:
        The file.

    Raises:
        InputError: There is no source, one is of no known kind or damaged, or ``out`` is in the
            way.
    """
    whole("limit", limit, 1)
    places = [sources] if isinstance(sources, str | Path) else list(sources)
    if not places:
        raise InputError("`sources`: is empty; give at least one folder")
    target = Path(out)
    if target.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{target}: a page is an HTML file; call it {target.name}.html")
    if target.is_dir() or (target.exists() and not (overwrite and is_page(target))):
        raise InputError(_in_the_way(target))
    parts = [read(Path(place)) for place in places]
    text = page(parts, title, limit)
    with files.claimed(target), files.replacing(target) as temporary:
        temporary.write_text(text, "utf-8")
    return target


def read(place: Path) -> Part:
    """Reads what a command has written.

    Args:
        place: A folder, or a table of formulas.

    Raises:
        InputError: It is of no known kind, or damaged.
    """
    if not place.exists():
        raise InputError(f"{place}: there is no such folder or table")
    for is_one, read_one in _KINDS:
        if is_one(place):
            return read_one(place)
    made = place / "report.html"
    if made.is_file() and is_page(made):
        raise InputError(f"{place}: has its page already; open {made}")
    raise InputError(
        f"{place}: nothing that a page can be made of; give what tfmat generate, screen, relax, "
        "evaluate hull, evaluate structures or train has written"
    )


_MARK = '<meta name="generator" content="tfmat '


def is_page(file: Path) -> bool:
    """Tells whether a file is a page that tfmat has written.

    Args:
        file: Any file.
    """
    with file.open("rb") as stream:
        return _MARK.encode() in stream.read(4096)


def _in_the_way(target: Path) -> str:
    if target.is_file() and is_page(target):
        return f"{target}: is there; take another name, or give `overwrite` to replace it"
    return f"{target}: is there and is no page of tfmat; take another name"
