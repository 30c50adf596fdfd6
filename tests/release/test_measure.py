"""The metrics that an export writes, on tiny packages and by hand."""

import json

import numpy as np
import pytest
import tiny

from tfmat import families
from tfmat.ccdcgan.generate import STRUCTURE, Result
from tfmat.ccdcgan.generated import GeneratedMetrics
from tfmat.ccdcgan.precision_check import compare, density
from tfmat.crystals.crystal import Crystal
from tfmat.datasets.store import Dataset
from tfmat.export.precision_check import MixedPackage
from tfmat.inference.package import NetworkSet, load
from tfmat.metric import Judge, records


def cubic(length, numbers, shift=0.0):
    """Returns two atoms in a cube, the second off its middle by ``shift`` Å."""
    positions = [[0.0, 0.0, 0.0], [length / 2 + shift, length / 2, length / 2]]
    return Crystal.from_arrays(np.eye(3) * length, positions, numbers)


def result(crystal, energy, distance):
    status = STRUCTURE if crystal is not None else "too many atoms"
    return Result("id", status, crystal, {"formation_energy_per_atom": energy}, "", distance)


def test_structures_differ_by_status_composition_or_positions():
    wanted = [cubic(4, [83, 34]) for _ in range(5)] + ["too flat", "too flat", "too flat"]
    found = [
        cubic(4, [83, 34], shift=0.1),  # the same, a little off
        cubic(4, [34, 83]),  # the same, in another order
        cubic(4, [83, 83]),
        Crystal.from_arrays(np.diag([4, 4, 8]), [[0, 0, 0], [2, 2, 4]], [83, 34]),
        "too flat",
        "too flat",
        "too many atoms",
        cubic(4, [83, 34]),
    ]
    outcome = compare(wanted, found)
    assert outcome["samples"] == 8
    assert outcome["different"] == 5
    assert outcome["reasons"] == {"composition": 1, "positions": 1, "status": 3}
    # Half a shift for each atom about their centre.
    assert outcome["largest_rms_displacement"] == pytest.approx(0.05, abs=0.002)
    assert outcome["mean_rms_displacement"] == pytest.approx(0.025, abs=0.002)
    assert compare(["a"], ["a"])["mean_rms_displacement"] is None


def measured(results):
    found = GeneratedMetrics({"formation_energy_per_atom": Judge("constraint", "1")})
    for one in results:
        found.add(one)
    return {metric.name: metric for metric in found.metrics()}


def test_metrics_of_structures_by_hand():
    made = [
        result(cubic(4, [83, 34]), -0.2, 3.46),
        result(cubic(2, [83, 34]), 0.4, 1.73),
        result(cubic(3, [83, 83], shift=0.3), 0.1, 1.4),
        result(None, 5.0, float("nan")),
    ]
    found = measured(made)
    assert {name: metric.value for name, metric in found.items()} == {
        "structures": 0.75,
        "structures_beyond_1.5_angstrom": pytest.approx(2 / 3),
        "structures_beyond_2.0_angstrom": pytest.approx(1 / 3),
        "median_volume_per_atom": pytest.approx(27 / 2),
        "mean_predicted_formation_energy_per_atom": pytest.approx(0.1),
        "mean_predicted_formation_energy_per_atom_all_graphs": pytest.approx(5.3 / 4),
        # Made without a package, so without its domain and without contacts.
        "sound": None,
        "in_domain": None,
        "mean_predicted_formation_energy_per_atom_in_domain": None,
        "space_group_P1": 0.0,
    }
    assert found["structures"].note == "share of 4 crystal graphs"
    assert "of 3 structures" in found["space_group_P1"].note
    assert found["mean_predicted_formation_energy_per_atom"].unit == "eV/atom"
    assert all(metric.unit for metric in found.values())
    nothing = measured([result(None, 5.0, float("nan"))])
    assert nothing.pop("structures").value == 0
    assert nothing.pop("mean_predicted_formation_energy_per_atom_all_graphs").value == 5.0
    assert {metric.value for metric in nothing.values()} == {None}
    json.dumps(records(nothing.values()), allow_nan=False)


def test_density_of_the_data(tmp_path):
    dataset = Dataset.open(tiny.write_dataset(tmp_path / "data"))
    volumes = [crystal.to_structure().volume / len(crystal) for crystal in dataset]
    found = density(dataset)
    assert found.value == pytest.approx(np.median(volumes))
    assert "24 structures of the dataset data" in found.note


class Doubled(NetworkSet):
    """Networks that multiply by a number."""

    factor = 2.0

    def _run(self, part, name, batch):
        return {"y": self.factor * batch}


class Tripled(Doubled):
    factor = 3.0


def test_a_mixed_package_takes_one_part_from_elsewhere(tmp_path):
    tensor = {"shape": ["batch", 1], "dtype": "float32", "unit": "1"}
    parts = {part: {"inputs": {"x": tensor}} for part in ("a", "b")}
    metadata = {"name": "n", "family": "matgan", "parts": parts}
    doubled, tripled = Doubled(tmp_path, metadata), Tripled(tmp_path, metadata)
    mixed = MixedPackage.of(doubled, "b", tripled)
    one = np.ones((1, 1), np.float32)
    assert mixed.run("a", one) == 2
    assert mixed.run("b", one) == 3


@pytest.fixture(scope="module")
def formulas(tmp_path_factory):
    """A MatGAN of random weights that makes formulas, in all precisions and measured."""
    pytest.importorskip("tensorflow")
    import random_matgan

    from tfmat.release import measure
    from tfmat.release.precision import add_precisions

    package = random_matgan.make_run(tmp_path_factory.mktemp("run") / "run") / "package"
    add_precisions(package, ["float32", "float16", "int8"], samples=2000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "_SECONDS", 0.001)
        measure.measure(package, samples=2000, shipped=["float16", "int8"])
    return package


def read(package):
    return json.loads((package / "metadata.json").read_text("utf-8"))


@pytest.mark.train
def test_every_part_is_measured_in_every_precision(formulas):
    metadata = read(formulas)
    measured = metadata["measured"]
    assert set(measured["parts"]) == set(metadata["parts"])
    for part, forms in measured["parts"].items():
        records = metadata["parts"][part]["onnx"]
        assert set(forms) == {"float32", "float16", "int8"}
        assert forms["float32"]["largest_difference"] == 0
        assert forms["float32"]["speed_ratio"] == 1
        for name, form in forms.items():
            assert form["bytes"] == records[name]["bytes"]
            suffix = "" if form["stored_as"] == "float32" else f".{form['stored_as']}"
            assert records[name]["file"] == f"{part}{suffix}.onnx"
            assert form["batch_size"] == 256
            assert form["samples_per_second"] > 0
    for name, whole in measured["precisions"].items():
        files = {entry["onnx"][name]["file"] for entry in metadata["parts"].values()}
        assert whole["bytes"] == sum((formulas / file).stat().st_size for file in files)
    assert "--precision float16 --precision int8 --samples 2000" in measured["command"]
    assert measured["processor"]


@pytest.mark.train
def test_formulas_that_differ_are_those_that_differ(formulas):
    measured = read(formulas)["measured"]["precisions"]
    from tfmat.formulas.compositions import Compositions
    from tfmat.inference.noise import block_noise
    from tfmat.matgan.elements import NUMBERS

    def texts(precision):
        package = load(formulas, precision=precision, threads=1)
        counts = package.run("generate", block_noise(0, 0, 2000, 16))
        rows = [dict(zip(NUMBERS.tolist(), row, strict=True)) for row in counts.tolist()]
        rows = [{number: count for number, count in row.items() if count} for row in rows]
        empty = {1: 1}
        return Compositions.from_mappings(row or empty for row in rows).formula_array().to_pylist()

    exact = texts("float32")
    assert measured["float32"]["decoded"] == {"samples": 2000, "different": 0}
    for precision in ("float16", "int8"):
        different = sum(a != b for a, b in zip(exact, texts(precision), strict=True))
        assert measured[precision]["decoded"]["different"] == different


@pytest.mark.train
def test_what_is_generated_is_what_the_command_says(formulas, capsys, tmp_path):
    from tfmat.cli.main import main

    generated = read(formulas)["measured"]["generated"]
    words = generated["balanced"]["command"].split()
    words[words.index("--model") + 1] = str(formulas)
    words[words.index("--out") + 1] = str(tmp_path / "formulas.csv")
    with pytest.raises(SystemExit):
        main([*words[1:], "--precision", "float16", "--json"])
    summary = json.loads(capsys.readouterr().out)
    # The card and the command say the very same.
    for metric in summary["metrics"]:
        assert generated[metric["name"]] == {
            **metric,
            "command": generated[metric["name"]]["command"],
        }
    assert len(generated) == len(summary["metrics"])
    assert generated["balanced"]["judge"]["settings"]["oxidation_states"] == "smact14"


@pytest.mark.train
def test_half_an_autoencoder_decides_nothing(formulas):
    check = families.get("matgan").precision_check(load(formulas, threads=1), 10)
    assert [part for part in check.reference.parts if check.decides(part)] == [
        "generator",
        "generate",
    ]
    assert not check.decides("composition_encoder")
