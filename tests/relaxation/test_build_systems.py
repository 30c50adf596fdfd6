"""Systems of three elements, and what building counts, keeps and drops; ASE's EMT as potential."""

import numpy as np
import pytest
from ase.calculators.emt import EMT
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition
from tfmat.cli.data_build import _PAPER, count_lines

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.metric import Judge, find, read_metrics, records, share
from tfmat.relaxation.databases.build import build
from tfmat.relaxation.databases.hypothetical import asked_to_relax
from tfmat.relaxation.databases.labelling import LabellingSettings
from tfmat.relaxation.databases.prototypes import Prototype, aflow, from_dataset
from tfmat.relaxation.databases.substitute import all_orders
from tfmat.relaxation.metrics import stability
from tfmat.relaxation.potentials.calculator import AseCalculator

CU, AG, AU = 29, 47, 79


def emt() -> AseCalculator:
    return AseCalculator(EMT(), "EMT")


@pytest.fixture(scope="module")
def ternaries(tmp_path_factory):
    """Half-Heusler and Heusler; and a binary that must not be used."""
    wanted = {"ABC_cF12_216_b_c_a", "AB2C_cF16_225_a_c_b", "AB_cP2_221_b_a"}
    folder = tmp_path_factory.mktemp("prototypes") / "ternaries"
    with DatasetWriter(folder, {"name": "few", "sha256": ""}) as writer:
        for components, numbers in ((3, (12, 8, 20)), (2, (12, 8))):
            for prototype in aflow(components):
                if prototype.name in wanted:
                    writer.add(prototype.filled(numbers), prototype.name)
                    wanted.discard(prototype.name)
    assert not wanted
    return folder


@pytest.fixture(scope="module")
def built(ternaries, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "cu-ag-au"
    settings = LabellingSettings(copies=1, max_length=8.0)
    summary = build(out, ("Cu", "Ag", "Au"), settings, prototype_data=ternaries, factory=emt)
    return Dataset.open(out), summary


@pytest.mark.parametrize("components", [3, 4])
def test_roles_of_a_prototype_stand_for_its_elements(components):
    numbers = (83, 34, 8, 3)[:components]
    for prototype in aflow(components):
        assert set(prototype.roles) == set(range(components))
        filled = list(all_orders([prototype], numbers, max_atoms=500))
        assert len(filled) == (6 if components == 3 else 24)
        assert len({item.identifier for item in filled}) == len(filled)
        # The label begins with the stoichiometry: "A2B3C_...".
        counts = np.bincount(prototype.roles)
        for item in filled:
            own = sorted(np.unique(item.crystal.numbers, return_counts=True)[1])
            assert own == sorted(counts)


def test_elements_of_a_dataset_become_roles_in_alphabetical_order(ternaries):
    (heusler,) = (p for p in from_dataset(Dataset.open(ternaries), 3) if "AB2C" in p.name)
    original = next(p for p in aflow(3) if p.name == heusler.name).filled((12, 8, 20))
    # Ca, Mg, O: calcium is role 0.
    assert np.array_equal(heusler.filled((20, 12, 8)).numbers, original.numbers)


def test_every_order_of_three_elements(built):
    dataset, summary = built
    assert summary["candidates"] == 2 * 6
    # Two sites are alike, in both; the elements stand in the order of the roles (Ca, Mg, O).
    formulas = {name.split(":")[1] for name in dataset.ids if name.startswith("AB2C")}
    assert formulas == {"CuAgAu2", "CuAuAg2", "AgAuCu2"}
    reduced = [Composition(name.split(":")[1]).reduced_formula for name in dataset.ids]
    for name, crystal in zip(reduced, dataset, strict=True):
        assert crystal.to_structure().reduced_formula == name
    assert summary["kept"] == 3 + 3
    assert dataset.metadata["extra"]["build"]["elements"] == ["Cu", "Ag", "Au"]


def test_energies_of_three_elements_against_pymatgen(built):
    dataset, summary = built
    references = {
        symbol: entry["energy_per_atom"] for symbol, entry in summary["references"].items()
    }
    assert list(references) == ["Cu", "Ag", "Au"]
    totals = emt().energies(list(dataset))
    entries = [PDEntry(Composition(symbol), energy) for symbol, energy in references.items()]
    own = [
        PDEntry(crystal.to_structure().composition, total * len(crystal))
        for crystal, total in zip(dataset, totals, strict=True)
    ]
    diagram = PhaseDiagram([*entries, *own])
    np.testing.assert_allclose(
        dataset.property("e_above_hull"),
        [diagram.get_e_above_hull(entry) for entry in own],
        atol=1e-8,
    )
    np.testing.assert_allclose(
        dataset.property("formation_energy_per_atom"),
        [diagram.get_form_energy_per_atom(entry) for entry in own],
        atol=1e-8,
    )
    record = dataset.metadata["extra"]["energies"]
    assert record["scale"] == emt().scale
    assert record["method"].startswith("EMT ")
    assert record["references"] == summary["references"]


def test_counts_of_the_paper():
    energies = np.array([-0.2, -0.1, -0.01, 0.1])
    above = np.array([0.0, 0.1, 0.12, 0.1])
    found = stability(energies, above, "of these", Judge("EMT", "3"))
    assert {metric.name: (metric.numerator, metric.value) for metric in found} == {
        "negative": (3, 0.75),
        "stable": (2, 0.5),
        "metastable": (3, 0.75),
    }
    limits = [metric.tolerance and metric.tolerance.value for metric in found]
    assert limits == [None, 0.1, 0.15]


def test_the_paper_stands_beside_its_own_system_only(built):
    _, summary = built
    lines = count_lines(summary, {})
    assert len(lines) == 5
    assert "paper" not in "".join(lines)
    assert f"{summary['to_relax']}" in lines[0]
    converged = find(read_metrics(summary), "converged")
    left = [metric for metric in read_metrics(summary) if metric != converged]
    nothing = records([*left, share("converged", 0, 0)])
    beside = count_lines(summary | {"metrics": nothing}, _PAPER)
    assert beside[1].split() == ["candidates", "to", "relax", "not", "done", "10,981"]
    assert [line.split()[-1] for line in beside[3:]] == ["(46.8%)", "(1.56%)", "(7.2%)"]


@pytest.fixture
def unrelaxed(tmp_path):
    """Rutile, which no single step brings to rest, and rocksalt, which is at rest by symmetry."""
    folder = tmp_path / "prototypes"
    with DatasetWriter(folder, {"name": "few", "sha256": ""}) as writer:
        for prototype in aflow():
            if prototype.name in {"A2B_tP6_136_f_a", "AB_cP2_221_b_a"}:
                writer.add(prototype.filled((12, 8)), prototype.name)
    return folder


@pytest.mark.parametrize("choice", ["drop", "keep"])
def test_structures_that_do_not_come_to_rest(unrelaxed, tmp_path, choice):
    settings = LabellingSettings(steps=1, fmax=0.002, unconverged=choice)
    out = tmp_path / choice
    summary = build(out, ("Cu", "Au"), settings, prototype_data=unrelaxed, factory=emt)
    dataset = Dataset.open(out)
    converged = dataset.property("converged")
    assert summary["relaxed"] == 3
    assert summary["converged"] < 3
    if choice == "drop":
        assert converged.all()
        assert summary["rejected"]["not converged"] == summary["relaxed"] - summary["converged"]
        assert "1 steps" in (out / "rejected.csv").read_text()
    else:
        assert not converged.all()
        assert summary["unconverged"] == (converged == 0).sum()
    assert np.isfinite(dataset.property("max_force")).all()
    assert dataset.property("steps").max() <= 1


def test_what_grows_beyond_the_selection_was_asked_to_relax():
    rows = [
        {"id": "too large", "reason": "selection: an edge of 12.00 Å, longer than 10"},
        {"id": "grown", "reason": "selection: an edge of 10.10 Å, longer than 10", "converged": 1},
        {"id": "clash", "reason": "atoms clash: the energy falls to where they overlap"},
        {"id": "kept", "converged": True},
    ]
    assert asked_to_relax(rows) == 3


@pytest.mark.parametrize("choice", ["drop", "keep"])
def test_structures_that_become_the_same(few_alike, tmp_path, choice):
    out = tmp_path / choice
    settings = LabellingSettings(duplicates=choice, symmetry=False, fmax=0.005)
    summary = build(out, ("Cu", "Au"), settings, prototype_data=few_alike, factory=emt)
    assert summary["labelled"] == summary["converged"] == 2
    assert summary["kept"] == (1 if choice == "drop" else 2)


@pytest.fixture
def few_alike(tmp_path):
    """L1_0 as it is and squeezed along its axis: one minimum."""
    lattice = np.diag([2.8, 2.8, 3.7])
    positions = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])
    numbers = np.array([12, 8], dtype=np.uint8)
    folder = tmp_path / "alike"
    with DatasetWriter(folder, {"name": "test"}) as writer:
        for name, factor in (("L10", 1.0), ("squeezed", 0.93)):
            cell = lattice * [1, 1, factor]
            writer.add(Crystal(cell, positions @ cell, numbers), name)
    return folder


def test_a_limit_draws_candidates_by_the_seed(tmp_path):
    def ids(name, seed):
        settings = LabellingSettings(relax=False, max_atoms=4, limit=5, seed=seed)
        summary = build(tmp_path / name, ("Cu", "Au"), settings, factory=emt)
        assert summary["labelled"] == 5 < summary["distinct_candidates"]
        return list(Dataset.open(tmp_path / name).ids)

    first = ids("a", 1)
    assert first == ids("b", 1)
    assert first != ids("c", 2)


def test_a_prototype_of_other_size_is_no_candidate(ternaries, tmp_path):
    with pytest.raises(InputError, match="no structures of 4 elements"):
        build(
            tmp_path / "x",
            ("Cu", "Ag", "Au", "Pt"),
            LabellingSettings(),
            prototype_data=ternaries,
            factory=emt,
        )
    assert not (tmp_path / "x.work").exists()


def test_filling_changes_nothing_but_the_elements():
    lattice, positions = np.eye(3) * 4, np.array([[0, 0, 0], [2, 2, 0], [2, 0, 2], [0, 2, 2.0]])
    prototype = Prototype("p", lattice, positions, np.array([0, 1, 2, 1]))
    filled = {item.identifier: item.crystal for item in all_orders([prototype], (CU, AG, AU), 20)}
    assert list(filled) == [
        f"p:{formula}"
        for formula in ("CuAg2Au", "CuAu2Ag", "AgCu2Au", "AgAu2Cu", "AuCu2Ag", "AuAg2Cu")
    ]
    crystal = filled["p:AgAu2Cu"]
    assert isinstance(crystal, Crystal)
    assert crystal.numbers.tolist() == [AG, AU, CU, AU]
    assert np.array_equal(crystal.positions, positions)
