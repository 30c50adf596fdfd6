"""Shards of a command, driven by an engine and joined: what ``tfmat launch`` does.

Beside the output lies its work folder as long as something is left to do: finished shards, a log of
each, and what the engine writes. The same launch goes on with the shards that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tfmat import __version__
from tfmat.errors import InputError, TfmatError
from tfmat.launching.running import Ended, Task, is_made
from tfmat.merging import Merged, merge
from tfmat.progress import Progress
from tfmat.work.folder import claimed, work_of
from tfmat.work.shards import Shard

_TABLES = (".csv", ".csv.gz", ".parquet")
# The exit code of a mistake of the user's: the next try would make it again.
_MISTAKE = 2

# Starts tasks and yields each with how it ended, as they end. What has ended in an exception, as a
# worker that was lost, ends with code 1.
Submit = Callable[[Iterable[Task]], Iterator[tuple[Task, Ended]]]
Engine = Callable[[Path], AbstractContextManager[Submit]]


def launch(
    words: Sequence[str],
    out: Path,
    shards: int,
    engine: Engine,
    *,
    tries: int = 3,
    overwrite: bool = False,
) -> Merged:
    """Makes all shards of a command and joins them.

    Args:
        words: Words behind ``tfmat``; each shard has further ones behind them, where it goes.
        out: Where the whole goes.
        shards: How many shards to make.
        engine: What runs them; it is given a folder for what it writes.
        tries: How often a shard is begun at most.
        overwrite: Replace results that are there.

    Returns:
        What was joined.

    Raises:
        InputError: The command makes a mistake, or ``out`` is in the way.
        TfmatError: A shard failed at every try; the others are kept.
    """
    out = Path.cwd() / out
    _check_free(out, overwrite)
    work = work_of(out)
    with claimed(work, {"words": list(words), "shards": shards, "tfmat_version": __version__}):
        tasks = _tasks(words, work, out.name, shards)
        missing = [task for task in tasks if not is_made(Path(task.place), _shard(task))]
        with Progress("shards", shards, "shard", initial=shards - len(missing)) as progress:
            if missing:
                with engine(work / "engine") as submit:
                    _make(missing, submit, tries, progress)
        return merge([task.place for task in tasks], out, overwrite=overwrite)


def _shard(task: Task) -> Shard:
    return Shard(task.number, task.of)


def _check_free(out: Path, overwrite: bool) -> None:
    taken = any(out.iterdir()) if out.is_dir() else out.exists()
    if taken and not overwrite:
        raise InputError(f"{out}: is there already; give another `out`, or `overwrite`")


def _tasks(words: Sequence[str], work: Path, name: str, shards: int) -> list[Task]:
    parts, logs = work / "parts", work / "logs"
    for folder in (parts, logs):
        folder.mkdir(exist_ok=True)
    suffix = next((suffix for suffix in _TABLES if name.endswith(suffix)), "")
    digits = len(str(shards))
    tasks = []
    for index in range(1, shards + 1):
        stem = f"{index:0{digits}d}-of-{shards}"
        place = str(parts / f"{stem}{suffix}")
        own = ["--shard", f"{index}/{shards}", "--out", place, "--overwrite"]
        log = str(logs / f"{stem}.log")
        tasks.append(Task([*words, *own], index, shards, place, log, str(Path.cwd())))
    return tasks


def _make(missing: list[Task], submit: Submit, tries: int, progress: Progress) -> None:
    """Makes shards, each at most so often as it may be tried."""
    begun = dict.fromkeys((task.number for task in missing), 0)
    given_up: list[tuple[Task, Ended]] = []
    while missing:
        for task in missing:
            begun[task.number] += 1
        again = []
        for task, ended in submit(missing):
            if ended.code == 0:
                progress.update()
            elif ended.code == _MISTAKE:
                raise InputError(ended.said.removeprefix("tfmat: "))
            elif begun[task.number] < tries:
                again.append(task)
            else:
                given_up.append((task, ended))
        missing = again
    if given_up:
        task, ended = given_up[0]
        more = f" and {len(given_up) - 1:,} more" if len(given_up) > 1 else ""
        raise TfmatError(
            f"shard {_shard(task)}{more} failed {tries} times: {ended.said or ended.code} (all in "
            f"{task.log}); the same command goes on with the shards that are missing"
        )
