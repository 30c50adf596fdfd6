"""What the shipped packages generate from fixed noise, and how it is written down.

``python tests/saved_models/freeze.py`` writes it down again, after new weights were put there.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import generate
from tfmat.crystals.writing import cell_parameters, reduced_formula
from tfmat.inference.metadata import read_metadata
from tfmat.inference.package import load

MODELS = Path(__file__).parents[2] / "saved_models"
FROZEN = Path(__file__).parent / "frozen"
SEED, GRAPHS, FORMULAS = 20, 12, 200
ENERGIES_STEP = 250


def packages() -> list[Path]:
    """Returns the folders of the shipped packages."""
    return sorted(path.parent for path in MODELS.glob("*/metadata.json"))


def generated(folder: Path) -> dict[str, Any]:
    """Generates or predicts from fixed input, as plain JSON values."""
    family = read_metadata(folder)["family"]
    if family == "matgan":
        return {"formulas": _formulas(folder)}
    if family == "elemnet":
        return {"energies": _energies(folder)}
    codec = Codec.from_package(load(folder, threads=1))
    return {"structures": [_structure(result) for result in generate(codec, GRAPHS, SEED)]}


def _formulas(folder: Path) -> list[str]:
    import numpy as np

    from tfmat.matgan.generating.model import CompositionModel
    from tfmat.matgan.matrix import from_counts

    model = CompositionModel.load(folder, backend="onnx", threads=1)
    noise = np.random.default_rng(SEED).standard_normal((FORMULAS, model.latent), np.float32)
    return [str(formula) for formula in from_counts(model.read(model.generate(noise))).formulas()]


def _energies(folder: Path) -> dict[str, float | None]:
    """Predicts formulas that ship and some that are none of its elements, eV/atom."""
    from tfmat.datasets.composition_store import CompositionDataset
    from tfmat.elemnet.model import EnergyModel

    some = CompositionDataset.open("formulas").compositions[::ENERGIES_STEP].formulas()
    formulas = [*some, "Fe", "CuAu", "KrF2", "HeO", "RaCl2"]
    found = EnergyModel.load(folder).predict(formulas)
    return {
        formula: round(float(energy), 5) if math.isfinite(energy) else None
        for formula, energy in zip(formulas, found, strict=True)
    }


def _structure(result: Any) -> dict[str, Any]:
    record = {
        "status": result.status,
        "latent_sha256": result.latent_sha256,
        "properties": {name: round(value, 4) for name, value in result.properties.items()},
    }
    if result.source:
        record |= {"source": result.source, "prototype": result.prototype}
    if result.crystal is not None:
        record |= {
            "formula": reduced_formula(result.crystal),
            "atoms": len(result.crystal),
            "cell": [round(float(value), 3) for value in cell_parameters(result.crystal)],
            "min_distance": round(result.min_distance, 3),
        }
    return record


def main() -> None:
    """Writes one file for each package."""
    FROZEN.mkdir(exist_ok=True)
    for folder in packages():
        text = json.dumps(generated(folder), indent=1, ensure_ascii=False)
        (FROZEN / f"{folder.name}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
