"""Magpie features beside matminer's own, and the study of band gaps on made-up gaps."""

import warnings
from pathlib import Path

import numpy as np
import programs
import pytest
import tiny_compositions

from tfmat.datasets.composition_store import CompositionDataset, CompositionWriter
from tfmat.formulas.parsing import parse_formulas
from tfmat.metric import find

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def program():
    return programs.program(Path(__file__).parents[2] / "benchmarks" / "band_gaps.py")


def test_features_are_those_of_matminer(program):
    composite = pytest.importorskip("matminer.featurizers.composition.composite")
    from pymatgen.core import Composition

    names = ["LiFePO4", "NaCl", "SiO2", "CaTiO3", "Bi2Se3"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        preset = composite.ElementProperty.from_preset("magpie")
        wanted = [preset.featurize(Composition(name)) for name in names]
    found = program.magpie(parse_formulas(names).compositions, program.element_table())
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_statistics_by_hand(program):
    # One property: 10 x the atomic number. Li2O: 30, 30, 80.
    table = 10.0 * np.arange(104)[:, None]
    (row,) = program.magpie(parse_formulas(["Li2O"]).compositions, table)
    mean = (2 * 30 + 80) / 3
    deviation = (2 * abs(30 - mean) + abs(80 - mean)) / 3
    np.testing.assert_allclose(row, [30, 80, 50, mean, deviation, 30])
    (row,) = program.magpie(parse_formulas(["NaCl"]).compositions, table)
    assert row[-1] == 110  # the smaller of two as frequent ones


def test_the_study_learns_and_draws(program, tmp_path, monkeypatch):
    monkeypatch.setattr(
        program, "element_table", lambda: np.column_stack([np.arange(104.0), np.arange(104) == 8])
    )
    compositions = tiny_compositions.compositions(200)
    oxygen = (compositions.numbers == 8).any(axis=1)
    with CompositionWriter(tmp_path / "gaps", {"name": "gaps"}, 8, ["band_gap"]) as writer:
        writer.add(compositions, {"band_gap": np.where(oxygen, 5.0, 1.0)})
    known = CompositionDataset.open(tmp_path / "gaps")
    sets = {"made": parse_formulas(["Li2O", "MgO", "NaCl"]).compositions}
    metrics, found = program.study(known, sets, 0, 1000, 1000)
    assert find(metrics, "test_mae").value < 0.2 * find(metrics, "test_mae_mean").value
    assert find(metrics, "wide", set="made").numerator == 2
    assert len(found["made"]) == 3
    program.draw(found, tmp_path)
    assert (
        (tmp_path / "fig6-band-gaps.csv").read_text().startswith("from_ev,true gaps,held out,made")
    )
