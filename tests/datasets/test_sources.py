"""Reading the structures of any source."""

import json

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write
from pymatgen.core import Lattice, Structure

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.writing import cif_text, extxyz_text
from tfmat.datasets.importing import ImportOptions
from tfmat.datasets.sources import read_source
from tfmat.datasets.store import DatasetWriter
from tfmat.errors import InputError

ROCKSALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
)
CRYSTAL = Crystal.from_structure(ROCKSALT)


def _folder(path):
    path.mkdir()
    ROCKSALT.to(str(path / "first.cif"), fmt="cif")
    ROCKSALT.to(str(path / "second.vasp"), fmt="poscar")
    return path, ["first", "second"]


def _extxyz(path):
    file = path.with_suffix(".extxyz")
    file.write_text(extxyz_text(CRYSTAL, {"id": "one"}) + extxyz_text(CRYSTAL, {"id": "one"}))
    return file, ["one", "one#2"]


def _csv(path):
    file = path.with_suffix(".csv")
    file.write_text(f'material_id,cif\nmp-1,"{cif_text(CRYSTAL, "x")}"\n')
    return file, ["mp-1"]


def _json(path):
    file = path.with_suffix(".json")
    file.write_text(json.dumps([{"id": "a", "structure": ROCKSALT.as_dict()}]))
    return file, ["a"]


def _dataset(path):
    with DatasetWriter(path, {}) as writer:
        writer.add(CRYSTAL, "x", {"band_gap": 5.0})
        writer.add(CRYSTAL, "y")
    return path, ["x", "y"]


def _generated(path):
    (path / "cif").mkdir(parents=True)
    (path / "cif" / "g-0.cif").write_text(cif_text(CRYSTAL, "g-0"))
    (path / "structures.extxyz").write_text(extxyz_text(CRYSTAL, {"id": "g-0"}))
    (path / "results.csv").write_text("id,status\ng-0,structure\ng-1,no atoms\n")
    return path, ["g-0"]


@pytest.mark.parametrize("make", [_folder, _extxyz, _csv, _json, _dataset, _generated])
def test_every_form_gives_the_same_structure(tmp_path, make):
    path, names = make(tmp_path / "source")
    source = read_source(path)
    assert [entry.identifier for entry in source.entries] == names
    assert source.record["name"] == path.name
    assert len(source.record["sha256"]) == 64
    for entry in source.entries:
        assert entry.reason == ""
        order = np.argsort(entry.crystal.numbers, kind="stable")
        np.testing.assert_array_equal(entry.crystal.numbers[order], [11] * 4 + [17] * 4)
        assert entry.crystal.to_structure().get_space_group_info()[1] == 225


def test_a_limit_and_properties_of_a_dataset(tmp_path):
    path, _ = _dataset(tmp_path / "set")
    source = read_source(path, ImportOptions(limit=1))
    [entry] = source.entries
    assert entry.properties == {"band_gap": 5.0}
    assert source.record["limit"] == 1
    assert read_source("bi-se", ImportOptions(limit=2)).record["format"] == "dataset"


def test_a_broken_frame_is_an_entry_with_its_reason(tmp_path):
    file = tmp_path / "frames.extxyz"
    write(file, bulk("Cu"), format="extxyz")
    with file.open("a") as stream:
        stream.write('1\nLattice="1 0 0 0 1 0 0 0" Properties=species:S:1:pos:R:3\nCu 0 0 0\n')
    good, bad = read_source(file).entries
    assert good.crystal is not None
    assert bad.crystal is None
    assert bad.reason
    assert bad.identifier == "frames-2"


def test_sources_that_are_none(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_source(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no CIF or POSCAR"):
        read_source(tmp_path / "empty")


def test_columns_that_are_not_there(tmp_path):
    file = tmp_path / "frames.extxyz"
    write(file, bulk("Cu"), format="extxyz")
    with pytest.raises(InputError, match="no column 'nope'; there are: none"):
        read_source(file, ImportOptions(identifier="nope"))
    with pytest.raises(InputError, match="`structure` is a column of CSV or a key of JSON"):
        read_source(file, ImportOptions(structure="nope"))
