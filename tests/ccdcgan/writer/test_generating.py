"""The noise of attempts, and that writing needs no TensorFlow."""

import subprocess
import sys

import numpy as np

from tfmat.ccdcgan.writer.generating import attempts_of
from tfmat.ccdcgan.writer.noise import noise_length
from tfmat.ccdcgan.writer.recipe import WriterRecipe
from tfmat.ccdcgan.writer.tokens import CELL


def test_attempts_share_cells_and_nothing_else():
    recipe = WriterRecipe(cells=3, places=2, attempts=5, same_cell=2)
    noise = np.random.default_rng(0).standard_normal((4, 5, noise_length(recipe, 6)), np.float32)
    before = noise.copy()
    found = attempts_of(noise, recipe)
    assert np.array_equal(noise, before)
    cells = CELL * recipe.cells
    assert np.array_equal(found[:, :, cells:], noise[:, :, cells:])
    assert np.array_equal(found[:, :, :cells], noise[:, [0, 0, 2, 2, 4], :cells])


def test_a_crystal_takes_numbers_for_cells_and_all_places():
    recipe = WriterRecipe(cells=3, places=2)
    assert noise_length(recipe, 6) == 3 * 6 + 5 * 2 * 3


def test_writing_needs_no_tensorflow():
    code = (
        "import sys, tfmat.ccdcgan.writer.generating, tfmat.ccdcgan.generate\n"
        "assert not {'keras', 'tensorflow', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
