"""One of every kind that tfmat writes, small, with a command that reads it."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from corruption import copied, tree_hash

from tfmat.checksums import write_sealed
from tfmat.errors import InputError

# Numbers of the run that never agree.
_FLEETING = {"out", "seconds", "seal", "run", "package", "bytes", "tfmat_version", "cpu_seconds"}


@dataclass(frozen=True)
class Subject:
    """Something on disk and a command that reads it.

    Args:
        path: What is there; a copy of it is damaged.
        read: From the place of the copy and an empty folder to the result.
        verified: Whether all of it has hashes, so that no change may pass.
        optional: Names of files that may be missing, with another result.
    """

    path: Path
    read: Callable[[Path, Path], Any]
    verified: bool = True
    optional: frozenset[str] = frozenset()

    def files(self) -> list[Path]:
        """Returns what can be damaged, as paths within it."""
        if self.path.is_file():
            return [Path()]
        found = (file.relative_to(self.path) for file in self.path.rglob("*") if file.is_file())
        # What no command reads: cards, schemas and lists for people, and the log of a training.
        return sorted(
            file
            for file in found
            if file.suffix not in {".md", ".jsonl"}
            and file.name not in {"rejected.csv", "held_out.csv", ".lock", "metadata.schema.json"}
        )


def tfmat(*words: object) -> Any:
    """Runs a command as a user does; its JSON without what changes from run to run."""
    from tfmat.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main([str(word) for word in words])
    except SystemExit as end:
        if end.code:
            lines = [text for text in err.getvalue().splitlines() if text.startswith("tfmat: ")]
            raise InputError(lines[-1] if lines else f"exit code {end.code}") from None
    said = [text for text in err.getvalue().splitlines() if text.startswith("tfmat: ")]
    if said:
        import warnings

        from tfmat.errors import UncheckedWarning

        warnings.warn(" ".join(said), UncheckedWarning, stacklevel=2)
    text = out.getvalue()
    return _steady(json.loads(text)) if text.startswith("{") else text


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _steady(inner) for key, inner in value.items() if key not in _FLEETING}
    return [_steady(inner) for inner in value] if isinstance(value, list) else value


def structures(folder: Path) -> Path:
    """Writes a dataset of copper and gold."""
    from tfmat.crystals.crystal import Crystal
    from tfmat.datasets.store import DatasetWriter

    with DatasetWriter(folder, {"name": "alloys", "sha256": "0" * 64}) as writer:
        for index in range(6):
            edge = 3.6 + 0.05 * index
            places = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) * edge / 2
            numbers = np.array([29] * (4 - index % 3) + [79] * (index % 3), dtype=np.uint8)
            crystal = Crystal(edge * np.eye(3), places, numbers)
            writer.add(crystal, f"alloy-{index}", {"formation_energy_per_atom": 0.1 - 0.05 * index})
    return folder


def dataset(place: Path) -> Subject:
    """A dataset of structures; all of it is written again."""

    def read(path: Path, scratch: Path) -> Any:
        info = tfmat("data", "info", path, "--json")
        tfmat("data", "merge", path, other, "--out", scratch / "merged")
        columns = {
            file.name: file.read_bytes() for file in sorted((scratch / "merged").glob("*.npy"))
        }
        info.pop("path", None)
        return info, columns

    other = structures(place / "other")
    return Subject(structures(place / "alloys"), read)


def compositions(place: Path) -> Subject:
    """A dataset of formulas."""
    from tiny_compositions import write_dataset

    def read(path: Path, scratch: Path) -> Any:
        del scratch
        found = tfmat("evaluate", "compositions", path, "--train", path, "--json")
        return tfmat("data", "info", path, "--json"), found

    return Subject(write_dataset(place / "formulas", 30), read)


def relaxed(place: Path) -> Subject:
    """What tfmat relax has written."""
    out = place / "relaxed"
    tfmat(*_relax(structures(place / "unrelaxed"), out, place))

    def read(path: Path, scratch: Path) -> Any:
        words = ("evaluate", "hull", path, "--against", f"a={path}", "--out", scratch / "hull")
        tfmat(*words, "--pictures", "0")
        return (scratch / "hull" / "hull.csv").read_text("utf-8")

    return Subject(out, read)


def _relax(source: Path, out: Path, place: Path) -> tuple[object, ...]:
    words = ("--out", out, "--potential", "emt", "--cache", place / "cache", "--json")
    return ("relax", source, *words, "--steps", "0")


def work_folder(place: Path) -> Subject:
    """A work folder of a relaxation that was killed when all but the end was done."""
    from tfmat.relaxation import results

    source, out = structures(place / "source"), place / "killed"

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    write, results.write_folder = results.write_folder, killed
    try:
        with contextlib.suppress(InputError):
            tfmat(*_relax(source, out, place))
    finally:
        results.write_folder = write

    def read(path: Path, scratch: Path) -> Any:
        target = scratch / "killed"
        # Renamed, and not copied: a copy of a pipe would wait for ever.
        path.rename(scratch / "killed.work")
        tfmat(*_relax(source, target, place))
        columns = {file.name: file.read_bytes() for file in sorted(target.glob("*.npy"))}
        return columns, (target / "relaxation.csv").read_text("utf-8")

    return Subject(place / "killed.work", read)


def generated(place: Path) -> Subject:
    """What tfmat generate has written."""
    from oracle import make_package

    package = make_package(place / "models" / "oracle")
    words = ("generate", "ccdcgan", "--model", package, "-n", "12", "--out", place / "new")
    tfmat(*words, "--json")

    def read(path: Path, scratch: Path) -> Any:
        words = ("--tolerance", "0.1", "--hull", "elements", "--any-domain")
        summary = tfmat("screen", path, *words, "--out", scratch / "kept", "--json")
        summary.pop("source")
        summary.pop("files")
        return summary, tree_hash(scratch / "kept" / "cif")

    return Subject(place / "new", read)


def package(place: Path) -> Subject:
    """A model package."""
    from oracle import make_package

    def read(path: Path, scratch: Path) -> Any:
        words = ("generate", "ccdcgan", "--model", path, "-n", "4", "--out", scratch / "new")
        summary = tfmat(*words, "--json")
        return summary, tree_hash(scratch / "new" / "cif"), tfmat("models", "show", path, "--json")

    folder = make_package(place / "packages" / "oracle")
    # As the export writes it; that folder is made by hand.
    write_sealed(
        folder / "metadata.json", json.loads((folder / "metadata.json").read_text("utf-8"))
    )
    return Subject(folder, read)


def table(place: Path) -> Subject:
    """A table of generated formulas with its summary, in one folder."""
    folder = place / "table"
    folder.mkdir()
    words = ("generate", "matgan", "-n", "60", "--out", folder / "new.csv", "--json")
    tfmat(*words)

    def read(path: Path, scratch: Path) -> Any:
        del scratch
        return tfmat("evaluate", "compositions", path / "new.csv", "--json")

    # A table alone is as good as any other; only the rates of all samples are not known then.
    return Subject(folder, read, optional=frozenset({"new.csv.json"}))


def index(place: Path) -> Subject:
    """An index of known structures."""
    known, folder = structures(place / "known"), place / "index"
    words = ("evaluate", "structures", known, "--against", f"known={known}", "--index")
    tfmat(*words, folder, "--json")

    def read(path: Path, scratch: Path) -> Any:
        del scratch
        return tfmat(*words, path, "--json")

    return Subject(folder, read)


def _walk(order: Any, chain: Any = None) -> Any:
    import walk_chain

    from tfmat import families
    from tfmat.training import log
    from tfmat.training.chain import train
    from tfmat.training.strategy import Devices

    targets, on_tensorflow = families.targets, log.on_tensorflow
    families.targets = lambda: {"far": (None, SimpleNamespace(recipe="none"))}
    log.on_tensorflow = lambda: False
    try:
        return train(chain or walk_chain.WalkChain(), order, lambda: Devices("one"), lambda _: None)
    finally:
        families.targets, log.on_tensorflow = targets, on_tensorflow


def run(place: Path) -> Subject:
    """A run that was killed in its second stage: a finished stage and two checkpoints."""
    import walk_chain

    from tfmat.training.chain import Order

    recipe = walk_chain.write_recipe(place / "walk.toml")
    data = walk_chain.write_dataset(place / "walked")
    settings = ["far.steps=40"]
    order = Order("far", place / "run", str(recipe), settings, str(data))
    with contextlib.suppress(KeyboardInterrupt):
        _walk(order, walk_chain.WalkChain(fail_at=("far", 25)))

    def read(path: Path, scratch: Path) -> Any:
        del scratch
        summary = _walk(Order("far", path, data=str(data), resume=True))
        return _steady(summary["metrics"]), summary["recipe"], summary["seed"]

    return Subject(place / "run", read)


def reused_run(place: Path) -> Subject:
    """A finished run, whose first stage another run takes over."""
    import walk_chain

    from tfmat.training.chain import Order

    recipe = walk_chain.write_recipe(place / "reused.toml")
    data = walk_chain.write_dataset(place / "reusable")
    _walk(Order("far", place / "whole", recipe=str(recipe), data=str(data)))

    def read(path: Path, scratch: Path) -> Any:
        order = Order("far", scratch / "second", data=str(data), source=path)
        return _steady(_walk(order)["metrics"])

    return Subject(place / "whole", read)


def recipe(place: Path) -> Subject:
    """A recipe: the user's own words, which have no hash."""
    from tiny_compositions import write_recipe

    from tfmat.recipes.loader import to_mapping

    def read(path: Path, scratch: Path) -> Any:
        from tfmat.matgan.recipe import load_recipe

        del scratch
        return to_mapping(load_recipe(str(path)))

    return Subject(write_recipe(place / "recipe.toml"), read, verified=False)


def hull(place: Path) -> Subject:
    """The folder of tfmat evaluate hull, which the same command replaces."""
    known = structures(place / "hulled")
    words = ("evaluate", "hull", known, "--against", f"a={known}", "--pictures", "0", "--json")
    words = (*words, "--overwrite", "--out")
    tfmat(*words, place / "hull")

    def read(path: Path, scratch: Path) -> Any:
        del scratch
        return tfmat(*words, path)

    return Subject(place / "hull", read)


SUBJECTS = {
    "dataset": dataset,
    "formulas": compositions,
    "relaxed folder": relaxed,
    "work folder": work_folder,
    "generated folder": generated,
    "package": package,
    "table": table,
    "index": index,
    "run": run,
    "reused run": reused_run,
    "recipe": recipe,
    "hull": hull,
}

__all__ = ["SUBJECTS", "Subject", "copied"]
