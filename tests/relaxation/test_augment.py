"""Adding hypothetical Cu-Au structures to a dataset, with ASE's EMT as the potential."""

import json

import numpy as np
import pytest
from ase.calculators.emt import EMT
from click.testing import CliRunner
from pymatgen.analysis.structure_matcher import StructureMatcher
from tfmat.cli.main import tfmat

from tfmat.crystals.contacts import touching
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.splits.copies import families
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.relaxation.databases import relabel as relabelling
from tfmat.relaxation.databases.augment import augment
from tfmat.relaxation.databases.labelling import LabellingSettings
from tfmat.relaxation.databases.perturb import generator, perturbed
from tfmat.relaxation.databases.prototypes import aflow
from tfmat.relaxation.potentials.calculator import AseCalculator

CU, AU = 29, 79
SETTINGS = LabellingSettings(relax=False, max_length=8.0, copies=2, strain=0.01, displacement=0.02)


def emt() -> AseCalculator:
    return AseCalculator(EMT(), "EMT")


def binary(name: str) -> Crystal:
    return touching(next(p for p in aflow() if p.name == name).filled((CU, AU)))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """CsCl-type CuAu, another crystal of Cu and Au, copper, and compounds of other elements."""
    folder = tmp_path_factory.mktemp("data") / "known"
    with DatasetWriter(folder, {"name": "known", "sha256": ""}, extra={"columns": {}}) as writer:
        energies = {"formation_energy_per_atom": -5.0, "e_above_hull": 0.25, "band_gap": 1.0}
        writer.add(binary("AB_cP2_221_b_a"), "oqmd:1", energies)
        writer.add(Crystal(np.eye(3) * 2.55, np.zeros((1, 3)), np.array([CU], np.uint8)), "oqmd:2")
        for prototype in aflow():
            if prototype.name in {"AB_cP2_221_b_a", "AB_cF8_225_a_b", "A2B_tP6_136_f_a"}:
                writer.add(prototype.filled((46, 28)), f"oqmd:{prototype.name}", energies)
    return folder


@pytest.fixture(scope="module")
def augmented(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "more"
    summary = augment(data, out, ("Cu", "Au"), SETTINGS, prototype_data=data, factory=emt)
    return Dataset.open(out), summary


def test_the_dataset_comes_first_and_unchanged(data, augmented):
    old, (new, _) = Dataset.open(data), augmented
    count = len(old)
    assert list(new.ids[:count]) == list(old.ids)
    assert np.array_equal(new.positions[: len(old.positions)], old.positions)
    for name in old.properties:
        np.testing.assert_array_equal(new.property(name)[:count], old.property(name))
    hypothetical = new.property("hypothetical")
    assert not hypothetical[:count].any()
    assert hypothetical[count:].all()
    assert np.isnan(new.property("band_gap")[count:]).all()


def test_only_what_is_new_is_added(data, augmented):
    new, summary = augmented
    old = len(Dataset.open(data))
    # Four binaries both ways round: CsCl is there already, and copies of it within the dataset.
    added = list(new.ids[old:])
    assert {name.split(":", 1)[1].rsplit(":", 1)[0] for name in added} <= {
        "AB_cF8_225_a_b:CuAu",
        "A2B_tP6_136_f_a:CuAu2",
        "A2B_tP6_136_f_a:AuCu2",
        "A2B_tP6_136_f_a:Cu2Au",
        "A2B_tP6_136_f_a:Au2Cu",
    }
    assert summary["known"] == summary["rejected"]["known"] == 1
    assert summary["added"] == len(added) == 3 * summary["kept"]
    assert summary["structures"] == len(new) == old + len(added)
    matcher = StructureMatcher()
    known = binary("AB_cP2_221_b_a").to_structure()
    for row in range(old, len(new)):
        assert not matcher.fit(new[row].to_structure(), known)
    with (new.path / "rejected.csv").open() as stream:
        assert "known: the same as oqmd:1" in stream.read()


def test_the_record_and_the_card_say_where_everything_comes_from(data, augmented):
    new, summary = augmented
    (record,) = new.metadata["extra"]["augment"]
    assert record["data"] == {
        "name": str(data),
        "sha256": Dataset.open(data).sha256,
        "structures": len(Dataset.open(data)),
    }
    assert record["settings"] == SETTINGS.record()
    assert record["added"] == summary["added"]
    assert new.metadata["extra"]["columns"] == {}
    assert new.metadata["extra"]["energies"]["scale"].startswith("mixed (")
    card = (new.path / "README.md").read_text("utf-8")
    assert "hypothetical Cu-Au structures" in card
    assert f"{summary['added']:,} ({summary['kept']:,} originals" in card
    assert "must not be compared" in card
    assert not list(new.path.parent.glob("*.work"))


def test_copies_of_a_new_structure_are_one_family(augmented):
    new, _ = augmented
    numbers = families(new)
    groups = {}
    for name, number in zip(new.ids, numbers, strict=True):
        base = name.rpartition(":")[0] if name.count(":") > 2 else name
        groups.setdefault(base, set()).add(number)
    assert all(len(found) == 1 for found in groups.values())
    # Identifiers of a database with a colon are no copies of one another.
    assert len(set(numbers)) > 3


@pytest.mark.parametrize("choice", ["system", "all"])
def test_relabelled_energies_are_the_potentials(data, tmp_path, choice):
    summary = augment(
        data,
        tmp_path / "out",
        ("Cu", "Au"),
        SETTINGS,
        prototype_data=data,
        relabelled=choice,
        factory=emt,
    )
    old, new = Dataset.open(data), Dataset.open(tmp_path / "out")
    rows = range(2 if choice == "system" else len(old))
    assert summary["relabelled"] == len(rows)
    assert summary["relabelling_failed"] == 0
    totals = emt().energies([new[row] for row in range(len(new))])
    own = [*rows, *range(len(old), len(new))]
    np.testing.assert_allclose(new.property("energy_per_atom")[own], totals[own], atol=1e-9)
    cuau = new.property("formation_energy_per_atom")[0]
    references = Dataset.open(tmp_path / "out").metadata["extra"]["augment"][0]
    assert references["relabel"] == choice
    assert -1 < cuau < 1
    assert new.property("source_formation_energy_per_atom")[0] == -5.0
    assert new.property("source_e_above_hull")[0] == 0.25
    # Stretched copper lies above the hull whose corner is the element.
    assert new.property("e_above_hull")[1] > 0
    assert new.property("e_above_hull")[0] >= 0
    energies = new.metadata["extra"]["energies"]
    if choice == "all":
        assert energies["scale"] == emt().scale
        assert summary["warning"] == ""
        assert np.isnan(new.property("e_above_hull")[2])
        assert "must not" not in (new.path / "README.md").read_text("utf-8")
    else:
        assert new.property("formation_energy_per_atom")[2] == -5.0
        assert "other systems are not" in summary["warning"]


def test_a_dataset_on_the_same_scale_takes_part_in_the_hull(data, tmp_path):
    once = tmp_path / "once"
    augment(data, once, ("Cu", "Au"), SETTINGS, prototype_data=data, relabelled="all", factory=emt)
    low = tmp_path / "low"
    source = Dataset.open(once)
    with DatasetWriter(low, {"name": "low", "sha256": ""}, extra=source.metadata["extra"]) as out:
        out.add(binary("AB_cP2_221_b_a"), "deep", {"formation_energy_per_atom": -1.0})
    summary = augment(
        low, tmp_path / "twice", ("Cu", "Au"), SETTINGS, prototype_data=data, factory=emt
    )
    assert summary["warning"] == ""
    new = Dataset.open(tmp_path / "twice")
    assert new.property("e_above_hull")[1:].min() > 0.3
    assert len(new.metadata["extra"]["augment"]) == 2


def test_an_element_that_the_potential_does_not_know(data, tmp_path, monkeypatch):
    known = relabelling.element_references

    def without_nickel(numbers, calculator, cache):
        if 28 in numbers:
            raise relabelling.TfmatError("does not bind nickel")
        return known(numbers, calculator, cache)

    monkeypatch.setattr(relabelling, "element_references", without_nickel)
    summary = augment(
        data,
        tmp_path / "out",
        ("Cu", "Au"),
        SETTINGS,
        prototype_data=data,
        relabelled="all",
        factory=emt,
    )
    assert summary["relabelling_failed"] == 3
    new = Dataset.open(tmp_path / "out")
    assert np.isnan(new.property("formation_energy_per_atom")[2:5]).all()
    assert (new.property("source_formation_energy_per_atom")[2:5] == -5.0).all()


def test_an_interrupted_call_goes_on(data, augmented, tmp_path):
    class StopHereError(Exception):
        pass

    class Failing(AseCalculator):
        calls = 0

        def energies(self, crystals):
            Failing.calls += 1
            if Failing.calls > 8:
                raise StopHereError
            return super().energies(crystals)

    out = tmp_path / "more"
    with pytest.raises(StopHereError):
        augment(
            data,
            out,
            ("Cu", "Au"),
            SETTINGS,
            prototype_data=data,
            factory=lambda: Failing(EMT(), "EMT"),
        )
    assert not out.exists()
    with pytest.raises(InputError, match="other settings"):
        augment(data, out, ("Cu", "Pd"), SETTINGS, prototype_data=data, factory=emt)
    augment(data, out, ("Cu", "Au"), SETTINGS, prototype_data=data, factory=emt)
    assert Dataset.open(out).sha256 == augmented[0].sha256


def test_nothing_new_is_an_error(data, tmp_path):
    known = tmp_path / "cscl"
    with DatasetWriter(known, {"name": "one", "sha256": ""}) as writer:
        moved = perturbed(
            binary("AB_cP2_221_b_a"), generator(0, "x"), strain=0.001, displacement=0.0
        )
        writer.add(moved, "moved")
    with pytest.raises(InputError, match="none of 1 candidates is left"):
        augment(known, tmp_path / "out", ("Cu", "Au"), SETTINGS, prototype_data=known, factory=emt)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name either"),
        (["--system", "Co"], "two to four elements"),
        (
            ["--system", "Cu-Au", "--potential", "emt", "--prototypes", "nowhere"],
            "no such dataset",
        ),
        (["--system", "Cu-Au", "--relabel", "some"], "'some' is not one of"),
    ],
)
def test_wrong_words_are_one_line(data, tmp_path, arguments, message):
    result = CliRunner().invoke(
        tfmat,
        ["data", "augment", str(data), *arguments, "--out", str(tmp_path / "x")],
        standalone_mode=False,
    )
    assert message in str(getattr(result.exception, "message", result.exception))


@pytest.mark.relax
def test_the_command_with_chgnet(data, tmp_path):
    pytest.importorskip("chgnet")
    result = CliRunner().invoke(
        tfmat,
        [
            *("data", "augment", str(data), "--system", "Co-Hf", "--out", str(tmp_path / "out")),
            *("--no-relax", "--json"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert "warning: energies are on different scales" in result.stderr
    summary = json.loads(result.stdout)
    assert summary["added"] == summary["kept"] >= 3
    dataset = Dataset.open(tmp_path / "out")
    assert dataset[len(dataset) - 1].to_structure().chemical_system == "Co-Hf"
