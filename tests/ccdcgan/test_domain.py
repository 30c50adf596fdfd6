"""Which predictions are to be believed: the ranges of the training structures, and their marks."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from ase.data import covalent_radii
from pymatgen.core import Structure

pytest.importorskip("onnx")

from oracle import CRYSTALS, make_package

from tfmat.ccdcgan.add_domain import add_domain
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.domain import Domain, domain_record
from tfmat.ccdcgan.generate import generate
from tfmat.ccdcgan.held_out import rows_of
from tfmat.ccdcgan.request import StructureRequest, request_for
from tfmat.ccdcgan.results import generate_into
from tfmat.crystals.contacts import bond_sums, shortest_contact, volume_per_atom
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError
from tfmat.inference.metadata import find, read_metadata
from tfmat.inference.noise import vector_noise
from tfmat.inference.package import load
from tfmat.metric import metric_of

# Of the oracle's crystals only rocksalt and CsCl (-0.4 and -0.1 eV/atom) are made like this.
NARROW = {
    "structures": 2,
    "share": 0.99,
    "volume_per_atom": [20.0, 30.0],
    "shortest_contact": [1.0, 1.2],
    "bond_sums": {"Bi": [5.4, 5.8], "Se": [3.5, 4.5]},
}
ENERGY = "predicted_formation_energy_per_atom"


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "oracle"
    return Codec.from_package(load(make_package(folder, domain=NARROW)))


@pytest.fixture(scope="module")
def shipped():
    return Codec.from_package(load("ccdcgan-bi-se-compact", parts=()))


def table(folder):
    with (folder / "results.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_ranges_hold_99_percent(shipped):
    dataset = Dataset.open("bi-se")
    rows = rows_of(shipped, dataset, "train")[0][::4]
    crystals = [dataset[int(row)] for row in rows]
    record = domain_record(crystals)
    volumes = np.array([crystal.to_structure().volume / len(crystal) for crystal in crystals])
    least, most = record["volume_per_atom"]
    inside = (volumes >= least) & (volumes <= most)
    assert 0.99 <= inside.mean() < 0.997
    sums = {34: [], 83: []}
    for crystal in crystals:
        for number, value in zip(crystal.numbers.tolist(), bond_sums(crystal), strict=True):
            sums[number].append(value)
    for symbol, number in (("Se", 34), ("Bi", 83)):
        least, most = record["bond_sums"][symbol]
        values = np.array(sums[number])
        assert 0.99 <= ((values >= least) & (values <= most)).mean() < 0.997


def test_of_few_structures_all_are_inside():
    given = CRYSTALS[:4]
    domain = Domain.of_package({"domain": domain_record(given)})
    assert {domain.place(crystal, shortest_contact(crystal)) for crystal in given} == {"inside"}


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (1.0, "inside"),
        (1.2, "outside: volume per atom, shortest contact, bonds of Bi and Se"),
        (0.9, "outside: volume per atom, shortest contact, bonds of Bi and Se"),
    ],
)
def test_a_crystal_that_is_swollen_or_squeezed_is_outside(scale, words):
    domain = Domain.of_package({"domain": NARROW})
    crystal = CRYSTALS[0]
    scaled = Crystal(crystal.lattice * scale, crystal.positions * scale, crystal.numbers)
    assert domain.place(scaled, shortest_contact(scaled)) == words


def test_an_element_that_was_never_learned_is_outside():
    domain = Domain.of_package({"domain": NARROW})
    alien = replace(CRYSTALS[0], numbers=np.array([83, 52], np.uint8))
    assert domain.place(alien, 1.1).endswith("Te")


def test_marks_in_table_cif_frames_and_summary(codec, tmp_path):
    from ase.io import read

    summary = generate_into(tmp_path, codec, 40, 3, request=StructureRequest())
    chosen = vector_noise(3, 0, 40, 6).argmax(axis=1)
    rows = table(tmp_path)
    believed = 0
    frames = {frame.info["id"]: frame for frame in read(tmp_path / "structures.extxyz", ":")}
    for k, row in zip(chosen, rows, strict=True):
        file = tmp_path / "cif" / f"{row['id']}.cif"
        if k > 3:
            assert (row["domain"], file.exists()) == ("", False)
            continue
        inside = k < 2
        believed += inside
        assert (row["domain"] == "inside") == inside
        assert row["domain"].startswith(("inside", "outside: volume per atom, "))
        assert frames[row["id"]].info["in_domain"] == inside
        (line,) = [one for one in file.read_text("utf-8").splitlines() if ENERGY in one]
        assert ("not to be believed" in line) == (not inside)
        structure = Structure.from_file(file)
        assert float(row["volume_per_atom"]) == pytest.approx(
            structure.volume / len(structure), rel=1e-4
        )
        radii = covalent_radii[np.array(structure.atomic_numbers)]
        first, second, _, distances = structure.get_neighbor_list(6.0)
        closest = (distances / (radii[first] + radii[second])).min()
        assert float(row["contact"]) == pytest.approx(closest, rel=1e-4)
    metric = metric_of(summary, "in_domain")
    assert (metric.numerator, metric.denominator) == (believed, (chosen < 4).sum())
    inside = metric_of(summary, "mean_predicted_formation_energy_per_atom_in_domain")
    assert inside.denominator == believed
    expected = np.where(chosen[chosen < 2] == 0, -0.4, -0.1).mean()
    assert inside.value == pytest.approx(expected, abs=1e-5)
    # Decoded are also the cells with two atoms within 0.5 Å, and these are not sound.
    sound = metric_of(summary, "sound")
    assert (sound.numerator, sound.denominator) == (believed, (chosen < 5).sum())


def test_default_filters_drop_by_reason(codec, tmp_path):
    summary = generate_into(tmp_path, codec, 40, 3, request=request_for(codec))
    chosen = vector_noise(3, 0, 40, 6).argmax(axis=1)
    reason = "volume per atom outside 20 to 30 Å³"
    assert summary["reasons"] == {
        "atoms closer than 0.5 Å": (chosen == 4).sum(),
        "no atoms": (chosen == 5).sum(),
        reason: ((chosen == 2) | (chosen == 3)).sum(),
    }
    assert summary["criteria"]["min_distance"] == 0.7
    assert summary["criteria"]["volume_per_atom"] == [20.0, 30.0]
    for row in table(tmp_path):
        if row["status"] == reason:
            assert not 20 <= float(row["volume_per_atom"]) <= 30
            assert (row["formula"], row["domain"]) == ("", "")
    metric = metric_of(summary, "sound")
    assert metric.numerator == summary["structures"] == (chosen < 2).sum()


def test_distances_count_by_covalent_radii(tmp_path):
    """CsCl with a contact of 0.65 and of 0.75, which in Å are both far above 0.5."""
    unit = covalent_radii[83] + covalent_radii[34]
    crystals = [
        Crystal.from_arrays(
            np.eye(3) * edge, [[0, 0, 0], [edge / 2] * 3], np.array([83, 34], np.uint8)
        )
        for edge in (2 * contact * unit / 3**0.5 for contact in (0.65, 0.75))
    ]
    from tfmat.ccdcgan.voxels.cell import canonicalise

    made = make_package(
        tmp_path / "close", crystals=[canonicalise(c) for c in crystals], energies=(-1.0, -0.5)
    )
    codec = Codec.from_package(load(made))
    for request, expected in (
        (request_for(codec), {-0.5}),
        (request_for(codec, unfiltered=True), {-1.0, -0.5}),
        (request_for(codec, min_distance=0.8), set()),
        (request_for(codec, unfiltered=True, min_distance=0.7), {-0.5}),
    ):
        results = list(generate(codec, 30, 3, request=request))
        kept = [result for result in results if result.crystal is not None]
        energies = {round(r.properties["formation_energy_per_atom"], 3) for r in kept}
        assert energies == expected
        assert all(result.contact >= request.min_distance for result in kept)
        words = {r.status for r in results} - {"structure", "no atoms"}
        wanted = f"atoms closer than {request.min_distance:g} of the sum of their covalent radii"
        assert words == ({wanted} if len(expected) < 2 else set())
        # No package says nothing of the training structures: nothing is called in its domain.
        assert {result.domain for result in results} == {""}


def test_shipped_packages_say_what_they_learned_from(shipped):
    """The metadata hold what is measured of the training structures, and these alone."""
    dataset = Dataset.open("bi-se")
    rows, _ = rows_of(shipped, dataset, "train")
    for name in ("ccdcgan-bi-se-compact",):
        metadata = read_metadata(find(name))
        assert metadata["domain"]["structures"] == len(rows) == metadata["dataset"]["training"]
    assert domain_record(dataset[int(row)] for row in rows) == metadata["domain"]


def test_real_structures_that_were_held_out_are_believed(shipped):
    dataset = Dataset.open("bi-se")
    rows, _ = rows_of(shipped, dataset, "test")
    crystals = [dataset[int(row)] for row in rows]
    inside = [shipped.domain.place(c, shortest_contact(c)) == "inside" for c in crystals]
    # Each of three quantities has 99% of the training structures, all of which are different.
    assert np.mean(inside) > 0.94


def test_an_older_package_is_read_and_can_be_told(tmp_path):
    folder = shutil.copytree(find("ccdcgan-bi-se-compact"), tmp_path / "old")
    metadata = json.loads((folder / "metadata.json").read_text("utf-8"))
    known = metadata.pop("domain")
    metadata.pop("seal")
    (folder / "metadata.json").write_text(json.dumps(metadata), "utf-8")
    codec = Codec.from_package(load(folder))
    assert codec.domain is None
    assert request_for(codec).volume_per_atom is None
    (result,) = generate(codec, 1, 0, request=request_for(codec))
    assert (result.status, result.domain, result.sound) == ("structure", "", True)
    assert add_domain(folder) == known
    assert read_metadata(folder)["domain"] == known
    assert volume_per_atom(result.crystal) == pytest.approx(result.volume_per_atom)


def test_only_the_dataset_that_was_learned_from_tells(tmp_path):
    import tiny

    folder = shutil.copytree(find("ccdcgan-bi-se-compact"), tmp_path / "old")
    before = (folder / "metadata.json").read_bytes()
    other = tiny.write_dataset(tmp_path / "other")
    with pytest.raises(InputError, match="is not the dataset that ccdcgan-bi-se-compact was"):
        add_domain(folder, other)
    assert (folder / "metadata.json").read_bytes() == before
    oracle = make_package(tmp_path / "oracle")
    with pytest.raises(InputError, match="does not say what it was trained on; give `data`"):
        add_domain(oracle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"volume_per_atom": [20.0]}, "domain.volume_per_atom"),
        ({"bond_sums": {"Bismuth": [1.0, 2.0]}}, "domain.bond_sums"),
        ({"share": 2.0}, "domain.share"),
        ({"shortest_contact": [1.2, 1.0]}, "domain: shortest_contact must ascend"),
    ],
)
def test_a_broken_domain_is_one_line(tmp_path, change, message):
    made = make_package(tmp_path / "broken", domain={**NARROW, **change})
    with pytest.raises(InputError, match=message) as error:
        load(made)
    assert "\n" not in str(error.value)
