"""A dataset imported from a dataset: a part of it, with all that is known of it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from tfmat.cli.main import tfmat

from tfmat.crystals.crystal import Crystal
from tfmat.datasets.importing import ImportOptions, import_dataset
from tfmat.datasets.select import passes
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import InputError

EXTRA = {
    "energies": {"method": "one", "scale": "A", "references": {"Bi": -4.0}},
    "screening_energies": {"method": "other", "scale": "B"},
    "build": {"distinct": 3},
}


@pytest.fixture
def source(tmp_path):
    place = tmp_path / "whole"
    with DatasetWriter(
        place, {"name": "whole", "sha256": "", "license": "MIT", "attribution": ["A"]}, extra=EXTRA
    ) as writer:
        for number, edge in enumerate((4.0, 12.0, 5.0)):
            crystal = Crystal(np.eye(3) * edge, np.zeros((1, 3)), np.array([83], np.uint8))
            known = {"formation_energy_per_atom": 0.1 * number} if number else {"other": 7.0}
            writer.add(crystal, f"s{number}", known)
    return place


def test_a_part_keeps_structures_properties_and_what_energies_mean(source, tmp_path):
    out = tmp_path / "part"
    summary = import_dataset(source, out, ImportOptions(max_length=10.0))
    whole, part = Dataset.open(source), Dataset.open(out)
    chosen = [row for row in range(len(whole)) if passes(whole[row], None, 10.0)]
    assert list(part.ids) == [whole.ids[row] for row in chosen] == ["s0", "s2"]
    for here, row in enumerate(chosen):
        np.testing.assert_array_equal(part[here].lattice, whole[row].lattice)
        np.testing.assert_array_equal(part[here].positions, whole[row].positions)
    for name in whole.properties:
        np.testing.assert_array_equal(part.property(name), np.array(whole.property(name))[chosen])
    assert part.metadata["extra"] == EXTRA
    assert part.metadata["selection"]["max_length"] == 10.0
    assert part.credit == whole.credit
    assert summary["rejected_by_reason"] == {"selection": 1}
    assert (summary["read"], summary["kept"], summary["format"]) == (3, 2, "dataset")


def test_licence_and_citations_are_added(source, tmp_path):
    options = ImportOptions(licence="CC-BY-4.0", attribution=("B",), energy_scale="C", limit=1)
    import_dataset(source, tmp_path / "part", options)
    part = Dataset.open(tmp_path / "part")
    assert part.credit.record() == {"license": "CC-BY-4.0", "attribution": ["B", "A"]}
    assert part.metadata["extra"]["energies"] == EXTRA["energies"] | {"scale": "C"}
    assert len(part) == part.metadata["source"]["limit"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"form": "csv"},
        {"properties": {"x": "y"}},
        {"identifier": "id"},
        {"max_length": 0.0},
        {"licence": "no licence"},
        {"max_length": 1.0},
    ],
)
def test_what_cannot_be_is_refused(source, tmp_path, wrong):
    with pytest.raises(InputError):
        import_dataset(source, tmp_path / "part", ImportOptions(**wrong))
    assert not (tmp_path / "part").exists()


def test_onto_itself_is_refused(source):
    with pytest.raises(InputError):
        import_dataset(source, source, ImportOptions(overwrite=True))
    assert len(Dataset.open(source)) == 3


def test_the_command(source, tmp_path):
    out = str(tmp_path / "part")
    found = CliRunner().invoke(
        tfmat, ["data", "import", str(source), "--max-length", "10", "--out", out, "--json"]
    )
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["kept"] == 2
    found = CliRunner().invoke(
        tfmat, ["data", "import", str(source), "--id", "x", "--out", str(tmp_path / "other")]
    )
    assert isinstance(found.exception, InputError)
    assert "is a dataset" in str(found.exception)
