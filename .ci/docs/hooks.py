"""What MkDocs asks of this project: pages that are made, and links that lead out of docs/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import command_pages
import example_app
import example_report
import outside_pages
import recipe_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_made: dict[str, str] = {}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Makes the pages, and puts those of the commands into the navigation."""
    commands = command_pages.pages()
    _made.clear()
    _made.update(commands)
    _made[recipe_pages.PAGE] = recipe_pages.page()
    _made.update(outside_pages.pages())
    config.nav = _with_commands(config.nav, list(commands))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made, and the files that they link to."""
    for uri, text in _made.items():
        files.append(File.generated(config, uri, content=text))
    files.append(File.generated(config, example_report.PAGE, content=example_report.page()))
    for uri, path in example_app.files().items():
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    for name in ("CITATION.cff", "LICENSE"):
        path = str(outside_pages.ROOT / name)
        files.append(File.generated(config, name, abs_src_path=path))
    return files


def on_page_markdown(text: str, page: Page, **_: Any) -> str:
    """Turns links out of docs/ into links of the site."""
    uri = page.file.src_uri
    return text if uri in _made else outside_pages.in_site(text, Path("docs", uri).parent, uri)


def _with_commands(nav: Any, uris: list[str]) -> Any:
    """Returns the navigation with the commands' pages where it names their folder."""
    if isinstance(nav, list):
        return [_with_commands(entry, uris) for entry in nav]
    if isinstance(nav, dict):
        return {title: _with_commands(entry, uris) for title, entry in nav.items()}
    return list(uris) if nav == command_pages.FOLDER else nav
