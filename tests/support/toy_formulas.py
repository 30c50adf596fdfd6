"""A network of formulas that needs neither TensorFlow nor a file, and what judges its formulas."""

import time

import numpy as np

from tfmat.matgan.elements import MAX_COUNT
from tfmat.matgan.generating.generate import FormulaRequest, FormulaSampler
from tfmat.matgan.generating.model import CompositionModel
from tfmat.matgan.validity.checker import ValidityChecker, ValiditySettings


def counts_of(noise):
    """Two elements of ten, with counts: so few formulas that most come again and again."""
    counts = np.zeros((len(noise), 85), np.uint8)
    rows = np.arange(len(noise))
    first = (np.abs(noise[:, 0]) * 5).astype(int) % 6 * 3
    counts[rows, first] = 1 + (np.abs(noise[:, 1]) * 3).astype(int) % MAX_COUNT
    counts[rows, 50 + (np.abs(noise[:, 2]) * 4).astype(int) % 4] = 2
    return counts


def sampler(seed=7, **request):
    """Returns what draws and judges its formulas."""
    model = CompositionModel(
        "toy", "onnx", "1", "0" * 64, "float32", 4, 2, time.thread_time, counts_of, np.asarray,
        lambda made: made.sum(axis=1).astype(np.float32),
    )  # fmt: skip
    checker = ValidityChecker(ValiditySettings(alloys=True))
    return FormulaSampler(model, seed, checker, FormulaRequest(**request), 100)
