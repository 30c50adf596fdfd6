"""Pictures of trainings, structures, formulas and energies, for files and notebooks.

Each function returns a matplotlib ``Figure`` without a window; docs/figures.md shows them all.
"""

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
