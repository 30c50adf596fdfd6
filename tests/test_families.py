"""One case for every family, a toy of the tests included: the contract, and the whole road."""

import json
import shutil

import numpy as np
import pytest
from toy_family import ToyFamily
from toy_family import write_recipe as write_toy_recipe

from tfmat import families, typed
from tfmat.errors import InputError
from tfmat.family import Family
from tfmat.inference.described import Metadata

NAMES = ["ccdcgan", "matgan", "elemnet", "toy"]
# Small trainings: one of each family, and of crystal structures one of either kind of generator.
RUNS = {
    "ccdcgan": "ccdcgan",
    "writer": "ccdcgan",
    "matgan": "matgan",
    "elemnet": "elemnet",
    "toy": "toy",
}


def own_entries(family):
    """Returns what a package must say that no other family's does."""
    every = typed.fields(Metadata)
    return [
        field.name
        for name, field in typed.fields(family.metadata()).items()
        if field.required and name not in every
    ]


@pytest.fixture(scope="module", autouse=True)
def toy():
    families.register(ToyFamily())
    yield
    families._loaded.pop("toy")


def test_an_unknown_family_is_an_error_that_names_the_known_ones():
    for name in ("gnome", "", None, 3, ["ccdcgan"]):
        with pytest.raises(InputError, match="not known to this tfmat"):
            families.get(name)


def test_a_name_is_given_once():
    families.register(ToyFamily())  # the same again is no other

    class Other(ToyFamily):
        pass

    with pytest.raises(InputError, match="family toy: there is one of that name already"):
        families.register(Other())

    class Named(ToyFamily):
        name = "matgan"

    with pytest.raises(InputError, match="family matgan"):
        families.register(Named())


def test_another_package_adds_a_family_by_an_entry_point(monkeypatch):
    monkeypatch.setattr(families, "_entry_points", lambda: {"toy": "toy_family:ToyFamily"})
    monkeypatch.delitem(families._loaded, "toy")
    assert "toy" in families.names()
    assert isinstance(families.get("toy"), ToyFamily)
    assert "toy" in families.targets()


def test_entry_points_of_installed_packages_are_found(tmp_path, monkeypatch):
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[tfmat.families]\nstone = other:Stone\n", "utf-8")
    assert "stone" not in families.names()
    monkeypatch.syspath_prepend(tmp_path)
    assert families._entry_points()["stone"] == "other:Stone"
    assert "stone" in families.names()


def test_targets_are_of_one_family_each():
    every = [target.name for family in families.all_families() for target in family.targets]
    assert len(every) == len(set(every)) == len(families.targets())


def test_what_is_shared_knows_no_family_by_name():
    # Names stand in the registry, in options and help of commands, and in the families.
    import re
    from pathlib import Path

    house = Path(families.__file__).parent
    shared = ("training", "export", "release", "inference", "networks", "recipes", "work")
    found = []
    for folder in shared:
        for file in sorted((house / folder).rglob("*.py")):
            for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
                if re.search(r"[\"'](ccdcgan|matgan)[\"']|tfmat\.(ccdcgan|matgan|elemnet)\b", line):
                    found.append(f"{file.relative_to(house)}:{number}: {line.strip()}")
    # The package's own docstring points at where generating is.
    assert [line for line in found if not line.startswith("inference/__init__.py")] == []


@pytest.mark.parametrize("name", NAMES)
class TestContract:
    def test_it_is_a_whole_family(self, name):
        family = families.get(name)
        assert isinstance(family, Family)
        assert family.name == name
        assert family.targets
        assert family.output
        for target in family.targets:
            assert target.help.endswith(".")
            assert families.targets()[target.name] == (family, target)

    def test_its_own_layers_are_where_it_says(self, name):
        from pathlib import Path

        house = Path(families.__file__).parent
        registering = {
            ".".join(("tfmat", *file.relative_to(house).with_suffix("").parts))
            for file in (house / name).rglob("*.py")
            if "register_keras_serializable" in file.read_text("utf-8")
        }
        assert set(families.get(name).layers) == registering

    def test_default_recipes_load(self, name, tmp_path):
        family = families.get(name)
        for target in family.targets:
            recipe = target.recipe if name != "toy" else str(write_toy_recipe(tmp_path / "t.toml"))
            assert family.chain().load_recipe(recipe, [], target.name).family == name

    def test_the_schema_asks_for_what_the_family_adds(self, name):
        jsonschema = pytest.importorskip("jsonschema")
        from tfmat.inference.schema import schema

        family, found = families.get(name), schema()
        jsonschema.Draft202012Validator.check_schema(found)
        model = found["$defs"][name]
        assert own_entries(family)
        assert set(own_entries(family)) <= set(model["required"])
        # What another family adds is refused here.
        assert model["additionalProperties"] is False
        for other in families.all_families():
            if other.name != name:
                assert not set(own_entries(other)) & set(model["properties"])


def small_run(name, tmp_path):
    """Returns the words of a training that takes seconds."""
    if name == "toy":
        return ["toy", "--recipe", write_toy_recipe(tmp_path / "toy.toml")]
    if name == "writer":
        import tiny_alloys

        data = tiny_alloys.write_dataset(tmp_path / "data")
        words = ["ccdcgan", "--recipe", "ccdcgan-plus", "--data", data]
        return words + [word for text in tiny_alloys.SETTINGS for word in ("--set", text)]
    if name == "matgan":
        import tiny_compositions as tiny
    elif name == "elemnet":
        import tiny_energies as tiny
    else:
        import tiny
    recipe = tiny.write_recipe(tmp_path / f"{name}.toml")
    data = tiny.write_dataset(tmp_path / "data")
    words = [name, "--recipe", recipe, "--data", data]
    # So little trained, only this form gives formulas at all.
    form = ["gan.form=autoregressive", "gan.latent=16", "autoregressive.epochs=1", "gan.steps=2"]
    return words + [word for text in form * (name == "matgan") for word in ("--set", text)]


# Their whole roads are also those of tests/ccdcgan/writer and of tests/cli/test_train_matgan.py.
_SLOW = {"writer", "matgan"}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else []) for name in RUNS],
)
def road(request, tmp_path_factory):
    """A family, a trained run of it and the package that was exported of that."""
    pytest.importorskip("tensorflow")
    from tfmat.cli.main import main

    place = tmp_path_factory.mktemp(f"road-{request.param}")

    def tfmat(*words):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        return end.value.code

    run, package = place / "run", place / "models" / "mine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        assert tfmat("train", *small_run(request.param, place), "--out", run, "--threads", 1) == 0
    assert tfmat("export", run, "--out", package, "--samples", 20) == 0
    return families.get(RUNS[request.param]), run, package, tfmat


@pytest.mark.train
class TestRoad:
    def test_the_run_knows_what_made_it(self, road):
        family, run, *_ = road
        info = json.loads((run / "run.json").read_text("utf-8"))
        recipe = info.get("recipe") or {"gan": {"terms": ["one"]}}
        target = family.trained_by(recipe, info["stages"])
        assert target in {target.name for target in family.targets}

    def test_a_finished_run_is_resumed_without_training(self, road, capsys):
        family, run, _, tfmat = road
        assert tfmat("train", family.targets[-1 if family.name == "ccdcgan" else 0].name,
                     "--out", run, "--resume") == 0  # fmt: skip
        assert "finished before" in capsys.readouterr().err

    def test_the_package_is_whole(self, road, capsys):
        family, _, package, tfmat = road
        assert tfmat("models", "verify", package) == 0
        metadata = json.loads((package / "metadata.json").read_text("utf-8"))
        assert metadata["family"] == family.name
        assert set(own_entries(family)) <= set(metadata)
        # An ElemNet generates nothing.
        assert bool(metadata["measured"]["generated"]) == (family.name != "elemnet")
        assert f"# {package.name}" in (package / "README.md").read_text("utf-8")

    def test_the_light_package_of_the_run_is_whole_too(self, road):
        _, run, _, tfmat = road
        assert tfmat("models", "verify", run) == 0

    @pytest.mark.parametrize("damage", ["family", "entry", "part"])
    def test_damaged_metadata_are_one_line(self, road, tmp_path, capsys, damage):
        family, _, package, tfmat = road
        copy = shutil.copytree(package, tmp_path / "copy")
        metadata = json.loads((copy / "metadata.json").read_text("utf-8"))
        if damage == "family":
            metadata["family"] = "gnome"
        elif damage == "entry":
            metadata[own_entries(family)[0]] = "nothing"
        else:
            metadata["parts"]["unheard_of"] = next(iter(metadata["parts"].values()))
        (copy / "metadata.json").write_text(json.dumps(metadata), "utf-8")
        assert tfmat("models", "verify", copy) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1

    def test_it_loads_and_its_networks_take_its_probes(self, road):
        from tfmat.inference.package import load

        family, _, package, _ = road
        networks = load(package, threads=1)
        inputs = family.probe_inputs(networks, 3, seed=1)
        assert set(inputs) == set(networks.parts)
        again = family.probe_inputs(networks, 3, seed=1)
        for part, array in inputs.items():
            assert array.shape[0] == 3
            np.testing.assert_array_equal(array, again[part])
            assert family.batch_size(part, networks) > 0
            for output in networks.run_all(part, array).values():
                assert output.shape[0] == 3
        assert family.load(package) is not None

    def test_the_same_network_differs_in_nothing(self, road):
        from tfmat.inference.package import load

        family, _, package, _ = road
        networks = load(package, threads=1)
        check = family.precision_check(networks, 10)
        assert check.differences(networks)["different"] == 0

    def test_it_is_served_and_the_client_gets_what_the_package_gives(self, road, tmp_path, capsys):
        pytest.importorskip("tensorflow_serving.apis")
        from serving_server import ServingServer, served

        family, _, package, tfmat = road
        folder = tmp_path / "served"
        assert tfmat("serve", "--package", package, "--out", folder) == 0
        with ServingServer(served(package, package.name)) as server:
            out = tmp_path / family.output
            words = ["--url", server.rest_url, "--package", package, "--out", out]
            given = ["formulas"] if family.name == "elemnet" else ["-n", 200]
            code = tfmat("predict", *words, *given)
        assert code == 0, capsys.readouterr().err
        assert out.exists()
        if family.name == "toy":
            expected = family.load(package).generate(200)
            found = np.array(out.read_text("utf-8").split(), float)
            np.testing.assert_allclose(found, expected, atol=1e-3)
        if family.name == "elemnet":
            here = tmp_path / "here.csv"
            assert tfmat("predict", "--package", package, "formulas", "--out", here) == 0
            columns = [np.genfromtxt(path, delimiter=",", skip_header=1) for path in (here, out)]
            np.testing.assert_allclose(*(column[:, 1] for column in columns), atol=1e-4)
            assert np.isfinite(columns[0][:, 1]).any()
