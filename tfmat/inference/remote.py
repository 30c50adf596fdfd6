"""The networks of a model package on a TensorFlow Serving: the client behind ``tfmat predict``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError
from tfmat.in_order import in_order
from tfmat.inference.metadata import DEFAULT_SIGNATURE, find, read_metadata
from tfmat.inference.package import NetworkSet, joined
from tfmat.inference.transport import (
    LOG,
    AnswerError,
    Description,
    NotServedError,
    Retries,
    ServedModel,
    ServerError,
    Signature,
    TensorInfo,
    TransientError,
    Transport,
    one_line,
    shown,
)

TIMEOUT = 60.0
RETRIES = 4
CONCURRENCY = 4
# Proxies before a server often take no more, in bytes.
_LONGEST_REQUEST = 1 << 20
# What an answer may take on the way and in memory, in bytes.
_LONGEST_ANSWER = 32 << 20


@dataclass
class RemotePackage(NetworkSet):
    """A model package whose networks run on a TensorFlow Serving.

    A part is the model ``<prefix>-<part>`` there. Before it is first run, the server's names,
    types and shapes are compared with the package's. The version found with the first part is used
    for all parts and to the end, since a generator of one version and decoders of another make
    nonsense. Several threads may use one object. Close it, or use it as a context manager.

    Args:
        folder: Folder with the package's ``metadata.json``; its networks are not needed.
        metadata: Contents of ``metadata.json``.
        transport: The protocol.
        prefix: What the names of the served models begin with.
        version: Version of the models; the server's latest without.
        label: Label of their version, instead of the version.
        timeout: Seconds within which an answer must be there.
        retries: Tries again.
        concurrency: Requests under way at a time.
    """

    transport: Transport
    prefix: str
    version: int | None = None
    label: str | None = None
    timeout: float = TIMEOUT
    retries: Retries = field(default_factory=Retries)
    concurrency: int = CONCURRENCY
    _served: dict[str, ServedModel] = field(default_factory=dict, repr=False)
    _checking: Lock = field(default_factory=Lock, repr=False, compare=False)
    _pool: ThreadPoolExecutor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.concurrency, "predict")

    @classmethod
    def connect(
        cls,
        url: str,
        package: str | Path,
        *,
        models_dir: str | Path | None = None,
        prefix: str | None = None,
        version: int | None = None,
        label: str | None = None,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        concurrency: int = CONCURRENCY,
    ) -> RemotePackage:
        """Makes a client; the server is asked when a part is checked or run.

        Args:
            url: ``http://`` or ``https://`` for REST, ``grpc://`` or ``grpcs://`` for gRPC.
            package: Name or folder of the package, or the folder that ``tfmat serve`` wrote.
            models_dir: Folder that is searched first for a name.
            prefix: What the names of the served models begin with; the package's name without.
            version: Version of the models; the server's latest without.
            label: Label of their version, instead of the version.
            timeout: Seconds within which an answer must be there.
            retries: Further tries where a failure may be gone at the next.
            concurrency: Requests under way at a time.

        Raises:
            InputError: The address or another argument is wrong, or there is no such package.
            MissingExtraError: gRPC without the ``[serving]`` extra.
        """
        if version is not None and label is not None:
            raise InputError("`version` and `label` name the version twice; give one of them")
        if timeout <= 0 or retries < 0 or concurrency < 1:
            raise InputError(
                "`timeout` must be above 0, `retries` at least 0 and `concurrency` at least 1"
            )
        folder = find(package, models_dir, argument="package")
        metadata = read_metadata(folder)
        return cls(
            folder,
            metadata,
            _transport(url, concurrency),
            metadata["name"] if prefix is None else prefix,
            version,
            label,
            timeout,
            Retries(retries),
            concurrency,
        )

    def __enter__(self) -> RemotePackage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives up what is under way and closes the connections."""
        self.retries.stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.transport.close()

    @property
    def where(self) -> str:
        """The server's address."""
        return self.transport.where

    def check(self, *parts: str) -> dict[str, ServedModel]:
        """Asks the server for parts and compares them with the package.

        Args:
            *parts: Names of parts.

        Returns:
            The model on the server for each part, with its version.

        Raises:
            InputError: The package has no such part, the server no such model or version, or its
                model takes or gives something else.
            ServerError: The server fails.
        """
        self.require(*parts)
        with self._checking:
            for part in parts:
                if part not in self._served:
                    self._served[part] = self._checked(part)
        return {part: self._served[part] for part in parts}

    def origin(self, *parts: str) -> dict[str, Any]:
        """Returns where parts run, for summaries: ``server``, and ``served_models`` by part.

        Args:
            *parts: Names of parts; those that were not checked are now, with the same errors.
        """
        models = {part: str(model) for part, model in self.check(*parts).items()}
        return {"server": self.where, "served_models": models}

    def _checked(self, part: str) -> ServedModel:
        name = f"{self.prefix}-{part}"
        model = ServedModel(name, self.version, self.label)
        for before in self._served.values():
            model = ServedModel(name, before.version)
        found = self.retries(lambda: self._describe(model), self.where)
        signature = found.signatures.get(DEFAULT_SIGNATURE)
        if signature is None:
            has = ", ".join(name for name in found.signatures if not name.startswith("__"))
            has = one_line(has) or "none"
            raise InputError(
                f"{self.where}: {model} has no signature {DEFAULT_SIGNATURE} (it has {has}); "
                "serve a model of tfmat serve"
            )
        self._compare(part, model, signature)
        return ServedModel(model.name, found.version)

    def _describe(self, model: ServedModel) -> Description:
        """Asks for a description; says of a model that is not ready what the server says."""
        try:
            return self.transport.describe(model, self.timeout)
        except NotServedError as error:
            reason = error
        try:
            versions = self.transport.versions(model, self.timeout)
        except NotServedError:
            versions = {}
        if not versions:
            raise InputError(
                f"serves no model {model.name} ({reason}); serve the folder of tfmat serve "
                f"there, or give another `package` or `prefix` than {self.prefix}"
            ) from reason
        wanted = max(versions) if model.version is None else model.version
        if wanted not in versions:
            advice = "give one of them as `version`"
            if self.version is None:
                advice = "wait until all parts have one version, or " + advice
            raise InputError(
                f"{model.name} has no version {wanted}, only "
                f"{one_line(', '.join(map(str, sorted(versions))))}; {advice}"
            ) from reason
        found = versions[wanted]
        text = f"{model.name} version {wanted} is {found.state}"
        if found.reason:
            text += f" ({found.reason})"
        if found.state in ("START", "LOADING", "AVAILABLE"):  # in the end it comes, or just came
            raise TransientError(text, "wait until the server has loaded it") from reason
        raise ServerError(f"{text}; {LOG}") from reason

    def _compare(self, part: str, model: ServedModel, served: Signature) -> None:
        entry = self.metadata["parts"][part]
        for kind, mine, theirs in (
            ("input", entry["inputs"], served.inputs),
            ("output", entry["outputs"], served.outputs),
        ):
            for name, tensor in mine.items():
                expected = TensorInfo(tensor["dtype"], (None, *tensor["shape"][1:]))
                found = theirs.get(name)
                if found is None or not (found.admits(expected) or expected.admits(found)):
                    has = one_line(", ".join(f"{key} {value}" for key, value in theirs.items()))
                    raise InputError(
                        f"{self.where}: {model} is not the {part} of {self.name}: {kind} {name} "
                        f"should be {expected}, the server has {has}; give the `package` that is "
                        "served there"
                    )

    def _run(self, part: str, name: str, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        (result,) = self._run_each(part, name, [batch])
        return result

    def _run_each(
        self, part: str, name: str, batches: Iterable[NDArray[np.float32]]
    ) -> Iterator[dict[str, NDArray[Any]]]:
        """Runs batches with several requests under way; what is too large goes in pieces."""
        self.check(part)
        rows = self._rows(part)

        def pieces() -> Iterator[tuple[NDArray[np.float32], bool]]:
            for batch in batches:
                for start in range(0, max(1, len(batch)), rows):
                    yield batch[start : start + rows], start + rows >= len(batch)

        def answered(
            piece: tuple[NDArray[np.float32], bool],
        ) -> tuple[dict[str, NDArray[Any]], bool]:
            return self._request(part, name, piece[0]), piece[1]

        gathered: list[dict[str, NDArray[Any]]] = []
        for answer, last in in_order(self._pool, answered, pieces(), self.concurrency):
            gathered.append(answer)
            if last:
                yield joined(gathered)
                gathered = []

    def _request(self, part: str, name: str, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        tensors = self.metadata["parts"][part]["outputs"]
        if not len(batch):  # JSON cannot say the shape of nothing
            return {
                key: np.empty((0, *tensor["shape"][1:]), tensor["dtype"])
                for key, tensor in tensors.items()
            }
        outputs = {
            key: TensorInfo(tensor["dtype"], (len(batch), *tensor["shape"][1:]))
            for key, tensor in tensors.items()
        }
        model = self._served[part]

        def predict() -> dict[str, NDArray[Any]]:
            found = self.transport.predict(
                model, DEFAULT_SIGNATURE, {name: batch}, outputs, self.timeout
            )
            for key, array in found.items():
                if not _usable(key, array):
                    raise AnswerError(f"answered {key} with NaN or infinity; {LOG}")
            return found

        try:
            return self.retries(predict, f"{self.where}: {model}")
        except NotServedError as error:
            raise ServerError(
                f"{self.where}: {model} is no longer served ({error}); run again for the version "
                "that is there now"
            ) from error

    def _rows(self, part: str) -> int:
        """Returns how many rows a request to a part may hold, so that both ways stay bounded."""
        entry = self.metadata["parts"][part]
        size = self.transport.bytes_per_value
        taken, given = (
            size * sum(int(np.prod(tensor["shape"][1:])) for tensor in entry[kind].values())
            for kind in ("inputs", "outputs")
        )
        return max(1, min(_LONGEST_REQUEST // taken, _LONGEST_ANSWER // given))


def _usable(name: str, array: NDArray[Any]) -> bool:
    """Tells whether numbers are finite, or NaN where that is how a network says "none"."""
    if array.dtype.kind != "f":
        return True
    # A lattice that cannot be decoded has no parameters.
    return not (np.isinf(array) if name == "lattice_parameters" else ~np.isfinite(array)).any()


def _transport(url: str, concurrency: int) -> Transport:
    """Chooses the protocol by the address."""
    scheme = url.split("://", 1)[0].lower() if "://" in url else ""
    if scheme in ("http", "https"):
        from tfmat.inference.rest import RestTransport

        return RestTransport(url, concurrency)
    if scheme in ("grpc", "grpcs"):
        from tfmat.inference.grpc_client import GrpcTransport

        return GrpcTransport(url)
    raise InputError(
        f"`url` {shown(url)}: write http://host:8501 or https:// for REST, grpc://host:8500 or "
        "grpcs:// for gRPC"
    )
