"""Pictures of a CCDCGAN's training and of what it generates, drawn without TensorFlow."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmat.ccdcgan.graph import GraphLayout
from tfmat.ccdcgan.recipe import CcdcganRecipe
from tfmat.ccdcgan.training.graphs import CrystalGraphs, network_inputs
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.generated import FRAMES
from tfmat.datasets.importing import ImportOptions
from tfmat.datasets.properties import unit_of
from tfmat.datasets.sources import read_source
from tfmat.datasets.store import Dataset
from tfmat.datasets.trained_on import trained_on
from tfmat.figures.crystal_grid import crystals
from tfmat.figures.prediction import predicted_against_true, write_predictions
from tfmat.figures.structures import distributions
from tfmat.figures.writing import Pictures
from tfmat.formulas.compositions import symbols
from tfmat.inference.package import NetworkSet, load
from tfmat.recipes.loader import build
from tfmat.training.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Crystals that are shown one by one.
_SHOWN = 12
# Structures that are measured: the first of those generated, of more data every so-manyth.
_MEASURED = 20_000
# Crystal graphs that a constraint sees at once.
_BATCH = 256


def run_pictures(run: Path) -> Pictures:
    """Returns the pictures of a run: for each constraint predictions against the truth.

    They come from the network as it is exported, for the structures that were held out, and are
    written as a table, too.

    Args:
        run: The run folder.
    """
    opened = Run.open(run)
    return {
        name: partial(_constraint, run, name)
        for name in opened.info["stages"]
        if name.startswith("constraint") and opened.finished(name) and opened.finished("export")
    }


def _constraint(run: Path, part: str, folder: Path) -> Figure:
    package = load(run, parts=(part,))
    prop = str(package.metadata["parts"][part]["property"])
    opened = Run.open(run)
    recipe = build(CcdcganRecipe, opened.recipe)
    layout = GraphLayout.from_recipe(recipe, recipe.data.elements)
    data = CrystalGraphs.open(opened, layout)
    inputs = network_inputs(recipe, data)
    values = data.property(prop)
    rows = data.test[np.isfinite(values[data.test])]
    parts = [
        package.run(part, inputs[rows[start : start + _BATCH]])
        for start in range(0, len(rows), _BATCH)
    ]
    predicted = np.concatenate([part.reshape(-1) for part in parts] or [np.zeros(0)])
    write_predictions(folder / f"{part}.csv", rows, values[rows], predicted)
    return predicted_against_true(values[rows], predicted, prop, unit_of(prop) or "")


def generated_pictures(folder: Path, package: NetworkSet) -> Pictures:
    """Returns the pictures of generated structures: the first ones, and all against the data.

    Args:
        folder: The folder that ``tfmat generate`` writes, with the structures in it.
        package: The networks that made them.
    """
    if not (folder / FRAMES).stat().st_size:
        return {}
    first = ImportOptions(limit=_MEASURED)
    made = [entry.crystal for entry in read_source(folder / FRAMES, first).entries]
    found = [crystal for crystal in made if crystal is not None]
    return {
        "structures": lambda _: _against_data(found, package),
        "crystals": lambda _: crystals(found[:_SHOWN]),
    }


def _against_data(made: list[Crystal], package: NetworkSet) -> Figure:
    metadata = package.metadata
    dataset = trained_on(metadata, getattr(package, "folder", None))
    name = str(metadata.get("dataset", {}).get("name", "data"))
    if not isinstance(dataset, Dataset):
        return distributions(made, name=name, ranges=_ranges(metadata))
    rows = _rows(dataset, metadata)
    known = [dataset[row] for row in rows.tolist()]
    return distributions(made, known, name=name)


def _rows(dataset: Dataset, metadata: dict[str, Any]) -> Any:
    """Returns rows of structures as the model takes them: no larger, and of its elements."""
    numbers = [symbols().index(symbol) for symbol in metadata["elements"]]
    most = metadata["recipe"]["data"]["max_atoms"]
    offsets = np.asarray(dataset.offsets)
    atoms = np.diff(offsets)
    foreign = np.add.reduceat(~np.isin(np.asarray(dataset.numbers), numbers), offsets[:-1])
    rows = np.flatnonzero((atoms <= most) & (foreign == 0))
    return rows[:: -(-len(rows) // _MEASURED) or 1]


def _ranges(metadata: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Returns where most training structures lie, if a package says so."""
    domain = metadata.get("domain") or {}
    return {
        name: (float(domain[name][0]), float(domain[name][1]))
        for name in ("shortest_contact", "volume_per_atom")
        if name in domain
    }
