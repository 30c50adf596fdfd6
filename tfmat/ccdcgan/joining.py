"""A writer's networks beside those of another run or package that know crystal graphs.

A writer needs no voxels. With the frozen encoders of another training its structures have crystal
graphs all the same, which that training's discriminator, constraints and decoders read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfmat.ccdcgan.codec import ENCODERS, Codec
from tfmat.ccdcgan.environments.parts import PARTS as ENVIRONMENT_PARTS
from tfmat.ccdcgan.parts import package_tensors
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.errors import InputError
from tfmat.inference.keras_weights import load_network
from tfmat.inference.metadata import GENERATE
from tfmat.inference.package import check_file, load
from tfmat.training.chain import Chain, open_run
from tfmat.training.networks import Networks
from tfmat.training.run_record import is_run

# Those that make something of noise, or read no crystal graphs.
_LEFT = {"generator", "writer", GENERATE, *ENVIRONMENT_PARTS}
# Tables of the recipe that say what the networks of crystal graphs take.
_TABLES = ("voxels", "lattice_autoencoder", "sites_autoencoder", "graph", "constraint")


@dataclass(frozen=True)
class _Source:
    """Where the networks of crystal graphs come from."""

    name: str
    recipe: CcdcganRecipe
    elements: tuple[str, ...]
    dataset: Mapping[str, Any]
    models: Mapping[str, Any]
    details: Mapping[str, Any]


def join(
    chain: Chain[Any, Any], networks: Networks, recipe: CcdcganRecipe, place: str | Path
) -> tuple[Networks, CcdcganRecipe]:
    """Adds encoders, decoders, discriminator and constraints of crystal graphs.

    Args:
        chain: That of the family.
        networks: Those of a run with a writer.
        recipe: Its recipe.
        place: The other run, package folder, or name of a package.

    Returns:
        All networks, and the recipe with the other's voxels, autoencoders and crystal graph.

    Raises:
        InputError: The run has no writer; the other has no encoders, no crystal graphs or other
            elements; or its Keras weights are missing or damaged.
    """
    if "writer" not in networks.models:
        raise InputError(f"`encoders` {place}: the run has its own; leave `encoders` out")
    folder = Path(place)
    other = _run(chain, folder) if is_run(folder) else _package(place)
    if other.elements != tuple(networks.elements):
        raise InputError(
            f"`encoders` {place}: has the elements {', '.join(other.elements)}, the run "
            f"{', '.join(networks.elements)}; give one of the same elements in the same order"
        )
    presence = other.details.get("presence_threshold")
    if not presence or not set(ENCODERS) <= set(other.models):
        raise InputError(
            f"`encoders` {place}: has no crystal graphs or no encoders; give a run or package of "
            "tfmat train ccdcgan with a recipe such as quickstart"
        )
    tensors = package_tensors(other.models, other.recipe)
    made = {
        "name": other.name,
        "recipe": other.recipe.name,
        "dataset": {key: other.dataset[key] for key in ("name", "sha256") if key in other.dataset},
    }
    # What is known of the data bounds predictions; the run's own data come first.
    domain = {key: other.details[key] for key in ("domain",) if key in other.details}
    details = {**domain, **networks.details, "presence_threshold": presence, "graphs_from": made}
    joined = Networks(
        {**networks.models, **other.models},
        {**networks.tensors, **tensors},
        networks.elements,
        details,
    )
    return joined, replace(recipe, **{name: getattr(other.recipe, name) for name in _TABLES})


def _run(chain: Chain[Any, Any], folder: Path) -> _Source:
    run = open_run(chain, folder)
    recipe = chain.load_recipe(str(folder / "recipe.toml"), ())
    found = chain.networks(run, recipe)
    return _Source(
        folder.resolve().name,
        recipe,
        tuple(found.elements),
        run.info["dataset"],
        {part: model for part, model in found.models.items() if part not in _LEFT},
        found.details,
    )


def _package(place: str | Path) -> _Source:
    package = load(place, parts=())
    codec, models = Codec.from_package(package), {}
    for part, entry in package.metadata["parts"].items():
        if part in _LEFT:
            continue
        if not (package.folder / entry.get("keras", {}).get("file", "none")).is_file():
            raise InputError(
                f"`encoders` {place}: holds no Keras weights of {part}; export its run with tfmat "
                "export, or give the run or the package's folder in a clone of tfmat's repository"
            )
        check_file(package.folder, part, entry["keras"])
        models[part] = load_network(package.folder / entry["keras"]["file"])
    return _Source(
        package.name,
        codec.recipe,
        codec.layout.elements,
        package.metadata["dataset"],
        models,
        package.metadata,
    )
