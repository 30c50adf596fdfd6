"""Identifiers that would command a terminal, a spreadsheet or a CIF reader do none of it."""

from __future__ import annotations

import csv
from pathlib import Path

import ase.io
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfmat.crystals.crystal import Crystal
from tfmat.crystals.writing import cif_text, extxyz_text
from tfmat.csv_tables import text_of
from tfmat.datasets.sources import read_source, source_of
from tfmat.datasets.store import Dataset, DatasetWriter
from tfmat.errors import printable

CELL = Crystal.from_arrays(np.eye(3) * 4.0, np.zeros((1, 3)), np.array([3], np.uint8))
NAMES = st.one_of(
    st.text(st.one_of(st.characters(), st.characters(categories=["Cs", "Cc", "Cf"])), max_size=6),
    st.sampled_from(["=1+1", "@x", "-x", "'=1", "a\nb", "a b", "\ud800", '"', "\\", "x" * 400]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.lists(NAMES, min_size=1, max_size=5))
def test_a_dataset_keeps_names_that_can_be_printed(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("names") / "set"
    with DatasetWriter(folder, {"name": "here"}) as writer:
        stored = [writer.add(CELL, name) for name in names]
        for name in names:
            writer.reject(name, f"broken: {name}", name)
    dataset = Dataset.open(folder)
    assert list(dataset.ids) == stored
    assert len(set(stored)) == len(names)
    assert all(name.isprintable() for name in stored)
    for name, kept in zip(names, stored, strict=True):
        assert kept.startswith(printable(name))
    with (folder / "rejected.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, strict=True))[1:]
    assert [text_of(row[1]) for row in rows] == [printable(name) for name in names]
    assert all(cell.isprintable() for row in rows for cell in row)
    assert not [cell for row in rows for cell in row if cell[:1] in {"=", "@"}]
    assert [entry.identifier for entry in read_source(folder).entries] == stored


def test_structures_in_memory_have_printable_names() -> None:
    first, second = CELL.to_structure(), CELL.to_structure()
    first.properties, second.properties = {"id": "a\x1b"}, {"id": "a<U+001B>"}
    entries = source_of([first, second]).entries
    assert [entry.identifier for entry in entries] == ["a<U+001B>", "a<U+001B>#2"]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=NAMES)
def test_files_of_one_structure_are_read_whatever_its_name(tmp_path: Path, name: str) -> None:
    cif = cif_text(CELL, name, [f"id {name}"])
    cif.encode()
    lines = cif.splitlines()
    assert all(line.isprintable() and len(line) <= 2048 for line in lines)
    assert lines[0].startswith("# id")
    assert lines[1].startswith("data_")
    assert lines[1].isascii()
    assert 5 < len(lines[1]) <= 80
    assert " " not in lines[1]
    file = tmp_path / "one.cif"
    file.write_text(cif, "utf-8")
    assert ase.io.read(file).get_chemical_formula() == "Li"
    frame = extxyz_text(CELL, {"id": name, "band_gap": -1.5})
    frame.encode()
    assert len(frame.splitlines()) == 3
    file = tmp_path / "one.extxyz"
    file.write_text(frame, "utf-8")
    assert ase.io.read(file).info["band_gap"] == -1.5
