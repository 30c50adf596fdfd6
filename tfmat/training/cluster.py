"""The workers of one training: processes that step together, as TF_CONFIG lists them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmat.errors import InputError

VARIABLE = "TF_CONFIG"
_EXAMPLE = '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Cluster:
    """One process's place among the workers of a training.

    Attributes:
        index: Number of this worker; 0 is the chief, which alone writes the run.
        size: Number of workers.
    """

    index: int = 0
    size: int = 1


def read_cluster(text: str | None = None) -> Cluster:
    """Reads which worker this process is, as ``tf.distribute`` will.

    Args:
        text: What ``TF_CONFIG`` holds; ``None`` reads the environment.

    Raises:
        InputError: It is missing, no JSON, or does not say which of which workers this is.
    """
    text = os.environ.get(VARIABLE) if text is None else text
    if not text:
        raise InputError(
            f"`strategy` multiworker needs {VARIABLE} in the environment of each worker, e.g. "
            f"{_EXAMPLE}; examples/slurm and examples/kubernetes set it"
        )
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{VARIABLE}: no JSON ({error}); write e.g. {_EXAMPLE}") from error
    tables = [record.get(key) if isinstance(record, dict) else None for key in ("cluster", "task")]
    cluster, task = tables
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise InputError(f'{VARIABLE}: needs "cluster" and "task", e.g. {_EXAMPLE}')
    if strange := sorted(set(cluster) - {"chief", "worker"}):
        raise InputError(
            f"{VARIABLE}: cluster.{strange[0]} has no part in such a training; list all processes "
            "under cluster.worker"
        )
    workers = {kind: _addresses(cluster, kind) for kind in ("chief", "worker")}
    if len(workers["chief"]) > 1:
        raise InputError(f"{VARIABLE}: cluster.chief lists more than one address; one is chief")
    everyone = [*workers["chief"], *workers["worker"]]
    if twice := {address for address in everyone if everyone.count(address) > 1}:
        raise InputError(f"{VARIABLE}: {min(twice)} is listed twice; each process needs a port")
    kind, index = task.get("type"), task.get("index")
    if kind not in workers or type(index) is not int or not 0 <= index < len(workers[kind]):
        raise InputError(
            f"{VARIABLE}: task {kind} {index} is none of the processes listed; numbers begin at 0"
        )
    return Cluster(index + (len(workers["chief"]) if kind == "worker" else 0), len(everyone))


def _addresses(cluster: Mapping[str, Any], kind: str) -> list[str]:
    found = cluster.get(kind, [])
    good = isinstance(found, list) and all(
        isinstance(one, str) and one.rpartition(":")[0] and one.rpartition(":")[2].isdecimal()
        for one in found
    )
    if not good:
        raise InputError(f'{VARIABLE}: cluster.{kind} is no list of addresses like "host:2222"')
    return list(found)
