"""How large the page of tfmat web is, and how fast it makes crystals and formulas.

python benchmarks/web_page.py ccdcgan-mp ccdcgan-bi-se matgan-plus-icsd-filter

Run it on a machine that does nothing else: the page, its worker and the browser share its cores.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tfmat.web.serving import server
from tfmat.web.site import write_site

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
import browser

_LIMIT = 600_000


def main() -> None:
    """Prints bytes, seconds to the first result, and results a second, of each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="+")
    parser.add_argument("-n", type=int, default=100, help="crystals to make")
    parser.add_argument("--blocks", type=int, default=10, help="blocks of 4,096 samples to make")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        site = Path(scratch) / "site"
        record = write_site(given.packages, site)
        print(f"site: {record['files']} files, {_bytes(site)}")
        for name in record["models"]:
            print(f"  {name}: {_bytes(site / 'models' / name)}")
        with server(site, 0) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{running.server_address[1]}/"
            with browser.driver() as driver, browser.chromium(driver) as chromium:
                for name in record["models"]:
                    _model(chromium, address, name, given)
            running.shutdown()


def _model(chromium: Any, address: str, name: str, given: argparse.Namespace) -> None:
    with browser.opened(chromium, address) as page:
        page.set_default_timeout(_LIMIT)
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        firsts = []
        for visit in range(given.repeats + 1):
            page.goto("about:blank")
            start = time.perf_counter()
            page.goto(f"{address}#{name}")
            page.get_by_text("Ready.", exact=True).wait_for()
            crystals = page.locator("#crystal").is_visible()
            rows = "#crystal-rows tr" if crystals else "#formula-rows tr"
            page.locator("#number" if crystals else "#blocks").fill("1")
            page.locator("#make").click()
            page.locator(rows).first.wait_for()
            # At the first visit the model is fetched; later all files are the browser's own.
            if visit:
                firsts.append(time.perf_counter() - start)
            page.locator("#make:not([disabled])").wait_for()
        count = given.n if crystals else given.blocks
        page.locator("#number" if crystals else "#blocks").fill(str(count))
        start = time.perf_counter()
        page.locator("#make").click()
        page.locator("#make:not([disabled])").wait_for()
        seconds = time.perf_counter() - start
    made = f"{count} crystals begun" if crystals else f"{count * 4096:,} samples"
    speed = (count if crystals else count * 4096) / seconds
    times = ", ".join(f"{value:.2f}" for value in firsts)
    print(f"{name}: first result after {times} s; {made} in {seconds:.1f} s, {speed:,.1f} a second")


def _bytes(folder: Path) -> str:
    """Says how large a folder is, as it lies there and as servers compress it."""
    contents = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    whole = sum(map(len, contents))
    small = sum(min(len(one), len(gzip.compress(one, 6))) for one in contents)
    return f"{whole / 1e6:.2f} MB, {small / 1e6:.2f} MB compressed"


if __name__ == "__main__":
    main()
