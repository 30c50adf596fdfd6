#!/usr/bin/env python3
"""Draws docs/pictures/report.png: a page of tfmat report as a browser shows it.

    python docs/pictures/draw_report.py PAGE.html

Needs Playwright (in [dev]) and a Chromium that is there.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

OUT = Path(__file__).with_name("report.png")
SIZE = {"width": 1200, "height": 760}


def main(page_file: str) -> None:
    """Opens the page at its candidates and takes a picture."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(Path(page_file).absolute().as_uri())
        page.evaluate("document.getElementById('candidates').scrollIntoView()")
        page.wait_for_timeout(1000)
        page.screenshot(path=OUT)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
