"""Coverage of the MP-20 protocol, against distances by hand and matminer itself."""

import json

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

import tfmat
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError, MissingExtraError
from tfmat.evaluation.structures.coverage import Fingerprints, fingerprints, near
from tfmat.metric import metric_of


def by_hand(made, known):
    """Returns what is near, pair by pair."""
    mean, deviation = known.compositions.mean(axis=0), known.compositions.std(axis=0)
    recall = np.zeros((2, len(known.structures)), bool)
    precision = np.zeros((2, len(made.structures)), bool)
    for row in range(len(made.structures)):
        for other in range(len(known.structures)):
            apart = np.linalg.norm(made.structures[row] - known.structures[other])
            scaled = (made.compositions[row] - known.compositions[other]) / deviation
            close = apart <= 0.4, np.linalg.norm(scaled) <= 10
            for kind in (0, 1):
                recall[kind, other] |= close[kind]
                precision[kind, row] |= close[kind]
    assert mean.shape == deviation.shape
    return recall.all(axis=0), precision.all(axis=0)


def test_near_is_what_it_is_by_hand():
    random = np.random.default_rng(2)
    made = Fingerprints(random.uniform(0, 1, (30, 5)), random.normal(0, 3, (30, 20)))
    known = Fingerprints(random.uniform(0, 1, (25, 5)), random.normal(0, 2, (25, 20)))
    recall, precision = near(made, known)
    expected = by_hand(made, known)
    assert recall.tolist() == expected[0].tolist()
    assert precision.tolist() == expected[1].tolist()
    assert 0 < recall.sum() < 25
    assert 0 < precision.sum() < 30


def test_who_has_no_fingerprint_is_near_none_and_counts():
    one = Fingerprints(np.array([[0.1], [np.nan]]), np.array([[1.0], [2.0]]))
    recall, precision = near(one, Fingerprints(np.array([[0.1]] * 2), np.array([[1.0], [3.0]])))
    assert recall.tolist() == [True, True]
    assert precision.tolist() == [True, False]
    nothing = Fingerprints(np.zeros((0, 1)), np.zeros((0, 1)))
    assert [part.tolist() for part in near(nothing, one)] == [[False, False], []]


def test_it_needs_known_structures_and_matminer(monkeypatch):
    made = [Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])]
    with pytest.raises(InputError, match="`against`"):
        tfmat.evaluate_structures(made, coverage=3)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="coverage"):
        tfmat.evaluate_structures(made, "bi-se", coverage=3)


def test_fingerprints_are_those_of_matminer(tmp_path):
    site = pytest.importorskip("matminer.featurizers.site.fingerprint")
    composite = pytest.importorskip("matminer.featurizers.composition.composite")
    data = Dataset.open("bi-se")
    crystals = [data[row] for row in (0, 300, 900)]
    found = fingerprints(crystals)
    for row, crystal in enumerate(crystals):
        structure = crystal.to_structure()
        sites = site.CrystalNNFingerprint.from_preset("ops")
        mean = np.mean([sites.featurize(structure, at) for at in range(len(structure))], axis=0)
        assert found.structures[row] == pytest.approx(mean)
        magpie = composite.ElementProperty.from_preset("magpie")
        assert found.compositions[row] == pytest.approx(magpie.featurize(structure.composition))
    with DatasetWriter(tmp_path / "known", {"name": "known"}) as writer:
        for row, crystal in enumerate(crystals):
            writer.add(crystal, str(row))
    summary = tfmat.evaluate_structures(data_of(crystals), tmp_path / "known", coverage=5)
    json.dumps(summary, allow_nan=False)
    # Of themselves all are near; those that smact refuses are not compared.
    valid = metric_of(summary, "valid").numerator
    precision = metric_of(summary, "coverage_precision", against="known")
    assert (precision.numerator, precision.denominator) == (valid, valid)
    assert metric_of(summary, "coverage_recall", against="known").denominator == 3


def data_of(crystals):
    return [crystal.to_structure() for crystal in crystals]


def test_an_odd_element_has_no_fingerprint():
    pytest.importorskip("matminer")
    odd = Crystal.from_arrays(np.eye(3) * 4, [[0.0, 0, 0]], [118])
    assert fingerprints([odd]).known.tolist() == [False]
