import csv
import json
import shutil
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

pytest.importorskip("onnx")

from fresh import run_and_list_modules
from oracle import make_package
from tfmat.cli.main import main

from tfmat.metric import metric_of


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("models") / "oracle")


def tfmat(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


def generate(capsys, package, out, *arguments):
    return tfmat(capsys, "generate", "ccdcgan", "--model", package, "--out", out, *arguments)


def test_json_summary_and_files(capsys, package, tmp_path):
    out = tmp_path / "new"
    code, stdout, stderr = generate(capsys, package, out, "-n", 30, "--seed", 3, "--json")
    assert code == 0
    summary = json.loads(stdout)
    assert summary["graphs"] == 30
    assert summary["structures"] + sum(summary["reasons"].values()) == 30
    assert metric_of(summary, "structures").value == summary["structures"] / 30
    mean = metric_of(summary, "mean_predicted_formation_energy_per_atom")
    assert (mean.value is not None, mean.unit) == (True, "eV/atom")
    assert len(list((out / "cif").iterdir())) == summary["structures"]
    assert json.loads((out / "summary.json").read_text("utf-8")) == {
        key: value for key, value in summary.items() if key != "out"
    }
    assert "generating: 30/30" in stderr
    assert {path.name for path in tmp_path.iterdir()} == {"new"}


def test_plain_summary_counts_reasons(capsys, package, tmp_path):
    code, stdout, _ = generate(capsys, package, tmp_path / "new", "-n", 30, "--seed", 3)
    assert code == 0
    first, *rest = stdout.splitlines()
    assert "structures from 30 crystal graphs" in first
    assert any("without: no atoms" in line for line in rest)
    assert any("sound distances and volume: " in line for line in rest)
    # The package does not say what it learned from, so no energy is shown.
    assert "not to be believed" in rest[-1]
    assert "eV/atom" not in stdout


def test_no_energy_is_printed_without_its_validity(capsys, tmp_path):
    """Of six crystal graphs two are like the training structures, at -0.4 and -0.1 eV/atom."""
    narrow = {
        "structures": 2,
        "share": 0.99,
        "volume_per_atom": [15.0, 40.0],
        "shortest_contact": [1.0, 1.2],
        "bond_sums": {"Bi": [5.4, 5.8], "Se": [3.5, 4.5]},
    }
    package = make_package(tmp_path / "taught", domain=narrow)
    out = tmp_path / "new"
    code, stdout, _ = generate(capsys, package, out, "-n", 30, "--seed", 3)
    assert code == 0
    rows = list(csv.DictReader((out / "results.csv").open(encoding="utf-8", newline="")))
    energy = "predicted_formation_energy_per_atom"
    inside = [float(row[energy]) for row in rows if row["domain"] == "inside"]
    outside = [row for row in rows if row["domain"].startswith("outside")]
    assert inside
    assert outside
    assert stdout.splitlines()[-2:] == [
        f"  mean predicted formation energy per atom: {sum(inside) / len(inside):.3f} eV/atom for "
        f"{len(inside)} like the training structures;",
        f"    not to be believed for {len(outside)} unlike them (domain in results.csv)",
    ]
    code, stdout, _ = generate(capsys, package, tmp_path / "bi", "-n", 30, "--only", "Bi")
    assert code == 0
    assert "not to be believed of any of the" in stdout.splitlines()[-1]
    assert "eV/atom" not in stdout


def test_what_the_structures_are_made_of(capsys, package, tmp_path):
    out = tmp_path / "new"
    code, stdout, _ = generate(capsys, package, out, "-n", 30, "--seed", 3)
    assert code == 0
    rows = list(csv.DictReader((out / "results.csv").open(encoding="utf-8", newline="")))
    found = [row["formula"] for row in rows if row["status"] == "structure"]
    pure = found.count("Bi")
    both = sum("Bi" in formula and "Se" in formula for formula in found)
    assert pure
    assert pure + both == len(found)
    counted = {f"Bi-Se {both}", f"Bi {pure}"}
    (line,) = (line for line in stdout.splitlines() if line.startswith("  elements: "))
    systems, hint = line.removeprefix("  elements: ").split(" (")
    assert set(systems.split(", ")) == counted
    assert hint == "--require Bi,Se: only with all of them)"
    assert json.loads((out / "summary.json").read_text("utf-8"))["systems"] == {
        "Bi-Se": both,
        "Bi": pure,
    }
    # The hint is what it says; of one system there is nothing to say.
    words = ["-n", 30, "--seed", 3, "--require", "Bi,Se"]
    code, stdout, _ = generate(capsys, package, tmp_path / "both", *words)
    assert code == 0
    assert stdout.startswith(f"{both} structures")
    assert "elements:" not in stdout


def test_elements_of_another_system(capsys, package, tmp_path):
    """`--only` is another name of `--elements`, which messages name."""
    for option in ("--only", "--elements", "--require"):
        code, _, stderr = generate(capsys, package, tmp_path / "new", option, "Li,Mn,O")
        assert code == 2
        named = "--require" if option == "--require" else "--elements"
        assert f"{named} Li Mn O: is none of Bi, Se, the elements of " in stderr
        assert stderr.endswith("train a model of others with tfmat train ccdcgan\n")
    code, stdout, _ = generate(capsys, package, tmp_path / "new", "-n", 30, "--elements", "Bi")
    assert code == 0
    assert "30 crystal graphs" in stdout
    assert "without: an element that is not allowed" in stdout


def test_unfiltered_is_what_the_papers_count(capsys, package, tmp_path):
    code, stdout, _ = generate(
        capsys, package, tmp_path / "all", "-n", 30, "--seed", 3, "--unfiltered", "--json"
    )
    assert code == 0
    criteria = json.loads(stdout)["criteria"]
    assert (criteria["min_distance"], criteria["volume_per_atom"]) == (0.0, None)


@pytest.mark.parametrize(
    ("words", "message"), [([], "not empty"), (["--overwrite"], "has not written")]
)
def test_full_folder_is_refused_and_kept(capsys, package, tmp_path, words, message):
    out = tmp_path / "new"
    assert generate(capsys, package, out, "-n", 3)[0] == 0
    (out / "mine.txt").write_text("precious")
    names = {path.name for path in out.iterdir()}
    code, _, stderr = generate(capsys, package, out, "-n", 3, *words)
    assert code == 2
    assert message in stderr
    assert len(stderr.splitlines()) == 1
    assert {path.name for path in out.iterdir()} == names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--require", "Te"], "--require Te"),
        (["--max-atoms", "2", "--min-atoms", "3"], "--max-atoms 2"),
        (["--min-distance", "1.5"], "--min-distance"),
        (["--volume", "30", "20"], "--volume 30 20"),
        (["--formula", "XX2"], "--formula X: is none of "),
        (["--formula", "Bi4Se6", "--atoms", "4"], "--formula Bi4Se6: has 10 atoms, but"),
        (["--formula", "Bi2", "--require", "Se"], "--formula Bi2: contradicts --require"),
        (["--formula", "BiSe", "--only", "Se"], "--formula Bi1Se1: contradicts"),
        (["--formula", "BiSe", "--n-elements", "1"], "--formula Bi1Se1: contradicts"),
        (["--n-elements", "9"], "--n-elements 9-9: 0 elements have to be there"),
        (["--n-elements", "0"], "--n-elements 0-0: 0 elements have to be there"),
        (["--only", "Bi", "--n-elements", "2"], "--n-elements 2-2: "),
        (["--keep-by", "critic"], "give --keep, too"),
        (["-n", "0"], "-n"),
        (["--seed", "-1"], "--seed"),
        (["--models-dir", "nowhere", "--model", "unknown"], "'nowhere' does not exist"),
    ],
)
def test_wrong_words_leave_nothing_behind(capsys, package, tmp_path, arguments, message):
    code, _, stderr = generate(capsys, package, tmp_path / "new", *arguments)
    assert code == 2
    assert message in stderr
    assert len(stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_dcgan_and_ccdcgan_are_not_mixed_up(capsys, package, tmp_path):
    plain = make_package(tmp_path / "plain", terms=False)
    code, _, stderr = generate(capsys, plain, tmp_path / "new")
    assert code == 2
    assert "use tfmat generate dcgan" in stderr
    code, stdout, _ = tfmat(
        capsys, "generate", "dcgan", "--model", plain, "--out", tmp_path / "new", "-n", 5
    )
    assert code == 0
    assert "5 crystal graphs" in stdout


@pytest.mark.parametrize("family", ["ccdcgan", "dcgan"])
def test_without_model_and_out_the_shipped_package_is_taken(
    capsys, package, tmp_path, monkeypatch, family
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TFMAT_MODELS", raising=False)
    named = tmp_path / "saved_models" / f"{family}-bi-se"
    if family == "dcgan":
        make_package(named, terms=False)
    else:
        shutil.copytree(package, named)
    code, stdout, _ = tfmat(capsys, "generate", family, "-n", 5)
    assert code == 0
    assert "from 5 crystal graphs" in stdout
    assert f"in generated-{family}" in stdout
    assert (tmp_path / f"generated-{family}" / "results.csv").is_file()
    code, _, stderr = tfmat(capsys, "generate", family, "-n", 5)
    assert code == 2
    assert f"generated-{family}: folder exists" in stderr
    assert "or --overwrite" in stderr
    assert len(stderr.splitlines()) == 1
    code, stdout, _ = tfmat(capsys, "generate", family, "-n", 6, "--overwrite")
    assert code == 0
    assert "from 6 crystal graphs" in stdout


def test_elements_are_read_as_those_of_formulas(capsys, package, tmp_path):
    code, stdout, _ = generate(
        capsys, package, tmp_path / "both", "-n", 30, "--require", "bi,SE", "--json"
    )
    assert code == 0
    both = json.loads(stdout)
    assert both["criteria"]["required"] == ["Bi", "Se"]
    code, stdout, _ = generate(
        capsys, package, tmp_path / "one", "-n", 30, "--only", "BI", "--json"
    )
    assert code == 0
    one = json.loads(stdout)
    assert one["criteria"]["allowed"] == ["Bi"]
    assert both["structures"] > 0
    assert one["structures"] > 0
    assert both["structures"] + one["structures"] <= 30


def test_screen_says_which_models_can_be_screened(capsys, tmp_path):
    words = ("screen", "--model", "matgan-plus-oqmd", "--out", tmp_path / "kept")
    code, _, stderr = tfmat(capsys, *words)
    assert code == 2
    assert "is a matgan package, not one of crystal structures; give a model of" in stderr
    assert len(stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "model", "message"),
    [
        ("ccdcgan", "matgan-plus-oqmd", "train matgan, not of crystal structures; use tfmat gen"),
        ("ccdcgan", "elemnet-oqmd", "generates no crystal structures; see tfmat models show elem"),
        ("matgan", "elemnet-oqmd", "generates no formulas; see tfmat models show elemnet-oqmd"),
        ("matgan", "dcgan-bi-se", "train dcgan, not of formulas; use tfmat generate dcgan"),
    ],
)
def test_a_model_of_another_kind_is_sent_to_its_command(command, model, message, capsys, tmp_path):
    out = tmp_path / "x.csv"
    code, _, stderr = tfmat(capsys, "generate", command, "--model", model, "--out", out)
    assert (code, len(stderr.splitlines())) == (2, 1)
    assert message in stderr
    assert not out.exists()


def test_light_install_generates(package, tmp_path):
    """No module of the extras is imported, so none has to be there."""
    code, modules, output = run_and_list_modules(
        "generate", "ccdcgan", "--model", package, "--out", tmp_path / "new", "-n", 10, "--json"
    )
    assert code == 0, output
    assert "onnxruntime" in modules
    extras = ("tensorflow", "keras", "tf2onnx", "onnx", "sklearn", "chgnet", "torch", "tensorboard")
    assert modules.isdisjoint(extras)


def test_killed_run_leaves_no_half_folder(package, tmp_path):
    out = tmp_path / "new"
    command = ["generate", "ccdcgan", "--model", package, "--out", out, "-n", 10**6]
    script = "import sys; from tfmat.cli.main import main; main(sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-c", script, *map(str, command)], stderr=subprocess.DEVNULL
    ) as process:
        try:
            while process.poll() is None:
                # The folder under its temporary name: work has begun.
                if any(tmp_path.glob(".new.*/cif/*.cif")):
                    break
        finally:
            process.send_signal(signal.SIGKILL)
    assert not out.exists()


def test_screen_keeps_low_energies(capsys, package, tmp_path):
    generate(capsys, package, tmp_path / "new", "-n", 40, "--seed", 3)
    code, stdout, _ = tfmat(
        capsys, "screen", tmp_path / "new", "--out", tmp_path / "kept",
        "--tolerance", "-0.05", "--hull", "elements", "--any-domain", "--json",
    )  # fmt: skip
    assert code == 0
    summary = json.loads(stdout)
    assert 0 < summary["kept"] < summary["structures"]
    assert len(list((tmp_path / "kept" / "cif").iterdir())) == summary["kept"]


def test_screen_can_generate_itself(capsys, package, tmp_path):
    code, stdout, _ = tfmat(
        capsys, "screen", "--model", package, "-n", 20, "--seed", 3, "--out", tmp_path / "kept",
        "--hull", "elements", "--any-domain",
    )  # fmt: skip
    assert code == 0
    assert "within 0.1 eV/atom of the elements" in stdout
    assert " dropped: above the tolerance" in stdout
    assert (tmp_path / "kept" / "generated" / "results.csv").is_file()


def test_screen_measures_from_what_the_model_learned(capsys, tmp_path):
    folder = tmp_path / "new"
    words = ["generate", "ccdcgan", "--model", "ccdcgan-bi-se-compact", "-n", 60, "--seed", 2]
    assert tfmat(capsys, *words, "--out", folder)[0] == 0
    code, stdout, _ = tfmat(capsys, "screen", folder, "--out", tmp_path / "kept")
    assert code == 0
    first, *reasons = stdout.splitlines()
    assert "within 0.1 eV/atom of the convex hull of bi-se" in first
    assert any("unlike the training structures" in line for line in reasons)
    summary = json.loads((tmp_path / "kept" / "summary.json").read_text("utf-8"))
    assert summary["kept"] + sum(summary["reasons"].values()) == summary["structures"]
    # Latents make hardly a structure like those of the data, so all of them are to be believed.
    found = []
    for name, more in (("own", []), ("named", ["--hull", "bi-se"])):
        words = ["screen", folder, "--out", tmp_path / name, "--any-domain", *more, "--json"]
        code, stdout, _ = tfmat(capsys, *words)
        assert code == 0
        found.append(json.loads(stdout)["kept"])
    assert 0 < found[0] < 0.5 * summary["structures"]
    assert found[0] == found[1]


def test_screen_says_which_hull_it_lacks(capsys, package, tmp_path):
    generate(capsys, package, tmp_path / "new", "-n", 5, "--seed", 3)
    for source in ([tmp_path / "new"], ["--model", package]):
        code, _, stderr = tfmat(capsys, "screen", *source, "--out", tmp_path / "kept")
        assert code == 2
        assert "not known what the model was trained on; give --hull DATASET" in stderr
    known = {"name": "bi-se", "sha256": "0" * 64}
    other = make_package(tmp_path / "other", dataset=known)
    code, _, stderr = tfmat(capsys, "screen", "--model", other, "--out", tmp_path / "kept")
    assert code == 2
    assert "is not what the model was trained on" in stderr


def test_screen_wants_one_source(capsys, tmp_path):
    code, _, stderr = tfmat(capsys, "screen", "--out", tmp_path / "kept")
    assert code == 2
    assert "--model" in stderr


def test_interrupt_is_no_traceback(package, tmp_path, monkeypatch):
    import tfmat.ccdcgan.results as results

    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(results, "generate_into", stop)
    from tfmat.cli.generate import generate as group

    done = CliRunner().invoke(
        group, ["ccdcgan", "--model", str(package), "--out", str(tmp_path / "new")]
    )
    assert done.exit_code != 0
    assert not (tmp_path / "new").exists()
