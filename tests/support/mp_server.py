"""The Materials Project's REST interface on loopback, as far as ``tfmat data fetch mp`` needs it.

Documents are those of emmet, the project's own models. What the server understands, and how it
answers, is that of emmet-api: ``_page`` with ``_per_page``, or ``_skip`` with ``_limit``;
``_fields``; ``_sort_fields``; ``meta.total_doc``; the key in the header ``x-api-key``.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "k" * 16 + "0123456789abcdef"
VERSION = "2025.09.25"
CREATED = datetime(2014, 3, 1, 12)


def documents(structures: dict[str, Any]) -> dict[str, list[dict]]:
    """Builds documents of three collections from pymatgen structures by identifier."""
    from emmet.core.provenance import ProvenanceDoc
    from emmet.core.summary import SummaryDoc
    from emmet.core.thermo import ThermoDoc

    found: dict[str, list[dict]] = {"summary": [], "provenance": [], "thermo": []}
    for number, (name, structure) in enumerate(structures.items()):
        common = {
            "meta_structure": structure,
            "material_id": name,
            "deprecated": False,
            "energy_above_hull": 0.01 * number,
            "energy_per_atom": -3.0,
            "uncorrected_energy_per_atom": -2.9,
            "is_stable": number == 0,
        }
        energy = -0.5 - 0.01 * number
        summary = SummaryDoc.from_structure(
            **common,
            property_name="summary",
            formation_energy_per_atom=energy,
            band_gap=0.1 * number,
        )
        provenance = ProvenanceDoc.from_structure(
            meta_structure=structure, material_id=name, deprecated=False, created_at=CREATED
        )
        thermo = ThermoDoc.from_structure(
            **common,
            property_name="thermo",
            thermo_type="GGA_GGA+U",
            thermo_id=f"{name}_GGA_GGA+U",
            formation_energy_per_atom=energy + 0.1,
            energy_type="GGA",
            entry_types=["GGA"],
            entries={},
        )
        for kind, document in (("summary", summary), ("provenance", provenance)):
            found[kind].append(document.model_dump(mode="json"))
        found["thermo"].append(thermo.model_dump(mode="json"))
    return found


class Server(ThreadingHTTPServer):
    """A server that runs.

    Args:
        collections: Documents by collection.

    Attributes:
        url: Its address.
        asked: Paths and questions of the requests so far.
        headers: Their headers.
        answers: What goes wrong with the next requests for data: ``ok``, ``429 0.1``, ``503``.
        version: Of the database.
    """

    daemon_threads = True

    def __init__(self, collections: dict[str, list[dict]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.collections = collections
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[str] = []
        self.version = VERSION


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        """Keeps the log of the tests quiet."""

    def do_GET(self) -> None:
        """Answers."""
        parts = urlsplit(self.path)
        question = dict(parse_qsl(parts.query))
        self.server.asked.append((parts.path, question))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        heartbeat = parts.path == "/heartbeat"
        answer = self.server.answers.pop(0) if self.server.answers and not heartbeat else "ok"
        if answer != "ok":
            status, _, pause = answer.partition(" ")
            self._send(int(status), {"detail": "no"}, {"retry-after": pause} if pause else {})
        elif heartbeat:
            self._send(
                200,
                {
                    "status": "OK",
                    "db_version": self.server.version,
                    "version": "0.87.3",
                    "access_controlled_batch_ids": [],
                },
            )
        elif self.headers.get("x-api-key") != KEY:
            self._send(401, {"message": "Invalid authentication credentials"})
        else:
            name = parts.path.strip("/").split("/")[-1]
            self._send(200, _page(self.server.collections[name], question))

    def _send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)


def _page(every: list[dict], question: dict[str, str]) -> dict:
    chosen = [document for document in every if _matches(document, question)]
    field = question.get("_sort_fields")
    if field:
        chosen.sort(key=lambda document: document[field])
    if "_page" in question:
        size = int(question["_per_page"])
        start = (int(question["_page"]) - 1) * size
    else:
        size, start = int(question.get("_limit", 100)), int(question.get("_skip", 0))
    fields = question["_fields"].split(",")
    data = [
        {name: document.get(name) for name in fields} for document in chosen[start : start + size]
    ]
    return {"data": data, "meta": {"total_doc": len(chosen), "api_version": "0.87.3"}}


def _matches(document: dict, question: dict[str, str]) -> bool:
    from emmet.core.mpid import AlphaID

    for name, value in question.items():
        if name.startswith("_") or name in ("deprecated", "batch_id_not_eq"):
            continue
        if name == "material_ids":
            ok = AlphaID(document["material_id"]) in map(AlphaID, value.split(","))
        elif name == "thermo_types":
            ok = document["thermo_type"] in value.split(",")
        elif name == "chemsys":
            ok = document["chemsys"] in value.split(",")
        elif name == "elements":
            ok = set(value.split(",")) <= set(document["elements"])
        elif name.endswith("_min"):
            ok = document[name.removesuffix("_min")] >= float(value)
        elif name.endswith("_max"):
            ok = document[name.removesuffix("_max")] <= float(value)
        else:
            raise ValueError(f"the interface has no condition {name}")
        if not ok:
            return False
    return True


@contextlib.contextmanager
def serve(collections: dict[str, list[dict]]) -> Iterator[Server]:
    """Serves documents until the block ends."""
    server = Server(collections)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
