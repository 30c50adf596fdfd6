"""Importing tables with a column of CIFs."""

import csv
import gzip
import warnings

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from tfmat.errors import InputError

COLUMNS = ["material_id", "cif", "formation_energy_per_atom", "Band Gap"]


def write(path, rows, *, encoding="utf-8", end="\n", delimiter=","):
    with path.open("w", newline="", encoding=encoding) as stream:
        csv.writer(stream, lineterminator=end, delimiter=delimiter).writerows(rows)
    return path


def as_cif(structure):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return structure.to(fmt="cif")


def test_good_rows_are_kept_and_bad_ones_say_why(tmp_path, load, cif):
    cubic = Lattice.cubic(4)
    several = as_cif(Structure(cubic, [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]]))
    partial = as_cif(Structure(cubic, [{"Cu": 0.5}], [[0, 0, 0]]))
    heavy_water = as_cif(Structure(cubic, ["D", "O"], [[0, 0, 0], [0.3, 0.3, 0.3]]))
    rows = [
        COLUMNS,
        ["good", cif, "-1.5", "1"],
        ["good", cif, "", " 2 "],
        ["several", several, "1", "1"],
        ["partial", partial, "1", "1"],
        ["heavy", heavy_water, "NaN", "none"],
        ["dummy", cif.replace("Na", "X"), "1", "1"],
        ["cut", cif[:300], "1", "1"],
        ["rubbish", "not a cif", "1", "1"],
        ["", "", "1", "1"],
        ["nan", cif.replace("0.5", "nan"), "1", "1"],
        ["text", cif, "very low", "1"],
        ["infinite", cif, "-inf", "1"],
        ["short", cif, "1"],
        [],
        ["two", cif + cif.replace("data_NaCl", "data_other"), "1", "1"],
    ]
    table = write(tmp_path / "odd.csv", rows)
    named = {"formation_energy_per_atom": "formation_energy_per_atom"}
    dataset, summary, rejected = load(table, properties=named)
    assert list(dataset.ids) == ["good", "good#2", "heavy"]
    assert dataset[2].numbers.tolist() == [1, 8]
    np.testing.assert_array_equal(
        dataset.property("formation_energy_per_atom"), [-1.5, np.nan, np.nan]
    )
    np.testing.assert_array_equal(dataset.property("band_gap"), [1, 2, np.nan])
    reasons = {row["id"]: row["reason"] for row in rejected}
    assert reasons["several"].startswith("disordered: ")
    assert reasons["partial"].startswith("disordered: ")
    assert reasons["dummy"] == "unknown element: 'X'"
    for name in ("cut", "rubbish", "nan"):
        assert reasons[name].startswith("broken CIF: ")
    assert reasons["odd-9"] == "no structure: the cell is empty"
    assert reasons["text"] == "broken formation_energy_per_atom: 'very low' is no number"
    assert reasons["infinite"] == "broken formation_energy_per_atom: '-inf' is not finite"
    assert reasons["odd-13"] == "broken row: 3 cells, but 4 columns"
    assert reasons["two"] == "broken CIF: 2 structures where one belongs"
    assert [row["where"] for row in rejected][:2] == ["row 3", "row 4"]
    assert (summary["read"], summary["kept"], summary["rejected"]) == (14, 3, 11)
    assert summary["renamed_ids"] == 1


def test_text_in_a_column_that_nobody_asked_for_does_not_reject_the_row(tmp_path, load, cif):
    rows = [["id", "cif", "stability", "gap"], ["a", cif, "stable", "direct"], ["b", cif, "0", "x"]]
    dataset, summary, rejected = load(write(tmp_path / "words.csv", rows))
    assert rejected == []
    np.testing.assert_array_equal(dataset.property("e_above_hull"), [np.nan, 0])
    found = {name: entry["not_numbers"] for name, entry in summary["properties"].items()}
    assert found == {"e_above_hull": 1, "band_gap": 2}


def test_the_structure_is_what_pymatgen_reads(tmp_path, load, cif, rocksalt):
    dataset, _, _ = load(write(tmp_path / "a.csv", [COLUMNS, ["a", cif, "1", "1"]]))
    found = dataset[0].to_structure()
    assert found.composition == rocksalt.composition
    assert found.lattice.abc == pytest.approx(rocksalt.lattice.abc, abs=1e-6)
    assert found.lattice.angles == pytest.approx(rocksalt.lattice.angles, abs=1e-6)
    np.testing.assert_allclose(found.distance_matrix, rocksalt.distance_matrix, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.csv", {"encoding": "utf-8-sig", "end": "\r\n"}),
        ("a.tsv", {"delimiter": "\t"}),
        ("a.json", {"delimiter": ";"}),
    ],
)
def test_other_line_ends_delimiters_and_endings(tmp_path, load, cif, name, options):
    text = cif.replace("\n", "\r\n") if options.get("end") else cif
    source = write(tmp_path / name, [COLUMNS, ["a", text, "-1", "2"]], **options)
    dataset, _, _ = load(source)
    assert list(dataset.ids) == ["a"]
    assert dataset.property("band_gap")[0] == 2


def test_bytes_that_are_not_utf8_do_no_harm(tmp_path, load, cif):
    source = write(tmp_path / "a.csv", [COLUMNS, ["a", cif, "-1", "2"]])
    source.write_bytes(source.read_bytes().replace(b"using pymatgen", b"b\xe9 \xff"))
    dataset, _, rejected = load(source)
    assert (len(dataset), rejected) == (1, [])


def test_gzip_is_known_by_content_and_damage_is_an_error(tmp_path, load, cif):
    plain = write(tmp_path / "a.csv", [COLUMNS] + [["a", cif, "-1", "2"]] * 50)
    packed = gzip.compress(plain.read_bytes())
    (tmp_path / "b.csv").write_bytes(packed)
    assert load(tmp_path / "b.csv")[1]["kept"] == 50
    (tmp_path / "c.csv.gz").write_bytes(packed[:-40])
    with pytest.raises(InputError, match=r"c\.csv\.gz: the gzip file is cut off"):
        load(tmp_path / "c.csv.gz")


def test_columns_by_name(tmp_path, load, cif):
    header = ["key", "crystal", "E", "stable", "ef"]
    source = write(tmp_path / "a.csv", [header, ["k1", cif, "3", "True", "-1"]])
    dataset, summary, _ = load(
        source,
        structure="crystal",
        identifier="key",
        properties={"total_energy": "E", "stable": "stable"},
    )
    assert list(dataset.ids) == ["k1"]
    assert {name: dataset.property(name)[0] for name in dataset.properties} == {
        "formation_energy_per_atom": -1,
        "total_energy": 3,
        "stable": 1,
    }
    assert summary["columns_left_out"] == []
    assert dataset.metadata["extra"]["columns"]["formation_energy_per_atom"] == "ef"


@pytest.mark.parametrize(
    "options", [{"structure": "x"}, {"identifier": "x"}, {"properties": {"band_gap": "x"}}]
)
def test_a_missing_column_is_named_before_anything_is_read(tmp_path, load, cif, options):
    source = write(tmp_path / "a.csv", [COLUMNS, ["a", cif, "1", "1"]])
    with pytest.raises(InputError, match=r"no column 'x'.*there are: .*Band Gap"):
        load(source, **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"cif,ef\n", "no structures in it"),
        (b"name,ef\na,1\n", "no column 'cif'"),
        (b"cif,cif\n,\n", "two columns are called 'cif'"),
        (b'cif,ef\n"never closed' + b"x" * 17 * 2**20, "line 2 has more than 16 million"),
        (b"cif,ef\nrubbish,1\n", "all 1 structures were rejected; the first: row 1: broken CIF"),
    ],
)
def test_unusable_tables(tmp_path, load, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        load(tmp_path / "a.csv")
    assert not (tmp_path / "out").exists()


def test_the_record_says_where_the_data_come_from(tmp_path, load, cif):
    import hashlib

    source = write(tmp_path / "a.csv", [COLUMNS, ["a", cif, "1", "1"]])
    dataset, _, _ = load(source, max_atoms=20, max_length=10.0, limit=5)
    assert dataset.metadata["source"] == {
        "name": "a.csv",
        "format": "csv",
        "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "limit": 5,
    }
    selection = {"max_atoms": 20, "max_length": 10.0, "cell": "Niggli"}
    assert dataset.metadata["selection"] == selection


def test_the_selection_rejects_with_the_reason(tmp_path, load, cif, rocksalt):
    large = as_cif(rocksalt * (4, 1, 1))
    source = write(tmp_path / "a.csv", [COLUMNS, ["a", cif, "1", "1"], ["b", large, "1", "1"]])
    dataset, _, rejected = load(source, max_length=10.0)
    assert list(dataset.ids) == ["a"]
    assert rejected[0]["reason"].startswith("selection: an edge of ")


def test_a_formula_beside_the_structure_must_be_its_own(tmp_path, load, cif):
    rows = [
        ["material_id", "cif", "formula", "pretty_formula"],
        ["good", cif, "Na1 Cl1", "NaCl"],
        ["words", cif, "table salt", ""],
        ["other", cif, "Na2 Cl1", "NaCl"],
        ["third", cif, "", "KCl"],
    ]
    dataset, _, rejected = load(write(tmp_path / "a.csv", rows))
    assert list(dataset.ids) == ["good", "words"]
    assert [row["id"] for row in rejected] == ["other", "third"]
    assert all(row["reason"].startswith("contradiction: Na1 Cl1 ") for row in rejected)


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;\r", "\nsep=;"])
def test_the_line_above_a_table_that_names_the_delimiter(tmp_path, load, cif, first):
    quoted = cif.replace('"', '""')
    text = f'{first}\nid;e_form, in eV, per atom;cif\n"a";-1;"{quoted}"\n'
    (tmp_path / "a.csv").write_text(text, newline="")
    dataset, summary, _ = load(tmp_path / "a.csv", properties={"e": "e_form, in eV, per atom"})
    assert (summary["format"], list(dataset.ids)) == ("csv", ["a"])
    assert dataset.property("e").tolist() == [-1]


def test_a_cell_that_the_end_of_the_file_cuts_off(tmp_path, load, cif):
    source = write(tmp_path / "a.csv", [["id", "cif"], ["a", cif], ["b", cif], ["c", cif]])
    text = source.read_text()
    # As a copy that broke off at the end of a line of the last CIF: what is left reads well.
    end = text.rindex("\n", 0, len(text) - 3)
    for length in (end, end + 1):
        source.write_text(text[:length])
        dataset, summary, rejected = load(source)
        assert list(dataset.ids) == ["a", "b"]
        assert summary["read"] == 3
        reason = "broken row: a quote is not closed; is the file cut off?"
        assert [row["reason"] for row in rejected] == [reason]


def test_other_columns_that_contradict_the_structure(tmp_path, load, cif):
    columns = ["id", "nsites", "elements", "chemsys", "cif"]
    rows = [
        columns,
        ["right", "2", "['Na', 'Cl']", "Cl-Na", cif],
        ["words", "about two", "salt", "", cif],
        ["sites", "3", "", "", cif],
        ["elements", "", "['K', 'Cl']", "", cif],
        ["system", "", "", "K-Cl", cif],
    ]
    dataset, _, rejected = load(write(tmp_path / "a.csv", rows))
    assert list(dataset.ids) == ["right", "words"]
    assert all(row["reason"].startswith("contradiction: ") for row in rejected)
