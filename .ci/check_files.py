#!/usr/bin/env python3
"""Refuses files that must not be committed: large ones, and ones that hold a secret.

Run as ``python .ci/check_files.py [FILE ...]``; without files, over all that git tracks.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 5_000_000  # bytes
# Trained networks: large by nature, and made by hand once a release.
LARGE_ALLOWED = "saved_models/"
# Forms that are certain; a guess by entropy would stop every hash of a data set.
SECRETS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "an AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b(?:gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{50,})",
    "a GitLab token": r"\bglpat-[0-9A-Za-z_-]{20,}",
    "a PyPI token": r"\bpypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{50,}",
    "a Hugging Face token": r"\bhf_[0-9A-Za-z]{34,}\b",
    "a Slack token": r"\bxox[abprs]-[0-9A-Za-z-]{10,}",
    "a Google key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    # A name that says so with a long value: MP_API_KEY = "...", password: '...'.
    "a key or password": r"""(?ix) \b \w* (?: api_?key | secret | token | passw(?:or)?d ) ["']?
        \s* [:=] \s* ["'] (?= [^"']* \d ) [0-9A-Za-z+/=_-]{24,} ["']""",
}
_PATTERNS = {what: re.compile(pattern.encode()) for what, pattern in SECRETS.items()}


def problems(files: list[str]) -> Iterator[str]:
    """Yields a line for each file that is too large or holds a secret.

    Args:
        files: Paths, as seen from the root of the repository.
    """
    for name in files:
        path = ROOT / name
        if path.is_symlink() or not path.is_file():  # removed by the commit
            continue
        size = path.stat().st_size
        if size > LARGEST and not name.startswith(LARGE_ALLOWED):
            yield f"{name}: {size / 1e6:.1f} MB; outside {LARGE_ALLOWED} at most 5 MB"
            continue
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            for what, pattern in _PATTERNS.items():
                if pattern.search(line):
                    yield f"{name}:{number}: looks like {what}"


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.rstrip("\0").split("\0")


def main() -> int:
    """Prints what is wrong; returns 1 if there is anything."""
    found = list(problems(sys.argv[1:] or _tracked()))
    sys.stderr.write("".join(line + "\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
