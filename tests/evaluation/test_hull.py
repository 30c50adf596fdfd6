import numpy as np
import pytest
from hull_systems import GENERATED, KNOWN, above_by_pymatgen, write
from pymatgen.core import Composition

from tfmat.datasets.composition_store import CompositionWriter
from tfmat.errors import InputError
from tfmat.evaluation.hull import stability as hull
from tfmat.evaluation.hull.entries import Entries, read_entries, read_known, subsystems
from tfmat.evaluation.hull.report import scale_warnings
from tfmat.formulas.parsing import parse_formulas


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    rows = [*KNOWN, ("LiCdO", float("nan"))]
    return read_entries(str(write(tmp_path_factory.mktemp("data") / "known", rows)))


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    more = {
        "delta_formation_energy_per_atom": [0.0, 0.1, 0.3, 0.2, 0.1, np.nan, 0.19],
        "converged": [1, 1, 1, 0, 1, 1, 1],
    }
    return read_entries(str(write(tmp_path_factory.mktemp("data") / "made", GENERATED, more)))


def test_structures_are_found_by_system(known):
    assert len(known) == len(KNOWN)
    assert known.left_out == {known.names[0]: {"no formation energy": 1}}
    for row, (formula, energy) in enumerate(KNOWN):
        wanted = Composition(formula).reduced_composition
        assert Composition(known.compositions.formulas()[row]) == wanted
        assert known.energies[row] == energy
    cd_li = [
        row
        for row, (text, _) in enumerate(KNOWN)
        if set(Composition(text).get_el_amt_dict()) <= {"Cd", "Li"}
    ]
    system = hull.parse_system("Cd-Li")
    assert known.within(system).tolist() == cd_li
    shares = known.shares(known.within(system), system)
    expected = [Composition(KNOWN[row][0]).get_atomic_fraction("Li") for row in cd_li]
    np.testing.assert_allclose(shares[:, 1], expected)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_subsystems_are_the_same_either_way():
    random = np.random.default_rng(0)
    every = {
        tuple(sorted(random.choice(9, random.integers(1, 5), replace=False).tolist())): 0
        for _ in range(40)
    }
    few = dict.fromkeys(list(every)[:3], 0)
    for system in every:
        for systems in (every, few):
            expected = {key for key in systems if set(key) <= set(system)}
            found = subsystems(system, systems)
            assert len(found) == len(set(found))
            assert set(found) == expected


def test_every_structure_by_the_hull_of_its_own_elements(known, generated):
    above_known, above = hull.distances(list(generated.systems), known, generated)
    for row, (formula, energy) in enumerate(GENERATED):
        elements = list(Composition(formula).get_el_amt_dict())
        expected = above_by_pymatgen(formula, energy, KNOWN, elements)
        assert above.known[row] == pytest.approx(expected, abs=1e-9)
        expected = above_by_pymatgen(formula, energy, KNOWN + GENERATED, elements)
        assert above.redefined[row] == pytest.approx(expected, abs=1e-9)
    # The quaternary known structure lies in no system of the generated ones.
    assert np.flatnonzero(np.isnan(above_known.known)).tolist() == [11]
    assert (above_known.redefined >= above_known.known - 1e-12)[:11].all()


def test_a_larger_system_judges_the_same(known, generated):
    _, alone = hull.distances([hull.parse_system("Li-Cd")], known, generated)
    _, within = hull.distances([hull.parse_system("Li-Cd-Co-O")], known, generated)
    rows = np.flatnonzero(np.isfinite(alone.known))
    assert rows.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(alone.known[rows], within.known[rows])
    found = hull.hulls(hull.parse_system("Li-Cd-Co-O"), known, generated)
    shares = generated.shares(rows, found.system)
    above = found.known.above(shares, generated.energies[rows])
    np.testing.assert_allclose(above, alone.known[rows], atol=1e-9)


def test_the_redefined_hull_names_its_corners(known, generated):
    found = hull.hulls(hull.parse_system("Cd-Li"), known, generated)
    assert found.changed
    before = found.formulas(found.known, known, generated)
    assert before == ["Cd", "Li", "LiCd3", "LiCd", "Li3Cd"]
    after = found.formulas(found.redefined, known, generated)
    assert set(after) == {"Cd", "Li", "LiCd3", "Li4Cd3", "LiCd2"}
    kinds = {
        name: found.corner(int(row)) for name, row in zip(after, found.redefined.rows, strict=True)
    }
    assert kinds["Li4Cd3"] == ("generated", 0)
    assert kinds["LiCd3"] == ("known", 2)
    assert kinds["Cd"] == ("element", -1)


def test_nothing_below_leaves_the_hull_as_it_is(known, generated):
    system = hull.parse_system("Co-O")
    found = hull.hulls(system, known, generated)
    assert not found.changed
    assert found.redefined is found.known


def test_the_numbers_of_table_1(known, generated):
    _, above = hull.distances(list(generated.systems), known, generated)
    rows = generated.systems[tuple(sorted(hull.parse_system("Cd-Li")))]
    found = hull.statistics(generated, rows, above.known)
    assert found["structures"] == 4
    assert found["not_converged"] == 1
    assert found["change_known"] == 4
    assert found["mean_change"] == pytest.approx(0.15)
    assert found["small_change"] == 2  # 0.2 is not below 0.2
    assert found["mean_formation_energy"] == pytest.approx(-0.0675)
    assert found["negative"] == 3
    assert found["mean_above_hull"] == pytest.approx(above.known[:4].mean())
    assert found["below_hull"] == 2
    assert found["stable"] == 2  # 0.14 above is metastable only
    assert found["metastable"] == 3
    nothing = hull.statistics(generated, rows[:0], above.known)
    assert nothing["structures"] == 0
    assert nothing["mean_change"] is None


def test_a_known_compound_relaxed_again_is_not_below_the_hull(tmp_path, known):
    """Two relaxations of one phase end within 1 meV/atom of each other."""
    rows = [("LiCd", dict(KNOWN)["LiCd"] - 0.0004), ("LiCd2", -0.9)]
    again = read_entries(str(write(tmp_path / "again", rows)))
    system = hull.parse_system("Cd-Li")
    _, above = hull.distances([system], known, again)
    assert -0.001 < above.known[0] < 0  # the number itself stays
    assert above.redefined.min() >= 0
    assert hull.below(above.known).tolist() == [False, True]
    assert hull.statistics(again, np.arange(2), above.known)["below_hull"] == 1
    assert hull.hulls(system, known, again).generated_corners.tolist() == [1]
    alone = read_entries(str(write(tmp_path / "alone", rows[:1])))
    assert not hull.hulls(system, known, alone).changed


def test_formulas_define_a_hull_as_well(tmp_path, known):
    parsed = parse_formulas([text for text, _ in KNOWN])
    with CompositionWriter(
        tmp_path / "formulas", {"name": "f"}, 4, ["formation_energy_per_atom"]
    ) as writer:
        writer.add(
            parsed.compositions, {"formation_energy_per_atom": np.array([e for _, e in KNOWN])}
        )
    found = read_entries(str(tmp_path / "formulas"))
    system = hull.parse_system("Li-Co-O")
    np.testing.assert_allclose(
        hull.hulls(system, found).known.energies, hull.hulls(system, known).known.energies
    )


def test_datasets_are_put_together(known, generated):
    both = Entries.concatenate([known, generated])
    assert len(both) == len(known) + len(generated)
    assert [both.names[place] for place in both.source] == (
        [known.names[0]] * len(known) + [generated.names[0]] * len(generated)
    )
    found = hull.hulls(hull.parse_system("Cd-Li"), both)
    expected = hull.hulls(hull.parse_system("Cd-Li"), known, generated).redefined
    assert sorted(found.known.energies) == pytest.approx(sorted(expected.energies))


def test_scales_that_differ_or_are_not_said(tmp_path, known):
    one = read_entries(str(write(tmp_path / "one", KNOWN, scale="A")))
    two = read_entries(str(write(tmp_path / "two", KNOWN, scale="B")))
    assert scale_warnings(one, one) == []
    assert scale_warnings(known, None) == []
    (text,) = scale_warnings(one, two)
    assert "different scales" in text
    assert "A" in text
    (text,) = scale_warnings(known, one)
    assert "names no energy scale" in text


@pytest.mark.parametrize("text", ["Bi", "Bi-Bi", "Bi-Xx", "", "Bi-", "D-O"])
def test_no_system(text):
    with pytest.raises(InputError, match="`system`"):
        hull.parse_system(text)


def test_systems_in_any_writing():
    assert hull.parse_system("bi-SE") == hull.parse_system("Bi,Se") == (83, 34)
    assert hull.system_name(hull.parse_system("Se-Bi")) == "Se-Bi"


def test_systems_that_occur_the_largest_first(generated):
    names = [hull.system_name(system) for system in hull.systems_of(generated)]
    assert names == ["Cd-Li", "Co-Li-O", "Co-O"]


def test_of_two_potentials_the_one_counts_that_the_others_have(tmp_path):
    rows = [("BiSe", float("nan")), ("Bi2Se3", -0.3)]
    first = [-0.1, -0.2]
    more = {"screening_formation_energy_per_atom": first}
    known = str(write(tmp_path / "known", rows, more, scale="second", first="first"))
    for scale, expected in (("first", first), ("second", [-0.3]), ("third", [-0.3])):
        others = read_entries(str(write(tmp_path / scale, [("BiSe2", -0.2)], scale=scale)))
        found = read_known({"mine": known}, others)
        assert found.energies.tolist() == expected
        assert found.scales == {"mine": "first" if scale == "first" else "second"}
        assert bool(scale_warnings(found, others)) == (scale == "third")
    assert read_known({"mine": known}).energies.tolist() == [-0.3]
