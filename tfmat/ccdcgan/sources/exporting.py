"""The networks and files of a run with sources, as a model package holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.environments.stages import domain_of
from tfmat.ccdcgan.parts import package_tensors, presence_record
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.sources import choices, compositions, slot_gan
from tfmat.ccdcgan.sources.stages import SLOT_GAN, known_crystals, prototypes_file
from tfmat.ccdcgan.sources.store import FILE
from tfmat.training.networks import Networks

if TYPE_CHECKING:
    from tfmat.training.run import Run


def networks(run: Run, recipe: CcdcganRecipe) -> Networks:
    """Loads what a run with sources has trained.

    Args:
        run: The run.
        recipe: Its recipe.
    """
    # Loading needs these layers known to Keras.
    import tfmat.ccdcgan.environments.network
    import tfmat.ccdcgan.sources.slot_network  # noqa: F401
    from tfmat.ccdcgan.sources.network import PromptedWriter  # noqa: F401
    from tfmat.ccdcgan.sources.training import LIKELIHOOD
    from tfmat.ccdcgan.sources.writing import build_writing

    known_crystals(run)  # whole, and what was written
    models: dict[str, Any] = dict(run.networks([compositions.PART]))
    for likelihood in run.networks([LIKELIHOOD]).values():
        models[choices.PART] = build_writing(likelihood, recipe.prompted)
    models |= run.networks([CONSTRAINT])
    files = {FILE: prototypes_file(run)}
    if run.finished(SLOT_GAN):
        models |= run.networks([slot_gan.PART])
        files[slot_gan.FILE] = run.stage_folder(SLOT_GAN) / slot_gan.FILE
    details: dict[str, Any] = {"presence_threshold": presence_record(())}
    if CONSTRAINT in models:
        details["domain"] = domain_of(run)
    return Networks(
        models,
        package_tensors(models, recipe),
        recipe.data.elements,
        details,
        files,
    )
