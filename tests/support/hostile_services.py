"""Services that are good but for some of their answers, and commands that meet them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hostile_server import answer, hostile
from tfmat.cli.main import main

# Seconds that a command gives an answer.
TIMEOUT = 0.8
# What it gives one that nobody delays, on a machine that is busy.
PATIENT = 20.0
# Of reading what came, and of a machine that does other things besides.
MARGIN = 8.0
KEY = "k" * 16 + "0123456789abcdef"


def tfmat(capsys: Any, *words: object) -> tuple[int, str]:
    """Runs a command that must end in time; returns its exit code and its one line of error."""
    start = time.monotonic()
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    seconds = time.monotonic() - start
    said = capsys.readouterr()
    # Progress is shown on the same stream, and ends before.
    lines = [line for line in said.err.splitlines() if not line.startswith(("fetching", "writing"))]
    for text in (said.err, said.out):
        assert "Traceback" not in text
        assert "hush" not in text
        assert KEY not in text
    if end.value.code:
        assert len(lines) == 1, said.err
        assert lines[0].isprintable()
        assert len(lines[0]) < 1000
    assert seconds < TIMEOUT + MARGIN
    return end.value.code, "".join(lines)


def serving(package: str, answers: dict) -> Any:
    """A TensorFlow Serving of a package.

    Args:
        package: Its name.
        answers: ``metadata``, ``predict`` and ``status`` to a function that takes the path and
            returns pieces; without, the first is as it should be.
    """
    from tfmat.inference.metadata import find, read_metadata

    parts = read_metadata(find(package, None, argument="package"))["parts"]

    def respond(path: str) -> Any:
        kind = "predict" if path.endswith(":predict") else "status"
        kind = "metadata" if path.endswith("/metadata") else kind
        if kind in answers:
            return answers[kind](path)
        part = path.split("/")[3].removeprefix(f"{package}-")
        return answer(described(part, parts[part]))

    return hostile(respond)


def described(part: str, entry: dict) -> dict:
    """What a TensorFlow Serving says of a part."""
    types = {"float32": "DT_FLOAT", "uint8": "DT_UINT8", "bool": "DT_BOOL"}

    def tensors(kind: str) -> dict:
        return {
            name: {
                "dtype": types[tensor["dtype"]],
                "tensor_shape": {
                    "dim": [{"size": "-1"}, *({"size": str(n)} for n in tensor["shape"][1:])]
                },
            }
            for name, tensor in entry[kind].items()
        }

    signature = {"inputs": tensors("inputs"), "outputs": tensors("outputs")}
    return {
        "model_spec": {"name": part, "version": "1"},
        "metadata": {"signature_def": {"signature_def": {"serving_default": signature}}},
    }


def entry(name: Any, **changes: Any) -> dict:
    """An entry of OPTIMADE: caesium chloride, with some attributes changed."""
    symbols = ("Cs", "Cl")
    attributes = {
        "lattice_vectors": [[4.1, 0, 0], [0, 4.1, 0], [0, 0, 4.1]],
        "cartesian_site_positions": [[0, 0, 0], [2.05, 2.05, 2.05]],
        "species_at_sites": list(symbols),
        "species": [
            {"name": symbol, "chemical_symbols": [symbol], "concentration": [1.0]}
            for symbol in symbols
        ],
        "nsites": 2,
        "nelements": 2,
        "elements": ["Cl", "Cs"],
        "elements_ratios": [0.5, 0.5],
        "chemical_formula_reduced": "ClCs",
        "dimension_types": [1, 1, 1],
        "nperiodic_dimensions": 3,
        "structure_features": [],
    }
    return {"id": name, "type": "structures", "attributes": {**attributes, **changes}}


def page(url: str, number: int, entries: list | None = None, **meta: Any) -> dict:
    """A page of three, with two entries."""
    entries = [entry(f"{number}-{k}") for k in range(2)] if entries is None else entries
    link = f"{url}/v1/structures?page={number + 1}" if number < 3 else None
    return {
        "data": entries,
        "meta": {"data_returned": 6, "more_data_available": number < 3, **meta},
        "links": {"next": link},
    }


def optimade(pages: Any, links: Any = ()) -> Any:
    """A service of OPTIMADE.

    Args:
        pages: Takes a page's number and the path and returns pieces.
        links: Entries of its index.
    """

    def respond(path: str) -> Any:
        if "/info" in path:
            return answer({"data": {"properties": {}}, "meta": {}})
        if "/links" in path:
            return answer({"data": list(links)})
        number = int(path.rsplit("page=", 1)[1][0]) if "page=" in path else 1
        return pages(number, path)

    return hostile(respond)


def optimade_words(url: str, out: Any, timeout: float = TIMEOUT) -> list[object]:
    """The command that fetches from it."""
    words = ["data", "fetch", "optimade", "--provider", url, "--max-atoms", 5, "--rate", 1000]
    return [*words, "--timeout", timeout, "--retries", 0, "--out", out]


def document(name: Any, **changes: Any) -> dict:
    """A summary of the Materials Project."""
    site = {"properties": {}, "label": ""}
    sites = [
        {**site, "species": [{"element": symbol, "occu": 1}], "abc": abc}
        for symbol, abc in (("Cs", [0, 0, 0]), ("Cl", [0.5, 0.5, 0.5]))
    ]
    structure = {
        "lattice": {"matrix": [[4.1, 0, 0], [0, 4.1, 0], [0, 0, 4.1]]},
        "sites": sites,
        "charge": 0,
    }
    return {
        "material_id": name,
        "structure": structure,
        "nsites": 2,
        "nelements": 2,
        "elements": ["Cl", "Cs"],
        "volume": 4.1**3,
        "band_gap": 1.0,
        "last_updated": "2024-05-01T00:00:00",
        "formation_energy_per_atom": -1.0,
        "energy_above_hull": 0.0,
        "energy_per_atom": -3.0,
        **changes,
    }


def materials_project(pages: Any, heartbeat: Any = None, total: Any = 6) -> Any:
    """The interface of the Materials Project.

    Args:
        pages: Takes a page's number and the path and returns pieces.
        heartbeat: Pieces of its state.
        total: Number of matches.
    """
    state = {"status": "OK", "db_version": "2025.09.25", "version": "0.87.3"}
    state["access_controlled_batch_ids"] = []

    def respond(path: str) -> Any:
        if path.endswith("heartbeat"):
            return heartbeat or answer(state)
        if "/provenance/" in path:
            return answer({"data": [], "meta": {"total_doc": 0}})
        if "_page=" not in path:
            return answer({"data": [{"material_id": "mp-1"}], "meta": {"total_doc": total}})
        return pages(int(path.split("_page=")[1].split("&")[0]), path)

    return hostile(respond)


def documents(number: int) -> dict:
    """Two documents of a page of three."""
    data = [document(f"mp-{10 * number + k}") for k in range(2)]
    return {"data": data, "meta": {"total_doc": 6}}


def mp_words(out: Any, timeout: float = TIMEOUT) -> list[object]:
    """The command that fetches from it; its address is a setting of the client."""
    words = ["data", "fetch", "mp", "--elements", "Cs,Cl", "--page-size", 2, "--rate", 1000]
    return [*words, "--timeout", timeout, "--retries", 0, "--api-key", KEY, "--out", out]
