"""Seeded ways to damage a file, and what became of a command that reads it."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Damage = Callable[[Path, random.Random], None]
# What ends in time: none of these commands works for long.
SECONDS = 60
DEEP = b"[" * 100_000
NUMBERS = (b"1" * 5000, b"1e400", b"-1", b"NaN", b"null", b'"\\ud800"', b"[]", b'"../../victim"')


def flip(file: Path, random: random.Random) -> None:
    """Flips one bit, with the length and the times of the file as before."""
    content, times = bytearray(file.read_bytes()), file.stat()
    if not content:
        return
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def flip_digit(file: Path, random: random.Random) -> None:
    """Makes another digit of a digit: what still reads well is worst; elsewhere flips a bit."""
    content = bytearray(file.read_bytes())
    places = [place for place, byte in enumerate(content) if 48 <= byte <= 57]
    if not places:
        return flip(file, random)
    place = random.choice(places)
    content[place] = 48 + (content[place] - 48 + random.randrange(1, 10)) % 10
    return file.write_bytes(content) and None


def cut(file: Path, random: random.Random) -> None:
    """Cuts the end off."""
    os.truncate(file, random.randrange(file.stat().st_size or 1))


def empty(file: Path, random: random.Random) -> None:
    """Leaves nothing of it."""
    os.truncate(file, 0)


def longer(file: Path, random: random.Random) -> None:
    """Puts something behind it."""
    with file.open("ab") as stream:
        stream.write(random.randbytes(random.randrange(1, 50)))


def zeros(file: Path, random: random.Random) -> None:
    """A block of zeros, as a power cut leaves it."""
    content = bytearray(file.read_bytes())
    start = random.randrange(len(content) or 1)
    content[start : start + 512] = bytes(len(content[start : start + 512]))
    file.write_bytes(content)


def noise(file: Path, random: random.Random) -> None:
    """Random bytes of the same length."""
    file.write_bytes(random.randbytes(file.stat().st_size))


def nested(file: Path, random: random.Random) -> None:
    """Tables without end."""
    file.write_bytes(DEEP)


def value(file: Path, random: random.Random) -> None:
    """Another value behind a colon, an equals sign or a comma of a text."""
    content = file.read_bytes()
    places = [place for place, byte in enumerate(content) if byte in b":=,"]
    if not places or b"\x93NUMPY" in content[:8]:
        return nested(file, random)
    place = random.choice(places) + 1
    ends = [end for end in (content.find(mark, place) for mark in (b",", b"\n", b"}")) if end > 0]
    rest = content[min(ends, default=len(content)) :]
    return file.write_bytes(content[:place] + random.choice(NUMBERS) + rest) and None


def claims(file: Path, random: random.Random) -> None:
    """A header of an array that claims more than there is; elsewhere a first line without end."""
    content = file.read_bytes()
    if content[:6] == b"\x93NUMPY":
        text = "{'descr': '<f8', 'fortran_order': False, 'shape': (900000000000,), }".ljust(117)
        file.write_bytes(content[:8] + (118).to_bytes(2, "little") + text.encode() + b"\n")
    else:
        file.write_bytes(b"x" * 2**20)


def gone(file: Path, random: random.Random) -> None:
    """Takes it away."""
    file.unlink()


def folder(file: Path, random: random.Random) -> None:
    """Puts a folder in its place."""
    file.unlink()
    file.mkdir()


def pipe(file: Path, random: random.Random) -> None:
    """Puts a named pipe in its place: who opens it waits for ever."""
    file.unlink()
    os.mkfifo(file)


def link(file: Path, random: random.Random) -> None:
    """Puts a link in its place, to a file outside that is precious."""
    file.unlink()
    file.symlink_to(VICTIM.get())


def device(file: Path, random: random.Random) -> None:
    """Puts a link to a device in its place that gives zeros without end."""
    file.unlink()
    file.symlink_to("/dev/zero")


DAMAGES: tuple[Damage, ...] = (
    *(flip,) * 6,
    *(flip_digit,) * 6,
    *(value,) * 4,
    *(cut,) * 2,
    empty,
    longer,
    zeros,
    noise,
    nested,
    claims,
    gone,
    folder,
    pipe,
    link,
    device,
)


class _Victim:
    """A precious file outside of everything that a command may touch."""

    def __init__(self) -> None:
        self.file: Path | None = None

    def get(self) -> Path:
        assert self.file is not None
        return self.file


VICTIM = _Victim()


@dataclass(frozen=True)
class Outcome:
    """What became of a command.

    Args:
        result: Everything that it gave, to be compared; ``None`` where it was refused.
        said: What the user was told besides.
        crash: The exception that nobody caught.
    """

    result: Any
    said: str = ""
    crash: str = ""


def tree_hash(folder: Path) -> str:
    """Returns a hash of all that a folder holds."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        total.update(f"{path.relative_to(folder)}\n".encode())
        if path.is_file():
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def attempt(command: Callable[[], Any]) -> Outcome:
    """Runs a command, which returns its result or raises what a user would see.

    Args:
        command: A function that calls the program; an ``InputError`` or the like is a refusal.
    """
    from tfmat.errors import TfmatError, UncheckedWarning

    with warnings.catch_warnings(record=True) as caught, _in_time():
        warnings.simplefilter("always")
        try:
            result, crash = command(), ""
        except TfmatError as error:
            lines = len(str(error).splitlines())
            return Outcome(None, str(error), "" if lines == 1 else f"{lines} lines: {error}")
        except Exception as error:
            result, crash = None, f"{type(error).__name__}: {error}"
    told = [str(w.message) for w in caught if issubclass(w.category, UncheckedWarning)]
    return Outcome(result, " ".join(told), crash)


@contextmanager
def _in_time() -> Iterator[None]:
    def end(*_: object) -> None:
        raise RuntimeError("it hangs")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def copied(source: Path, target: Path) -> Path:
    """Puts a fresh copy of a file or folder in a place."""
    if target.is_dir():
        shutil.rmtree(target)
    elif target.exists():
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)
    return target
