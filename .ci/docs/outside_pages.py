"""Files that lie outside of docs/ and are pages of the site: README.md is its start."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The page of each file, by its path in the clone.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
EXAMPLES = "examples.md"
_LINK = re.compile(r'(\]\(|src=")([^)"#\s]+)')


def pages() -> dict[str, str]:
    """Returns the Markdown of each page by its path in the site."""
    made = {
        page: in_site((ROOT / name).read_text("utf-8"), Path(), page)
        for name, page in PAGES.items()
    }
    # The start has neither a table of contents nor a title of its own.
    made["index.md"] = "---\ntitle: tfmat\nhide: [navigation, toc]\n---\n\n" + made["index.md"]
    made[EXAMPLES] = _examples()
    return made


def in_site(text: str, folder: Path, page: str) -> str:
    """Returns a Markdown text with links to files of the clone turned into links of the site.

    Args:
        text: Markdown as it is read in the clone.
        folder: Where the file lies, relative to the clone's root.
        page: Path of its page in the site.
    """
    up = "../" * page.count("/")

    def target(found: re.Match[str]) -> str:
        opening, link = found.groups()
        if re.match(r"[a-z]+:", link):
            return found[0]
        parts: list[str] = []
        for part in (folder / link).parts:
            if part != "..":
                parts.append(part)
            elif parts:
                parts.pop()
        name = "/".join(parts)
        if name in PAGES:
            return f"{opening}{up}{PAGES[name]}"
        if name.split("/")[0] == "examples":
            return f"{opening}{up}{EXAMPLES}"
        if name.startswith("docs/"):
            return f"{opening}{up}{name.removeprefix('docs/')}"
        return found[0]

    return _LINK.sub(target, text)


def _examples() -> str:
    parts = [
        "# Examples",
        "Scripts of the folder `examples` in the clone. The tests run each of them as it stands.",
    ]
    for path in sorted((ROOT / "examples").glob("*.py")):
        source = path.read_text("utf-8")
        first = (ast.get_docstring(ast.parse(source)) or path.stem).partition("\n")[0]
        parts += [f"## {path.name}", first, f"```python\n{source.strip()}\n```"]
    return "\n\n".join(parts) + "\n"
