"""The pictures of ``tfmat evaluate compositions``, named after the figures of paper 000."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfmat.evaluation.formulas.maps import MapSettings, decoded_and_not, draw_map
from tfmat.evaluation.formulas.measure import MANY, References
from tfmat.evaluation.formulas.sources import BASELINES, TRAINING
from tfmat.figures.counting import uniqueness_of
from tfmat.figures.judged_formulas import recovery, validity
from tfmat.figures.outlines import outlines
from tfmat.metric import Metric, read_metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tfmat.evaluation.formulas.decodability import Decodability
    from tfmat.figures.writing import Pictures
    from tfmat.formulas.compositions import Compositions

_PANELS = {
    "recovery_training": "training formulas found again",
    "recovery_held_out": "held-out formulas found again",
    "novelty": "generated formulas that are new",
}


def pictures_of(
    summary: Mapping[str, Any],
    sets: Mapping[str, Compositions] | None = None,
    references: References | None = None,
    coder: Decodability | None = None,
    maps: MapSettings | None = None,
) -> Pictures:
    """Returns what there is to draw: what was not measured has no picture.

    Args:
        summary: As ``tfmat evaluate compositions --json`` prints it.
        sets: The distinct formulas of each set, for maps.
        references: What they were compared with, for maps.
        coder: What decoded the training formulas, if anything did.
        maps: How maps are drawn; none are by default.
    """
    metrics = read_metrics(summary)
    found: dict[str, Any] = {
        "fig4a-validity": lambda _: validity(_validity(metrics), (*BASELINES, TRAINING)),
        "fig5a-uniqueness": lambda _: uniqueness_of(summary),
    }
    if panels := _by_size(metrics):
        found["fig5b-recovery"] = lambda _: recovery(panels)
    if "energies" in summary:
        found["fig4b-energies"] = lambda _: _energies(summary)
    if maps is not None and references is not None:
        found |= _maps(sets or {}, references, coder, maps)
    return found


def _maps(
    sets: Mapping[str, Compositions],
    references: References,
    coder: Decodability | None,
    settings: MapSettings,
) -> dict[str, Any]:
    known = {} if references.training is None else {TRAINING: references.training.compositions}
    if references.held_out is not None:
        known["held out"] = references.held_out.compositions
    made = {name: found for name, found in sets.items() if name not in (*known, *BASELINES)}
    found: dict[str, Any] = {
        "fig3-map": lambda folder: draw_map({**known, **made}, settings, folder, "fig3-map")
    }
    if coder is not None and references.training is not None:
        parts = decoded_and_not(known[TRAINING], coder.decoded["training"], settings)
        name = "fig7-decodable"
        found[name] = lambda folder: draw_map(parts, settings, folder, name)
    return found


def _energies(summary: Mapping[str, Any]) -> Figure:
    results = summary["results"]
    element = summary["energies"]["element"]
    words = f"predicted formation energy{f' of {element} compounds' * bool(element)} (eV/atom)"
    counts = {one["name"]: one["energies"]["counts"] for one in results}
    edges = results[0]["energies"]["edges"]
    return outlines(edges, counts, words, TRAINING, BASELINES, mark=0.0)


def _validity(metrics: list[Metric]) -> dict[str, tuple[float, float]]:
    shares: dict[str, dict[str, float]] = {}
    for metric in metrics:
        if metric.name in ("neutral", "balanced") and set(metric.subset) == {"set"}:
            shares.setdefault(str(metric.subset["set"]), {})[metric.name] = metric.value or 0.0
    return {name: (both["neutral"], both["balanced"]) for name, both in shares.items()}


def _by_size(metrics: list[Metric]) -> dict[str, dict[str, dict[str, float]]]:
    """Returns shares by number of elements; the training set finds all of itself, nothing new."""
    panels: dict[str, dict[str, dict[str, float]]] = {}
    for metric in metrics:
        size, name = metric.subset.get("n_elements"), str(metric.subset.get("set"))
        whole = set(metric.subset) == {"set", "n_elements"} and size != MANY
        if metric.name in _PANELS and whole and name != TRAINING:
            sets = panels.setdefault(_PANELS[metric.name], {})
            sets.setdefault(name, {})[str(size)] = metric.value or 0.0
    return {title: panels[title] for title in _PANELS.values() if title in panels}
