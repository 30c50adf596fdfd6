"""Importing folders of CIF and POSCAR files, with and without a table."""

import gzip
import hashlib
import shutil

import numpy as np
import pytest

from tfmat.datasets.importing import source_hash
from tfmat.datasets.sources import read_source
from tfmat.datasets.splits.copies import families
from tfmat.errors import InputError


@pytest.fixture
def folder(tmp_path, cif, rocksalt):
    folder = tmp_path / "files"
    (folder / "mp-1").mkdir(parents=True)
    (folder / "a.cif").write_text(cif)
    (folder / "b.vasp").write_text(rocksalt.to(fmt="poscar"))
    (folder / "mp-1" / "POSCAR").write_text(rocksalt.to(fmt="poscar"))
    (folder / "c.cif.gz").write_bytes(gzip.compress(cif.encode()))
    (folder / "notes.txt").write_text("nothing of interest")
    return folder


def test_every_file_is_found_and_named(folder, load, rocksalt):
    dataset, summary, _ = load(folder)
    assert list(dataset.ids) == ["a", "b", "c", "mp-1"]
    assert summary["format"] == "folder"
    for crystal in dataset:
        assert crystal.to_structure().matches(rocksalt)


def test_the_hash_follows_content_and_names(folder, load, tmp_path):
    first = source_hash(folder)
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("a.cif", "b.vasp", "c.cif.gz", "mp-1/POSCAR")
    ]
    assert first == hashlib.sha256("".join(lines).encode()).hexdigest()
    (folder / "notes.txt").unlink()
    assert source_hash(folder) == first
    (folder / "a.cif").rename(folder / "d.cif")
    assert source_hash(folder) != first


def test_properties_from_the_only_table(folder, load):
    (folder / "id_prop.csv").write_text("name;ef;gap\na;-1;0\nb.vasp;-2;\nmp-1;-4;2\n")
    dataset, _, rejected = load(folder)
    assert dict(zip(dataset.ids, dataset.property("formation_energy_per_atom"), strict=True)) == {
        "a": -1,
        "b": -2,
        "mp-1": -4,
    }
    assert [row["reason"] for row in rejected] == ["no properties: not in id_prop.csv"]
    assert dataset.metadata["source"]["table"] == "id_prop.csv"


def test_properties_from_a_named_table(folder, load, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("structure file,E\na.cif,1\nb,2\nc,3\nmp-1,4\n")
    dataset, _, _ = load(
        folder, table=table, identifier="structure file", properties={"energy": "E"}
    )
    assert list(dataset.ids) == ["a", "b", "c", "mp-1"]
    assert dataset.property("energy").tolist() == [1, 2, 3, 4]
    with pytest.raises(InputError, match="no column 'nope'"):
        load(folder, table=table, identifier="nope")
    table.write_text("id,E\na,1\na,2\n")
    with pytest.raises(InputError, match="row 2: 'a' comes twice"):
        load(folder, table=table)


def test_broken_files_are_rejected(folder, load, rocksalt):
    poscar = rocksalt.to(fmt="poscar")
    (folder / "empty.cif").write_text("")
    (folder / "binary.cif").write_bytes(b"\xff\xfe\x00\x01")
    (folder / "text.vasp").write_text("this is\nno POSCAR\n")
    lines = [line.replace(" Na", "").replace(" Cl", "") for line in poscar.splitlines()]
    old = ["old form", *lines[1:5], *lines[6:]]
    (folder / "old.vasp").write_text("\n".join(old))
    (folder / "cut.cif.gz").write_bytes(gzip.compress(b"data_x" * 900)[:-9])
    dataset, _, rejected = load(folder)
    assert len(dataset) == 4
    reasons = {row["where"]: row["reason"] for row in rejected}
    assert reasons["empty.cif"] == "empty file"
    assert reasons["binary.cif"].startswith("broken CIF: ")
    assert reasons["text.vasp"].startswith("broken POSCAR: ")
    assert reasons["old.vasp"] == "broken POSCAR: it names no elements (VASP 4 form)"
    assert reasons["cut.cif.gz"].startswith("the gzip file is cut off")


def test_one_file_alone(folder, load):
    dataset, summary, _ = load(folder / "a.cif")
    assert (list(dataset.ids), summary["format"]) == (["a"], "folder")


def test_a_folder_without_structures(tmp_path, load):
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="holds no CIF or POSCAR files"):
        load(tmp_path / "none")


def test_a_table_that_has_one_file_twice(folder, load):
    table = folder / "t.csv"
    for first, second in (("a", "a.cif"), ("mp-1", "mp-1/POSCAR")):
        table.write_text(f"id,E\n{first},1\n{second},2\n")
        with pytest.raises(InputError, match=f"t.csv: '{first}' and '{second}' are one file"):
            load(folder, properties={"E": "E"})


def test_names_of_a_table_that_no_file_has(folder, load):
    (folder / "t.csv").write_text("id,E\na,1\nb,2\nc,3\nmp-1,4\nmp-2,5\nd.cif,6\n")
    dataset, _, rejected = load(folder, properties={"E": "E"})
    assert dataset.property("E").tolist() == [1, 2, 3, 4]
    assert [(row["where"], row["id"], row["reason"]) for row in rejected] == [
        ("t.csv", "mp-2", "no structure: the folder has no such file"),
        ("t.csv", "d.cif", "no structure: the folder has no such file"),
    ]


def test_a_bare_name_that_several_files_have(folder, load, cif):
    for name in ("x", "y", "z"):
        (folder / name).mkdir()
        (folder / name / "s.cif").write_text(cif)
        (folder / name / "a.cif").write_text(cif)
    (folder / "t.csv").write_text("id,E\na,1\nb,2\nc,3\nmp-1,4\ns,5\nz/s,6\n")
    dataset, _, rejected = load(folder, properties={"E": "E"})
    assert dict(zip(dataset.ids, dataset.property("E"), strict=True)) == {
        "a": 1,
        "b": 2,
        "c": 3,
        "mp-1": 4,
        "z/s": 6,
    }
    assert {row["id"]: row["reason"].split(":")[0] for row in rejected} == {
        "x/s": "unclear",
        "y/s": "unclear",
        "x/a": "no properties",
        "y/a": "no properties",
        "z/a": "no properties",
    }


def test_two_tables(folder, load):
    (folder / "one.csv").write_text("id,E\na,1\nb,2\nc,3\nmp-1,4\n")
    (folder / "two.csv").write_text("id,E\na,5\n")
    with pytest.raises(InputError, match=r"2 CSV files in it \(one.csv, two.csv\); name the one"):
        load(folder)
    dataset, _, _ = load(folder, table=folder / "one.csv", properties={"E": "E"})
    assert dataset.property("E").tolist() == [1, 2, 3, 4]


def test_links_stay_within_the_folder(folder, load, tmp_path, cif):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.cif").write_text(cif)
    before = source_hash(folder)
    (folder / "out.cif").symlink_to(outside / "secret.cif")
    (folder / "up.cif").symlink_to("../outside/secret.cif")
    (folder / "gone.cif").symlink_to("nothing.cif")
    (folder / "cifs").symlink_to(outside)
    assert source_hash(folder) == before
    (folder / "in.cif").symlink_to("a.cif")
    dataset, _, rejected = load(folder)
    assert list(dataset.ids) == ["a", "b", "c", "in", "mp-1"]
    reason = "no structure: a link out of the folder; copy the file into it"
    assert {row["id"]: row["reason"] for row in rejected} == dict.fromkeys(
        ("out", "up", "gone"), reason
    )
    (outside / "t.csv").write_text("id,E\na,1\n")
    (folder / "t.csv").symlink_to(outside / "t.csv")
    with pytest.raises(InputError, match="a link out of the folder; name the file"):
        load(folder)


def test_a_link_that_is_named_is_followed(folder, load, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert len(load(tmp_path / "link")[0]) == 4
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "one.cif").symlink_to(folder / "a.cif")
    assert len(load(tmp_path / "one.cif")[0]) == 1


@pytest.fixture
def twins(tmp_path, rocksalt):
    """Files of different cells that have one name but for the ending."""
    folder = tmp_path / "twins"
    (folder / "mp-1").mkdir(parents=True)
    cells = {}
    for place, name in enumerate(
        ("a.cif", "a.vasp", "b.cif", "b.cif.cif", "c", "c.cif", "mp-1/POSCAR", "mp-1/CONTCAR")
    ):
        cells[name] = rocksalt.copy()
        cells[name].scale_lattice(rocksalt.volume * (1 + 0.1 * place))
        form = "cif" if ".cif" in name else "poscar"
        (folder / name).write_text(cells[name].to(fmt=form))
    (folder / "c").rename(folder / "POSCAR_c")
    cells["POSCAR_c"] = cells.pop("c")
    return folder, cells


def test_files_that_differ_in_the_ending_alone_are_told_apart(twins, load):
    folder, cells = twins
    dataset, summary, _ = load(folder)
    # Those that have a name for themselves go without the ending; "b.cif" is a file's whole name.
    alone = {"c.cif": "c", "b.cif.cif": "b.cif.cif", "b.cif": "b"}
    names = {alone.get(file, file): file for file in cells}
    assert set(dataset.ids) == set(names)
    for name, crystal in zip(dataset.ids, dataset, strict=True):
        volume = abs(np.linalg.det(crystal.lattice))
        assert volume == pytest.approx(cells[names[name]].volume, rel=1e-4)
    assert [entry.identifier for entry in read_source(folder).entries] == list(dataset.ids)
    assert summary["renamed_ids"] == 0
    assert summary["files_of_one_name"] == 5
    # They may be one material, before and after relaxing, and no split parts them.
    family = dict(zip(dataset.ids, families(dataset), strict=True))
    assert family["a.cif"] == family["a.vasp"]
    assert family["mp-1/POSCAR"] == family["mp-1/CONTCAR"]
    assert len(set(family.values())) == 6


def test_a_table_says_which_of_the_files_is_meant(twins, load):
    folder, _ = twins
    (folder / "t.csv").write_text("id,E\na.cif,1\nmp-1,2\nc,3\nb,4\n")
    dataset, _, rejected = load(folder, properties={"E": "E"})
    assert dict(zip(dataset.ids, dataset.property("E"), strict=True)) == {
        "a.cif": 1,
        "b": 4,
        "c": 3,
    }
    reasons = {row["id"]: row["reason"] for row in rejected}
    assert reasons["a.vasp"] == "no properties: not in t.csv"
    unclear = "unclear: 'mp-1' in t.csv is 2 files; give paths with their endings"
    assert reasons["mp-1/POSCAR"] == reasons["mp-1/CONTCAR"] == unclear
    # Where nothing is left the reason is said, and not that a column is missing.
    (folder / "t.csv").write_text("id,E\na,1\n")
    with pytest.raises(InputError, match=r"all 8 structures were rejected; the first: POSCAR_c"):
        load(folder, properties={"E": "E"})


def test_names_that_are_no_utf_8(folder, load):
    (folder / "a.cif").rename(folder / "\udcff\udcfe.mcif")
    dataset, _, _ = load(folder)
    assert "<U+DCFF><U+DCFE>" in dataset.ids
    assert len(dataset) == 4
    # What the record says of the source can be read again, too.
    named = folder.rename(folder.with_name("\udcff"))
    assert load(named)[0].metadata["source"]["name"] == "<U+DCFF>"
