"""The model card of a package: README.md with Hugging Face's front matter.

All metrics are those of ``metadata.json``; each says what it was measured on, and by which command.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from tfmat import families
from tfmat.datasets.splits.rules import sentence
from tfmat.errors import printable_lines, require
from tfmat.export.card_text import CardText, Metadata, generates
from tfmat.files import replacing
from tfmat.inference.metadata import GENERATE, PRECISIONS, read_metadata
from tfmat.metric import Metric, read_stages, read_table

CARD = "README.md"
# Of each stage the table of the recipe; all others train a constraint.
_TABLES = {
    "lattice-ae": "lattice_autoencoder",
    "sites-ae": "sites_autoencoder",
    "gan": "gan",
    "likelihood": "autoregressive",
    "composition-ae": "autoencoder",
    "elemnet": "network",
    "writer": "writer",
    "environment-constraint": "energies",
    "environment-critic": "critic",
    "adversarial": "adversarial",
}


def write_card(folder: Path) -> None:
    """Writes the card of a package; the last step of an export.

    Args:
        folder: The package, with all files and metrics that it will have.

    Raises:
        InputError: The package's metadata are damaged.
    """
    text = card(read_metadata(folder))
    with replacing(folder / CARD) as temporary:
        temporary.write_text(printable_lines(text), "utf-8")


def card(metadata: Metadata) -> str:
    """Returns the card of a package as Markdown with YAML front matter.

    Args:
        metadata: The package's metadata.
    """
    family = families.get(metadata["family"]).card_text(metadata)
    sections = (
        ("Model description", _description(metadata, family)),
        ("Intended use", _uses(family)),
        ("How to use", _how(metadata, family)),
        ("Training", _training(metadata)),
        ("Evaluation", _evaluation(metadata)),
        ("Speeds, sizes", _sizes(metadata)),
        ("Bias, risks and limitations", _bullets(family.limits)),
        ("Provenance and citation", _provenance(metadata, family)),
    )
    lines = [*_front_matter(metadata, family), "", f"# {metadata['name']}", ""]
    for title, body in sections:
        lines += [f"## {title}", "", *body, ""]
    return "\n".join(lines).rstrip() + "\n"


def _front_matter(metadata: Metadata, family: CardText) -> Iterator[str]:
    parts = metadata["parts"].values()
    keras = any("keras" in part or "saved_model" in part for part in parts)
    dataset = metadata["dataset"].get("name")
    results = [
        {"type": metric.name, "name": metric.about or metric.name, "value": metric.value}
        for metric in package_metrics(metadata)
        if metric.value is not None
    ]
    matter: dict[str, Any] = {
        **({"license": metadata["license"]} if "license" in metadata else {}),
        "library_name": "keras" if keras else "onnx",
        "tags": ["onnx", *(["keras", "tensorflow"] if keras else []), *family.tags],
    }
    if dataset:
        matter["datasets"] = [dataset]
    if results:
        kind, task = family.task
        matter["metrics"] = sorted({result["type"] for result in results})
        result: dict[str, Any] = {"task": {"type": kind, "name": task}}
        if dataset:
            result["dataset"] = {
                "type": dataset,
                "name": dataset,
                "revision": metadata["dataset"]["sha256"],
            }
        result["metrics"] = results
        matter["model-index"] = [{"name": metadata["name"], "results": [result]}]
    text = io.StringIO()
    yaml = require("ruamel.yaml", "train", "writing a model card").YAML()
    yaml.width = 4096  # a name stays on its line
    yaml.dump(matter, text)
    yield "---"
    yield from text.getvalue().splitlines()
    yield "---"


def package_metrics(metadata: Metadata) -> list[Metric]:
    """Returns how well a package does what it is for: its training's metrics and its export's.

    Args:
        metadata: The package's metadata.
    """
    generated = metadata.get("measured", {}).get("generated", {})
    return [*read_stages(metadata["metrics"]), *read_table(generated)]


def _description(metadata: Metadata, family: CardText) -> Iterator[str]:
    for paragraph in family.description:
        yield from (paragraph, "")
    yield "The package holds these networks, each as a file of its own:"
    yield ""
    rows = []
    for part, entry in metadata["parts"].items():
        inputs, outputs = (_tensors(entry[key]) for key in ("inputs", "outputs"))
        rows.append((f"`{part}`", inputs, outputs, f"{entry['parameters']:,}"))
    yield from _table(("part", "takes", "gives", "parameters"), rows)
    yield ""
    yield (
        "Every tensor has the batch, of any size, as its first axis; where no unit stands there is "
        "none." + ("" if family.predicts else " Noise is standard normal.")
    )


def _tensors(tensors: Mapping[str, Any]) -> str:
    return "<br>".join(
        f"`{name}` {' × '.join(str(size) for size in tensor['shape'][1:]) or '1'}"
        + (f" {tensor['dtype']}" if tensor["dtype"] != "float32" else "")
        + (f", {tensor['unit']}" if tensor["unit"] not in ("", "1") else "")
        for name, tensor in tensors.items()
    )


def _uses(family: CardText) -> Iterator[str]:
    yield from _bullets(family.intended)
    yield from ("", "Out of scope:", "")
    yield from _bullets(family.out_of_scope)


def _how(metadata: Metadata, family: CardText) -> Iterator[str]:
    parts = metadata["parts"]
    if generates(metadata) or family.predicts:
        yield "With tfmat, which needs no TensorFlow and none of its extras for it:"
        yield from ("", "```", family.command, "```", "", "In Python:", "")
        yield from ("```python", family.python.rstrip(), "```", "")
    else:
        yield from ("Nothing can be generated with this package: it lacks a generator.", "")
    part = GENERATE if GENERATE in parts else next(iter(parts))
    entry = parts[part]
    file = next(entry["onnx"][name]["file"] for name in PRECISIONS if name in entry["onnx"])
    ((source, tensor),) = entry["inputs"].items()
    shape = ", ".join(str(size) for size in (4, *tensor["shape"][1:]))
    # One element each is a formula, noise is none.
    drawn = "np.random.default_rng(7).standard_normal(({shape}), dtype=np.float32)"
    given = ("np.eye({shape}, dtype=np.float32)" if family.predicts else drawn).format(shape=shape)
    yield "With ONNX Runtime alone:"
    yield ""
    yield "```python"
    yield "import numpy as np"
    yield "import onnxruntime"
    yield ""
    yield f'session = onnxruntime.InferenceSession("{file}", providers=["CPUExecutionProvider"])'
    yield f"{source} = {given}"
    yield "names = [output.name for output in session.get_outputs()]"
    yield f'results = dict(zip(names, session.run(names, {{"{source}": {source}}})))'
    yield "```"
    if any("saved_model" in entry or "keras" in entry for entry in parts.values()):
        yield ""
        yield f"On TensorFlow Serving: `tfmat serve --package {metadata['name']} --out serving`."


def _training(metadata: Metadata) -> Iterator[str]:
    recipe, data, training = metadata["recipe"], metadata["dataset"], metadata["training"]
    if not data:
        yield "These networks are not trained."
        return
    counted = [
        f"{data[key]:,} {word}"
        for key, word in (
            ("structures", "structures"),
            ("formulas", "formulas"),
            ("training", "to learn from"),
            ("held_out", "held out"),
        )
        if key in data
    ]
    rows = [
        ("data", f"`{data['name']}`" + (": " + ", ".join(counted) if counted else "")),
        ("SHA-256 of the data", f"`{data['sha256']}`"),
        *([("licence of the data", data["license"])] if "license" in data else []),
        *([("attribution", "; ".join(data["attribution"]))] if "attribution" in data else []),
        *([("held out", sentence(data["split"]))] if "split" in data else []),
        ("recipe", f"`{recipe['name']}`: {recipe.get('description', '')}"),
        ("seed", str(metadata["seed"])),
        ("started", training.get("created", "not recorded")),
        ("versions", ", ".join(f"{k} {v}" for k, v in training.get("versions", {}).items())),
    ]
    yield from _table(("", ""), rows)
    for note in metadata.get("notes", ()):
        yield from ("", note)
    if training.get("stages"):
        yield from ("", "Budget:", "")
        budget = [
            (
                name,
                f"{stage['steps']:,}",
                str(recipe.get(_TABLES.get(name, "constraint"), {}).get("batch_size", "")),
                str(stage.get("replicas", 1)),
                f"{stage['seconds']:,.0f} s" if "seconds" in stage else "",
            )
            for name, stage in training["stages"].items()
        ]
        yield from _table(("stage", "steps", "batch", "devices", "wall clock"), budget)
    yield from ("", "<details><summary>The whole recipe</summary>", "")
    yield from ("```toml", tomli_w.dumps(recipe).rstrip(), "```", "", "</details>")


def _evaluation(metadata: Metadata) -> Iterator[str]:
    metrics = metadata["metrics"]
    generated = metadata.get("measured", {}).get("generated", {})
    if metrics:
        data = metadata["dataset"].get("name", "DATA")
        command = _train_command(metadata, data)
        yield f"At the end of the training, by `{command}` with the recipe above:"
        yield ""
        held_out = [
            (stage, *_valued(metric))
            for stage, table in metrics.items()
            for metric in read_table(table)
        ]
        yield from _table(("stage", "metric", "value", "unit", "of what"), held_out)
        yield ""
    for command in dict.fromkeys(entry.get("command", "") for entry in generated.values()):
        yield f"Of what the package generates, by `{command}`:"
        yield ""
        rows = [
            _valued(Metric.read(entry, name))
            for name, entry in generated.items()
            if entry.get("command", "") == command
        ]
        yield from _table(("metric", "value", "unit", "of what"), rows)
        yield ""
    if not metrics and not generated:
        yield "Nothing was measured."
    else:
        yield "A unit of 1 is a share, or a number without a unit."


def _train_command(metadata: Metadata, data: str) -> str:
    stages = metadata["training"].get("stages", {})
    target = families.get(metadata["family"]).trained_by(metadata["recipe"], stages)
    return (
        f"tfmat train {target} --recipe recipe.toml --data {data} --seed {metadata['seed']} "
        "--out RUN"
    )


def _valued(metric: Metric) -> tuple[str, str, str, str]:
    return metric.name, metric.figures(), metric.unit, metric.about


def _sizes(metadata: Metadata) -> Iterator[str]:
    measured = metadata.get("measured", {})
    files: dict[str, tuple[str, ...]] = {}
    for part, entry in metadata["parts"].items():
        for precision, record in entry["onnx"].items():
            found = measured.get("parts", {}).get(part, {}).get(precision, {})
            # A part's int8 form may be its float16 file.
            files.setdefault(record["file"], _speed(record["bytes"], found))
    rows = [(f"`{file}`", *cells) for file, cells in files.items()]
    header = ("file", "size", "batch", "samples/s", "beside float32", "largest difference")
    yield from _table(header, rows)
    yield ""
    for key, name in (("keras", ".keras"), ("saved_model", "SavedModel")):
        size = sum(_bytes(entry.get(key, {})) for entry in metadata["parts"].values())
        if size:
            yield f"- All networks as {name}: {size / 1e6:.1f} MB"
    if "command" not in measured:
        return
    yield ""
    yield (
        f"Samples per second of processor time on one core ({measured['processor']}, ONNX Runtime "
        f"{measured['onnxruntime']}), the fastest of ten turns on a machine that others may have "
        "used too; *beside float32* is the ratio of two speeds in one run. Differences are those "
        "of outputs y from float32, |Δy| / max(1, |y|). All by "
        f"`{measured['command']}`."
    )
    changes = [
        (
            precision,
            f"{whole['bytes'] / 1e6:.2f} MB",
            f"{whole['decoded']['different']:,} of {whole['decoded']['samples']:,}",
        )
        for precision, whole in measured.get("precisions", {}).items()
        if "decoded" in whole and precision != "float32"
    ]
    if changes:
        yield from ("", f"What else comes of the same noise ({measured['compared']}):", "")
        yield from _table(("precision", "all networks", "differ from float32"), changes)
    if "int8" in measured:
        yield from ("", "Networks that int8 would change too much are stored as float16:", "")
        tried = [
            (
                f"`{part}`",
                found["stored_as"],
                f"{found['different']:,} of {found['samples']:,} differ"
                if "samples" in found
                else f"largest difference {found['largest_difference']:.1e}",
                f"{found['limit']:g}",
            )
            for part, found in measured["int8"].items()
        ]
        yield from _table(("network", "stored as", "in int8", "limit"), tried)


def _speed(size: int, found: Mapping[str, Any]) -> tuple[str, ...]:
    megabytes = f"{size / 1e6:.2f} MB"
    if not found:
        return megabytes, "", "", "", ""
    stored = found.get("stored_as")
    gap = found.get("largest_difference")
    return (
        megabytes + (f" ({stored})" if stored else ""),
        str(found["batch_size"]),
        f"{found['samples_per_second']:,.0f}",
        f"{found['speed_ratio']:.2f}",
        "none defined" if gap is None else f"{gap:.1e}",
    )


def _bytes(entry: Mapping[str, Any]) -> int:
    return sum(record["bytes"] for record in entry.get("files", [entry] if entry else []))


def _provenance(metadata: Metadata, family: CardText) -> Iterator[str]:
    yield (
        f"Written by tfmat {metadata['tfmat_version']} in format version "
        f"{metadata['format_version']}, ONNX opset {metadata['opset']}. `metadata.json` "
        "(schema: `metadata.schema.json`) has the SHA-256 of every file and of every network's "
        "weights, and each ONNX file carries the latter, the recipe and the version as metadata; "
        f"`tfmat models verify {metadata['name']}` checks them."
    )
    yield from ("", "The method is that of")
    yield ""
    yield from _bullets(family.papers)
    yield from ("", "```bibtex", family.bibtex, "```")


def _bullets(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"- {line}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        # A bar within a cell would end it.
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
