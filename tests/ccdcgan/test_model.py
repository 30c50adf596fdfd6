"""A CCDCGAN as one object, beside the command, ONNX Runtime and StructureMatcher."""

import csv
import json

import numpy as np
import onnxruntime
import pytest
from ase.io import read
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure
from tfmat.cli.main import main

import tfmat
from tfmat.ccdcgan.model import CrystalModel
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError

BI_SE = Dataset.open("bi-se")


@pytest.fixture(scope="module")
def model():
    return tfmat.load("ccdcgan-bi-se-compact")


@pytest.fixture(scope="module")
def known():
    return [BI_SE[row].to_structure() for row in range(0, 200, 20)]


def test_what_it_is(model):
    assert isinstance(model, CrystalModel)
    assert (model.family, model.name) == ("ccdcgan", "ccdcgan-bi-se-compact")
    assert model.elements == ("Bi", "Se")
    assert model.properties == ("formation_energy_per_atom",)
    assert repr(model) == "<CrystalModel ccdcgan-bi-se-compact: Bi, Se>"


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("", {}),
        (
            "--max-atoms 5 --min-distance 0.9 --volume 20 60 --first 40",
            {"max_atoms": 5, "min_distance": 0.9, "volume": (20, 60), "first": 40},
        ),
        (
            "--require Se --mode faithful --symmetrise --symprec 0.2 --unfiltered",
            {
                "require": "Se",
                "mode": "faithful",
                "symmetrise": True,
                "symprec": 0.2,
                "unfiltered": True,
            },
        ),
    ],
)
def test_the_same_seed_gives_what_the_command_writes(model, words, arguments, tmp_path, capsys):
    out = tmp_path / "made"
    fixed = ["generate", "ccdcgan", "--model", model.name, "-n", "24", "--seed", "11", "--json"]
    fixed += ["--out", str(out)]
    with pytest.raises(SystemExit) as end:
        main([*fixed, *words.split()])
    assert end.value.code == 0, capsys.readouterr().err
    made = model.generate(24, seed=11, **arguments)
    with (out / "results.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}
    statuses = {name: row["status"] for name, row in rows.items() if row["status"] != "structure"}
    assert made.failed == statuses
    frames = read(out / "structures.extxyz", index=":")
    assert [one.properties["id"] for one in made] == [frame.info["id"] for frame in frames]
    for one, frame in zip(made, frames, strict=True):
        assert one.atomic_numbers == tuple(frame.numbers)
        np.testing.assert_allclose(one.lattice.matrix, frame.cell[:], atol=1e-6)
        np.testing.assert_allclose(one.cart_coords, frame.positions, atol=1e-6)
        row, energy = rows[one.properties["id"]], "predicted_formation_energy_per_atom"
        assert f"{one.properties[energy]:.6f}" == row[energy]
        assert f"{one.properties['min_distance']:.6f}" == row["min_distance"]
        assert one.properties["domain"] == row["domain"] != ""
    if "max_atoms" in arguments:
        assert made.failed
        assert max(map(len, made)) <= 5


def test_crystal_graphs_come_back(model, known):
    graphs = model.encode(known)
    assert (graphs.shape, graphs.dtype) == ((10, 28, 28, 1), np.float32)
    matcher = StructureMatcher()
    decoded = model.decode(graphs)
    assert all(matcher.fit(one, other) for one, other in zip(known, decoded, strict=True))
    # A list and a dataset are the same; so is whatever is encoded with them.
    np.testing.assert_allclose(model.encode(iter(known[:3])), graphs[:3], atol=1e-5)
    assert model.decode(np.zeros((1, 28, 28, 1))) == [None]
    assert model.encode([]).shape == (0, 28, 28, 1)
    assert model.decode(graphs[:0]) == []


def test_predictions_are_those_of_the_network(model, known):
    graphs = model.encode(known)
    part = model.metadata["parts"]["constraint"]["onnx"]["float16"]["file"]
    session = onnxruntime.InferenceSession(str(model.codec.package.folder / part))
    (expected,) = session.run(None, {"crystal_graph": graphs})
    np.testing.assert_allclose(model.predict(graphs), expected[:, 0], atol=1e-5)
    np.testing.assert_allclose(model.predict(known), expected[:, 0], atol=1e-5)
    named = model.predict(graphs, "formation_energy_per_atom")
    np.testing.assert_array_equal(named, model.predict(graphs))
    assert model.predict([]).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n: must be a whole number of at least 1, not 0"),
        ({"n": 2.0}, "n: must be a whole number of at least 1, not 2.0"),
        ({"n": True}, "n: must be a whole number"),
        ({"seed": -1}, "seed: must be a whole number from 0 to 18446744073709551615, not -1"),
        ({"mode": "fast"}, "mode: must be one of robust, faithful, not 'fast'"),
        ({"require": "Li"}, "require Li: is none of Bi, Se"),
        (
            {"require": ["Se"], "elements": "Bi"},
            "require names an element that elements leaves out",
        ),
        ({"min_atoms": 9, "max_atoms": 4}, "max_atoms 4 must be at least min_atoms 9"),
        ({"max_atoms": 0}, "max_atoms: must be a whole number"),
        ({"min_distance": -0.1}, "min_distance: must be a number of at least 0, not -0.1"),
        ({"min_distance": 1.5}, "min_distance 1.5: is a share of the sum of covalent radii"),
        ({"volume": 20}, "volume: must be two numbers, not 20"),
        ({"volume": (30, 20)}, "volume 30 20: give the smallest volume per atom and a larger one"),
        ({"symmetrise": True, "symprec": float("nan")}, "symprec: must be a number above 0"),
        ({"batch_size": 0}, "batch_size: must be"),
    ],
)
def test_wrong_arguments_are_named(model, arguments, message):
    with pytest.raises(InputError) as error:
        model.generate(**{"n": 2, **arguments})
    assert str(error.value).replace("`", "").startswith(message)
    assert "--" not in str(error.value)


def test_structures_that_do_not_fit_are_named(model, known):
    salt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    huge = Structure(Lattice.cubic(30), ["Bi", "Se"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(InputError, match=r"^structures\[1\]: holds other elements than Bi, Se"):
        model.encode([known[0], salt])
    with pytest.raises(InputError, match=r"^structures\[0\]: "):
        model.predict([huge])
    with pytest.raises(InputError, match=r"^structures: is one structure"):
        model.predict(known[0])
    with pytest.raises(InputError, match=r"^`property`: must be one of formation_energy_per_atom"):
        model.predict(known, "band_gap")
    for call in (model.decode, model.predict):
        with pytest.raises(InputError, match=r"^graphs: must have the shape"):
            call(np.zeros((28, 28, 1)))


def test_a_package_says_what_it_lacks(model, tmp_path):
    place = tmp_path / "part"
    place.mkdir()
    metadata = json.loads(json.dumps(model.metadata))
    metadata["parts"] = {"generator": metadata["parts"]["generator"]}
    (place / "metadata.json").write_text(json.dumps(metadata), "utf-8")
    file = metadata["parts"]["generator"]["onnx"]["float16"]["file"]
    (place / file).write_bytes((model.codec.package.folder / file).read_bytes())
    alone = tfmat.load(place)
    for call in (
        lambda: alone.generate(1),
        lambda: alone.decode(np.zeros((1, 28, 28, 1))),
        lambda: alone.predict(np.zeros((1, 28, 28, 1))),
    ):
        with pytest.raises(InputError, match="holds no"):
            call()
