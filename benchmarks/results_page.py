"""One page of what benchmarks have measured, from the JSON that they wrote.

    python benchmarks/results_page.py
    python benchmarks/results_page.py FOLDER --out PAGE.md

FOLDER (benchmarks/results) holds files that benchmarks wrote with `--json`, in the form of
benchmarks/recorded.py; the page (docs/benchmarks.md) has a section for each, in the order of their
names. A file of another form ends it with exit code 2, and the page stays as it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recorded import RecordError, read

ROOT = Path(__file__).parents[1]
FOLDER, PAGE = ROOT / "benchmarks" / "results", ROOT / "docs" / "benchmarks.md"
HEAD = """\
# Benchmarks

`python benchmarks/results_page.py` makes this page from `benchmarks/results/*.json`, which the
benchmarks write with `--json`; it is not edited by hand. Each section has the command that measures
it again. What one run has measured side by side can be compared; of two runs, wall times above all
differ with what else the machine does (its load is the number of processes that wanted a core).
"""


def main() -> int:
    """Parses the words and writes the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--out", type=Path, default=PAGE, help="the page, Markdown")
    options = parser.parse_args()
    try:
        text = page(options.folder)
    except RecordError as error:
        print(f"results_page.py: {error}", file=sys.stderr)
        return 2
    options.out.write_text(text, "utf-8")
    print(f"wrote {options.out.name}")
    return 0


def page(folder: Path) -> str:
    """Returns the page of a folder, Markdown.

    Args:
        folder: Holds the benchmarks' JSON.

    Raises:
        RecordError: There is no such file, or one of another form.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise RecordError(f"{folder.name}: no benchmark's JSON in it")
    return "\n".join([HEAD, *(section(read(file)) for file in files)])


def section(found: Mapping[str, Any]) -> str:
    """Returns the section of one benchmark."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    load = "" if machine["load"] is None else f" at a load of {machine['load']}"
    lines = [
        f"## {found['title']}",
        "",
        "```",
        found["command"],
        "```",
        "",
        f"{found['date']}; {machine['processor']}, {machine['cores']} cores{load}; {versions}.",
        "",
    ]
    for table in found["tables"]:
        lines += [f"### {table['title']}", ""]
        if table["note"]:
            lines += [table["note"], ""]
        names, kinds = zip(*table["columns"], strict=True)
        rows = [names, ["---" if kind == "text" else "---:" for kind in kinds]]
        rows += [
            [cell(value, kind) for value, kind in zip(row, kinds, strict=True)]
            for row in table["rows"]
        ]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def cell(value: Any, kind: str) -> str:
    """Returns a value as the page shows it: shares in per cent, numbers with four digits.

    Args:
        value: A text or a number; ``None`` for an empty cell.
        kind: One of ``recorded.KINDS``.
    """
    if value is None:
        return ""
    if kind == "text":
        return str(value).replace("|", "\\|")
    if kind == "share":
        return f"{value:.0%}"
    if kind == "count" or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if value else "0"


if __name__ == "__main__":
    sys.exit(main())
