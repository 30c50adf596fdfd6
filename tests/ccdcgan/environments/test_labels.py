"""Labels against ASE, resumed and whole; what is disturbed, and what is rejected."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from tfmat.ccdcgan.environments import labels
from tfmat.ccdcgan.environments.labels import (
    Disturbance,
    Labels,
    Sample,
    disturbed,
    energy_of,
    label,
)
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.relaxation.potentials.registry import find_potential


def crystal(symbols: str, edge: float) -> Crystal:
    atoms = bulk("Cu", "fcc", a=edge, cubic=True)
    atoms.symbols = symbols
    return Crystal(atoms.cell.array, atoms.positions, atoms.numbers.astype(np.uint8))


def samples() -> list[Sample]:
    relaxed = [
        Sample(f"r{number}", "relaxed", crystal(symbols, 3.7))
        for number, symbols in enumerate(("Cu3Au", "Cu2Au2", "CuAu3"))
    ]
    written = [Sample("w", "written", crystal("Cu3Au", 4.3))]
    return [*relaxed, *disturbed(relaxed, Disturbance(copies=2)), *written]


def written_by(tmp_path, given, name="labels", **options):
    source = {"name": "test"}
    out = tmp_path / name
    cache = tmp_path / "cache"
    return label(given, out, find_potential("emt"), source=source, cache=cache, **options)


def test_energies_are_those_of_the_potential_less_those_of_the_elements(tmp_path):
    given = samples()
    summary = written_by(tmp_path, given)
    dataset = Dataset.open(tmp_path / "labels")
    assert summary["structures"] == {"relaxed": 3, "disturbed": 6, "written": 1}
    assert summary["potential"]["name"] == "EMT"
    assert summary == dataset.metadata["extra"]["labels"]
    references = dataset.metadata["extra"]["energies"]["references"]
    found = Labels.open(tmp_path / "labels")
    assert [labels.KINDS[kind] for kind in found.kinds] == [sample.kind for sample in given]
    assert list(dataset.ids) == [sample.identifier for sample in given]
    for sample, energy in zip(given, found.energies, strict=True):
        atoms = sample.crystal.to_atoms()
        atoms.calc = EMT()
        own = [references[symbol]["energy_per_atom"] for symbol in atoms.get_chemical_symbols()]
        assert energy == pytest.approx(atoms.get_potential_energy() / len(atoms) - np.mean(own))


def test_a_potential_as_a_function_gives_the_labels(tmp_path):
    given = samples()
    written_by(tmp_path, given)
    alone = Crystal(20 * np.eye(3), np.zeros((1, 3)), np.array([29], np.uint8))
    function = energy_of(find_potential("emt"), (29, 79), tmp_path / "cache")
    found = function([*(sample.crystal for sample in given), alone])
    np.testing.assert_allclose(found[:-1], Labels.open(tmp_path / "labels").energies)
    assert np.isnan(found[-1])


def test_what_has_no_energy_is_kept_aside_with_its_reason(tmp_path):
    alone = Crystal(20 * np.eye(3), np.zeros((1, 3)), np.array([29], np.uint8))
    near = Crystal(4 * np.eye(3), np.array([[0, 0, 0], [0, 0, 0.2]]), np.array([29, 29], np.uint8))
    unknown = crystal("Cu3W", 4.0)
    bad = [Sample(f"bad-{n}", "written", c) for n, c in enumerate((alone, near, unknown))]
    summary = written_by(tmp_path, [*samples(), *bad])
    assert summary["structures"] == {"relaxed": 3, "disturbed": 6, "written": 1}
    assert sum(summary["rejected"].values()) == 3
    text = (tmp_path / "labels" / "rejected.csv").read_text()
    for name, reason in (("bad-0", "isolated"), ("bad-1", "too close"), ("bad-2", "W")):
        (line,) = [line for line in text.splitlines() if name in line]
        assert reason in line
    with pytest.raises(InputError, match="none of 3 structures has an energy"):
        written_by(tmp_path, bad, "none")
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "none.work").exists()


def test_a_killed_labelling_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "_CHUNK", 4)
    written_by(tmp_path, samples(), "whole")
    asked = []
    points = labels.single_points

    def killed(calculator, crystals, *, potential):
        asked.append(len(crystals))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return points(calculator, crystals, potential=potential)

    monkeypatch.setattr(labels, "single_points", killed)
    with pytest.raises(KeyboardInterrupt):
        written_by(tmp_path, samples())
    assert not (tmp_path / "labels").exists()
    with pytest.raises(InputError, match="unfinished work with other settings"):
        written_by(tmp_path, samples()[1:])
    written_by(tmp_path, samples())
    assert asked == [4, 4, 4, 2]
    assert not (tmp_path / "labels.work").exists()
    one, other = (Labels.open(tmp_path / name) for name in ("whole", "labels"))
    np.testing.assert_array_equal(one.energies, other.energies)


def test_a_copy_depends_on_seed_and_name_alone_and_stays_within_bounds():
    relaxed = samples()[:3]
    disturbance = Disturbance(copies=5, strain=0.05, displacement=0.3)
    found = disturbed(relaxed, disturbance)
    assert len(found) == 15
    again = disturbed(relaxed[1:2], disturbance)
    for one, other in zip(found[5:10], again, strict=True):
        assert one.identifier == other.identifier
        np.testing.assert_array_equal(one.crystal.positions, other.crystal.positions)
    other_seed = disturbed(relaxed, Disturbance(copies=5, seed=1))
    assert (found[0].crystal.lattice != other_seed[0].crystal.lattice).any()
    for number, copy in enumerate(found):
        base = relaxed[number // 5].crystal
        strain = np.linalg.inv(base.lattice) @ copy.crystal.lattice - np.eye(3)
        assert np.abs(strain).max() <= 0.05 + 1e-12
        moved = copy.crystal.positions - base.positions @ (np.eye(3) + strain)
        assert np.linalg.norm(moved, axis=1).max() <= 0.3 + 1e-12


def test_a_dataset_with_energies_is_relaxed():
    found = Labels.open("bi-se")
    assert len(found) == len(found.energies) == len(found.kinds)
    assert (found.kinds == 0).all()
