"""Putting datasets together."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from tfmat.cli.main import tfmat

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.duplicates import known_copies
from tfmat.crystals.matching import matchers
from tfmat.datasets.folders import SHIPPED
from tfmat.datasets.merge import combined_energies, merge
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError
from tfmat.relaxation.databases.perturb import generator, perturbed
from tfmat.relaxation.databases.prototypes import aflow

PROTOTYPES = {p.name: p.filled((29, 79)) for p in aflow() if len(p) <= 4}
ROCKSALT, CAESIUM_CHLORIDE = PROTOTYPES["AB_cF8_225_a_b"], PROTOTYPES["AB_cP2_221_b_a"]


def doubled(crystal: Crystal) -> Crystal:
    """The same crystal in a cell of twice the size, turned, and a little larger."""
    rotation, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    turned = Crystal(crystal.lattice @ rotation * 1.03, crystal.positions @ rotation * 1.03,
                     crystal.numbers)  # fmt: skip
    return Crystal.from_structure(turned.to_structure() * (1, 2, 1))


def write(folder, rows, extra=None):
    with DatasetWriter(folder, {"name": folder.name, "sha256": ""}, extra=extra) as writer:
        for name, crystal, properties in rows:
            writer.add(crystal, name, properties)
    return folder


@pytest.fixture
def parts(tmp_path):
    one = [("a", ROCKSALT, {"band_gap": 1.0}), ("b", CAESIUM_CHLORIDE, {"band_gap": 0.0})]
    two = [
        ("b", PROTOTYPES["AB3_cP4_221_a_c"], {"formation_energy_per_atom": -0.1}),
        ("c", doubled(ROCKSALT), {"formation_energy_per_atom": 0.3}),
    ]
    return [write(tmp_path / "one", one), write(tmp_path / "two", two)]


@pytest.mark.parametrize(
    ("duplicates", "ids", "dropped"),
    [
        ("id", ["a", "b", "c"], "the id of an earlier structure"),
        ("keep", ["a", "b", "b#2", "c"], ""),
        ("structure", ["a", "b", "b#2"], "the same as a"),
    ],
)
def test_rows_of_one_after_the_other(parts, tmp_path, duplicates, ids, dropped):
    out = tmp_path / "out"
    summary = merge(parts, out, duplicates=duplicates)
    dataset = Dataset.open(out)
    assert list(dataset.ids) == ids
    assert summary["structures"] == len(ids) == sum(summary["kept"])
    assert summary["dropped"] == 4 - len(ids)
    assert dropped in (out / "rejected.csv").read_text()
    for part, start in zip(map(Dataset.open, parts), (0, 2), strict=True):
        for row, name in enumerate(part.ids):
            place = start + row
            if place < len(ids) and ids[place].split("#")[0] == name:
                np.testing.assert_array_equal(dataset[place].positions, part[row].positions)
    np.testing.assert_array_equal(dataset.property("band_gap")[:2], [1.0, 0.0])
    assert np.isnan(dataset.property("formation_energy_per_atom")[:2]).all()
    record = dataset.metadata["extra"]["merge"]
    assert [entry["sha256"] for entry in record["datasets"]] == [
        Dataset.open(part).sha256 for part in parts
    ]


def test_known_copies_in_any_cell_and_at_any_volume():
    crystals = [
        doubled(ROCKSALT),
        CAESIUM_CHLORIDE,
        PROTOTYPES["AB3_cP4_221_a_c"],
        perturbed(ROCKSALT, generator(0, "x"), strain=0.02, displacement=0.05),
    ]
    steps = []
    known = [PROTOTYPES["AB_cF8_216_c_a"], ROCKSALT]
    assert known_copies(crystals, known, on_step=steps.append) == [1, None, None, 1]
    assert steps == [1] * 4
    assert known_copies(crystals, []) == [None] * 4


def test_a_known_copy_whose_primitive_cell_is_hidden_by_noise():
    """Two atoms in the primitive cell of one, four of the other: only the cells as given match."""
    known = Crystal.from_structure(CAESIUM_CHLORIDE.to_structure() * (1, 1, 2))
    noisy = perturbed(known, generator(1, "x"), strain=0.0, displacement=0.4)
    pair = noisy.to_structure(), known.to_structure()
    assert [judge.fit(*pair) for judge in matchers()] == [False, True]
    assert known_copies([noisy], [known]) == [0]
    assert known_copies([known], [noisy]) == [0]


def _energies(scale):
    return {"extra": {"energies": {"method": "m", "scale": scale, "references": {"Cu": 1}}}}


def test_what_energies_mean_together():
    same = combined_energies([("a", _energies("PBE")), ("b", _energies("PBE"))])
    assert same.warning == ""
    assert same.record == {"method": "m", "scale": "PBE", "references": {"Cu": 1}}
    mixed = combined_energies([("a", _energies("PBE")), ("b", {"extra": {}})])
    assert mixed.warning == (
        "energies are on different scales (a: PBE; b: not known); say it with `tfmat data import "
        "--energy-scale TEXT`"
    )
    assert mixed.record["scale"] == "mixed (a: PBE; b: not known)"
    unknown = combined_energies([(name, {"extra": {}}) for name in "aba"])
    assert unknown.record == {}
    assert unknown.warning.startswith("on which scale energies are is not known of a, b; say it")


def test_the_command(parts, tmp_path):
    arguments = ["data", "merge", *map(str, parts), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(tfmat, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["kept"] == [2, 2]
    assert "warning: " in result.stderr
    again = CliRunner().invoke(tfmat, arguments, standalone_mode=False)
    assert isinstance(again.exception, InputError)
    again = CliRunner().invoke(tfmat, [*arguments, "--overwrite"])
    assert again.exit_code == 0, again.output
    with pytest.raises(InputError, match="is one of the datasets"):
        merge(parts, parts[1], overwrite=True)
    with pytest.raises(InputError, match="at least two"):
        merge(parts[:1], tmp_path / "x")


def test_no_path_of_a_machine_is_recorded(parts, tmp_path):
    out = tmp_path / "out"
    merge([parts[0], SHIPPED / "bi-se"], out, duplicates="structure")
    for file in ("metadata.json", "rejected.csv"):
        text = (out / file).read_text("utf-8")
        assert str(SHIPPED) not in text
        assert str(tmp_path) not in text
