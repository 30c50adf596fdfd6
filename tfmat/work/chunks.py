"""Work in chunks over processes, each chunk's result on disk, so that a killed build goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from tfmat.checksums import check_seal, write_sealed_line
from tfmat.errors import InputError, TfmatError
from tfmat.progress import Progress
from tfmat.reading import read_json

Task = TypeVar("Task")
# A row is what JSON can hold; the float form of JSON is exact.
Row = dict[str, Any]
# What a process makes once and uses for all its chunks: a potential, a model.
Tool = TypeVar("Tool")
Work = Callable[[Tool, Sequence[Task]], list[Row]]

NOT_REACHED = "not reached"
"""Reason in the row of a task for which no time was left, one word of the kind that is counted."""

_tool: Any = None


def run_chunks(
    folder: Path,
    tasks: Sequence[Task],
    work: Work[Tool, Task],
    factory: Callable[[], Tool],
    *,
    size: int,
    workers: int,
    description: str,
    until: float | None = None,
) -> Iterator[Row]:
    """Computes the chunks that are missing, then yields the rows of all in the order of tasks.

    Args:
        folder: Where the results of the chunks lie.
        tasks: The same on every call.
        work: A function of a module, from the tool and a chunk of tasks to rows.
        factory: Makes the tool, once in each process.
        size: Tasks in a chunk; what a kill loses at most.
        workers: Processes; 1 computes in this one.
        description: For the progress.
        until: When :func:`time.monotonic` has reached it no further chunk is begun, but one at
            least; the tasks of the others have rows with the reason :data:`NOT_REACHED`.

    Raises:
        TfmatError: A worker process was killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(tasks), size)
    paths = {start: folder / f"{start:06d}.json" for start in starts}
    missing = [start for start in starts if _read(paths[start]) is None]
    chunks = {start: tasks[start : start + size] for start in missing}
    finished = len(tasks) - sum(len(chunk) for chunk in chunks.values())
    with Progress(description, len(tasks), "structure", initial=finished) as progress:
        if workers == 1 and missing:
            tool = factory()
            for start, chunk in chunks.items():
                _write(paths[start], work(tool, chunk))
                progress.update(len(chunk))
                if until is not None and time.monotonic() >= until:
                    break
        elif missing:
            _run_parallel(chunks, paths, work, factory, workers, progress, until)
    for start, path in paths.items():
        rows = _read(path)
        if rows is None and until is not None and start in chunks and not path.exists():
            rows = [{"reason": NOT_REACHED} for _ in chunks[start]]
        if rows is None:
            raise TfmatError(f"{path}: was changed while it was in use; repeat the command")
        yield from rows


def _read(path: Path) -> list[Row] | None:
    """Returns a chunk's result; nothing of a damaged one, which is computed again."""
    try:
        record = read_json(path)
        if isinstance(record, dict):
            check_seal(path, record)
            record = record["rows"]
    except (InputError, KeyError):
        return None
    # Chunks of earlier versions are rows alone.
    whole = isinstance(record, list) and all(isinstance(row, dict) for row in record)
    return record if whole else None


def _write(path: Path, rows: list[Row]) -> None:
    write_sealed_line(path, {"rows": rows})


def _run_parallel(
    chunks: dict[int, Sequence[Task]],
    paths: dict[int, Path],
    work: Work[Tool, Task],
    factory: Callable[[], Tool],
    workers: int,
    progress: Progress,
    until: float | None,
) -> None:
    with ProcessPoolExecutor(
        max_workers=min(workers, len(chunks)),
        # Forking a process that runs threads (torch does) can hang.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(factory,),
    ) as pool:
        futures = {
            pool.submit(_compute, work, chunk, paths[start]): len(chunk)
            for start, chunk in chunks.items()
        }
        try:
            for future in as_completed(futures):
                if future.cancelled():
                    continue
                future.result()
                progress.update(futures[future])
                if until is not None and time.monotonic() >= until:
                    # What is being computed ends; nothing else is begun.
                    for other in futures:
                        other.cancel()
        except BrokenProcessPool as error:
            raise TfmatError(
                "a worker process was killed (out of memory?); the same command goes on from here"
            ) from error
        except BaseException:
            # An interruption does not wait for the chunks that are being computed.
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _start(factory: Callable[[], Tool]) -> None:
    global _tool
    # Ctrl-C reaches all processes of a terminal; the main one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        # Where the main process is killed outright, nobody would tell this one to end.
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _tool = factory()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _compute(work: Work[Tool, Task], chunk: Sequence[Task], path: Path) -> None:
    _write(path, work(_tool, chunk))
