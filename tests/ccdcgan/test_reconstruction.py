"""What counts as reproduced, and the command that counts it."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from reference_crystals import reference_crystals
from tfmat.cli.main import main

from tfmat.ccdcgan.evaluation import evaluate_reconstruction
from tfmat.ccdcgan.reconstruction import (
    Reconstruction,
    measure,
    through_voxels,
)
from tfmat.ccdcgan.voxels.cell import canonicalise
from tfmat.ccdcgan.voxels.frame import box_positions
from tfmat.ccdcgan.voxels.reasons import NO_LATTICE, NOT_REDUCED, TOO_LARGE
from tfmat.ccdcgan.voxels.spec import VoxelSpec
from tfmat.crystals.crystal import Crystal
from tfmat.crystals.matching import match_rms, matchers
from tfmat.csv_tables import read_table, text_of
from tfmat.datasets.readers.csv import read_csv
from tfmat.datasets.select import passes
from tfmat.datasets.store import DatasetWriter
from tfmat.errors import InputError
from tfmat.metric import metric_of

CRYSTALS = list(reference_crystals().values())


def test_voxels_reproduce_everything() -> None:
    summary = measure(through_voxels(CRYSTALS, VoxelSpec()))
    assert summary["structures"] == summary["reproduced"] == len(CRYSTALS)
    assert metric_of(summary, "reproduced").value == 1.0
    assert metric_of(summary, "rms_mean").value < 1e-5
    assert metric_of(summary, "lattice_max_error").value < 1e-5
    assert metric_of(summary, "angle_max_error").value < 1e-4
    assert summary["not_decoded"] == {}
    assert "atom_recall" not in {metric["name"] for metric in summary["metrics"]}


def test_faithful_positions_are_grid_points() -> None:
    summary = measure(through_voxels([CRYSTALS[0], CRYSTALS[3]], VoxelSpec(), "faithful"))
    assert summary["reproduced"] == 2
    assert 0.01 < metric_of(summary, "rms_mean").value < 0.25


def test_failures_are_counted_by_reason() -> None:
    first, second, third = (canonicalise(crystal) for crystal in CRYSTALS[:3])
    stretched = Crystal(second.lattice * [1.6, 1, 1], second.positions, second.numbers)
    true = box_positions(third)
    sites = {int(z): true[third.numbers == z] for z in third.numbers}
    moved = {z: positions + np.array([0.3, 0, 0]) for z, positions in sites.items()}
    far = {z: positions + np.array([0.6, 0, 0]) for z, positions in sites.items()}
    summary = measure(
        [
            Reconstruction(first, None, NO_LATTICE, {}),
            Reconstruction(second, stretched),
            Reconstruction(third, third, sites=moved),
            Reconstruction(third, third, sites=far),
        ]
    )
    assert (summary["structures"], summary["reproduced"]) == (4, 2)
    assert summary["not_decoded"] == {NO_LATTICE: 1}
    assert summary["not_reproduced"] == [0, 1]
    np.testing.assert_allclose(
        metric_of(summary, "lattice_max_error").value, 0.6 * second.lattice[0, 0]
    )
    # Two atoms of six found: those of the first crystal are missing, those of the last too far.
    assert metric_of(summary, "atom_recall").value == pytest.approx(2 / 6)
    assert metric_of(summary, "atom_precision").value == pytest.approx(2 / 4)
    assert metric_of(summary, "atom_rms").value == pytest.approx(0.3)


def test_structures_with_many_atoms_of_one_element_are_counted_by_themselves() -> None:
    random = np.random.default_rng(0)
    places = np.stack(np.meshgrid(*[[0.0, 3.0, 6.0]] * 3), axis=-1).reshape(-1, 3)[:10]
    places += random.uniform(-0.2, 0.2, places.shape)
    many = canonicalise(Crystal.from_arrays(9.0 * np.eye(3), places, [34] * 9 + [83]))
    few = canonicalise(Crystal.from_arrays(9.0 * np.eye(3), places, [34] * 8 + [83] * 2))
    lost = Crystal(many.lattice, many.positions, np.full(10, 83, np.uint8))
    summary = measure([Reconstruction(many, many), Reconstruction(few, few)])
    assert metric_of(summary, "crowded_reproduced").denominator == 1
    summary = measure([Reconstruction(many, lost), Reconstruction(few, few)])
    assert metric_of(summary, "crowded_reproduced").value == 0.0
    assert metric_of(summary, "reproduced").value == 0.5


def test_what_cannot_be_drawn_is_not_reproduced() -> None:
    far = Crystal.from_arrays(np.diag([4, 4, 60.0]), [[0, 0, 0], [0, 0, 30.0]], [83, 34])
    flat = Crystal(np.diag([4.0, 4.0, 0.0]), np.zeros((1, 3)), np.array([83], np.uint8))
    summary = measure(through_voxels([far, CRYSTALS[0], flat], VoxelSpec()))
    assert (summary["structures"], summary["reproduced"]) == (3, 1)
    assert summary["not_reproduced"] == [0, 2]
    assert summary["not_decoded"] == {TOO_LARGE: 1, NOT_REDUCED: 1}


def test_no_structures() -> None:
    summary = measure([])
    assert summary["structures"] == 0
    assert metric_of(summary, "reproduced").value is None


def test_the_distance_is_in_angstrom() -> None:
    crystal = canonicalise(reference_crystals()["triclinic"])
    rng = np.random.default_rng(0)
    shift = rng.normal(0, 0.02, crystal.positions.shape)
    shift -= shift.mean(axis=0)
    moved = Crystal(crystal.lattice, crystal.positions + shift, crystal.numbers)
    expected = np.sqrt(np.square(shift).sum(axis=1).mean())
    assert match_rms(crystal, moved, matchers()) == pytest.approx(expected, rel=0.02)


def test_counts_are_for_what_may_lose_atoms() -> None:
    with pytest.raises(InputError, match="`counts` is for `stage` autoencoder"):
        evaluate_reconstruction("bi-se", counts=True)
    with pytest.raises(InputError, match="`counts` is for `mode` robust"):
        words = {"stage": "autoencoder", "model": "ccdcgan-bi-se-compact"}
        evaluate_reconstruction("bi-se", **words, mode="faithful", counts=True)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    with DatasetWriter(folder, {"name": "prototypes"}) as writer:
        for name, crystal in reference_crystals().items():
            writer.add(crystal, name, {})
        writer.add(Crystal.from_arrays(12 * np.eye(3), [[0, 0, 0]], [83]), "too-long", {})
    return folder


def test_the_command(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as code:
        main(["evaluate", "reconstruction", str(dataset), "--json"])
    assert code.value.code == 0
    summary = json.loads(capsys.readouterr().out)
    # Two do not pass the papers' selection.
    assert summary["structures"] == summary["reproduced"] == len(CRYSTALS)
    assert summary["stage"] == "voxels"
    with pytest.raises(SystemExit):
        main(["evaluate", "reconstruction", str(dataset), "--limit", "2"])
    assert "2 of 2 structures reproduced (100.00%)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--stage", "autoencoder"], "--model"),
        (["--max-length", "1"], "--max-length"),
        (["--stage", "vocels"], "vocels"),
    ],
)
def test_wrong_words(
    words: list[str], message: str, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as code:
        main(["evaluate", "reconstruction", str(dataset), *words])
    assert code.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_real_structures_come_back(data_dir: Path) -> None:
    """A sample of the file that the full measurement uses (docs/voxels.md)."""
    file = data_dir / "mp_20_val_binary_ternary.csv.gz"
    if not file.is_file():
        pytest.skip(f"{file.name} not here")
    found = [row.crystal for row in islice(read_csv(file), 60) if row.crystal is not None]
    crystals = [crystal for crystal in found if passes(crystal)]
    summary = measure(through_voxels(crystals, VoxelSpec()))
    assert summary["reproduced"] == summary["structures"] > 40
    assert metric_of(summary, "rms_mean").value < 1e-5


def test_shares_by_numbers_of_elements_and_by_element() -> None:
    cell = 8.0 * np.eye(3)
    both = canonicalise(Crystal.from_arrays(cell, [[0, 0, 0], [4, 4, 4.0]], [83, 34]))
    one = canonicalise(Crystal.from_arrays(cell, [[0, 0, 0], [4, 4, 3.0]], [34, 34]))
    seen: list[int] = []
    summary = measure(
        [
            Reconstruction(both, both),
            Reconstruction(both, None, NO_LATTICE),
            Reconstruction(one, one),
        ],
        lost=lambda index, item: seen.append(index),
    )
    assert seen == summary["not_reproduced"] == [1]
    for subset, counts in (
        ({"n_elements": 1}, (1, 1)),
        ({"n_elements": 2}, (1, 2)),
        ({"element": "Bi"}, (1, 2)),
        ({"element": "Se"}, (2, 3)),
        ({"atoms": 2}, (2, 3)),
    ):
        found = metric_of(summary, "reproduced", **subset)
        assert (found.numerator, found.denominator) == counts


def test_what_does_not_come_back_is_kept_as_files(tmp_path: Path, capsys) -> None:
    with DatasetWriter(tmp_path / "data", {"name": "close"}) as writer:
        # Two atoms that are one peak in the voxel, and one that comes back.
        near = Crystal.from_arrays(6.0 * np.eye(3), [[0, 0, 0], [0.3, 0, 0]], [34, 34])
        writer.add(near, "=near", {})
        writer.add(CRYSTALS[0], "fine", {})
    words = ["evaluate", "reconstruction", str(tmp_path / "data")]
    words += ["--failures", str(tmp_path / "lost")]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    assert "1 of 2 structures reproduced" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "lost").iterdir())
    assert names == ["0001-decoded.cif", "0001-original.cif", "failures.csv"]
    (row,) = read_table(tmp_path / "lost" / "failures.csv")[1]
    assert text_of(row["id"]) == "=near"
    assert (row["atoms"], row["decoded_atoms"], row["reason"]) == ("2", "1", "another structure")
    original = Structure.from_file(tmp_path / "lost" / "0001-original.cif")
    assert match_rms(Crystal.from_structure(original), near, matchers()) is not None
    # An earlier folder is replaced when asked, another one never.
    for folder, more, said in (
        ("lost", [], "overwrite"),
        ("lost", ["--overwrite"], ""),
        ("data", ["--overwrite"], "data"),
    ):
        with pytest.raises(SystemExit) as end:
            main([*words[:-1], str(tmp_path / folder), *more])
        assert end.value.code == (2 if said else 0)
        assert said in capsys.readouterr().err
