"""Importing pymatgen JSON in its many shapes, and the stream beneath it."""

import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.entries.computed_entries import ComputedStructureEntry

from tfmat.datasets.readers import json_stream
from tfmat.datasets.readers.json_stream import JsonStream
from tfmat.errors import InputError


def put(path, value):
    path.write_text(json.dumps(value))
    return path


def test_a_list_of_structures(tmp_path, load, rocksalt):
    dataset, _, _ = load(put(tmp_path / "a.json", [rocksalt.as_dict()] * 2))
    assert list(dataset.ids) == ["a-1", "a-2"]
    assert dataset[1].to_structure().matches(rocksalt)


def test_computed_entries(tmp_path, load, rocksalt):
    data = {"formation_energy_per_atom": -2.0}
    entry = ComputedStructureEntry(rocksalt, -27.0, entry_id="mp-1", data=data)
    dataset, _, _ = load(put(tmp_path / "a.json", [entry.as_dict()]), properties={"e": "energy"})
    assert list(dataset.ids) == ["mp-1"]
    assert dataset.property("formation_energy_per_atom")[0] == -2.0
    assert dataset.property("e")[0] == -27.0


def test_records_and_what_is_none(tmp_path, load, rocksalt, cif):
    value = rocksalt.as_dict()
    records = [
        {"structure": value, "material_id": "m1", "band_gap": 1.5},
        {"cif": cif, "material_id": "m2", "band_gap": None},
        {"material_id": "m3"},
        {"structure": {"lattice": {}}, "material_id": "m4"},
        7,
        {"structure": value, "material_id": "m6", "band_gap": "wide"},
    ]
    source = tmp_path / "a.json.gz"
    source.write_bytes(gzip.compress(json.dumps(records).encode()))
    dataset, _, rejected = load(source, properties={"band_gap": "band_gap"})
    assert list(dataset.ids) == ["m1", "m2"]
    reasons = {row["id"]: row["reason"] for row in rejected}
    assert reasons["m3"] == "no structure: no key 'structure'"
    assert reasons["m4"].startswith("broken structure: it lacks 'sites'")
    assert reasons["a-5"] == "no structure: int"
    assert reasons["m6"] == "broken band_gap: 'wide' is no number"


def test_a_key_of_ones_own(tmp_path, load, rocksalt):
    source = put(tmp_path / "a.json", [{"relaxed": rocksalt.as_dict()}])
    dataset, _, _ = load(source, structure="relaxed")
    assert len(dataset) == 1


def test_identifiers_to_structures(tmp_path, load, rocksalt):
    value = rocksalt.as_dict()
    shapes = {"m1": value, "m2": {"structure": value, "ef": -1}, "m3": {"lattice": {}}}
    dataset, _, rejected = load(put(tmp_path / "a.json", shapes))
    assert list(dataset.ids) == ["m1", "m2"]
    assert [row["id"] for row in rejected] == ["m3"]


def test_one_structure_alone(tmp_path, load, rocksalt):
    dataset, _, _ = load(put(tmp_path / "a.json", rocksalt.as_dict()))
    assert len(dataset) == 1


def test_a_document_a_line(tmp_path, load, rocksalt):
    line = json.dumps({"id": "x", "structure": rocksalt.as_dict()})
    (tmp_path / "a.jsonl").write_text(f"{line}\n{line}\n")
    assert list(load(tmp_path / "a.jsonl")[0].ids) == ["x", "x#2"]


def test_the_table_form_of_pandas(tmp_path, load, rocksalt):
    value = rocksalt.as_dict()
    table = {
        "index": ["mb-1", "mb-2"],
        "columns": ["structure", "e_form"],
        "data": [[value, -1.0], [value, None]],
    }
    dataset, _, _ = load(put(tmp_path / "a.json", table))
    assert list(dataset.ids) == ["mb-1", "mb-2"]
    assert dataset.metadata["properties"]["formation_energy_per_atom"]["known"] == 1


def test_an_answer_that_wraps_its_records(tmp_path, load, rocksalt):
    answer = {"data": [{"material_id": "m", "structure": rocksalt.as_dict()}], "meta": {"n": 1}}
    dataset, _, _ = load(put(tmp_path / "a.json", answer))
    assert list(dataset.ids) == ["m"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"structure": {', "element 1: not JSON"),
        ("[1 2]", "element 2: not JSON"),
        ("{}", "no structures in it"),
        ('{"a": 1}', "no structures in it"),
        ("[]", "no structures in it"),
        ("{1: 2}", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_unusable_json(tmp_path, load, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=message):
        load(tmp_path / "a.json")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(st.lists(VALUES), st.integers(1, 9), st.sampled_from([None, 1]))
def test_the_stream_reads_what_json_wrote(values, chunk, indent):
    old = json_stream._CHUNK
    json_stream._CHUNK = chunk
    try:
        text = json.dumps(values, indent=indent)
        stream = JsonStream(io.StringIO(text))
        assert list(stream.elements()) == values
        assert stream.peek() == ""
    finally:
        json_stream._CHUNK = old


def test_the_stream_walks_through_objects():
    stream = JsonStream(io.StringIO('{"a": 1, "b": [2, {"c": 3}]}  "next"'))
    assert {key: stream.value() for key in stream.members()} == {"a": 1, "b": [2, {"c": 3}]}
    assert stream.value() == "next"
    assert stream.peek() == ""


def test_a_key_that_comes_twice(tmp_path, load, rocksalt):
    good = json.dumps(rocksalt.as_dict())
    twice = good.replace('"sites"', '"charge": 1, "charge": 2, "sites"', 1)
    deep = good.replace('"abc"', '"abc": [0, 0, 0.1], "abc"', 1)
    same = good.replace('"lattice"', '"charge": 0, "charge": 0, "lattice"', 1)
    (tmp_path / "a.json").write_text(f"[{good}, {twice}, {deep}, {same}]")
    dataset, _, rejected = load(tmp_path / "a.json")
    assert list(dataset.ids) == ["a-1", "a-4"]
    assert [row["reason"] for row in rejected] == [
        "broken row: key 'charge' comes twice in one object",
        "broken row: key 'abc' comes twice in one object",
    ]


def test_a_key_that_comes_twice_in_one_line_or_text(tmp_path, load, rocksalt):
    good = json.dumps(rocksalt.as_dict())
    twice = good.replace('"sites"', '"charge": 1, "charge": 2, "sites"', 1)
    text = json.dumps({"id": "text", "structure": twice})
    (tmp_path / "a.json").write_text("\n".join((good, twice, text, good)))
    dataset, _, rejected = load(tmp_path / "a.json")
    assert list(dataset.ids) == ["a-1", "a-4"]
    assert [row["reason"].split(": ")[1] for row in rejected] == [
        "key 'charge' comes twice in one object"
    ] * 2


def test_names_of_a_table_that_come_twice(tmp_path, load, rocksalt):
    cell = json.dumps(rocksalt.as_dict())
    (tmp_path / "a.json").write_text(
        f'{{"structure": {{"0": {cell}, "0": {cell[:-1]}, "x": 1}}}}}}'
    )
    with pytest.raises(InputError, match="key '0' comes twice in one object"):
        load(tmp_path / "a.json")


def test_a_number_of_many_digits_costs_one_row(tmp_path, load, rocksalt):
    good = json.dumps(rocksalt.as_dict())
    bad = good.replace("0.5", "9" * 5000)
    (tmp_path / "a.json").write_text(f"[{good}, {bad}, {good}]")
    dataset, _, rejected = load(tmp_path / "a.json")
    assert list(dataset.ids) == ["a-1", "a-3"]
    assert len(rejected) == 1


def test_text_within_text(tmp_path, load, rocksalt):
    inner = json.dumps(rocksalt.as_dict())
    records = [{"structure": json.dumps(inner)}, {"structure": json.dumps(json.dumps("none"))}]
    (tmp_path / "a.json").write_text(json.dumps(records))
    dataset, _, rejected = load(tmp_path / "a.json")
    assert dataset[0].to_structure().matches(rocksalt)
    assert [row["where"] for row in rejected] == ["element 2"]
