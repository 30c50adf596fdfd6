"""A site of three models, once for all tests of the page."""

import threading

import pytest

from tfmat.web.serving import server
from tfmat.web.site import write_site

CRYSTALS, FORMULAS, SOURCES = "ccdcgan-bi-se", "matgan-plus-icsd-filter", "ccdcgan-mp"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site."""
    place = tmp_path_factory.mktemp("web") / "site"
    write_site([CRYSTALS, FORMULAS, SOURCES], place)
    return place


@pytest.fixture(scope="session")
def address(site):
    """Where a server of this machine has the site."""
    with server(site, 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()
