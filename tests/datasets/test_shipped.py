"""The datasets that travel with tfmat keep what their cards promise."""

from collections import Counter

import numpy as np

from tfmat.crystals.contacts import shortest_contact
from tfmat.datasets.composition_store import CompositionDataset
from tfmat.datasets.select import select
from tfmat.datasets.splits.copies import families
from tfmat.datasets.store import Dataset


def test_bi_se_is_what_its_card_says():
    dataset = Dataset.open("bi-se")
    dataset.verify()
    assert sum(file.stat().st_size for file in dataset.path.iterdir()) < 2_000_000
    assert set(np.unique(dataset.numbers)) == {34, 83}
    assert select(dataset, 20, 12.0).all()
    extra = dataset.metadata["extra"]
    build = extra["build"]
    first = np.array(dataset.property("screening_formation_energy_per_atom"))
    above = np.array(dataset.property("screening_e_above_hull"))
    second = np.array(dataset.property("formation_energy_per_atom"))
    assert np.isfinite(first).all()
    # What was relaxed again is what lies near the first hull.
    near = above <= build["refinement"]["within"]
    assert (np.isfinite(second) == near).all()
    assert -0.5 < np.nanmin(second) < 0
    assert np.nanmin(dataset.property("e_above_hull")) == 0
    assert "SevenNet" in extra["energies"]["scale"]
    assert "CHGNet" in extra["screening_energies"]["scale"]
    card = (dataset.path / "README.md").read_text("utf-8")
    trained_on = int(select(dataset, 20, 10.0).sum())
    counted = (len(dataset), int(near.sum()), trained_on)
    for number in (*counted, build["structures"], build["refined"]["kept"]):
        assert f"{number:,}" in card
    assert dataset.credit.licence == "CC-BY-4.0"
    assert any(text.startswith("Jain et al.") for text in dataset.credit.attribution)


def test_structures_of_bi_se_are_different_and_atoms_do_not_overlap():
    dataset = Dataset.open("bi-se")
    assert {name.rpartition(":")[2] for name in dataset.ids} == {"0"}
    assert len(np.unique(families(dataset))) > 0.99 * len(dataset)
    assert min(shortest_contact(dataset[index]) for index in range(0, len(dataset), 14)) > 0.75


def test_formulas_are_what_their_card_says():
    dataset = CompositionDataset.open("formulas")
    dataset.verify()
    assert len(dataset) >= 20_000
    assert sum(file.stat().st_size for file in dataset.path.iterdir()) < 1_000_000
    compositions = dataset.compositions
    assert len(np.unique(compositions.keys())) == len(dataset)
    assert compositions.largest_count.max() <= 8
    np.testing.assert_array_equal(compositions.reduced().counts, compositions.counts)
    sizes = Counter(compositions.n_elements.tolist())
    assert sizes == {2: 1091, 3: 12_000, 4: 12_000}
    card = (dataset.path / "README.md").read_text("utf-8")
    for number in (len(dataset), *sizes.values()):
        assert f"{number:,}" in card
    source = dataset.metadata["source"]
    for words in (
        f"--sample {source['sample']}",
        f"--seed {source['seed']}",
        f"smact {source['ions']['smact_version']}",
        f"{source['ions']['count']} ions",
    ):
        assert words in card
