"""A trained MatGAN whose networks run on a TensorFlow Serving."""

from __future__ import annotations

import time

import numpy as np

from tfmat.errors import InputError
from tfmat.inference.metadata import GENERATE
from tfmat.inference.remote import RemotePackage
from tfmat.matgan.elements import ELEMENTS
from tfmat.matgan.generating.model import (
    FAMILY,
    CompositionModel,
    reader,
    require_shapes,
    weights_sha256,
)


def served_model(remote: RemotePackage, *, scored: bool = False) -> CompositionModel:
    """Asks the server for the networks that make formulas, and checks them.

    Args:
        remote: The package on the server.
        scored: The critic's scores are wanted; then composition matrices have to come, which take
            eight times as long on the way as the atom counts of the end-to-end graph.

    Returns:
        The model; as many threads may use it as the client has requests under way.

    Raises:
        InputError: It is no MatGAN, holds no generator or no critic, or the server serves others.
        ServerError: The server fails.
    """
    metadata = remote.metadata
    if metadata.get("family") != FAMILY or tuple(metadata.get("elements", ())) != ELEMENTS:
        raise InputError(f"{remote.folder}: is no MatGAN of the 85 elements; export it again")
    counted = not scored and GENERATE in remote.parts
    part = GENERATE if counted else "generator"
    require_shapes(remote)
    models = remote.check(part, *(["critic"] if scored else []))
    return CompositionModel(
        name=remote.name,
        backend="tensorflow-serving",
        version="",  # the server does not say it
        weights_sha256=weights_sha256(metadata),
        precision=remote.precision,
        latent=remote.input(part)[1][0],
        workers=remote.concurrency,
        clock=time.perf_counter,
        generate=lambda noise: remote.run(part, noise),
        read=np.asarray if counted else reader(metadata),
        score=(lambda matrices: remote.run("critic", matrices)[:, 0]) if scored else None,
        stop=remote.close,
        origin=remote.origin(*models),
    )
