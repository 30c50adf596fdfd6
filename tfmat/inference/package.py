"""Loads a model package and runs its parts with ONNX Runtime; imports no TensorFlow.

A model package is a folder with ``metadata.json`` and for each part one ONNX file for each
precision. How it is found by name is in :mod:`tfmat.inference.metadata`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfmat.checksums import digest, skipping
from tfmat.errors import InputError, first_line
from tfmat.in_order import in_order
from tfmat.inference.metadata import METADATA, PRECISIONS, find, read_metadata, require_networks
from tfmat.inference.session import open_session
from tfmat.inference.threads import available_threads
from tfmat.paths import inside, plain_file

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


@dataclass
class NetworkSet(ABC):
    """The networks of a model package, wherever they run.

    Args:
        folder: The package's folder.
        metadata: Contents of ``metadata.json``.
    """

    folder: Path
    metadata: dict[str, Any]

    @property
    def name(self) -> str:
        """The package's name."""
        return str(self.metadata["name"])

    @property
    def precision(self) -> str:
        """How the weights are stored that run: float32 where nothing else is said."""
        return "float32"

    @property
    def parts(self) -> list[str]:
        """Names of the networks in the package."""
        return list(self.metadata["parts"])

    def require(self, *parts: str) -> None:
        """Checks that the package holds some parts.

        Args:
            *parts: Names of parts, e.g. ``"generator"``.

        Raises:
            InputError: One is missing.
        """
        missing = [part for part in parts if part not in self.metadata["parts"]]
        if missing:
            raise InputError(
                f"{self.folder}: holds no {', '.join(part or repr(part) for part in missing)} (it "
                f"has {', '.join(self.parts)}); train the missing stages, or give another package"
            )

    def require_shapes(
        self, shapes: Mapping[str, tuple[Sequence[int], Sequence[int] | None]]
    ) -> None:
        """Checks that parts take and give what the family's code expects of them.

        Args:
            shapes: For parts, which the package need not have, the shapes without the batch axis
                of input and output; ``None`` for a part of several outputs.

        Raises:
            InputError: One has another shape.
        """
        for part, (taken, given) in shapes.items():
            if part not in self.metadata["parts"]:
                continue
            found = [self.input(part)[1]]
            wanted = [tuple(taken)]
            if given is not None:
                outputs = self.metadata["parts"][part]["outputs"].values()
                found += [tuple(tensor["shape"][1:]) for tensor in outputs]
                wanted.append(tuple(given))
            if found != wanted:
                raise InputError(
                    f"{self.folder}: damaged, {part} takes and gives {found}, its recipe says "
                    f"{wanted}; export it again"
                )

    def input(self, part: str) -> tuple[str, tuple[int, ...]]:
        """Returns name and shape, without the batch axis, of what a part takes.

        Args:
            part: Name of a part.

        Raises:
            InputError: The package holds no such part.
        """
        self.require(part)
        ((name, tensor),) = self.metadata["parts"][part]["inputs"].items()
        return str(name), tuple(int(size) for size in tensor["shape"][1:])

    def run_all(
        self, part: str, array: NDArray[Any], batch_size: int | None = None
    ) -> dict[str, NDArray[Any]]:
        """Runs a part.

        Args:
            part: Name of a part, e.g. ``"generate"``.
            array: Its input, shape ``(batch, ...)`` as the metadata says; cast to float32.
            batch_size: Rows in one call of the network, by default all. What the network needs in
                between grows with it; the results do not change beyond the last digits.

        Returns:
            Its outputs by name, shapes ``(batch, ...)``, of the types that the metadata says.

        Raises:
            InputError: No such part, the shape does not fit, or the batch size is not positive.
        """
        return joined(list(self.stream(part, [array], batch_size)))

    def run(self, part: str, array: NDArray[Any], batch_size: int | None = None) -> NDArray[Any]:
        """Runs a part that has one output; arguments and errors as for :meth:`run_all`.

        Args:
            part: Name of a part, e.g. ``"generator"``.
            array: Its input.
            batch_size: Rows in one call of the network.

        Returns:
            Its output.
        """
        (result,) = self.run_all(part, array, batch_size).values()
        return result

    def stream(
        self, part: str, arrays: Iterable[NDArray[Any]], batch_size: int | None = None
    ) -> Iterator[dict[str, NDArray[Any]]]:
        """Runs a part on arrays as they come and forgets each: memory does not grow.

        Args:
            part: Name of a part.
            arrays: Inputs as for :meth:`run_all`, each of any number of rows; may be endless.
            batch_size: Most rows in one call of the network, by default all of an array.

        Yields:
            The outputs of each call, in the order of the rows: one for each array, or for each
            piece of it of at most ``batch_size`` rows.

        Raises:
            InputError: As for :meth:`run_all`.
        """
        name, shape = self.input(part)
        if batch_size is not None and batch_size < 1:
            raise InputError(f"the batch size must be at least 1, not {batch_size}")

        def pieces() -> Iterator[NDArray[np.float32]]:
            for array in arrays:
                if array.ndim != len(shape) + 1 or array.shape[1:] != shape:
                    wanted = ("batch", *shape)
                    raise InputError(
                        f"{self.name}: {part} takes {name} of shape {wanted}, not {array.shape}"
                    )
                size = batch_size or max(1, len(array))
                # An empty array gives one empty result, which still has its shape.
                for start in range(0, max(1, len(array)), size):
                    yield np.ascontiguousarray(array[start : start + size], dtype=np.float32)

        yield from self._run_each(part, name, pieces())

    def _run_each(
        self, part: str, name: str, batches: Iterable[NDArray[np.float32]]
    ) -> Iterator[dict[str, NDArray[Any]]]:
        """Runs batches in their order; where that helps, several may be under way at a time."""
        for batch in batches:
            yield self._run(part, name, batch)

    def side_by_side(self) -> NetworkSet:
        """Returns what :meth:`stream` runs small networks of fastest."""
        return self

    @abstractmethod
    def _run(self, part: str, name: str, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Runs a part on a batch of the right shape; ``name`` is that of the input."""


@dataclass
class ModelPackage(NetworkSet):
    """A model package on ONNX Runtime; sessions are made when a part is first run.

    Several Python threads may use one package: each part has one session, which runs calls side by
    side.

    Args:
        folder: The package's folder.
        metadata: Contents of ``metadata.json``.
        precision: Which of the ONNX files to use, ``float32``, ``float16`` or ``int8``.
        threads: Threads of one operator.
        at_once: Calls that :meth:`stream` has under way at a time.
    """

    precision: str = "float32"
    threads: int = field(default_factory=available_threads)
    at_once: int = 1
    _sessions: dict[str, InferenceSession] = field(default_factory=dict, repr=False)
    _checked: set[str] = field(default_factory=set, repr=False)
    _making: Lock = field(default_factory=Lock, repr=False, compare=False)

    def file(self, part: str) -> dict[str, Any]:
        """Returns the record of a part's ONNX file: ``file``, ``sha256``, ``bytes``."""
        self.require(part)
        return dict(self.metadata["parts"][part]["onnx"][self.precision])

    def check(self, part: str) -> None:
        """Checks a part's ONNX file against its SHA-256, the first time that it is asked to.

        Args:
            part: Name of a part.

        Raises:
            InputError: The package holds no such part, or its file is missing or another one.
        """
        if part not in self._checked:
            check_file(self.folder, part, self.file(part))
            self._checked.add(part)

    def session(self, part: str) -> InferenceSession:
        """Returns the ONNX Runtime session of a part, made on first use from a checked file.

        Args:
            part: Name of a part.

        Raises:
            InputError: As for :meth:`check`, or the file is no ONNX model.
        """
        with self._making:
            if part not in self._sessions:
                self.check(part)
                file = self.folder / self.file(part)["file"]
                self._sessions[part] = open_session(
                    file, self.metadata["parts"][part], self.threads
                )
        return self._sessions[part]

    def side_by_side(self) -> ModelPackage:
        """Returns the same with a thread for each call and several calls at a time.

        Networks of many small operators gain nothing from threads that share out each of them.
        """
        return ModelPackage(
            self.folder,
            self.metadata,
            self.precision,
            1,
            self.threads,
            _checked=self._checked,
        )

    def _run_each(
        self, part: str, name: str, batches: Iterable[NDArray[np.float32]]
    ) -> Iterator[dict[str, NDArray[Any]]]:
        if self.at_once == 1:
            yield from super()._run_each(part, name, batches)
            return
        with ThreadPoolExecutor(self.at_once, "networks") as pool:
            yield from in_order(pool, partial(self._run, part, name), batches, self.at_once)

    def _run(self, part: str, name: str, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        session = self.session(part)
        names = [output.name for output in session.get_outputs()]
        try:
            return dict(zip(names, session.run(names, {name: batch}), strict=True))
        except Exception as error:  # onnxruntime's own exceptions share no public base class
            raise InputError(
                f"{self.folder}: damaged, {self.file(part)['file']} does not run "
                f"({first_line(error)}); export or copy the package again"
            ) from error


def load(
    model: str | Path,
    *,
    models_dir: str | Path | None = None,
    threads: int | None = None,
    precision: str | None = None,
    parts: Sequence[str] | None = None,
) -> ModelPackage:
    """Loads a model package and checks the SHA-256 of the ONNX files that it will use.

    Args:
        model: A package folder, a run folder (its ``package`` is used), or the name of a package.
        models_dir: Folder that is searched first for a name.
        threads: Threads of one operator; by default what this process may use.
        precision: ``float32``, ``float16`` or ``int8``; by default the first of them that the
            package has.
        parts: Parts that will be used, ``*`` standing for any letters; by default all. The others
            are not read unless they are used after all, and then checked.

    Returns:
        The package.

    Raises:
        InputError: Not found, damaged, no model package of tfmat, or not in that precision.
    """
    folder = find(model, models_dir)
    metadata = read_metadata(folder)
    require_networks(folder, metadata)
    chosen = _precision(folder, metadata, precision)
    if threads is not None and threads < 1:
        raise InputError(f"`threads` must be at least 1, not {threads}")
    package = ModelPackage(folder, metadata, chosen, threads or available_threads())
    for part in package.parts:
        if parts is None or any(fnmatchcase(part, pattern) for pattern in parts):
            package.check(part)
    return package


def precisions(metadata: dict[str, Any]) -> list[str]:
    """Returns the precisions in which a package has all of its parts, the best first."""
    entries = metadata["parts"].values()
    return [name for name in PRECISIONS if all(name in entry["onnx"] for entry in entries)]


def joined(results: Sequence[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Puts the outputs of several calls of a part together; there is at least one."""
    if len(results) == 1:
        return results[0]
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}


def check_file(folder: Path, part: str, record: dict[str, Any]) -> None:
    """Checks a file of a package against its SHA-256.

    Args:
        folder: Folder of the package.
        part: The part that it belongs to.
        record: ``file`` and ``sha256``.

    Raises:
        InputError: The file is missing or another one.
    """
    file = inside(folder, record["file"], folder / METADATA)
    if not plain_file(file):
        raise InputError(f"{folder}: damaged, {record['file']} is missing; export it again")
    if not skipping() and digest(file) != record["sha256"]:
        raise InputError(
            f"{folder}: damaged, the SHA-256 of {record['file']} ({part}) is not the one in "
            f"{METADATA}; export or copy the package again"
        )


def _precision(folder: Path, metadata: dict[str, Any], wanted: str | None) -> str:
    known = precisions(metadata)
    if not known:
        raise InputError(f"{folder}: damaged, no precision has all parts; export it again")
    if wanted is None:
        return known[0]
    if wanted not in known:
        raise InputError(
            f"{folder}: is not there in {wanted}, only in {', '.join(known)}; leave `precision` "
            f"out, or export the run with `precision` {wanted}"
        )
    return wanted
