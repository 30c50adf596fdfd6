import csv

import numpy as np
import pytest

from tfmat.crystals.crystal import Crystal
from tfmat.errors import InputError

pytest.importorskip("onnx")

from oracle import make_package

from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.request import StructureRequest
from tfmat.ccdcgan.results import generate_into
from tfmat.ccdcgan.screen import hull_of_dataset, hull_reference, require_energy, screen_into
from tfmat.inference.package import load

HEAD = "id,status,formula,atoms,space_group,predicted_formation_energy_per_atom\n"


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    codec = Codec.from_package(load(make_package(tmp_path_factory.mktemp("models") / "oracle")))
    generate_into(folder, codec, 40, 3, request=StructureRequest())
    return folder


def table(folder):
    with (folder / "results.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


# Predicted energies are -0.4 and -0.1 (BiSe), 0.0 (Bi), 0.25 (BiSe3).
@pytest.mark.parametrize(
    ("tolerance", "energies"),
    [(0.3, {-0.4, -0.1, 0.0, 0.25}), (0.0, {-0.4, -0.1, 0.0}), (-0.2, {-0.4}), (-1.0, set())],
)
def test_tolerance_above_the_elements(generated, tmp_path, tolerance, energies):
    from ase.io import read

    summary = screen_into(tmp_path, generated, tolerance, any_domain=True)
    rows = table(tmp_path)
    structures = [row for row in table(generated) if row["status"] == "structure"]
    assert [row["id"] for row in rows] == [row["id"] for row in structures]
    kept = [row for row in rows if row["status"] == "kept"]
    assert {float(row["predicted_formation_energy_per_atom"]) for row in kept} == energies
    assert summary["kept"] == len(kept)
    assert summary["structures"] == len(structures)
    files = {path.stem for path in (tmp_path / "cif").iterdir()}
    assert files == {row["id"] for row in kept}
    for name in files:
        copy, original = (folder / "cif" / f"{name}.cif" for folder in (tmp_path, generated))
        assert copy.read_bytes() == original.read_bytes()
    if kept:
        frames = read(tmp_path / "structures.extxyz", ":")
        assert [frame.info["id"] for frame in frames] == [row["id"] for row in kept]
    else:
        assert (tmp_path / "structures.extxyz").read_text() == ""


def test_hull_is_that_of_its_system():
    hull = hull_reference({"Bi2Se3": -0.5, "BiSe": -0.1, "BiTe": -5.0, "Bi2SeTe2": -0.9})
    assert hull("Bi2Se3") == pytest.approx(-0.5)
    # On the line from Bi (x = 0) to Bi2Se3 (x = 0.6).
    assert hull("BiSe") == pytest.approx(-0.5 * 0.5 / 0.6)
    assert hull("BiSe3") == pytest.approx(-0.5 * 0.25 / 0.4)
    assert hull("Bi") == 0.0
    assert hull("AgCl") == 0.0
    # A ternary point between BiTe and Se, with shares 2/3 and 1/3, lies far below the ternary.
    assert hull("BiTeSe") == pytest.approx(-5.0 * 2 / 3)


def test_hull_of_a_dataset_measures_the_tolerance(generated, tmp_path):
    from tfmat.datasets.store import Dataset, DatasetWriter

    def crystal(numbers):
        positions = np.linspace(0.0, 8.0, len(numbers))[:, None] * [1.0, 0, 0]
        return Crystal.from_arrays(10 * np.eye(3), positions, numbers)

    with DatasetWriter(tmp_path / "known", {"name": "test"}) as writer:
        writer.add(crystal([83, 34]), "a", {"formation_energy_per_atom": -0.3})
        writer.add(crystal([83, 34, 83, 34]), "b", {"formation_energy_per_atom": -0.6})
        writer.add(crystal([83, 83, 34]), "c", {"formation_energy_per_atom": float("nan")})
    hull, warning = hull_of_dataset(Dataset.open(tmp_path / "known"))
    assert not warning
    assert hull("BiSe") == pytest.approx(-0.6)
    out = tmp_path / "kept"
    out.mkdir()
    screen_into(out, generated, 0.3, hull, "convex hull", any_domain=True)
    above = {row["formula"]: row for row in table(out) if row["status"] != "kept"}
    # BiSe at -0.1 is 0.5 above the hull, BiSe3 at 0.25 is 0.55 above it.
    assert set(above) == {"BiSe", "BiSe3"}
    assert float(above["BiSe"]["above_reference"]) == pytest.approx(0.5)
    assert float(above["BiSe3"]["above_reference"]) == pytest.approx(0.55)


def test_of_two_potentials_the_hull_is_of_the_one_that_the_model_predicts(tmp_path):
    from hull_systems import write

    from tfmat.datasets.store import Dataset

    more = {"screening_formation_energy_per_atom": [-0.4]}
    place = write(tmp_path / "known", [("BiSe", -0.3)], more, scale="second", first="first")
    for predicted, lowest in (("first", -0.4), ("second", -0.3), ("third", -0.3), (None, -0.3)):
        learned = {"name": "x", "sha256": "y"} | ({"energy_scale": predicted} if predicted else {})
        hull, warning = hull_of_dataset(Dataset.open(place), learned)
        assert hull("BiSe") == pytest.approx(lowest)
        assert bool(warning) == (predicted == "third")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "results.csv").unlink(), "holds no results.csv"),
        (lambda f: (f / "results.csv").write_text("a,b\n1,2\n"), "no table of tfmat generate"),
        (lambda f: (f / "results.csv").write_text("id,status,formula\n"), "no column 'atoms'"),
        (
            lambda f: (f / "results.csv").write_text("id,status,formula,atoms,space_group\n"),
            "holds no constraint, .* tfmat train constraint --out RUN --resume",
        ),
        (
            lambda f: (f / "results.csv").write_text(
                "id,status,formula,atoms,space_group,predicted_density\n"
            ),
            "results.csv: its model predicts density, screening needs formation_energy_per_atom",
        ),
        (
            lambda f: (f / "results.csv").write_text(f"{HEAD}../x,structure,Bi,1,P1,0.1\n"),
            "is no file name",
        ),
        (
            lambda f: (f / "results.csv").write_text(f"{HEAD}x,structure,Bi,1,P1,low\n"),
            "'low' is no number",
        ),
        (
            lambda f: (f / "results.csv").write_text(f"{HEAD}x,structure,Bi,1,P1,1e400\n"),
            "'1e400' is no number",
        ),
        (
            lambda f: (f / "results.csv").write_text(f"{HEAD}x,structure,Bi\n"),
            "row 1: 3 cells, but 6 columns",
        ),
        (
            lambda f: (f / "results.csv").write_bytes(
                f"{HEAD}caf\u00e9,structure,Bi,1,P1,0.1\n".encode("latin-1")
            ),
            "not a table in UTF-8",
        ),
        (
            lambda f: (f / "results.csv").write_text(f"{HEAD}{'x' * 300},structure,Bi,1,P1,0.1\n"),
            "too long for the name of a file",
        ),
        (lambda f: (f / "structures.extxyz").write_text("two\n"), "generate the folder again"),
    ],
)
def test_foreign_folder_is_refused(generated, tmp_path, change, message):
    import shutil

    source = shutil.copytree(generated, tmp_path / "source")
    (source / "summary.json").unlink()  # which has the hashes of the others
    change(source)
    out = tmp_path / "kept"
    out.mkdir()
    with pytest.raises(InputError, match=message) as caught:
        screen_into(out, source, any_domain=True)
    assert "\n" not in str(caught.value)


def test_what_was_kept_can_be_screened_again(generated, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, source, tolerance in ((first, generated, 0.1), (second, first, -0.2)):
        folder.mkdir()
        screen_into(folder, source, tolerance, any_domain=True)
    kept = [row["id"] for row in table(first) if row["status"] == "kept"]
    assert [row["id"] for row in table(second)] == kept
    energies = {
        float(row["predicted_formation_energy_per_atom"])
        for row in table(second)
        if row["status"] == "kept"
    }
    assert energies == {-0.4}


def test_a_constraint_on_another_property_does_not_screen(tmp_path):
    codec = Codec.from_package(load(make_package(tmp_path / "oracle")))
    require_energy(codec)
    codec.package.metadata["parts"]["constraint"]["property"] = "band_gap"
    with pytest.raises(InputError, match=r"predicts band_gap, .* ccdcgan --from RUN --property"):
        require_energy(codec)
    del codec.package.metadata["parts"]["constraint"]
    with pytest.raises(InputError, match=r"holds no constraint, .* train constraint --out RUN"):
        require_energy(codec)


def test_only_predictions_within_the_domain_are_believed(tmp_path):
    domain = {
        "structures": 1,
        "share": 0.99,
        "volume_per_atom": [20.0, 30.0],
        "shortest_contact": [1.0, 1.2],
        "bond_sums": {"Bi": [5.4, 5.8], "Se": [3.5, 4.0]},  # of CsCl, not of rocksalt
    }
    codec = Codec.from_package(load(make_package(tmp_path / "oracle", domain=domain)))
    source, out = tmp_path / "source", tmp_path / "kept"
    for folder in (source, out):
        folder.mkdir()
    generate_into(source, codec, 40, 3, request=StructureRequest())
    summary = screen_into(out, source, 0.0)
    rows = table(out)
    kept = [row for row in rows if row["status"] == "kept"]
    assert {float(row["predicted_formation_energy_per_atom"]) for row in kept} == {-0.1}
    unlike = [row for row in rows if row["status"].startswith("the prediction is not")]
    assert {row["formula"] for row in unlike} == {"BiSe", "Bi", "BiSe3"}
    assert summary["reasons"] == {unlike[0]["status"]: len(rows) - len(kept)}
    again = tmp_path / "again"
    again.mkdir()
    assert screen_into(again, out, 0.0)["kept"] == len(kept)


def test_a_folder_without_domains_is_refused(generated, tmp_path):
    with pytest.raises(InputError, match="does not say which predictions are to be believed"):
        screen_into(tmp_path, generated)
