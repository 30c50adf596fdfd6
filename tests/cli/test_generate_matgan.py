import csv
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time

import pytest
from fresh import run_and_list_modules
from tfmat.cli.main import main

pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")
pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from random_matgan import make_run

    return make_run(tmp_path_factory.mktemp("runs") / "random")


def tfmat(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


def generate(capsys, run, out, *arguments):
    return tfmat(capsys, "generate", "matgan", "--model", run, "--out", out, *arguments)


def read(file):
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_table_and_json_summary(capsys, run, tmp_path):
    out = tmp_path / "new.csv"
    code, stdout, stderr = generate(capsys, run, out, "-n", 20_000, "--seed", 7, "--json")
    assert code == 0
    summary = json.loads(stdout)
    assert summary["validity"] == {
        "tool": "smact_validity",
        "smact_version": "4.0.2",
        "oxidation_states": "smact14",
        "alloys": False,
        "mixed_valence": False,
    }
    assert summary["seed"] == 7
    assert summary["samples"] == 20_000
    assert len(read(out)) == summary["rows"] == summary["accepted"]
    assert json.loads((tmp_path / "new.csv.json").read_text("utf-8")) == {
        key: value for key, value in summary.items() if key != "out"
    }
    assert "generating: 20000/20000" in stderr
    assert {path.name for path in tmp_path.iterdir()} == {"new.csv", "new.csv.json"}


def test_plain_summary_names_shares_and_judge(capsys, run, tmp_path):
    code, stdout, _ = generate(
        capsys, run, tmp_path / "new.parquet", "-n", 20_000, "--unique",
        "--oxidation-states", "icsd24", "--alloys",
    )  # fmt: skip
    assert code == 0
    assert "rows from 20,000 samples" in stdout
    assert "% of formulas" in stdout
    assert "% of samples" in stdout
    assert "smact_validity 4.0.2, oxidation states icsd24, alloys pass, no mixed valence" in stdout


def test_bytes_do_not_depend_on_batch_size_and_threads(capsys, run, tmp_path):
    contents = []
    for threads, batch in ((1, 256), (2, 100), (2, 20_000)):
        out = tmp_path / f"{threads}-{batch}.csv"
        code, _, _ = generate(
            capsys, run, out, "-n", 20_000, "--threads", threads, "--batch-size", batch
        )
        assert code == 0
        contents.append(out.read_bytes())
    assert contents[0] == contents[1] == contents[2]


def test_masks_from_words(capsys, run, tmp_path):
    out = tmp_path / "all.csv"
    generate(capsys, run, out, "-n", 20_000)
    rows = [dict(part.split(":") for part in row["counts"].split()) for row in read(out)]
    from collections import Counter

    common, second = (s for s, _ in Counter(s for row in rows for s in row).most_common(2))
    out = tmp_path / "few.csv"
    code, stdout, _ = generate(
        capsys, run, out, "-n", 20_000, "--require", common.upper(), "--exclude",
        f"{second.lower()},pb", "--exclude", "Cd", "--n-elements", "2-3", "--max-count", 4,
        "--valid-only", "--unique", "--novel-against", tmp_path / "all.csv", "--json",
    )  # fmt: skip
    assert code == 0
    few = read(out)
    assert few
    for row in few:
        counts = dict(part.split(":") for part in row["counts"].split())
        assert common in counts
        assert not {second, "Pb", "Cd"} & set(counts)
        assert len(counts) == int(row["n_elements"]) <= 3
        assert max(map(int, counts.values())) <= 4
        assert (row["balanced"], row["novel"]) == ("true", "false")
    assert json.loads(stdout)["novel_against"] == [str(tmp_path / "all.csv")]
    masks = json.loads(stdout)["masks"]
    assert masks["require"] == [common]
    assert masks["exclude"] == [second, "Pb", "Cd"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--require", "Li", "--exclude", "li"], "both name Li"),
        (["--require", "Li,Na,K", "--n-elements", "2"], "--require names 3 elements"),
        (["--elements", "Li,He"], "--elements He"),
        (["--elements", "Lithium"], "--elements Lithium: no element"),
        (["--elements", ","], "--elements"),
        (["--n-elements", "three"], "--n-elements"),
        (["--n-elements", "9"], "--n-elements"),
        (["--max-count", "9"], "--max-count"),
        (["--formula-pattern", "Li9X"], "above 8"),
        (["--formula-pattern", "Li2XO3", "--exclude", "O"], "names O"),
        (["--oxidation-states", "smact15"], "smact15"),
        (["--novel-against", "nowhere.csv"], "nowhere.csv"),
        (["--novel-only"], "--novel-against"),
        (["--elements", "Li,Na", "--valid-only"], "no formula that the masks allow is balanced"),
        (["--critic-keep", "0"], "--critic-keep"),
        (["-n", "0"], "-n"),
        (["--model", "nowhere"], "no such package"),
        (["--elements", "Xe,Pu", "-n", "500"], "none of 500 samples"),
    ],
)
def test_wrong_words_leave_nothing_behind(capsys, run, tmp_path, arguments, message):
    code, stdout, stderr = generate(capsys, run, tmp_path / "new.csv", *arguments)
    assert (code, stdout) == (2, "")
    last = stderr.splitlines()[-1]
    assert message in last
    # Only a mask that just no sample fulfils is found out by drawing.
    assert len(stderr.splitlines()) == 1 or "none of" in last
    assert not list(tmp_path.iterdir())


def test_known_formulas_that_cannot_be_read_are_told(capsys, run, tmp_path):
    (tmp_path / "known.csv").write_text("formula\nLi2O\nnonsense!\n")
    code, stdout, stderr = generate(
        capsys, run, tmp_path / "new.csv", "--novel-against", tmp_path / "known.csv"
    )
    assert code == 0
    assert "known.csv: 1 rows are no formula" in stderr
    assert "novel:" in stdout


def test_without_model_and_out_the_shipped_package_is_taken(capsys, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TFMAT_MODELS", raising=False)
    shutil.copytree(run / "package", tmp_path / "saved_models" / "matgan-plus-icsd-filter")
    code, stdout, _ = tfmat(capsys, "generate", "matgan", "-n", 500)
    assert code == 0
    assert "in generated-matgan.csv" in stdout
    before = (tmp_path / "generated-matgan.csv").read_bytes()
    code, _, stderr = tfmat(capsys, "generate", "matgan", "-n", 600)
    assert code == 2
    assert "generated-matgan.csv: is there already" in stderr
    assert len(stderr.splitlines()) == 1
    assert (tmp_path / "generated-matgan.csv").read_bytes() == before


@pytest.mark.parametrize("there", ["new.csv", "new.csv.json"])
def test_what_is_there_is_replaced_on_demand_alone(capsys, run, tmp_path, there):
    (tmp_path / there).write_text("mine")
    code, _, stderr = generate(capsys, run, tmp_path / "new.csv", "-n", 500)
    assert code == 2
    assert f"{there}: is there already; give another place with --out, or --overwrite" in stderr
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
    # A file of somebody else's stays even then.
    code, _, stderr = generate(capsys, run, tmp_path / "new.csv", "-n", 500, "--overwrite")
    assert code == 2
    assert f"{there}: is nothing that this command has written, and --overwrite leaves" in stderr
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_its_own_tables_are_replaced(capsys, run, tmp_path, ending):
    out = tmp_path / f"new{ending}"
    for seed in (1, 2):
        words = ("-n", 500, "--seed", seed, "--overwrite")
        assert generate(capsys, run, out, *words)[0] == 0
        summary = json.loads((tmp_path / f"new{ending}.json").read_text())
        assert summary["seed"] == seed
        assert summary["table_sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert len(list(tmp_path.iterdir())) == 2


def test_folder_is_refused_before_the_work(capsys, run, tmp_path):
    (tmp_path / "new.csv").mkdir()
    code, _, stderr = generate(capsys, run, tmp_path / "new.csv")
    assert code == 2
    assert "is a folder; give a file" in stderr
    assert len(stderr.splitlines()) == 1


def test_other_ending_is_refused(capsys, run, tmp_path):
    code, _, stderr = generate(capsys, run, tmp_path / "new.xlsx")
    assert code == 2
    assert "must end in .csv, .csv.gz or .parquet" in stderr


def test_models_of_the_other_family_are_refused(capsys, run, tmp_path):
    from oracle import make_package

    packages = {"ccdcgan": make_package(tmp_path / "ccdcgan"), "dcgan": "dcgan-bi-se"}
    for command, package in packages.items():
        code, _, stderr = generate(capsys, package, tmp_path / "new.csv")
        assert code == 2
        assert f"use tfmat generate {command}" in stderr
        assert len(stderr.splitlines()) == 1
        code, _, stderr = tfmat(
            capsys, "generate", command, "--model", run, "--out", tmp_path / "new"
        )
        assert code == 2
        assert "use tfmat generate matgan" in stderr
        assert len(stderr.splitlines()) == 1


def test_package_without_generator_is_refused(capsys, tmp_path):
    from random_matgan import make_run

    other = make_run(tmp_path / "other", parts=("critic",))
    code, _, stderr = generate(capsys, other, tmp_path / "new.csv")
    assert code == 2
    assert "holds no generator (it has critic)" in stderr
    assert len(stderr.splitlines()) == 1


def test_tensorflow_needs_keras_weights_and_gives_the_same(capsys, run, tmp_path):
    code, _, stderr = generate(
        capsys, run / "package", tmp_path / "a.csv", "--backend", "tensorflow", "-n", 3000
    )
    assert code == 0, stderr
    generate(capsys, run, tmp_path / "b.csv", "--backend", "onnx", "-n", 3000)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    (run / "package").rename(tmp_path / "alone")
    try:
        code, _, stderr = generate(
            capsys, tmp_path / "alone", tmp_path / "c.csv", "--backend", "tensorflow"
        )
    finally:
        (tmp_path / "alone").rename(run / "package")
    assert code == 2
    assert "needs the Keras weights of a run" in stderr
    assert len(stderr.splitlines()) == 1


def test_tensorflow_takes_the_keras_weights_of_a_package(capsys, tmp_path):
    from random_matgan import make_run

    from tfmat.export.package import Formats

    run = make_run(tmp_path / "run", formats=Formats(keras=True))
    alone = (run / "package").rename(tmp_path / "alone")
    code, _, stderr = generate(
        capsys, alone, tmp_path / "a.csv", "--backend", "tensorflow", "-n", 3000
    )
    assert code == 0, stderr
    generate(capsys, alone, tmp_path / "b.csv", "--backend", "onnx", "-n", 3000)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    file = alone / "keras" / "generator.keras"
    file.write_bytes(file.read_bytes() + b"x")
    code, _, stderr = generate(capsys, alone, tmp_path / "c.csv", "--backend", "tensorflow")
    assert code == 2
    assert "the SHA-256 of keras/generator.keras" in stderr


def test_damaged_weights_are_one_line(capsys, tmp_path):
    from random_matgan import make_run

    run = make_run(tmp_path / "run")
    (run / "weights" / "generator.keras").write_bytes(b"PK nonsense")
    code, _, stderr = generate(capsys, run, tmp_path / "a.csv", "--backend", "tensorflow")
    assert code == 2
    assert "generator.keras: is damaged, not readable" in stderr
    assert len(stderr.splitlines()) == 1


def test_light_install_generates(run, tmp_path):
    code, modules, output = run_and_list_modules(
        "generate", "matgan", "--model", run, "--out", tmp_path / "new.csv", "-n", 1000, "--json"
    )
    assert code == 0, output
    extras = ("tensorflow", "keras", "tf2onnx", "onnx", "sklearn", "chgnet", "torch", "tensorboard")
    assert modules.isdisjoint(extras)


def test_interrupt_leaves_nothing(run, tmp_path):
    command = ["generate", "matgan", "--model", run, "--out", tmp_path / "new.csv", "-n", 10**9]
    # As at a terminal: a job that a shell runs in the background ignores this signal.
    script = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from tfmat.cli.main import main; main(sys.argv[1:])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, *map(str, command)], stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None and not any(tmp_path.iterdir()):
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.decode().splitlines()[-1].startswith("tfmat: interrupted; nothing was kept")
    assert not list(tmp_path.iterdir())
