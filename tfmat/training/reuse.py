"""Which finished stages of another run a new run may take over (``--from``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfmat.errors import InputError
from tfmat.training.run import Run
from tfmat.training.run_record import first_difference


def reusable(
    source: Run,
    recipe: Mapping[str, Any],
    seed: int,
    sha256: str,
    inputs: Mapping[str, Sequence[str]],
) -> tuple[list[str], list[str]]:
    """Finds the finished stages of a run that were trained on the same terms.

    Args:
        source: The other run.
        recipe: The new run's recipe as plain tables.
        seed: The new run's seed.
        sha256: Content hash of the new run's data.
        inputs: For each stage the dotted keys of the recipe that it depends on; other stages are
            not taken.

    Returns:
        Names of the stages, and for those that cannot be taken a reason each.

    Raises:
        InputError: Seed or data differ, or there is nothing to take.
    """
    for what, mine, other in (
        ("seed", seed, source.seed),
        ("data", sha256[:12], source.info["dataset"]["sha256"][:12]),
    ):
        if mine != other:
            raise InputError(
                f"`source` {source.folder}: was trained with other {what} ({other}, not {mine}), "
                f"so its held-out structures are others; use the same {what}, or leave `source` out"
            )
    taken, reasons = [], []
    for name in inputs:
        if not source.finished(name):
            continue
        difference = first_difference(
            _pick(source.recipe, inputs[name]),
            _pick(recipe, inputs[name]),
            # The same data may lie elsewhere; what is predicted matters where it is asked for.
            ignore={"data.dataset", "data.property"} - set(inputs[name]),
        )
        if difference is None:
            taken.append(name)
        else:
            key, other, mine = difference
            reasons.append(f"its {name} was trained with {key} = {other}, not {mine}")
    if not taken:
        reason = reasons[0] if reasons else "it has finished no stage that is of use"
        raise InputError(
            f"`source` {source.folder}: nothing to reuse ({reason}); leave `source` out, or use "
            "its recipe"
        )
    return taken, reasons


def _pick(recipe: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Returns the values of dotted keys."""
    picked = {}
    for key in keys:
        value: Any = recipe
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        picked[key] = value
    return picked
