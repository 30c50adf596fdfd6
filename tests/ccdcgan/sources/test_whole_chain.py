"""Sources end to end, with a potential that needs no extra: EMT."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from metals import METALS, SETTINGS, write_dataset
from tiny_multicomponent import COMPACT

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")

from tfmat.ccdcgan.chain import CcdcganChain
from tfmat.ccdcgan.codec import Codec
from tfmat.ccdcgan.environments.parts import CONSTRAINT
from tfmat.ccdcgan.generate import generate
from tfmat.ccdcgan.model import CrystalModel
from tfmat.ccdcgan.recipe import load_recipe
from tfmat.ccdcgan.request import StructureRequest
from tfmat.errors import InputError
from tfmat.export.package import Provenance, write_package
from tfmat.inference.package import load
from tfmat.inference.verify import verify
from tfmat.relaxation.databases.prototypes import aflow_crystals
from tfmat.release.exporting import write_light
from tfmat.training.chain import Order, open_run, train
from tfmat.training.strategy import Devices

pytestmark = pytest.mark.train
SLOT_GAN = ["slot_gan.steps=12", "slot_gan.units=16,16", "slot_gan.discriminator_units=16"]
SLOT_GAN += ["slot_gan.batch_size=8", "slot_gan.tries=3", "slot_gan.known=20"]
STAGES = ["compositions", "prototypes", "labels", "environment-constraint", "prompted-writer"]


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    write_dataset(folder / "data")
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    yield folder
    os.environ.pop("XDG_CACHE_HOME")
    if before is not None:
        os.environ["XDG_CACHE_HOME"] = before


def run_of(place, name, **options):
    order = Order("ccdcgan", place / name, "mp-writer", SETTINGS, str(place / "data"), **options)
    return train(
        CcdcganChain(), order, lambda: Devices("one"), lambda line: None, exporter=write_light
    )


@pytest.fixture(scope="module")
def whole(place):
    return run_of(place, "whole", seed=3)


@pytest.fixture(scope="module")
def codec(whole):
    return Codec.from_package(load(whole["package"]))


def command(*words):
    from tfmat.cli.main import main

    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code or 0


def test_all_stages_are_trained_and_the_package_is_whole(whole):
    assert whole["stages"] == dict.fromkeys(STAGES, "trained")
    found = verify(_path(whole))
    assert set(found.parts) == {"compositions", "prompted_writer", CONSTRAINT}
    assert found.files == 4  # with the prototypes
    names = {metric["name"] for metric in whole["metrics"]}
    assert {"test_volume_error", "test_negative_log_likelihood", "test_mae_as_made"} <= names


def _path(whole):
    return Path(whole["package"])


def test_a_lost_pool_is_said(whole, place):
    shutil.copytree(_path(whole), place / "lost")
    (place / "lost" / "prototypes.npz").unlink()
    codec = Codec.from_package(load(place / "lost"))
    with pytest.raises(InputError, match=r"prototypes\.npz is missing"):
        generate(codec, 1, 0)


def test_what_is_asked_for_is_what_comes(place, whole):
    out = place / "found"
    words = ["--model", whole["package"], "-n", 40, "--out", out, "--system", "Cu-Au"]
    assert command("generate", "ccdcgan", *words) == 0
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    with (out / "results.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 40
    structures = [row for row in rows if row["status"] == "structure"]
    assert len(structures) > 20
    for row in structures:
        assert {"Cu", "Au"} == set(_symbols(row["formula"]))
        assert row["source"] in ("prototype", "writer")
        assert row["smact"] == "1"
        assert float(row["contact"]) >= 0.7
    shares = {metric["name"]: metric["value"] for metric in summary["metrics"]}
    assert shares["compositions_smact"] == 1.0
    assert shares["structures_of_prototype"] + shares["structures_of_writer"] == pytest.approx(1)
    assert 'source="' in (out / "structures.extxyz").read_text("utf-8")


def _symbols(formula):
    return re.findall("[A-Z][a-z]?", formula)


def test_a_formula_with_its_units(codec):
    request = StructureRequest(
        0.7, max_atoms=4, formula=(("Cu", 1), ("Pd", 1)), units=(1, 2), source="prototype"
    )
    results = list(generate(codec, 30, 1, request=request))
    sizes = {len(one.crystal) for one in results if one.crystal is not None}
    assert sizes <= {2, 4}
    assert 2 in sizes


def test_an_index_gives_the_same_wherever_it_is_begun(codec):
    request = StructureRequest(0.7, max_atoms=4)
    all_at_once = list(generate(codec, 12, 5, request=request))
    later = list(generate(codec, 4, 5, first=8, request=request, batch_size=2))
    for one, other in zip(all_at_once[8:], later, strict=True):
        assert (one.identifier, one.status) == (other.identifier, other.status)
        assert one.latent_sha256 == other.latent_sha256
        if one.crystal is not None:
            assert one.crystal.numbers.tolist() == other.crystal.numbers.tolist()
            assert np.allclose(one.crystal.lattice, other.crystal.lattice, atol=1e-4)


def test_onnx_writes_what_keras_writes(whole, codec):
    from tfmat.ccdcgan.probe import probe_inputs
    from tfmat.ccdcgan.sources.exporting import networks

    run = open_run(CcdcganChain(), _path(whole).parent)
    recipe = CcdcganChain().load_recipe(str(run.folder / "recipe.toml"), ())
    inputs = probe_inputs(codec.package, 8)
    for part, model in networks(run, recipe).models.items():
        wanted = model.predict(inputs[part], verbose=0)
        wanted = wanted if isinstance(wanted, dict) else {"": wanted}
        found = codec.package.run_all(part, inputs[part])
        for name, values in wanted.items():
            other = found[name] if name else next(iter(found.values()))
            assert np.allclose(np.asarray(values), other, atol=2e-4), (part, name)


def test_python_says_where_a_structure_comes_from(whole):
    model = CrystalModel.load(_path(whole))
    found = model.generate(6, system="Ni-Pt", source="prototype", seed=2)
    assert len(found)
    for structure in found:
        assert structure.properties["source"] == "prototype"
        assert structure.properties["prototype"]
        assert {str(element) for element in structure.composition} == {"Ni", "Pt"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--system", "Cu-Xe"], "Xe"),
        (["--source", "slot-gan"], "--source slot-gan: whole has no slot GAN; "),
        (["--system", "Cu-Au", "--only", "Cu"], "--system"),
        (["--formula", "Cu3Au", "--z", "2"], "--formula"),
        (["--choose-by", "nonsense"], "--choose-by"),
    ],
)
def test_wrong_words(whole, place, capsys, words, said):
    assert (
        command("generate", "ccdcgan", "--model", whole["package"], "--out", place / "no", *words)
        == 2
    )
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert not (place / "no").exists()


@pytest.mark.slow
def test_another_run_takes_all_but_what_has_changed(whole, place):
    order = Order(
        "ccdcgan", place / "again", None, ["prompted.steps=5"], None, source=place / "whole"
    )
    found = train(CcdcganChain(), order, lambda: Devices("one"), lambda line: None)
    assert found["stages"] == {**dict.fromkeys(STAGES, "reused"), "prompted-writer": "trained"}


def test_sources_stand_behind_slots_and_their_constraint(whole, place):
    """One recipe, one run: what mp-writer has trained is taken over, what encodes is trained."""
    settings = [*SETTINGS, *COMPACT, *SLOT_GAN]
    folder = place / "joined"
    order = Order(
        "ccdcgan", folder, "mp-compact", settings, str(place / "data"), 3, source=place / "whole"
    )
    chain = CcdcganChain()
    found = train(chain, order, lambda: Devices("one"), lambda line: None)
    own = ["lattice-ae", "sites-ae", "graphs", "constraint", "slot-gan"]
    assert found["stages"] == {**dict.fromkeys(own, "trained"), **dict.fromkeys(STAGES, "reused")}
    assert found["generates"]
    recipe = chain.load_recipe(str(folder / "recipe.toml"), ())
    networks = chain.networks(open_run(chain, folder), recipe)
    both = {"constraint", CONSTRAINT, "compositions", "prompted_writer", "sites_encoder"}
    both.add("slot_generator")
    assert both <= set(networks.models)
    # To export the writer takes the longest by far, and is tested above.
    models = {part: one for part, one in networks.models.items() if part != "prompted_writer"}
    details = {"details": networks.details, "files": networks.files}
    provenance = Provenance("joined", recipe, networks.elements, **details)
    codec = Codec.from_package(
        load(write_package(place / "both", models, networks.tensors, provenance))
    )
    assert len(codec.presence.thresholds) == len(METALS)
    # The same crystals as without what encodes, with energies of the same constraint.
    request = StructureRequest(0.7, max_atoms=4, source="prototype")
    here, alone = (
        list(generate(one, 6, 1, request=request))
        for one in (codec, Codec.from_package(load(whole["package"])))
    )
    for one, other in zip(here, alone, strict=True):
        assert (one.status, one.prototype) == (other.status, other.prototype)
        assert one.properties == pytest.approx(other.properties, abs=1e-4)
    check_slot_gan(codec, request)
    crystals = [codec.drawable(one.crystal) for one in here if one.crystal is not None]
    slots = codec.constraint_inputs(crystals)
    assert np.isfinite(codec.package.run("constraint", slots)).all()


def check_slot_gan(codec, request):
    """The slot GAN of the package runs; what its autoencoders know makes hardly a crystal."""
    made = list(generate(codec, 30, 1, request=replace(request, source="slot-gan")))
    assert [one.identifier for one in made] == [f"tfmat-1-{index:07d}" for index in range(30)]
    assert {one.source for one in made} <= {"", "slot-gan"}
    later = list(generate(codec, 1, 1, first=29, request=replace(request, source="slot-gan")))
    assert later[0].latent_sha256 == made[29].latent_sha256


def test_both_recipes_of_the_periodic_table_have_the_same_sources():
    alone, joined = (load_recipe(name) for name in ("mp-writer", "mp-compact"))
    assert alone.sources_alone
    assert not joined.sources_alone
    for table in ("data", "gan", "compositions", "prototypes", "prompted", "pool", "labels"):
        assert getattr(joined, table) == getattr(alone, table)
    assert (joined.descriptor, joined.energies) == (alone.descriptor, alone.energies)


def test_other_prototypes_for_the_same_networks(whole, place, capsys):
    package = _path(whole)
    words = ["models", "add-prototypes", package, "--out", place / "aflow", "--json"]
    assert command(*words, "--samples", 10) == 0
    found = json.loads(capsys.readouterr().out)["prototypes"]
    assert found["name"] == "AFLOW prototypes in pymatgen"
    assert found["attribution"]
    verify(place / "aflow")
    request = StructureRequest(0.7, max_atoms=4, source="prototype")
    codec = Codec.from_package(load(place / "aflow"))
    made = [one for one in generate(codec, 20, 2, request=request) if one.crystal is not None]
    assert made
    known = {name for name, _ in aflow_crystals()}
    assert {one.prototype for one in made} <= known
    # Of what the networks have learned from, the same prototypes again: none that is held out.
    words = ["models", "add-prototypes", place / "aflow", "--prototypes", place / "data"]
    assert command(*words, "--out", place / "own", "--no-measure") == 0
    assert (place / "own" / "prototypes.npz").read_bytes() == (
        package / "prototypes.npz"
    ).read_bytes()
    assert "-n 10 --seed 0" in (place / "aflow" / "README.md").read_text("utf-8")
    assert "# own" in (place / "own" / "README.md").read_text("utf-8")
    capsys.readouterr()
    words = ["models", "add-prototypes", "ccdcgan-bi-se", "--out", place / "none"]
    assert command(*words) == 2
    assert "makes no crystals from prototypes" in capsys.readouterr().err


def test_generating_needs_no_tensorflow(whole):
    text = (
        "import sys\nfrom tfmat.ccdcgan.model import CrystalModel\n"
        f"CrystalModel.load({str(whole['package'])!r}).generate(3, system='Cu-Au')\n"
        "assert not {'tensorflow', 'keras', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", text], check=True)
