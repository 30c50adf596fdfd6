"""Runs the code of docs/onnx.md, as it stands there, and compares with tfmat."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import random_matgan
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Structure

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import generate
from tfmat.inference.noise import block_noise, vector_noise
from tfmat.inference.package import load
from tfmat.matgan.generating.model import CompositionModel

pytestmark = pytest.mark.train
PAGE = Path(__file__).parents[1] / "docs" / "onnx.md"


@pytest.fixture(scope="module")
def place(tmp_path_factory, known_package, crystals_package):
    """A working folder with the packages of the page."""
    place = tmp_path_factory.mktemp("place")
    models = place / "saved_models"
    models.mkdir()
    shutil.copytree(known_package, models / "ccdcgan-bi-se-compact")
    shutil.copytree(crystals_package, models / "ccdcgan-plus")
    random_matgan.make_run(place / "run")
    (place / "run" / "package").rename(models / "matgan-plus-icsd-filter")
    return place


@pytest.fixture(scope="module")
def found(place):
    """The variables after all blocks have run one after another, and what was printed."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 5
    states = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        space: dict[str, object] = {}
        for block in blocks:
            exec(compile(block, str(PAGE), "exec"), space)
            states.append(dict(space))
    return states


def test_structures_are_those_of_tfmat(place, found):
    codec = Codec.from_package(load(place / "saved_models" / "ccdcgan-bi-se-compact", threads=1))
    space = found[0]
    np.testing.assert_array_equal(space["noise"], vector_noise(7, 0, 20, 8))
    results = list(generate(codec, 20, 7))
    expected = {i: result for i, result in enumerate(results) if result.crystal is not None}
    assert expected.keys() == space["structures"].keys()
    assert {len(result.crystal) for result in expected.values()} == {2, 3, 5}
    matcher = StructureMatcher(ltol=0.01, stol=0.03, angle_tol=0.5)
    for i, result in expected.items():
        crystal = result.crystal
        structure = Structure(
            crystal.lattice, crystal.numbers, crystal.positions, coords_are_cartesian=True
        )
        assert matcher.fit(space["structures"][i], structure)
        written = Structure.from_file(place / f"structure-{i}.cif")
        assert matcher.fit(written, structure)
        energy = result.properties["formation_energy_per_atom"]
        assert space["made"]["formation_energy"][i, 0] == pytest.approx(energy, rel=1e-5, abs=1e-5)


def test_tensorflow_gives_what_onnx_runtime_gives(found):
    made, other = found[0]["made"], found[1]["made_by_tensorflow"]
    assert made.keys() == other.keys()
    for name, array in made.items():
        np.testing.assert_allclose(other[name], array, rtol=1e-5, atol=1e-5, err_msg=name)


def test_screening_takes_the_lowest_energies(place, found):
    space = found[2]
    package = load(place / "saved_models" / "ccdcgan-bi-se-compact", threads=1)
    whole = package.run_all("generate", space["noise"][space["best"]])
    lowest = np.sort(space["energies"][:, 0])[:5]
    np.testing.assert_allclose(whole["formation_energy"][:, 0], lowest, rtol=1e-5, atol=1e-5)


def test_formulas_are_those_of_tfmat(place, found):
    package = place / "saved_models" / "matgan-plus-icsd-filter"
    model = CompositionModel.load(package, backend="onnx", threads=1)
    counts = model.read(model.generate(block_noise(7, 0, 1000, model.latent)))
    size = np.count_nonzero(counts, axis=1)
    elements = model_elements(package)
    expected = [
        Composition(dict(zip(elements, map(int, row), strict=True))).reduced_formula
        for row in counts[(size >= 2) & (size <= 8)]
    ]
    assert len(expected) > 100
    assert found[3]["formulas"] == expected


def test_crystals_are_the_first_attempts_of_tfmat(place, found):
    codec = Codec.from_package(load(place / "saved_models" / "ccdcgan-plus", threads=1))
    results = [result.crystal for result in generate(codec, 20, 7)]
    crystals = found[4]["crystals"]
    assert 5 < len(crystals) <= sum(crystal is not None for crystal in results)
    for i, structure in crystals.items():
        np.testing.assert_allclose(structure.lattice.matrix, results[i].lattice, atol=1e-5)
        np.testing.assert_allclose(structure.cart_coords, results[i].positions, atol=1e-5)
        assert structure.atomic_numbers == tuple(results[i].numbers.tolist())


def model_elements(package):
    return load(package).metadata["elements"]
