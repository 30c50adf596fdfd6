"""Measures a package: size, speed, what its precisions change, and what it generates.

``metadata.json`` gets, under ``measured``::

    {"seed": 0,
     "onnxruntime": "1.31.1", "processor": "...",
     "command": "tfmat export RUN --out DIR --precision float32 --precision int8 --samples 1000",
     "compared": "what counts as different in `decoded`",
     "int8": {"<part>": {"stored_as": "int8" | "float16", "largest_difference": 0.01,
                         "judged_by": "...", "limit": 0.001, "samples": 1000, "different": 3, ...}},
     "parts": {"<part>": {"<precision>": {
         "bytes": 1234,                  of the ONNX file
         "stored_as": "float16",         what its weights are; int8 may fall back to float16
         "batch_size": 64,               that of `tfmat generate`
         "samples_per_second": 1234.5,   on one core, by processor time
         "speed_ratio": 1.01,            beside float32 in the same run
         "largest_difference": 1e-4}}},  to float32, over max(1, |y|)
     "precisions": {"<precision>": {
         "bytes": 12345,                 of all ONNX files
         "decoded": {"samples": 1000, "different": 1, ...}}},   absent without a generator
     "generated": {"<name>": {"name": "<name>", "value": 0.99, ...,      a metric (tfmat.metric)
                              "command": "tfmat generate ..."}}}       that measures it again

``int8`` is there only if int8 was asked for, ``float32`` stands in the tables even where only a
smaller form is shipped. ``decoded`` has ``reasons``, ``mean_rms_displacement`` and
``largest_rms_displacement`` (Å) besides for structures. Values that nothing defines are ``null``.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from tfmat import families
from tfmat.checksums import write_sealed
from tfmat.datasets.stored import StoredDataset
from tfmat.export.precision_check import SEED, PrecisionCheck
from tfmat.inference.metadata import METADATA, read_metadata
from tfmat.inference.package import ModelPackage, load, precisions
from tfmat.progress import Progress

# Each form is timed in turns, so that what else the machine does strikes all of them alike; the
# fastest turn counts.
_TURNS = 10
_SECONDS = 0.05


def measure(
    folder: Path,
    samples: int | None = None,
    shipped: Collection[str] | None = None,
    data: StoredDataset | None = None,
) -> None:
    """Measures a package and writes what it finds into its metadata.

    Args:
        folder: The package, in float32 and any other precisions; its metadata is written anew.
        samples: Noise vectors to generate from, by default 1,000 for structures and 100,000 for
            formulas.
        shipped: Precisions that the package will keep, by default all that it has; the first of
            them generates.
        data: What was learned from, where it is there, to compare with.

    Raises:
        InputError: The package is damaged.
    """
    import onnxruntime

    metadata = read_metadata(folder)
    forms = {name: load(folder, precision=name, threads=1) for name in precisions(metadata)}
    check = families.get(metadata["family"]).precision_check(forms["float32"], samples)
    kept = [name for name in forms if shipped is None or name in shipped]
    chosen = " ".join(f"--precision {name}" for name in kept)
    with Progress("measuring", len(metadata["parts"]) + len(forms), "network") as progress:
        parts, wholes = {}, {}
        for part in metadata["parts"]:
            parts[part] = _part(forms, check, part)
            progress.update()
        for name, form in forms.items():
            wholes[name] = _whole(form, check)
            progress.update()
    metadata["measured"] = {
        **metadata.get("measured", {}),
        "seed": SEED,
        "onnxruntime": onnxruntime.__version__,
        "processor": processor_name(),
        "command": f"tfmat export RUN --out DIR {chosen} --samples {check.samples}",
        "compared": check.definition,
        "parts": parts,
        "precisions": wholes,
        "generated": _generated(check, forms[kept[0]], data) if check.generates else {},
    }
    write_sealed(folder / METADATA, metadata)


def measure_generated(folder: Path, samples: int | None = None) -> None:
    """Measures anew what a package generates, as it is: without its float32 form.

    Args:
        folder: The package; its metadata is written anew.
        samples: As for :func:`measure`.

    Raises:
        InputError: The package is damaged.
    """
    metadata, form = read_metadata(folder), load(folder, threads=1)
    check = families.get(metadata["family"]).precision_check(form, samples)
    generated = _generated(check, form, None)
    metadata["measured"] = {**metadata.get("measured", {}), "generated": generated}
    write_sealed(folder / METADATA, metadata)


def _generated(
    check: PrecisionCheck, form: ModelPackage, data: StoredDataset | None
) -> dict[str, Any]:
    metrics, command = check.measures(form, data)
    return {metric.name: {**metric.record(), "command": command} for metric in metrics}


def _part(forms: dict[str, ModelPackage], check: PrecisionCheck, part: str) -> dict[str, Any]:
    size = check.probe.batch_size(part, check.reference)
    inputs = check.inputs[part]
    batch = np.resize(inputs, (size, *inputs.shape[1:]))
    # The int8 form of a part may be its float16 file: then it is timed but once.
    owners: dict[str, str] = {}
    for name, form in forms.items():
        owners.setdefault(form.file(part)["file"], name)
    seconds = dict.fromkeys(owners.values(), math.inf)
    for _ in range(_TURNS):
        for name in seconds:
            seconds[name] = min(seconds[name], _seconds(forms[name], part, batch))
    entries = {}
    for name, form in forms.items():
        file = form.file(part)
        owner = owners[file["file"]]
        difference = check.largest_difference(forms[owner], part)
        entries[name] = {
            "bytes": file["bytes"],
            "stored_as": owner,
            "batch_size": size,
            "samples_per_second": size / seconds[owner],
            "speed_ratio": seconds["float32"] / seconds[owner],
            "largest_difference": difference if math.isfinite(difference) else None,
        }
    return entries


def _seconds(form: ModelPackage, part: str, batch: Any) -> float:
    """Returns the processor time of one call."""
    form.run_all(part, batch)
    calls, began = 0, time.process_time()
    while time.process_time() - began < _SECONDS:
        form.run_all(part, batch)
        calls += 1
    return (time.process_time() - began) / calls


def _whole(form: ModelPackage, check: PrecisionCheck) -> dict[str, Any]:
    files = {record["file"]: record["bytes"] for record in map(form.file, form.parts)}
    whole: dict[str, Any] = {"bytes": sum(files.values())}
    if check.generates:
        whole["decoded"] = check.differences(form)
    return whole


def processor_name() -> str:
    """Returns the model of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
