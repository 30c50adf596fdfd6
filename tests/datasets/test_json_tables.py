"""JSON: tables of pandas in each orient, and structures whose parts contradict one another."""

import json
import sys

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from tfmat.datasets.readers.structure_dict import crystal_from_mapping
from tfmat.datasets.sources import read_source
from tfmat.errors import InputError

pandas = pytest.importorskip("pandas")


def put(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.fixture
def frame(rocksalt):
    other = Structure(Lattice.cubic(4.2), ["Mg", "O"], [[0, 0, 0], [0.5] * 3])
    return pandas.DataFrame(
        {
            "material_id": ["a", "b"],
            "e_form": [-3.0, -1.0],
            "structure": [rocksalt.as_dict(), other.as_dict()],
        }
    )


@pytest.mark.parametrize("orient", ["columns", "index", "split", "records", "table", "values"])
@pytest.mark.parametrize("form", ["dictionary", "text", "cif"])
def test_every_orient_of_pandas(tmp_path, load, frame, orient, form):
    if form == "text":
        frame["structure"] = frame["structure"].map(json.dumps)
    if form == "cif":
        structures = frame["structure"].map(Structure.from_dict)
        frame["structure"] = [structure.to(fmt="cif") for structure in structures]
    dataset, summary, _ = load(put(tmp_path / "a.json", frame.to_json(orient=orient)))
    assert summary["rejected"] == 0
    assert [sorted(crystal.numbers.tolist()) for crystal in dataset] == [[11, 17], [8, 12]]
    if orient != "values":
        assert list(dataset.ids) == ["a", "b"]
        assert dataset.property("formation_energy_per_atom").tolist() == [-3.0, -1.0]


@pytest.mark.parametrize("orient", ["columns", "index", "split"])
def test_names_of_rows_are_identifiers(tmp_path, load, frame, orient):
    named = frame.drop(columns="material_id").set_index(pandas.Index(["x-1", "x-2"]))
    dataset, _, _ = load(put(tmp_path / "a.json", named.to_json(orient=orient)))
    assert list(dataset.ids) == ["x-1", "x-2"]


def test_a_column_of_ones_own(tmp_path, load, frame):
    text = frame.rename(columns={"structure": "relaxed"}).to_json()
    dataset, _, _ = load(put(tmp_path / "a.json", text), structure="relaxed")
    assert list(dataset.ids) == ["a", "b"]


def test_data_before_columns_and_rows_too_short(tmp_path, load, rocksalt):
    value = rocksalt.as_dict()
    table = {"data": [["m1", value], ["m2"]], "columns": ["material_id", "structure"]}
    dataset, _, rejected = load(put(tmp_path / "a.json", table))
    assert list(dataset.ids) == ["m1"]
    assert [row["reason"] for row in rejected] == ["broken row: 1 cells, but 2 columns"]


def test_rows_without_names_and_with_two_structures_are_rejected(tmp_path, load, rocksalt):
    value = rocksalt.as_dict()
    dataset, _, rejected = load(put(tmp_path / "a.json", [[1, value], [value, value]]))
    assert len(dataset) == 1
    assert [row["reason"] for row in rejected] == ["no structure: list"]


def test_no_module_is_imported_by_its_name(tmp_path, load, rocksalt, monkeypatch):
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "sprung.py").write_text(f"open({str(tmp_path / 'trap')!r}, 'w')\nclass Trap: pass\n")
    monkeypatch.syspath_prepend(str(folder))
    named = {"@module": "sprung", "@class": "Trap", "@callable": "open"}
    value = rocksalt.as_dict()
    for site in value["sites"]:
        site["properties"] = {"magmom": named}
        site["species"][0]["properties"] = named
    value["properties"] = {"p": named}
    value["lattice"] |= named
    value |= named
    records = [value, {"structure": value, "id": named, "data": {"x": named}}]
    dataset, _, _ = load(put(tmp_path / "a.json", records))
    assert len(dataset) == 2
    assert "sprung" not in sys.modules
    assert not (tmp_path / "trap").exists()


def test_the_same_as_pymatgen():
    random = np.random.default_rng(5)
    for _ in range(20):
        lattice = Lattice(np.eye(3) * 6 + random.uniform(-1, 1, (3, 3)))
        species = ["Fe3+", "O2-", "D", "H"]
        structure = Structure(lattice, species, random.uniform(-1, 2, (4, 3)))
        found = crystal_from_mapping(json.loads(json.dumps(structure.as_dict())))
        np.testing.assert_allclose(found.lattice, lattice.matrix)
        np.testing.assert_allclose(found.positions, structure.cart_coords, atol=1e-9)
        assert found.numbers.tolist() == [26, 8, 1, 1]
        # The short form has neither matrix nor Cartesian positions.
        short = structure.as_dict(verbosity=0)
        np.testing.assert_allclose(
            crystal_from_mapping(short).positions, found.positions, atol=1e-9
        )


def changed(structure, *path, value):
    whole = json.loads(json.dumps(structure.as_dict()))
    part = whole
    for key in path[:-1]:
        part = part[key]
    if value is None:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return whole


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("lattice", "pbc"), [True, True, False], "not periodic"),
        (("lattice", "pbc"), [False] * 3, "not periodic"),
        (("lattice", "pbc"), False, "not periodic"),
        (("lattice",), None, "not periodic"),
        (("sites", 0, "species", 0, "occu"), 0.5, "disordered"),
        (("sites", 0, "species"), [{"element": "Na", "occu": 0.5}] * 2, "disordered"),
        (("sites", 0, "species"), [], "disordered"),
        (("sites", 0, "species", 0, "element"), "Vac", "unknown element: 'Vac'"),
        (("sites", 0, "species", 0, "element"), ["Na"], "broken structure"),
        (("sites", 1, "abc"), [0.5, 0.5, 0.4], "contradiction: abc and xyz"),
        (("sites", 1, "abc"), [0.5, 0.5], "broken structure"),
        (("sites", 1, "abc"), ["a", 0, 0], "broken structure"),
        (("sites", 1, "abc"), [1e999, 0, 0], "contradiction|not a finite"),
        (("lattice", "matrix"), [[1, 0], [0, 1]], "broken structure"),
        (("lattice", "matrix"), [[10**400, 0, 0]] * 3, "broken structure: a part has not"),
        (("lattice", "volume"), 100.0, "contradiction: the cell has"),
        (("lattice", "pbc"), "FFF", "broken structure: pbc is 'FFF'"),
        (("lattice", "pbc"), ["false"] * 3, "broken structure: pbc is"),
        (("sites", 0, "species", 0, "occu"), float("nan"), "disordered"),
        (("sites", 1, "abc"), [1.0, 0, 0], "contradiction: abc and xyz"),
        (("lattice", "b"), 4.0, "contradiction: b is 3.97 by the cell's vectors, but 4 is"),
        (("lattice", "gamma"), 120, "contradiction: gamma is 60 by"),
        (("lattice", "alpha"), float("nan"), "contradiction: alpha is 60 by"),
        (("formula",), "Na2 Cl1", "contradiction: Na1 Cl1 in the cell"),
        (("nsites",), 4, "contradiction: 2 by the atoms, but nsites is 4"),
        (("sites",), {}, "no atoms"),
        (("sites",), 7, "broken structure"),
        (("lattice",), 7, "broken structure"),
    ],
)
def test_structures_that_are_none(rocksalt, path, value, reason):
    with pytest.raises(InputError, match=reason):
        crystal_from_mapping(changed(rocksalt, *path, value=value))


def test_places_of_a_site_are_compared_though_another_has_one_form_alone(rocksalt):
    lone = changed(rocksalt, "sites", 0, "xyz", value=None)
    np.testing.assert_allclose(crystal_from_mapping(lone).positions, rocksalt.cart_coords)
    lone["sites"][1]["xyz"] = [1.0, 1, 1]
    with pytest.raises(InputError, match="contradiction: abc and xyz"):
        crystal_from_mapping(lone)
    mixed = changed(rocksalt, "sites", 0, "abc", value=None)
    np.testing.assert_allclose(crystal_from_mapping(mixed).positions, rocksalt.cart_coords)


def test_two_atoms_in_one_place(rocksalt):
    both = changed(rocksalt, "sites", 1, "xyz", value=None)
    both["sites"][1]["abc"] = [1, -2, 0.001]
    with pytest.raises(InputError, match=r"two atoms in one place \(Na1 and Cl2\)"):
        crystal_from_mapping(both)


def test_a_record_that_contradicts_its_structure(tmp_path, load, rocksalt):
    value = rocksalt.as_dict()
    records = [
        {"id": "good", "structure": value, "nsites": 2, "formula_pretty": "NaCl"},
        {"id": "sites", "structure": value, "nsites": 8},
        {"id": "formula", "structure": value, "formula_pretty": "KCl"},
    ]
    dataset, _, rejected = load(put(tmp_path / "a.json", records))
    assert list(dataset.ids) == ["good"]
    assert {row["id"]: row["reason"].split(":")[0] for row in rejected} == {
        "sites": "contradiction",
        "formula": "contradiction",
    }


def test_half_of_a_surrogate_pair_in_a_name(tmp_path, load, rocksalt):
    text = json.dumps({"structure": rocksalt.as_dict()})[:-1] + ', "id": "m\\ud800"}'
    assert list(load(put(tmp_path / "a.json", text))[0].ids) == ["m<U+D800>"]
    (entry,) = read_source(tmp_path / "a.json").entries
    assert entry.identifier == "m<U+D800>"
