"""Pictures of trainings, structures, formulas and energies, for files and notebooks.

Each function returns a matplotlib ``Figure`` without a window; docs/figures.md shows them all. Like
those of ``tfmat`` itself, each is imported when it is first used.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tfmat.figures.counting import distinct_structures, reconstruction, uniqueness
    from tfmat.figures.crystal_grid import crystals
    from tfmat.figures.formulas import element_map
    from tfmat.figures.learning import learning_curves
    from tfmat.figures.prediction import predicted_against_true
    from tfmat.figures.relaxing import energies
    from tfmat.figures.structures import distributions

__all__ = [
    "crystals",
    "distinct_structures",
    "distributions",
    "element_map",
    "energies",
    "learning_curves",
    "predicted_against_true",
    "reconstruction",
    "uniqueness",
]

_MODULES = {
    "crystals": "tfmat.figures.crystal_grid",
    "distinct_structures": "tfmat.figures.counting",
    "distributions": "tfmat.figures.structures",
    "element_map": "tfmat.figures.formulas",
    "energies": "tfmat.figures.relaxing",
    "learning_curves": "tfmat.figures.learning",
    "predicted_against_true": "tfmat.figures.prediction",
    "reconstruction": "tfmat.figures.counting",
    "uniqueness": "tfmat.figures.counting",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'tfmat.figures' has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return list(__all__)
