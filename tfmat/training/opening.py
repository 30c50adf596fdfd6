"""Recipe, data and place of a training, as the user asked for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tfmat import families, files
from tfmat.errors import InputError
from tfmat.recipes.loader import to_mapping
from tfmat.training.run import Run
from tfmat.training.run_record import is_run

if TYPE_CHECKING:
    from tfmat.training.chain import Chain, Order

Recipe = TypeVar("Recipe")


def check_new(order: Order) -> None:
    """Refuses a place where no new run can be, before the data are read.

    Args:
        order: What the user asked for.

    Raises:
        InputError: The place is taken, or there is nothing to go on with.
    """
    if order.resume and order.recipe is None and order.source is None:
        raise InputError(
            f"{order.out}: holds no run to resume; mind the name, or leave `resume` out to start "
            "one"
        )
    if (order.out / "run.json").exists() and not order.overwrite:
        raise InputError(
            f"{order.out}: holds a run already; add `resume` to go on with it or `overwrite` to "
            "replace it, or give another `out`"
        )
    files.check_place(order.out, overwrite=order.overwrite, own=is_run)


def asked_recipe(chain: Chain[Recipe, Any], order: Order, model: Run | None) -> Recipe:
    """Loads the recipe that is asked for, or that of a run.

    Args:
        chain: The family.
        order: What the user asked for.
        model: The run that is resumed or reused.
    """
    if order.recipe is not None or model is None:
        name = order.recipe or families.targets()[order.target][1].recipe
    else:
        name = str(model.folder / "recipe.toml")
    settings = list(order.settings)
    if order.data is not None:
        settings.append(f"data.dataset={json.dumps(order.data)}")
    return chain.load_recipe(name, settings, order.target)


def asked_dataset(
    chain: Chain[Recipe, Any], order: Order, recipe: Recipe, model: Run | None
) -> Any:
    """Opens the dataset that is asked for, or that of a run.

    Args:
        chain: The family.
        order: What the user asked for.
        recipe: The recipe.
        model: The run that is resumed or reused.
    """
    if order.data is None and model is not None and order.recipe is None:
        # The recipe names the folder as seen from where the run was started.
        path = Path(model.info["dataset"]["path"])
        if path.exists():
            return chain.open_dataset(path)
    return chain.open_dataset(to_mapping(recipe)["data"]["dataset"])
