import csv
import hashlib
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher

from tfmat.ccdcgan.request import StructureRequest
from tfmat.errors import InputError
from tfmat.inference.noise import vector_noise

pytest.importorskip("onnx")

from oracle import BI_SE3, CRYSTALS, make_package

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.generate import generate
from tfmat.ccdcgan.generated import GeneratedMetrics, constraint_judges
from tfmat.ccdcgan.results import ResultsWriter, generate_into
from tfmat.inference.package import load
from tfmat.metric import metric_of

SEED = 3
STATUS = ("structure", "structure", "structure", "structure", "atoms closer than 0.5 Å", "no atoms")


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    return Codec.from_package(load(make_package(tmp_path_factory.mktemp("models") / "oracle")))


def written(folder):
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def run(codec, folder, count=40, seed=SEED, **options):
    folder.mkdir()
    request = options.pop("request", StructureRequest())
    return generate_into(folder, codec, count, seed, request=request, **options)


def test_noise_depends_on_seed_and_index_alone():
    together = vector_noise(7, 0, 10, 5)
    assert together.dtype == np.float32
    assert np.array_equal(together[4:], vector_noise(7, 4, 6, 5))
    assert not np.array_equal(together, vector_noise(8, 0, 10, 5))
    assert len(np.unique(together)) == together.size
    many = vector_noise(2**64 - 1, 0, 4000, 4)
    assert abs(many.mean()) < 0.03
    assert abs(many.std() - 1) < 0.03
    assert np.abs(np.corrcoef(many.T) - np.eye(4)).max() < 0.06


def test_every_graph_gives_its_known_result(codec):
    chosen = vector_noise(SEED, 0, 40, 6).argmax(axis=1)
    matcher = StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.1)
    results = list(generate(codec, 40, SEED))
    assert [result.status for result in results] == [STATUS[k] for k in chosen]
    assert set(chosen) == set(range(6))
    for k, result in zip(chosen, results, strict=True):
        energy = (*(-0.4, -0.1, 0.0, 0.25, 0.9), 0.5)[k]
        assert result.properties["formation_energy_per_atom"] == pytest.approx(energy)
        if result.status == "structure":
            assert matcher.fit(result.crystal.to_structure(), CRYSTALS[k].to_structure())
        else:
            assert result.crystal is None


def test_faithful_mode_finds_the_same_structures(codec):
    # Atoms lie on voxels in this mode, so the match is a loose one.
    chosen = vector_noise(SEED, 0, 40, 6).argmax(axis=1)
    for k, result in zip(chosen, generate(codec, 40, SEED, mode="faithful"), strict=True):
        if k < 4:
            assert StructureMatcher().fit(result.crystal.to_structure(), CRYSTALS[k].to_structure())


def test_batch_size_changes_nothing_here(codec):
    small = list(generate(codec, 12, SEED, batch_size=5))
    large = list(generate(codec, 12, SEED, batch_size=64))
    assert [r.latent_sha256 for r in small] == [r.latent_sha256 for r in large]
    assert [r.identifier for r in small] == [f"tfmat-3-{i:07d}" for i in range(12)]
    assert [r.status for r in small] == [r.status for r in large]


def test_later_range_continues_the_first(codec):
    tail = list(generate(codec, 4, SEED, first=8))
    every = list(generate(codec, 12, SEED))
    assert [r.identifier for r in tail] == [r.identifier for r in every[8:]]
    assert [r.latent_sha256 for r in tail] == [r.latent_sha256 for r in every[8:]]


def test_same_seed_same_bytes(codec, tmp_path):
    run(codec, tmp_path / "one")
    run(codec, tmp_path / "two")
    run(codec, tmp_path / "other", seed=4)
    assert written(tmp_path / "one") == written(tmp_path / "two")
    assert written(tmp_path / "one") != written(tmp_path / "other")


def test_energies_that_are_none_have_no_mean(codec, tmp_path):
    (result, *_) = generate(codec, 1, SEED, request=StructureRequest())
    broken = replace(result, properties=dict.fromkeys(result.properties, math.nan))
    with ResultsWriter(tmp_path, GeneratedMetrics(constraint_judges(codec))) as writer:
        writer.add(broken)
        summary = writer.summary()
    mean = metric_of(summary, "mean_predicted_formation_energy_per_atom_all_graphs")
    assert (mean.value, mean.denominator) == (None, 1)
    json.dumps(summary, allow_nan=False)


def test_folder_and_summary(codec, tmp_path):
    from ase.io import read
    from pymatgen.core import Structure

    summary = run(codec, tmp_path / "out")
    chosen = vector_noise(SEED, 0, 40, 6).argmax(axis=1)
    good = chosen < 4
    assert summary["graphs"] == 40
    assert summary["structures"] == good.sum()
    assert metric_of(summary, "structures").value == good.sum() / 40
    assert summary["reasons"] == {
        "atoms closer than 0.5 Å": (chosen == 4).sum(),
        "no atoms": (chosen == 5).sum(),
    }
    energies = np.array([-0.4, -0.1, 0.0, 0.25, 0.9, 0.5])[chosen]
    mean = metric_of(summary, "mean_predicted_formation_energy_per_atom")
    assert mean.value == pytest.approx(energies[good].mean(), abs=1e-6)
    spread = energies[good].std(ddof=1) / np.sqrt(good.sum())
    assert mean.standard_error == pytest.approx(spread, abs=1e-6)
    with (tmp_path / "out" / "results.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 40
    frames = read(tmp_path / "out" / "structures.extxyz", ":")
    kept = [row for row in rows if row["status"] == "structure"]
    assert [frame.info["id"] for frame in frames] == [row["id"] for row in kept]
    matcher = StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.1)
    latents = vector_noise(SEED, 0, 40, 6)
    for frame, row in zip(frames, kept, strict=True):
        index = int(row["id"].rsplit("-", 1)[1])
        cif = tmp_path / "out" / "cif" / f"{row['id']}.cif"
        structure = Structure.from_file(cif)
        assert matcher.fit(structure, CRYSTALS[chosen[index]].to_structure())
        assert len(read(cif)) == len(frame) == len(structure) == int(row["atoms"])
        assert structure.composition.reduced_formula == row["formula"]
        assert structure.lattice.parameters == pytest.approx(
            [float(row[name]) for name in ("a", "b", "c", "alpha", "beta", "gamma")], abs=1e-5
        )
        assert frame.get_volume() == pytest.approx(structure.volume, rel=1e-6)
        assert frame.info["predicted_formation_energy_per_atom"] == pytest.approx(energies[index])
        assert row["latent_sha256"] == hashlib.sha256(latents[index].tobytes()).hexdigest()
    groups = {row["formula"]: row["space_group"] for row in kept}
    assert groups["Bi"] == "Pm-3m"
    assert {row["space_group"] for row in kept if row["formula"] == "BiSe"} == {"Fm-3m", "Pm-3m"}


def test_shortest_distance_column(codec):
    chosen = vector_noise(SEED, 0, 40, 6).argmax(axis=1)
    wanted = {0: 2.9, 1: 3.6 * np.sqrt(3) / 2, 2: 3.3}
    for k, result in zip(chosen, generate(codec, 40, SEED), strict=True):
        if k in wanted:
            assert result.min_distance == pytest.approx(wanted[k], abs=1e-4)


def test_requests_are_never_broken(codec):
    results = list(
        generate(codec, 40, SEED, request=StructureRequest(required=("Se",), max_atoms=2))
    )
    statuses = {result.status for result in results}
    assert statuses == {
        "structure",
        "too many atoms",
        "a required element is missing",
        "atoms closer than 0.5 Å",
    }
    for result in results:
        if result.crystal is not None:
            assert 34 in result.crystal.numbers
            assert len(result.crystal) <= 2
    alone = list(generate(codec, 40, SEED, request=StructureRequest(allowed=("Bi",))))
    crystals = [result.crystal for result in alone if result.crystal is not None]
    assert crystals
    assert all((crystal.numbers == 83).all() for crystal in crystals)
    asked = StructureRequest(volume_per_atom=(20, 24), min_atoms=2)
    dense = list(generate(codec, 40, SEED, request=asked))
    assert {result.status for result in dense if result.crystal is None} == {
        "volume per atom outside 20 to 24 Å³",
        "atoms closer than 0.5 Å",
        "too few atoms",
        "no atoms",
    }
    for result in dense:
        if result.crystal is not None:
            structure = result.crystal.to_structure()
            assert 20 <= structure.volume / len(structure) <= 24


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (StructureRequest(required=("Te",)), "`require` Te: is none of Bi, Se"),
        (StructureRequest(allowed=("Xx",)), "`elements` Xx: is none of Bi, Se"),
        (StructureRequest(required=("Bi",), allowed=("Se",)), "`elements` leaves out"),
        (StructureRequest(min_atoms=5, max_atoms=4), "`max_atoms` 4"),
        (StructureRequest(min_distance=1.5), "`min_distance` 1.5: is a share of .*no longer Å"),
        (StructureRequest(volume_per_atom=(30, 20)), "`volume` 30 20: give the smallest"),
    ],
)
def test_impossible_requests_are_refused(codec, asked, message):
    with pytest.raises(InputError, match=message):
        next(generate(codec, 1, SEED, request=asked))


def test_symmetrised_cells_lie_on_their_space_group(codec):
    from tfmat.crystals.symmetry import space_group

    chosen = vector_noise(SEED, 0, 40, 6).argmax(axis=1)
    request = StructureRequest(symprec=0.35)
    for k, result in zip(chosen, generate(codec, 40, SEED, request=request), strict=True):
        if result.crystal is None:
            continue
        loose = space_group(CRYSTALS[k], 0.35)
        assert space_group(result.crystal, 1e-4) == loose
        assert StructureMatcher().fit(result.crystal.to_structure(), CRYSTALS[k].to_structure())
    # What was bent is straight now.
    assert space_group(BI_SE3, 1e-4)[0] == "P1"


def test_encoding_is_the_inverse_of_decoding(codec):
    slots = codec.encode(CRYSTALS)
    assert np.array_equal(slots.lattice, np.eye(6)[:5])
    assert slots.slots["element"][slots.slots["row"] == 2].tolist() == [83]
    decoded = list(codec.decode(slots.without_counts()))
    matcher = StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.1)
    for crystal, found in zip(CRYSTALS[:4], decoded, strict=False):
        assert matcher.fit(crystal.to_structure(), found.to_structure())
    assert decoded[4].reason == "atoms closer than 0.5 Å"


def test_unknown_element_is_refused(codec):
    from tfmat.crystals.crystal import Crystal

    with pytest.raises(InputError, match="none of Bi, Se"):
        codec.encode([Crystal.from_arrays(4 * np.eye(3), [[2, 2, 2]], [52])])
