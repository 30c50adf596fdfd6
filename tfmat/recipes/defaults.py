"""The recipe that each training command takes where none is named."""

from __future__ import annotations

DEFAULTS = {
    "lattice-ae": "quickstart",
    "sites-ae": "quickstart",
    "constraint": "quickstart",
    "dcgan": "quickstart",
    "ccdcgan": "quickstart",
    "matgan": "matgan-quickstart",
    "composition-ae": "composition-ae-compact",
}
