"""The form of a file is that of its content, whatever it is called."""

import gzip
import json
import shutil

import pytest
from cif_files import cif

from tfmat.datasets.importing import sniff
from tfmat.errors import InputError

POSCAR = "NaCl\n4\n1 0 0\n0 1 0\n0 0 1\nNa Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"
TABLE = f'material_id,cif\nm1,"{cif()}"\nm2,"{cif()}"\n'
FRAME = '1\nLattice="4 0 0 0 4 0 0 0 4" id=m\nNa 0 0 0\n'


@pytest.mark.parametrize("name", ["poscars_1.csv", "POSCAR-table", "poscars.json", "a.cif", "a"])
def test_a_table_of_any_name(tmp_path, load, name):
    (tmp_path / name).write_text(TABLE)
    dataset, summary, _ = load(tmp_path / name)
    assert (summary["format"], list(dataset.ids)) == ("csv", ["m1", "m2"])


@pytest.mark.parametrize("name", ["poscars.json", "POSCAR_list", "contcars.csv"])
def test_json_of_any_name(tmp_path, load, name, rocksalt):
    (tmp_path / name).write_text(json.dumps([{"id": "m", "structure": rocksalt.as_dict()}]))
    dataset, summary, _ = load(tmp_path / name)
    assert (summary["format"], list(dataset.ids)) == ("json", ["m"])


@pytest.mark.parametrize("name", ["POSCAR-relaxed", "a.vasp", "mp-1.cif", "x.txt", "1.csv"])
def test_a_poscar_of_any_name(tmp_path, load, name):
    (tmp_path / name).write_text(POSCAR)
    dataset, summary, _ = load(tmp_path / name)
    assert summary["format"] == "folder"
    assert dataset[0].numbers.tolist() == [11, 17]


@pytest.mark.parametrize("name", ["POSCAR-new", "a.cif", "structure", "a.vasp"])
def test_a_cif_of_any_name(tmp_path, load, name):
    (tmp_path / name).write_text(cif())
    assert load(tmp_path / name)[0][0].numbers.tolist() == [20, 8]


def test_a_poscar_whose_comment_looks_like_something_else(tmp_path):
    for comment in ("2", "{", "cif,id", "[1]", "data_a"):
        (tmp_path / "POSCAR").write_text(POSCAR.replace("NaCl", comment, 1))
        assert sniff(tmp_path / "POSCAR") == "folder"


def test_a_folder_takes_files_by_content_and_leaves_tables_out(tmp_path, load):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "POSCAR-1").write_text(POSCAR)
    (folder / "POSCAR-2").write_text(cif())
    (folder / "POSCAR-3").write_text("notes of a run\n")
    (folder / "poscars.csv").write_text("id,e_form\nPOSCAR-1,1\nPOSCAR-2,2\nPOSCAR-3,3\n")
    (folder / "poscars.json").write_text("[]")
    (folder / "contcar.xyz").write_text(FRAME)
    dataset, _, rejected = load(folder)
    assert list(dataset.ids) == ["POSCAR-1", "POSCAR-2"]
    assert dataset.property("formation_energy_per_atom").tolist() == [1, 2]
    assert [row["id"] for row in rejected] == ["POSCAR-3"]


def test_blocks_of_a_file_are_rejected_one_by_one(tmp_path, load):
    text = cif(name="one") + cif(["X1 X 0 0 0"], name="two") + cif(name="one")
    (tmp_path / "a.cif").write_text(text)
    dataset, _, rejected = load(tmp_path / "a.cif")
    assert list(dataset.ids) == ["a", "a#2"]
    assert [row["reason"] for row in rejected] == ["unknown element: 'X' (data_two)"]


def test_other_files_are_refused(tmp_path):
    for text in ("notes\n", "a,b\n1,2\n"):
        (tmp_path / "a").write_text(text)
        with pytest.raises(InputError, match="neither CSV"):
            sniff(tmp_path / "a")
    (tmp_path / "a").write_bytes("cif,id\n".encode("utf-16-le"))
    with pytest.raises(InputError, match="no text, or UTF-16 without a byte order mark"):
        sniff(tmp_path / "a")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("packed", [False, True])
def test_encodings_by_their_mark(tmp_path, load, rocksalt, encoding, packed):
    quoted = cif().replace('"', '""')
    frame = '1\nLattice="4 0 0 0 4 0 0 0 4" name=\u00e9\nNa 0 0 0\n'
    texts = {
        "a.csv": f'id,cif\n\u00e9,"{quoted}"\n',
        "a.cif": cif(),
        "a.json": json.dumps([rocksalt.as_dict()]),
        "a.xyz": frame,
        "a.vasp": rocksalt.to(fmt="poscar"),
    }
    for name, text in texts.items():
        data = text.encode(encoding)
        (tmp_path / name).write_bytes(gzip.compress(data) if packed else data)
        dataset, _, rejected = load(tmp_path / name)
        assert (len(dataset), rejected) == (1, [])
        named = {"a.csv": "\u00e9", "a.xyz": "\u00e9", "a.json": "a-1"}
        assert dataset.ids[0] == named.get(name, "a")
        shutil.rmtree(tmp_path / "out")
