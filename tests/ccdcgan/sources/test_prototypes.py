"""Contents, prototypes, volumes and the file that holds them."""

import numpy as np
import pytest
from ase.data import atomic_numbers
from pymatgen.core import Composition, Element

from tfmat.ccdcgan.element_descriptors import descriptors, properties, unlikeness
from tfmat.ccdcgan.sources.contents import SLOTS, Contents, contents_of
from tfmat.ccdcgan.sources.source import PrototypeSource, Wanted
from tfmat.ccdcgan.sources.store import KnownCrystals
from tfmat.ccdcgan.sources.validity import smact_valid
from tfmat.crystals.contacts import volume_per_atom
from tfmat.crystals.matching import match_rms, matchers
from tfmat.errors import InputError


def contents(*formulas):
    return Contents.of(
        [
            {atomic_numbers[str(symbol)]: int(count) for symbol, count in Composition(text).items()}
            for text in formulas
        ]
    )


def test_slots_are_ordered_by_atoms_electronegativity_number():
    found = contents("O4Li2Co2")
    names = [Element.from_Z(number).symbol for number in found.numbers[0] if number]
    assert names == ["Li", "Co", "O"]
    assert found.counts[0].tolist() == [2, 2, 4, 0, 0]
    assert found.formula(0) == "LiCoO2"
    assert found.atoms(0).tolist() == [3, 3, 27, 27, 8, 8, 8, 8]


def test_a_table_of_counts_gives_the_same():
    random = np.random.default_rng(0)
    elements = [3, 8, 27, 34, 72, 83, 11]
    table = random.integers(0, 4, (200, 7)) * (random.random((200, 7)) < 0.5)
    table = table[((table > 0).sum(axis=1) <= SLOTS) & (table.sum(axis=1) > 0)]
    one_by_one = Contents.of(
        [{z: int(n) for z, n in zip(elements, row, strict=True) if n} for row in table]
    )
    at_once = Contents.of_counts(table, elements)
    assert np.array_equal(at_once.numbers, one_by_one.numbers)
    assert np.array_equal(at_once.counts, one_by_one.counts)


def test_fractions_are_those_of_pymatgen():
    found = contents("Hf2Co7").fractions()[0]
    wanted = Composition("Hf2Co7").fractional_composition
    assert {Element.from_Z(z).symbol: found[z] for z in np.flatnonzero(found)} == pytest.approx(
        {str(symbol): share for symbol, share in wanted.items()}
    )


def test_elements_that_chemists_call_alike_are_near():
    def apart(one, other):
        return unlikeness()[atomic_numbers[one], atomic_numbers[other]]

    assert apart("Hf", "Zr") < apart("Hf", "Ti") < apart("Hf", "O")
    assert apart("Cl", "Br") < apart("Cl", "Na")
    assert np.isfinite(descriptors()).all()
    assert np.isfinite(properties()).all()
    difference = descriptors()[72].astype(float) - descriptors()[40]
    assert apart("Hf", "Zr") == pytest.approx(float(difference @ difference), rel=1e-4)


def test_the_nearest_of_the_same_counts_by_looking_at_all(known):
    wanted = contents("KCl", "Cu3Pt", "NaI", "Ti5O9")
    found = known.prototypes.nearest(wanted, 4)
    table, mine = unlikeness(), known.prototypes.contents
    for row in range(3):
        same = np.flatnonzero((mine.counts == wanted.counts[row]).all(axis=1))
        far = table[wanted.numbers[row], mine.numbers[same]].sum(axis=1)
        order = same[np.lexsort((same, far))][:4]
        assert found[row].tolist() == order.tolist()
    assert (found[3] == -1).all()


def test_a_barred_formula_is_no_prototype_of_itself(known):
    own = known.prototypes.contents.formula_labels()
    found = known.prototypes.nearest(known.prototypes.contents, 3, own, own)
    there = found >= 0
    assert there.any()
    assert (own[found] != own[:, None])[there].all()


def test_multiples_of_a_formula_have_one_label():
    first, second, third = contents("LiFeO2", "Li2Fe2O4", "LiFeO4").formula_labels()
    assert first == second != third


def test_a_prototype_of_its_own_composition_is_the_crystal_itself(known, crystals):
    judges = matchers()
    for row in (0, 11, 16):
        atoms = known.prototypes.contents.atoms(row)
        made = known.prototypes.crystal(row, atoms, float(known.prototypes.volumes()[row]))
        assert match_rms(crystals[row], made, judges) is not None
        assert volume_per_atom(made) == pytest.approx(volume_per_atom(crystals[row]), rel=1e-5)


def test_the_source_names_the_crystal_and_scales_the_cell(known):
    wanted = contents("KCl")
    nearest = known.prototypes.nearest(wanted, 2)
    volumes = known.volume.predict(wanted)
    (made,) = PrototypeSource(known).make(Wanted(wanted, volumes, nearest, np.zeros((1, 0))), 2)
    for candidate, row in zip(made, nearest[0], strict=True):
        assert candidate.prototype == known.prototypes.ids[row]
        assert sorted(candidate.crystal.numbers.tolist()) == [17, 19]
        own = known.prototypes.volumes()[row] / known.predicted[row]
        assert volume_per_atom(candidate.crystal) == pytest.approx(volumes[0] * own**0.6)


def test_volumes_are_learned(known):
    true = np.log(known.prototypes.volumes())
    off = np.log(known.predicted) - true
    assert np.abs(off).mean() < 0.6 * np.abs(true - true.mean()).mean()


def test_the_file_brings_back_what_was_written(known, tmp_path):
    known.save(tmp_path / "known.npz")
    again = KnownCrystals.open(tmp_path / "known.npz")
    assert again.prototypes.ids == known.prototypes.ids
    assert np.array_equal(again.prototypes.fractional, known.prototypes.fractional)
    assert np.array_equal(again.predicted, known.predicted)


@pytest.mark.parametrize("part", ["numbers", "fractional", "ids", "volume_weights"])
def test_a_damaged_file_is_said_in_one_line(known, tmp_path, part):
    known.save(tmp_path / "known.npz")
    with np.load(tmp_path / "known.npz") as stored:
        arrays = dict(stored)
    arrays[part] = arrays[part][: -9 if part == "ids" else -1]
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError, match=r"bad\.npz") as error:
        KnownCrystals.open(tmp_path / "bad.npz")
    assert "\n" not in str(error.value)


def test_smact_is_asked_as_it_is():
    from smact.screening import smact_validity

    formulas = ["LiCoO2", "Li3CoO7", "Co2Hf", "NaCl3", "KXe"]
    wanted = [smact_validity(text, oxidation_states_set="smact14") for text in formulas[:4]]
    assert smact_valid(contents(*formulas[:4])).tolist() == wanted
    assert len(contents_of([])) == 0
