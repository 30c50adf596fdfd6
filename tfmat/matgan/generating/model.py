"""A trained MatGAN that turns noise into atom counts, on ONNX Runtime or TensorFlow."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tfmat.errors import InputError, require
from tfmat.families import instead
from tfmat.inference.keras_weights import load_network
from tfmat.inference.metadata import GENERATE, find, read_metadata
from tfmat.inference.package import ModelPackage, NetworkSet, check_file, load
from tfmat.inference.threads import available_threads
from tfmat.matgan.elements import ELEMENTS, MAX_COUNT
from tfmat.matgan.matrix import matrix_counts

Backend = Literal["auto", "onnx", "tensorflow"]

FAMILY = "matgan"


@dataclass(frozen=True)
class CompositionModel:
    """A generator of compositions.

    Args:
        name: Name of the model package or run.
        backend: What computes, ``onnx``, ``tensorflow`` or ``tensorflow-serving``.
        version: Its version, if known.
        weights_sha256: SHA-256 of the generator's weights, whatever file or server holds them.
        precision: How the weights are stored that run.
        latent: Length of a noise vector.
        workers: Threads that may use it at a time.
        clock: Seconds that the network's work takes, read before and after it.
        generate: Noise ``(n, latent)`` to composition matrices, or to atom counts.
        read: What ``generate`` made to atoms of each element ``(n, 85)``.
        score: Composition matrices to the critic's scores ``(n,)``, highest for what looks most
            like a real composition; ``None`` where there is no critic.
        stop: Ends what is under way elsewhere, before an interrupted call waits for it.
        origin: Where the networks run, further entries of a summary.
    """

    name: str
    backend: str
    version: str
    weights_sha256: str
    precision: str
    latent: int
    workers: int
    clock: Callable[[], float]
    generate: Callable[[NDArray[np.float32]], NDArray[Any]]
    read: Callable[[NDArray[Any]], NDArray[np.uint8]]
    score: Callable[[NDArray[Any]], NDArray[np.float32]] | None
    stop: Callable[[], None] = lambda: None
    origin: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        backend: Backend = "auto",
        threads: int | None = None,
        models_dir: str | Path | None = None,
        precision: str | None = None,
    ) -> CompositionModel:
        """Loads the generator of a run or model package.

        Args:
            model: A package folder, a run folder or the name of a package; for TensorFlow a run.
            backend: What computes, see :func:`chosen_backend`.
            threads: Threads of ONNX Runtime in all, by default what this process may use;
                TensorFlow keeps those that it was started with.
            models_dir: Folder that is searched first for a name.
            precision: Which of the package's ONNX files to use, by default the most exact.

        Raises:
            InputError: No such model or precision, one of another family, or one without a
                generator.
            MissingExtraError: TensorFlow is asked for and not installed.
        """
        folder = find(model, models_dir)
        metadata = read_metadata(folder)
        if metadata.get("family") != FAMILY:
            raise InputError(f"`model` {model}: {instead(metadata, 'formulas')}")
        if tuple(metadata.get("elements", ())) != ELEMENTS:
            raise InputError(f"{folder}: its elements are not the 85 of MatGAN; export it again")
        parts = list(metadata["parts"])
        if not {"generator", GENERATE} & set(parts):
            raise InputError(
                f"`model` {model}: holds no generator (it has {', '.join(parts)}); give a model "
                "of tfmat train matgan"
            )
        if chosen_backend(backend) == "tensorflow":
            if precision is not None:
                raise InputError("`precision`: is of ONNX files; leave it out, or `backend` onnx")
            return _with_tensorflow(folder, metadata)
        used = (_part(parts),)
        package = load(folder, threads=1, precision=precision, parts=used)
        return _with_onnx(package, threads or available_threads())


def chosen_backend(backend: Backend) -> Literal["onnx", "tensorflow"]:
    """Returns what computes: ``auto`` is ONNX Runtime, or TensorFlow where that is missing."""
    if backend != "auto":
        return backend
    return "onnx" if importlib.util.find_spec("onnxruntime") is not None else "tensorflow"


def _part(parts: Sequence[str]) -> str:
    # The decoder in NumPy is faster than the one in the end-to-end graph.
    return "generator" if "generator" in parts else GENERATE


def _with_onnx(package: ModelPackage, threads: int) -> CompositionModel:
    """Lets several threads run one session, each on a core of its own.

    One session of several threads is a little slower on the small networks.
    """
    import onnxruntime

    part = _part(package.parts)
    require_shapes(package)
    # A file that is no network is found out before the work.
    package.session(part)
    scored = part == "generator" and "critic" in package.parts
    return CompositionModel(
        name=package.name,
        backend="onnx",
        version=str(onnxruntime.__version__),
        weights_sha256=weights_sha256(package.metadata),
        precision=package.precision,
        latent=package.input(part)[1][0],
        workers=threads,
        clock=time.thread_time,
        generate=lambda noise: package.run(part, noise),
        read=reader(package.metadata) if part == "generator" else np.asarray,
        score=(lambda matrices: package.run("critic", matrices)[:, 0]) if scored else None,
    )


def _with_tensorflow(package: Path, metadata: dict[str, Any]) -> CompositionModel:
    """Loads the Keras networks of a package, or of the run that it belongs to.

    TensorFlow divides each call among its own threads, so one thread calls it.
    """
    file, critic = (_keras_file(package, metadata, part) for part in ("generator", "critic"))
    if file is None:
        raise InputError(
            f"`model` {package}: `backend` tensorflow needs the Keras weights of a run of tfmat "
            "train matgan, or of a package of tfmat export; give such a folder, or take "
            "`backend` onnx"
        )
    tensorflow = require("tensorflow", "train", "`backend` tensorflow")
    keras = require("keras", "train", "`backend` tensorflow")
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"`backend` tensorflow: KERAS_BACKEND is {keras.backend.backend()}; unset it, or take "
            "`backend` onnx"
        )

    def compiled(network: Any) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
        # One graph for any batch size.
        signature = [tensorflow.TensorSpec((None, *network.inputs[0].shape[1:]))]
        function = tensorflow.function(
            lambda batch: network(batch, training=False), input_signature=signature
        )
        return lambda batch: function(batch).numpy()

    network = load_network(file)
    score = compiled(load_network(critic)) if critic is not None else None
    return CompositionModel(
        name=str(metadata["name"]),
        backend="tensorflow",
        version=str(tensorflow.__version__),
        weights_sha256=weights_sha256(metadata),
        precision="float32",
        latent=int(network.inputs[0].shape[1]),
        workers=1,
        clock=time.perf_counter,
        generate=compiled(network),
        read=reader(metadata),
        score=None if score is None else (lambda matrices: score(matrices)[:, 0]),
    )


def _keras_file(package: Path, metadata: dict[str, Any], part: str) -> Path | None:
    """Returns the Keras file of a part: the package's own, or that of the run it lies in."""
    record = metadata["parts"].get(part, {}).get("keras")
    if record is not None and (package / record["file"]).is_file():
        check_file(package, part, record)
        return package / str(record["file"])
    file = package.parent / "weights" / f"{part}.keras"
    return file if package.name == "package" and file.is_file() else None


def require_shapes(networks: NetworkSet) -> None:
    """Checks that the networks take and give noise, composition matrices and atom counts.

    Args:
        networks: The networks of a MatGAN.

    Raises:
        InputError: One has another shape.
    """
    matrix = (MAX_COUNT, len(ELEMENTS), 1)
    makers = (("generator", matrix), (GENERATE, (len(ELEMENTS),)))
    networks.require_shapes(
        {
            "critic": (matrix, (1,)),
            **{
                part: (networks.input(part)[1][:1], shape)
                for part, shape in makers
                if part in networks.parts
            },
        }
    )


def weights_sha256(metadata: dict[str, Any]) -> str:
    """Returns the SHA-256 of the weights of the generator, or else of the end-to-end graph.

    Args:
        metadata: The package's metadata.
    """
    return str(metadata["parts"][_part(list(metadata["parts"]))]["weights_sha256"])


def reader(metadata: dict[str, Any]) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Returns what turns composition matrices into atoms of each element, as trained.

    Args:
        metadata: The package's metadata.
    """
    decoding = metadata.get("recipe", {}).get("decoding", {})
    return lambda matrices: matrix_counts(
        matrices, decoding.get("rule", "original"), decoding.get("threshold")
    )
