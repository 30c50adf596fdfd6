"""The rules of LeMat-GenBench, each on both sides of its limit, and on what we export for it."""

import csv
import warnings
from pathlib import Path

import numpy as np
import pytest
from programs import program
from pymatgen.core import Composition, Element, Lattice, Structure

import tfmat


@pytest.fixture(scope="module")
def rules():
    module = program(Path(__file__).parents[2] / "benchmarks" / "genbench_validity.py")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of elements without an electronegativity
        yield module


def rock_salt(edge, symbols=("Na", "Cl")):
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(edge), symbols, [[0, 0, 0], [0.5, 0.5, 0.5]]
    )


def test_distances_are_those_of_pymatgen(rules):
    random = np.random.default_rng(0)
    for count in range(1, 9):
        for _ in range(10):
            lattice = np.diag(random.uniform(2, 9, 3)) + random.uniform(-1.5, 1.5, (3, 3))
            one = Structure(lattice, ["Na"] * count, random.uniform(-1, 2, (count, 3)))
            np.testing.assert_allclose(rules.pair_distances(one), one.distance_matrix, atol=1e-6)


@pytest.mark.parametrize("symbols", [("Na", "Cl"), ("O", "O"), ("He", "Kr")])
def test_atoms_nearer_than_half_their_radii_and_0_7(rules, symbols):
    radii = [float(Element(symbol).atomic_radius or 1.0) for symbol in symbols]
    limit = (0.7 + sum(radii)) / 2
    for apart, passes in ((limit - 1e-4, False), (limit + 1e-4, True)):
        one = Structure(Lattice.cubic(20), symbols, [[0, 0, 0], [apart / 20, 0, 0]])
        assert rules.far_enough(one) == passes
    # The images of an atom do not count, so a single one always passes.
    assert rules.far_enough(Structure(Lattice.cubic(0.9), ["Na"], [[0, 0, 0]]))


def test_density_cell_and_edges(rules):
    assert rules.plausible(rock_salt(5.64))
    assert not rules.plausible(rock_salt(40))  # 0.006 g/cm³
    assert not rules.plausible(rock_salt(2.4))  # 0.58 atoms/Å³
    assert not rules.plausible(rock_salt(3.3, ("Au", "Au")))  # 73 g/cm³
    chain = Lattice.orthorhombic(0.99, 10, 10)
    assert not rules.plausible(Structure(chain, ["C"], [[0, 0, 0]]))
    assert rules.plausible(Structure(Lattice.orthorhombic(1.01, 10, 10), ["C"], [[0, 0, 0]]))
    assert not rules.plausible(Structure(Lattice.orthorhombic(101, 3, 3), ["W"], [[0, 0, 0]]))


def test_charges(rules):
    balanced = ["NaCl", "Fe2O3", "Fe3O4", "Bi2Se3", "LiFePO4", "K2O"]
    for formula in balanced:
        assert rules.neutral_formula(Composition(formula)), formula
    for formula in ("Na2Cl", "LiCl2", "K5O", "He2O", "CaF"):
        assert not rules.neutral_formula(Composition(formula)), formula
    # pymatgen searches the same states without the rule of neighbours: nothing passes but there.
    for formula in [*balanced, "Na2Cl", "LiCl2", "MnO2", "SnS", "CuO", "AlN", "TiC"]:
        composition = Composition(formula)
        usual = [one.icsd_oxidation_states for one in composition.elements]
        if all(usual) and rules.neutral_formula(composition):
            assert composition.oxi_state_guesses(max_sites=-1), formula
    assert rules.neutral(rock_salt(5.64))
    metal = Structure.from_spacegroup("Im-3m", Lattice.cubic(2.87), ["Fe"], [[0, 0, 0]])
    assert rules.neutral(metal)  # as a metal: no charges add up
    assert not rules.neutral_formula(Composition("Fe"))
    gas = Structure(Lattice.cubic(4), ["Xe"], [[0, 0, 0]])
    assert rules.judged(gas)["distance"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Generated structures of the whole periodic table, and both forms of their export."""
    place = tmp_path_factory.mktemp("genbench")
    made = tfmat.load("ccdcgan-mp", threads=1).generate(12, seed=3)
    tfmat.evaluate_structures(
        made,
        export=[("lemat-genbench", place / "cifs"), ("lemat-genbench", place / "all.csv")],
    )
    return made, place


def test_an_export_has_the_verdicts_of_what_was_generated(rules, exported):
    """Nothing is lost on the way: order, atoms, cells as a reader of the files finds them."""
    made, place = exported
    wanted = [rules.judged(one) for one in made]
    assert len(wanted) > 6
    for export in (place / "cifs", place / "all.csv"):
        assert [rules.judged(one) for _, one in rules.read(export)] == wanted
    # Whoever passes the benchmark's distances passes those of MP-20, which are shorter.
    judged = tfmat.evaluate_structures(made, out=place / "out")
    assert judged["structures"] == len(made)
    with (place / "out" / "structures.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row, verdict in zip(rows, wanted, strict=True):
        if verdict["distance"]:
            assert row["structure_valid"] == "1"


def test_the_program_prints_shares(rules, exported, tmp_path, monkeypatch, capsys):
    made, place = exported
    (tmp_path / "empty").mkdir()
    words = [place / "cifs", tmp_path / "empty", "--table", tmp_path / "verdicts.csv"]
    monkeypatch.setattr("sys.argv", ["genbench_validity.py", *map(str, words)])
    rules.main()
    _, line, empty = capsys.readouterr().out.splitlines()
    with (tmp_path / "verdicts.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(made)
    share = sum(row["valid"] == "True" for row in rows) / len(rows)
    assert line.split()[:2] == ["cifs", str(len(made))]
    assert line.split()[-3] == f"{share:.1%}"
    assert "nan" in empty
