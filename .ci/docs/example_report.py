"""The example of docs/report.md: a page of crystals that are generated while the site is built."""

from __future__ import annotations

import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

PAGE = "report/example.html"
_STRUCTURES = 60


def page() -> str:
    """Returns the page, made by the package that ships with tfmat."""
    from tfmat.cli.main import tfmat

    from tfmat.report.report import report

    # What the command prints belongs into no site.
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        place = Path(folder) / "ccdcgan-bi-se"
        words = ["generate", "ccdcgan", "-n", str(_STRUCTURES), "--out", str(place)]
        tfmat.main(words, standalone_mode=False)
        return report(place, place.with_suffix(".html")).read_text("utf-8")
