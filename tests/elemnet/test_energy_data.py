"""What ElemNet is given: fractions beside pymatgen's, and three parts without a common formula."""

import numpy as np
import pytest
import tiny_energies
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Element

from tfmat.datasets.composition_store import CompositionDataset, CompositionWriter
from tfmat.elemnet.data import HIGHER, OTHER_ELEMENT, UNKNOWN, load_energies
from tfmat.elemnet.fractions import ELEMENTS, fractions, holds
from tfmat.elemnet.recipe import EnergyDataRecipe
from tfmat.errors import InputError
from tfmat.formulas.compositions import Compositions

ENERGY = "formation_energy_per_atom"
SYMBOLS = st.dictionaries(st.sampled_from(ELEMENTS), st.integers(1, 9), min_size=1, max_size=7)


def written(folder, rows):
    """Writes a dataset of mappings from atomic number to atoms, with energies."""
    with CompositionWriter(folder, {"name": "rows", "sha256": "0"}, 8, [ENERGY]) as writer:
        compositions = Compositions.from_mappings(row for row, _ in rows)
        writer.add(compositions, {ENERGY: np.array([energy for _, energy in rows])})
    return CompositionDataset.open(folder)


def test_elements_are_the_published_86():
    # Sci. Rep. 8, 17593: of the first 94 all but eight; MatGAN's 85 and krypton.
    from tfmat.matgan.elements import ELEMENTS as MATGAN

    assert len(ELEMENTS) == 86
    assert set(ELEMENTS) == {*MATGAN, "Kr"}


@given(st.lists(SYMBOLS, min_size=1, max_size=5))
def test_fractions_are_pymatgens(rows):
    compositions = Compositions.from_mappings(
        {Element(symbol).Z: count for symbol, count in row.items()} for row in rows
    )
    assert holds(compositions).all()
    found = fractions(compositions)
    for row, values in zip(rows, found, strict=True):
        wanted = [Composition(row).get_atomic_fraction(symbol) for symbol in ELEMENTS]
        np.testing.assert_allclose(values, wanted, atol=1e-7)


def test_formulas_with_other_elements_are_told_apart():
    rows = [{3: 2, 8: 1}, {2: 1, 8: 1}, {36: 1, 9: 2}, {95: 1, 8: 2}]
    assert holds(Compositions.from_mappings(rows)).tolist() == [True, False, True, False]


@pytest.mark.parametrize("split", ["formula", "system"])
def test_no_formula_is_in_two_parts(tmp_path, split):
    dataset = CompositionDataset.open(tiny_energies.write_dataset(tmp_path / "data"))
    data = load_energies(EnergyDataRecipe(split=split, test_fraction=0.2), dataset, seed=3)
    assert data.left_out == {UNKNOWN: 2}
    names = data.compositions.formulas()
    parts = [{names[row] for row in rows} for rows in (data.train, data.validation, data.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == len(data) == 118
    if split == "system":
        systems = [{Composition(name).chemical_system for name in part} for part in parts]
        assert not systems[0] & systems[2]
        assert not systems[0] & systems[1]
    np.testing.assert_allclose(data.energies, tiny_energies.energies(data.compositions))
    again = load_energies(EnergyDataRecipe(split=split, test_fraction=0.2), dataset, seed=3)
    np.testing.assert_array_equal(again.test, data.test)
    np.testing.assert_array_equal(again.validation, data.validation)


def test_the_lowest_energy_of_a_formula_counts(tmp_path):
    rows = [({3: 2, 8: 1}, -1.0), ({3: 4, 8: 2}, -2.0), ({2: 1}, 0.0)]
    rows += [({11: 1, 8: count}, -0.1 * count) for count in range(1, 12)]
    data = load_energies(EnergyDataRecipe(), written(tmp_path / "data", rows), seed=0)
    assert data.left_out == {OTHER_ELEMENT: 1, HIGHER: 1}
    assert data.energies[data.compositions.formulas().index("Li2O")] == -2.0
    assert "Bi" in data.unseen
    assert "O" not in data.unseen


def test_leave_out_holds_out_what_it_names(tmp_path):
    dataset = CompositionDataset.open(tiny_energies.write_dataset(tmp_path / "data"))
    name = dataset.compositions.formulas()[5]
    recipe = EnergyDataRecipe(split="leave-out", leave_out=(name,))
    data = load_energies(recipe, dataset, seed=0)
    assert data.compositions[data.test].formulas() == [name]


def test_data_without_energies_are_one_line(tmp_path):
    with pytest.raises(InputError, match=r"formulas: has no formation_energy_per_atom") as error:
        load_energies(EnergyDataRecipe(), CompositionDataset.open("formulas"), seed=0)
    assert "\n" not in str(error.value)
    few = written(tmp_path / "few", [({3: 2, 8: 1}, -1.0), ({11: 1}, np.nan)])
    with pytest.raises(InputError, match="1 of 2 formulas have a formation energy"):
        load_energies(EnergyDataRecipe(), few, seed=0)
    with pytest.raises(InputError, match="validation_fraction is 0"):
        EnergyDataRecipe(validation_fraction=0.0)
