"""The one form of what benchmarks write with `--json`, and how it is read again.

A file holds the command, the day, processor and versions, and tables: columns with their kind, and
rows. `benchmarks/results_page.py` makes a page of such files and needs to know no benchmark. No
path and no name of a machine or a user is in it.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import numbers
import os
import platform
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORM = "tfmat benchmark 1"
# How a column is written on the page.
KINDS = ("text", "count", "number", "share")
PACKAGES = ("tensorflow", "keras", "onnxruntime", "numpy", "scipy", "pymatgen", "smact")


class RecordError(ValueError):
    """A file that no benchmark wrote; its text is one line."""


@dataclass(frozen=True)
class Table:
    """What a benchmark has measured.

    Args:
        title: What stands above it.
        columns: From name, with the unit, to kind, one of ``KINDS``.
        rows: Values in the order of the columns; ``None`` where there is none.
        note: A sentence below the title.
    """

    title: str
    columns: Mapping[str, str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


def add_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--json` to a benchmark's options."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers there")


def write(
    file: Path, script: str, title: str, tables: Sequence[Table], extra: Mapping[str, Any]
) -> None:
    """Writes what was measured.

    Args:
        file: Where to.
        script: `__file__` of the benchmark.
        title: What it measures, a few words.
        tables: What the page shows.
        extra: Further numbers, for whoever reads the file; empty for none.
    """
    written = {
        "form": FORM,
        "benchmark": Path(script).stem,
        "title": title,
        "command": command(script, sys.argv[1:]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "tables": [
            {
                "title": table.title,
                "note": table.note,
                "columns": [[name, kind] for name, kind in table.columns.items()],
                "rows": [[_rounded(value) for value in row] for row in table.rows],
            }
            for table in tables
        ],
    }
    if extra:
        written["extra"] = _rounded(extra)
    text = json.dumps(written, indent=1, ensure_ascii=False, allow_nan=False)
    # A row to a line, so that a file can be read and a change be seen.
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda row: f"[{_one_line(row[1])}]", text)
    file.write_text(text + "\n", "utf-8")


def _one_line(values: str) -> str:
    return re.sub(r"\n\s*", " ", values)


def command(script: str, words: Sequence[str]) -> str:
    """Returns the command as it is typed in the repository, without `--json` and its file.

    Args:
        script: The benchmark's file.
        words: What it was given; of an absolute path the name alone is kept.
    """
    kept: list[str] = []
    given = iter(words)
    for word in given:
        if word == "--json":
            next(given, None)
        elif not word.startswith("--json="):
            kept.append(Path(word).name if Path(word).is_absolute() else word)
    return shlex.join(["python", f"benchmarks/{Path(script).name}", *kept])


def machine() -> dict[str, Any]:
    """Describes processor, what else it does, and versions."""
    # Here, since the process that measures cold starts must be small until it has measured.
    from tfmat.release.measure import processor_name

    about = Path("/proc/cpuinfo")
    wide = " with AVX-512" if about.exists() and "avx512f" in about.read_text("utf-8") else ""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": processor_name() + wide,
        "cores": os.cpu_count(),
        # Of the last minute: how many processes wanted a core, this one among them.
        "load": None if load is None else round(load, 1),
        "versions": versions,
    }


def _rounded(value: Any) -> Any:
    """Keeps five digits, more than any of these measurements has."""
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(f"{float(value):.5g}")


def read(file: Path) -> dict[str, Any]:
    """Reads what a benchmark has written.

    Args:
        file: The file.

    Returns:
        Its content, checked.

    Raises:
        RecordError: It is no such file.
    """
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{file.name}: no JSON ({str(error).splitlines()[0]})") from error
    if not isinstance(found, dict) or found.get("form") != FORM:
        raise RecordError(f'{file.name}: not written by a benchmark (no "form": "{FORM}")')
    try:
        _check(found)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{file.name}: damaged ({type(error).__name__}: {error})") from error
    return found


def _check(found: Mapping[str, Any]) -> None:
    for key in ("benchmark", "title", "command", "date"):
        _text(found[key])
    _text(found["machine"]["processor"])
    int(found["machine"]["cores"])
    float(found["machine"]["load"] or 0)
    for name, version in found["machine"]["versions"].items():
        _text(name + version)
    for table in found["tables"]:
        _text(table["title"] + table["note"])
        kinds = [kind for _, kind in table["columns"]]
        if not kinds or set(kinds) - set(KINDS):
            raise ValueError(f"columns of {table['title']}")
        for row in table["rows"]:
            for kind, value in zip(kinds, row, strict=True):
                number = isinstance(value, int | float) and not isinstance(value, bool)
                if value is not None and number != (kind != "text"):
                    raise ValueError(f"{value!r} in a column of kind {kind}")


def _text(value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
