"""Model packages as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmat.errors import printable
from tfmat.metric import Metric, read_table


def row(folder: Path, metadata: dict[str, Any]) -> dict[str, Any]:
    """Returns what ``tfmat models list`` says of a package, as plain JSON values.

    Args:
        folder: The package's folder.
        metadata: Its metadata.
    """
    from tfmat.files import folder_size
    from tfmat.inference.package import precisions

    parts = metadata["parts"]
    return {
        "family": metadata.get("family", ""),
        "recipe": metadata.get("recipe", {}).get("name", ""),
        "elements": metadata.get("elements", []),
        "parts": list(parts),
        "precisions": precisions(metadata),
        "parameters": sum(entry.get("parameters", 0) for entry in parts.values()),
        "megabytes": round(folder_size(folder) / 1e6, 1),
    }


def listing(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yields a line for each package.

    Args:
        rows: From :func:`row`, with ``name`` and ``folder``; or with ``error``.
    """
    whole = [entry for entry in rows if "error" not in entry]
    cells = [
        (
            entry["name"],
            entry["family"],
            _elements(entry["elements"]),
            f"recipe {entry['recipe']}",
            f"{len(entry['parts'])} parts",
            ", ".join(entry["precisions"]),
            f"{entry['megabytes']} MB",
            entry["folder"],
        )
        for entry in whole
    ]
    lines = dict(zip([id(entry) for entry in whole], _aligned(cells), strict=True))
    for entry in rows:
        line = lines.get(id(entry)) or f"{entry['name']}  damaged: {entry['error']}"
        others = entry.get("others")
        yield printable(line + (f"  (another one: {', '.join(others)})" if others else ""))


def description(folder: Path, metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yields what ``tfmat models show`` prints of a package, without control characters.

    Args:
        folder: The package's folder.
        metadata: Its metadata.
    """
    return map(printable, _description(folder, metadata))


def _split(data: Mapping[str, Any]) -> str:
    # Packages of before do not say; their recipe does.
    if "split" not in data:
        return ""
    from tfmat.datasets.splits.rules import sentence

    return sentence(data["split"])


def _description(folder: Path, metadata: Mapping[str, Any]) -> Iterator[str]:
    recipe, data = metadata.get("recipe", {}), metadata.get("dataset", {})
    training = metadata.get("training", {})
    yield f"{metadata['name']}: {recipe.get('description') or metadata.get('family', '')}"
    counts = [
        f"{data[key]:,} {word}"
        for key, word in (("training", "to learn from"), ("held_out", "held out"))
        if key in data
    ]
    versions = training.get("versions", {})
    about = (
        ("folder", str(folder)),
        ("family", str(metadata.get("family", ""))),
        ("elements", " ".join(metadata.get("elements", []))),
        ("data", ", ".join([str(data.get("name", "none: not trained")), *counts])),
        ("licence of the data", str(data.get("license", ""))),
        ("attribution", "; ".join(data.get("attribution", ()))),
        ("held out", _split(data)),
        ("recipe", f"{recipe.get('name', '')}, seed {metadata.get('seed')}"),
        (
            "trained",
            " ".join([training.get("created", ""), *(f"{k} {versions[k]}" for k in versions)]),
        ),
        ("written", f"tfmat {metadata.get('tfmat_version')}, ONNX opset {metadata.get('opset')}"),
    )
    yield from (f"  {line}" for line in _aligned([pair for pair in about if pair[1].strip()]))
    yield from ("", "Networks (every tensor has the batch as its first axis):")
    yield from (f"  {line}" for line in _aligned(list(_parts(metadata))))
    for title, table in _tables(metadata):
        yield from ("", f"{title}:")
        yield from (f"  {line}" for line in _aligned([_cells(m) for m in read_table(table)]))
    card = "; README.md" if (folder / "README.md").is_file() else ""
    yield from ("", f"All of it, shapes and units included: tfmat models show --json{card}")


def _parts(metadata: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for part, entry in metadata["parts"].items():
        inputs, outputs = (_tensors(entry.get(key, {})) for key in ("inputs", "outputs"))
        sizes = [f"{name} {record['bytes'] / 1e6:.2f} MB" for name, record in entry["onnx"].items()]
        forms = [
            name
            for key, name in (("keras", ".keras"), ("saved_model", "SavedModel"))
            if key in entry
        ]
        parameters = f"{entry.get('parameters', 0):,} parameters"
        yield part, f"{inputs} → {outputs}", parameters, ", ".join([*sizes, *forms])


def _tensors(tensors: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {'×'.join(str(size) for size in tensor['shape'][1:]) or '1'}"
        for name, tensor in tensors.items()
    )


def _tables(metadata: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for stage, table in metadata.get("metrics", {}).items():
        yield f"Training, {stage}", table
    generated = metadata.get("measured", {}).get("generated", {})
    if generated:
        yield "What it generates", generated


def _cells(metric: Metric) -> tuple[str, ...]:
    return metric.name, metric.figures(), "" if metric.unit == "1" else metric.unit, metric.about


def _elements(elements: Sequence[str]) -> str:
    return "-".join(elements) if len(elements) <= 6 else f"{len(elements)} elements"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns lines whose columns stand below each other."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
