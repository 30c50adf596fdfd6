"""How much disk tfmat and each extra take, from what is installed here: no download.

    python benchmarks/install_size.py

For each extra: the files of all distributions that it requires, directly or not, beside those of
the base. CUDA's libraries, which PyTorch's and TensorFlow's wheels may require, are told apart.
"""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
CUDA = ("nvidia-", "triton", "cuda-")


def closure(name: str, extras: frozenset[str], found: dict[str, frozenset[str]]) -> None:
    """Adds a distribution and all that it requires to what was found."""
    name = canonicalize_name(name)
    if extras | frozenset([""]) <= found.get(name, frozenset()):
        return
    try:
        wanted = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        print(f"  not installed: {name}")
        return
    found[name] = found.get(name, frozenset()) | extras | {""}
    for text in wanted:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in found[name]):
            closure(requirement.name, frozenset(requirement.extras), found)


def size(name: str) -> int:
    """Returns the bytes of a distribution's files, compiled modules included."""
    files = metadata.files(name) or []
    places = [Path(str(file.locate())) for file in files]
    return sum(place.stat().st_size for place in places if place.is_file())


def installed(extra: str = "") -> dict[str, int]:
    """Returns the bytes of each distribution that this clone with an extra requires."""
    found: dict[str, frozenset[str]] = {}
    for text in PROJECT["dependencies"] + (EXTRAS[extra] if extra else []):
        requirement = Requirement(text)
        closure(requirement.name, frozenset(requirement.extras), found)
    return {name: size(name) for name in found}


def main() -> None:
    """Prints a line for the base and for each extra."""
    base = installed()
    print(f"{'base':12} {sum(base.values()) / 1e9:5.2f} GB in {len(base)} distributions")
    for extra in EXTRAS:
        added = {name: bytes_ for name, bytes_ in installed(extra).items() if name not in base}
        cuda = sum(bytes_ for name, bytes_ in added.items() if name.startswith(CUDA))
        largest = sorted(added, key=lambda name: added[name], reverse=True)[:4]
        print(
            f"{extra:12} {sum(added.values()) / 1e9:5.2f} GB more ({cuda / 1e9:.2f} of it CUDA's): "
            + ", ".join(f"{name} {added[name] / 1e6:,.0f} MB" for name in largest)
        )


if __name__ == "__main__":
    main()
