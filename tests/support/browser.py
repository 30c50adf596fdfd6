"""A Chromium without a window, and pages in it that must not ask the network for anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Debian's, Ubuntu's, and what the runners of GitHub have.
_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Whoever runs tests in a container is root, and has no GPU: WebGL in software.
_ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
_WITHOUT_WEBGL = ["--no-sandbox", "--disable-gpu", "--disable-3d-apis"]
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 700}


@contextmanager
def driver() -> Iterator:
    """Starts what drives browsers, once for a process; the test skips where it is missing."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        yield running


@contextmanager
def chromium(running, *, webgl: bool = True) -> Iterator:
    """Starts a browser; the test skips where there is none.

    Args:
        running: From :func:`driver`.
        webgl: Whether it can draw in three dimensions.
    """
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("no Chromium here; apt-get install chromium")
    browser = running.chromium.launch(
        executable_path=program,
        args=_ARGUMENTS if webgl else _WITHOUT_WEBGL,
        env={**os.environ, "LANG": "C.UTF-8"},
    )
    yield browser
    browser.close()


@contextmanager
def opened(browser, page_at: Path | str, **settings) -> Iterator:
    """Opens a page from the disk or a server, and checks afterwards that it was quiet and alone.

    Args:
        browser: From :func:`chromium`.
        page_at: The file, or the address of a site on this machine.
        **settings: Of the context: ``viewport``, ``color_scheme``, ...
    """
    context = browser.new_context(**{"viewport": WIDE, "accept_downloads": True, **settings})
    page = context.new_page()
    page.set_default_timeout(60_000)
    said, asked = [], []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("request", lambda request: asked.append(request.url))
    served = isinstance(page_at, str)
    page.goto(page_at if served else page_at.absolute().as_uri())
    yield page
    own = (page_at.partition("#")[0],) if served else ("file:",)
    outside = [url for url in asked if not url.startswith((*own, "data:", "blob:"))]
    context.close()
    assert not said
    assert not outside
